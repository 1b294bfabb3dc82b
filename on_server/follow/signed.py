"""Whether a publication is of the kept root and of its coordinator: by openssl, whoever took over what parses.

The part that parses verifies all of it. Here is what holds without it, since what is kept decides what is taken next:
each later root is signed as the one before it says, and the newest word as the newest root says (The Update Framework,
5.3.4 and 5.4.1). A false root, or a number that nobody signed, would keep every later publication away.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from on_server.follow import places, rules, seen

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
            rules.require(_holds(fresh, by, "root"), f"{name} is not signed by the root holders")
        root = fresh
    word = places.document(after[seen.NEWEST])
    rules.require(_holds(word, root, "timestamp"), "its newest word is not signed by the coordinator")


def _holds(one: Document, root: Document, role: str) -> bool:
    """Whether as many of those whom a root names for a role signed a document as it says."""
    if one["signed"].get("_type") != role:
        return False  # the same key signs others, which have numbers of their own
    wanted, known = root["signed"]["roles"][role], root["signed"]["keys"]
    content = canonical(one["signed"]).encode()
    said = {row["keyid"]: row["sig"] for row in one["signatures"] if row["keyid"] in wanted["keyids"]}
    good = {known[by]["keyval"]["public"] for by, sig in said.items() if _verifies(known[by], sig, content)}
    return bool(len(good) >= wanted["threshold"] >= 1)


def _verifies(key: Document, signature: str, content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as name:
        public, sig, data = (Path(name) / part for part in ("public", "signature", "content"))
        public.write_text(key["keyval"]["public"])
        sig.write_bytes(bytes.fromhex(signature))
        data.write_bytes(content)
        command = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(sig), str(data)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


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
