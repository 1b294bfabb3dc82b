"""Whether a publication is of the kept root and of its coordinator: by openssl, whoever took over what parses.

The part that parses verifies all of it. Here is what holds without it, since what is kept decides what is taken next:
each later root is signed as the one before it says, the newest word as the newest root says, and every other file is
the one that follows from that word (The Update Framework, 5.3.4 and 5.4.1 to 5.7). A false root, or a number that
nobody signed, would keep every later publication away; junk beside the newest word is what nobody else could read.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from on_server.follow import derived, places, rules, seen
from on_server.keys import STATEMENT, der_of

_ED25519 = bytes.fromhex("302a300506032b6570032100")  # what stands before the 32 bytes of such a key (RFC 8410)

Document = Mapping[str, Any]


def require(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Raise RuleError unless the files `after` (by name) follow from the roots in those that are kept."""
    number = seen.newest_root(before)
    rules.require(number, "no publication was brought here yet")
    root = places.document(before[seen.root(number)])
    for later in range(number + 1, seen.newest_root(after) + 1):
        name = seen.root(later)
        fresh = places.document(after.get(name, "{}"))
        rules.require(fresh.get("signed", {}).get("version") == later, f"{name} is not the root after the one before")
        for by in (root, fresh):
            wanted = by["signed"]["roles"]["root"]
            rules.require(_holds(fresh, "root", wanted, by), f"{name} is not signed by the root holders")
        root = fresh
    roots = {*filter(seen.is_root, before)}
    roots |= {seen.root(later) for later in range(number + 1, seen.newest_root(after) + 1)}
    follow = roots | {seen.NEWEST, *_following(after, root)}
    odd = sorted(follow ^ {*after})
    rules.require(not odd, f"{''.join(odd[:1])[:100]} is missing, or does not follow from its newest word")


def _following(files: Mapping[str, str], root: Document) -> Iterator[str]:
    """The names of all that the newest word among the files of a publication leads to, each held to what names it."""
    roles = root["signed"]["roles"]
    word = places.document(files[seen.NEWEST])
    rules.require(
        _holds(word, "timestamp", roles["timestamp"], root), "its newest word is not signed by the coordinator"
    )
    place, snapshot = _named(files, "snapshot", word, roles["snapshot"], root)
    yield place
    place, targets = _named(files, "targets", snapshot, roles["targets"], root)
    yield place
    delegations = targets["signed"]["delegations"]
    for wanted in delegations["roles"]:
        place, one = _named(files, wanted["name"], snapshot, wanted, {"signed": delegations})
        yield place
        for name, target in one["signed"]["targets"].items():
            release = name.startswith("releases/")
            rules.require(release == (wanted["name"] == "releases"), f"{name[:100]} is not {wanted['name']}'s to name")
            folder, slash, last = name.rpartition("/")
            place = f"targets/{folder}{slash}{target['hashes']['sha256']}.{last}"
            _require_digest(files, place, target)
            yield place


def _require_digest(files: Mapping[str, str], name: str, said: Document) -> None:
    """Raise RuleError unless a file is what is said of it, to the byte: its reader takes no other."""
    rules.require(name in files, f"{name[:100]} is missing")
    found = hashlib.sha256(files[name].encode()).hexdigest()
    rules.require(found == said["hashes"]["sha256"], f"{name[:100]} has another digest than is said of it")


def _named(files: Mapping[str, str], role: str, by: Document, wanted: Document, keys: Document) -> tuple[str, Document]:
    """The name and the document of the metadata of a role, of the version that another one names."""
    said = by["signed"]["meta"][f"{role}.json"]
    name = f"metadata/{(number := said['version'])}.{role}.json"
    _require_digest(files, name, said)
    found = places.document(files[name])
    kind = role if role == "snapshot" else "targets"
    good = found["signed"].get("version") == number and _holds(found, kind, wanted, keys)
    rules.require(good, f"{name} is not signed as it should be")
    return name, found


def _holds(one: Document, kind: str, wanted: Document, named: Document) -> bool:
    """Whether as many of those whom a role names signed a document as it says; `named` has their keys."""
    if one["signed"].get("_type") != kind:
        return False  # the same key signs others, which have numbers of their own
    known = named["signed"]["keys"]
    content = canonical(one["signed"]).encode()
    said = {row["keyid"]: row["sig"] for row in one["signatures"] if row["keyid"] in wanted["keyids"]}
    good = {known[by]["keyval"]["public"] for by, sig in said.items() if _verifies(known[by], sig, content)}
    return bool(len(good) >= wanted["threshold"] >= 1)


def _verifies(key: Document, signature: str, content: bytes) -> bool:
    how = ("dgst", "-sha256", "-verify", "public", "-signature", "signature", "content")
    return _openssl(how, key["keyval"]["public"], bytes.fromhex(signature), content)


def stated(network: str, organisation: str, statement_key: str, statement: Document, public_pem: str) -> bool:
    """Whether a statement key (base64) signed a gateway's public key (PEM), under the number of the statement."""
    content = {
        "network": network,
        "organisation": organisation,
        "gateway_key": hashlib.sha256(der_of(public_pem)).hexdigest(),
        "serial": statement["serial"],
    }
    key = base64.b64encode(_ED25519 + base64.b64decode(statement_key)).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"
    how = ("pkeyutl", "-verify", "-pubin", "-inkey", "public", "-rawin", "-in", "content", "-sigfile", "signature")
    return _openssl(how, pem, base64.b64decode(statement["signature"]), STATEMENT + derived.canonical(content))


def _openssl(how: tuple[str, ...], public: str, signature: bytes, content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "public").write_text(public)
        (folder / "signature").write_bytes(signature)
        (folder / "content").write_bytes(content)
        return subprocess.run(["openssl", *how], cwd=folder, capture_output=True, check=False).returncode == 0


def canonical(value: Any) -> str:
    """What is signed: "canonical JSON" as securesystemslib has it, which escapes two characters only."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(canonical, value))}]"
    if isinstance(value, dict):
        rows = (f"{canonical(name)}:{canonical(inner)}" for name, inner in sorted(value.items()))
        return f"{{{','.join(rows)}}}"
    raise ValueError("it has a number that is not whole")
