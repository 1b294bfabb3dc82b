"""Puts in its places what the part that parses answered of one network, once it keeps to the rules.

The order is such that a run that is killed anywhere is finished by the next: the publication first, of which everything
else is made again; then the accepted document; what ends something before what is new.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from on_server.follow import places, rules, seen, signed, texts
from on_server.follow.parts import NO_ANSWER
from on_server.follow.places import Paths
from on_server.gateway import files as gateway
from on_server.keys import raw_of

Document = Mapping[str, Any]


def keep(paths: Paths, network: str, files: Document) -> bool:
    """Keep a publication, as the part that parses or the operator brings it; returns whether it is another one."""
    rules.published(files)
    place = paths.kept(network)
    if places.texts(place) == files:
        return False
    places.put_folder(place, {str(name): str(text) for name, text in files.items()})
    return True


def keep_each(paths: Paths, network: str, answer: Document, changed: list[str]) -> list[str]:
    """Keep the publications of an answer, of a federation each by itself, and add the paths that `changed`.

    Returns why some of a federation's are not kept. Raises RuleError where that of a network is not.
    """
    refused = []
    for of, files in _publications(paths, network, answer):
        try:
            _require(paths, of, files)
        except NO_ANSWER as error:
            if not paths.home(network):
                raise
            refused.append(f"what was read of {of.rpartition('/')[2]} is not kept: {error}")
            continue
        if keep(paths, of, files):
            changed.append(str(paths.kept(of)))
    return refused


def _require(paths: Paths, of: str, files: Document) -> None:
    before = places.texts(paths.kept(of))
    rules.published(files)
    rules.newer(before, files)
    signed.require(before, files)


def placed(paths: Paths, network: str, answer: Document, changed: list[str]) -> None:
    """Place what an answer says of this server, and add the paths that `changed`. Raises RuleError before any did."""
    if not answer.get("place"):
        return
    wanted, gone = held(paths, network, answer["place"])
    changed += [path for path, text in wanted.items() if places.put(paths.at(path), text)]
    for folder in gone:
        places.take_away(folder, paths.at("/etc/werkplaats/gateway") / f".gone.{folder.name}")
        changed.append(str(folder))


def _publications(paths: Paths, network: str, answer: Document) -> Iterator[tuple[str, Document]]:
    """Each publication of an answer by what it is kept as. One that no operator brought has no root to follow from."""
    if files := answer.get("publication"):
        yield network, files
    for member, files in answer.get("members", {}).items():
        rules.require(member in paths.members(network), f"{member[:60]} is no other member of which anything is kept")
        yield f"{network}/{member}", files


def held(paths: Paths, network: str, place: Document) -> tuple[dict[str, str], list[Path]]:
    """Path → text of what an answer puts there, in the order of placing, and the folders of peers and members that go.

    Raises RuleError where the answer does what it may not.
    """
    entry, own = place["entry"], f"{texts.NETWORKS}/{network}"
    before, after = places.document(paths.accepted(network).read_text()), places.document(place["accepted"])
    rules.require(entry["network"] == network, "it is of another network")
    rules.accepted(before, after)
    _require_number(before, after, places.texts(paths.kept(network)))
    _require_stated(paths, before, after)
    rules.view(places.document(paths.at(f"{own}/network.json").read_text()), entry["network_json"], after)
    rules.agreed(place["files"])
    found = {f"/etc/werkplaats/accepted/{network}.json": place["accepted"]}
    found |= _gateway(paths, entry)
    found |= texts.view(entry)
    found |= {f"{own}/{name}.json": text for name, text in place["files"].items()}
    serials = rules.serials(entry["peers"])
    peers = paths.at(f"{texts.COMPILED}/networks/{network}/peers")
    there = [path for path in sorted(peers.iterdir()) if path.is_dir()] if peers.is_dir() else []
    for peer in (path.name for path in there if path.name in serials):
        found |= texts.serial(entry, peer, serials[peer])
    left = [kept for member, kept in paths.members(network).items() if member not in after["definition"]["roots"]]
    return found, [*(path for path in there if path.name not in serials), *left]


def _require_number(before: Document, after: Document, kept: Mapping[str, str]) -> None:
    """Raise RuleError where an accepted document is of a later publication than is kept: each that comes were older."""
    most = [max(before["root"], seen.newest_root(kept)), max(before["publication"], seen.publication(kept))]
    for name, number in zip(("root", "publication"), most, strict=True):
        rules.require(after[name] <= number, f"its {name} {after[name]} is none that was published")


def _require_stated(paths: Paths, before: Document, after: Document) -> None:
    """Raise RuleError where the number of a key that was seen rises and no identity that is published states it.

    A station whose number here is higher than its own is refused by this one until its operator looks at it.
    """
    known = before.get("seen", {})
    for reference, keys in after.get("seen", {}).items():
        higher = {key: number for key, number in keys.items() if number > known.get(reference, {}).get(key, 0)}
        member, _, organisation = reference.rpartition("/")
        kept = places.texts(_kept(paths, after["network"], member)) if higher else {}
        for key, number in higher.items():
            found = _identity(kept, organisation)
            said = found.get("statement_key") == key and found["statement"]["serial"] == number
            about = member or after["network"], organisation, key
            good = said and signed.stated(*about, found["statement"], public("x509", found["certificate_chain_pem"]))
            rules.require(good, f"number {number} of a key of {reference} is none that it signed")


def _kept(paths: Paths, network: str, member: str) -> Path:
    """Where the publication lies by which a station is known: that of its own region."""
    if not member or member == paths.home(network):
        return paths.kept(member or network)
    return paths.members(network).get(member, paths.kept(network))


def _identity(kept: Mapping[str, str], organisation: str) -> Document:
    """What is published of an organisation; empty where nothing is."""
    named = (name for name in kept if name.startswith("targets/identities/"))
    found = [name for name in named if name.partition(".")[2] == f"{organisation}.json"]
    return places.document(kept[found[0]]) if len(found) == 1 else {}


def _gateway(paths: Paths, entry: Document) -> dict[str, str]:
    """What of the gateway's own files is placed: of the CAs those of before or fewer, `up` brings another one.

    A CA goes last: beside a list of one that is not there nothing at all would be loaded. A federation has nothing
    else, and no certificate of its own.
    """
    rules.require(entry.get("home") == (paths.home(entry["network"]) or None), "it is of another home network")
    wanted = texts.gateway(entry)
    names = {path.rpartition("/")[2]: path for path in wanted}
    rules.authorities(paths.at(names["ca.pem"]).read_text(), entry["ca_pem"])
    _require_lists(paths, names, entry)
    if "home" not in entry:
        _require_own(paths, names, entry)
    order = ("crl.pem", "statement.json", "certificate.pem", "ca.pem")
    return {names[name]: wanted[names[name]] for name in order if name in names}


def _require_own(paths: Paths, names: Mapping[str, str], entry: Document) -> None:
    """Raise RuleError unless its certificate and its statement are of this server's own keys."""
    request = paths.own_keys[0].read_text()
    own = [public("req", request), public("x509", paths.at(names["certificate.pem"]).read_text())]
    placed = paths.at(names["statement.json"])
    before = places.document(placed.read_text()) if placed.exists() else {"serial": 0}
    rules.statement(before, entry["statement"])
    if entry["statement"] != before:
        station = entry["network_json"]["stations"][entry["network_json"]["self"]]  # as it was before: see rules.view
        # This server's own key: another may be published already, and wait for its operator's yes.
        key_here = base64.b64encode(raw_of(paths.own_keys[1].read_text())).decode()
        about = (entry["network"], station["organisation"], key_here, entry["statement"])
        rules.require(
            any(signed.stated(*about, key) for key in own), "its statement is not signed by this server's key"
        )
    rules.certificate(entry["certificate_pem"] + (entry.get("chain_pem") or ""), lambda pem: public("x509", pem), own)


def _require_lists(paths: Paths, names: Mapping[str, str], entry: Document) -> None:
    """Raise RuleError unless they are the lists that lie here, or newer ones, one of each CA that stays."""
    pem, kept = entry["crl_pem"], entry["ca_pem"]
    rules.require(len(pem) <= rules.LARGEST_FILE, "its revocation list is too large")
    try:
        before = gateway.placed_crls(paths.at(names["crl.pem"]))
        after = gateway.read_crls(pem.encode(), kept.encode(), entry["network"])
    except gateway.GatewayError as error:
        raise rules.RuleError(f"no revocation list is placed: {error}") from error
    rules.listed(before, after, pem)
    # Without the list of one CA an older one of it could come back later.
    rules.require(len(after) == kept.count(rules.CERTIFICATE_ENDS), "a CA of it has no revocation list")


def public(kind: str, pem: str) -> str:
    """The public key in a request ("req") or certificate ("x509"); raises RuleError where there is none."""
    command = ["openssl", kind, "-noout", "-pubkey"]
    answer = subprocess.run(command, input=pem, capture_output=True, text=True, check=False)
    rules.require(answer.returncode == 0 and "PUBLIC KEY" in answer.stdout, "its certificate cannot be read")
    return answer.stdout
