"""What the part that parses may change on this server, whoever took it over: rules over what it answers.

Beside what lies here already it may take away and never add: no key, peer, address, party, release or right. What an
honest one answers keeps all of them; what adds waits for the operator, and is never in an answer.
"""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from on_server.follow import derived, seen
from on_server.gateway import files as gateway

LARGEST_FILE, LARGEST_WHOLE, MOST_FILES = 4 * 1024 * 1024, 32 * 1024 * 1024, 4000
"""That of 625 organisations has 3.5 MB; two of the largest, as Python keeps texts, fit in the memory of the unit."""
_PUBLISHED = re.compile(
    r"metadata/(timestamp|[0-9]{1,9}\.(root|snapshot|targets|network|releases))\.json"
    r"|targets/[0-9a-f]{64}\.(definition\.json|(ca|crl)\.pem)"
    r"|targets/members/[0-9a-f]{64}\.[a-z0-9-]{1,100}(\.sandbox)?\.pem"
    r"|targets/(identities|questions|tables)/[0-9a-f]{64}\.[a-z0-9-]{1,100}\.json"
    r"|targets/releases/[0-9a-f]{64}\.[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.json"
)
_METADATA = re.compile(r"metadata/([0-9]{1,9})\.(snapshot|targets|network|releases)\.json")
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_LAST = 2**31 - 1
CERTIFICATE_ENDS = "-----END CERTIFICATE-----\n"
Document = Mapping[str, Any]


class RuleError(Exception):
    """What an answer says that it may not: the end of a sentence."""


def require(holds: object, what: str) -> None:
    """Raise RuleError unless it holds."""
    if not holds:
        raise RuleError(what)


def _same(before: Document, after: Document, fields: Iterable[str], where: str = "") -> None:
    for field in fields:
        require(before.get(field) == after.get(field), f"it changes {where}{field}")


def published(files: Document) -> None:
    """Hold the files of a publication to what such files are called, and to a size."""
    require(len(files) <= MOST_FILES, "its publication has too many files")
    for name, text in files.items():
        require(_PUBLISHED.fullmatch(name), f"its publication has a file {name[:60]!r}")
        require(isinstance(text, str) and len(text) <= LARGEST_FILE, f"{name[:60]} is too large")
    require(sum(map(len, files.values())) <= LARGEST_WHOLE, "its publication is too large")


def newer(before: Document, after: Document) -> None:
    """Hold the files of a publication (by name) to those that are kept: the same roots and more, and nothing older.

    A later root begins the numbers anew, as it does for who reads it.
    """
    for name in filter(seen.is_root, before):
        require(after.get(name) == before[name], f"it takes away or changes {name}")
    if any(seen.is_root(name) and name not in before for name in after):
        return
    newest = after.get(seen.NEWEST, "")
    was, now = seen.version(before.get(seen.NEWEST, "")), seen.version(newest)
    require(was <= now <= _LAST, "it goes back to an older publication than is kept")
    require(was < now or newest == before.get(seen.NEWEST, newest), "it has another publication of the same number")
    numbers = _numbers(after)
    for role, number in _numbers(before).items():
        require(number <= numbers.get(role, 0), f"it goes back to an older {role} than is kept")


def _numbers(files: Document) -> dict[str, int]:
    """Role → the number of its metadata, by the names of the files of a publication."""
    found = sorted((int(one[1]), one[2]) for name in files if (one := _METADATA.fullmatch(name)))
    return {role: number for number, role in reversed(found)}  # of two the older one counts


def accepted(before: Document, after: Document) -> None:
    """Hold a new accepted document to the one that lies here, which the operator made."""
    fields = {*before, "seen"}
    require(fields - {"seen", "successor", "earlier"} <= {*after} <= fields, "its accepted document has other fields")
    _same(before, after, ("network", "holders", "release"))
    _upgrade(_upgrade_of(before), _upgrade_of(after))
    trusted = [[one[name] for name in ("authority", "successor") if one.get(name)] for one in (before, after)]
    require({*trusted[1]} <= {*trusted[0]}, "it changes authority, and adds a CA")
    numbers = [(one["root"], one["publication"]) for one in (before, after)]
    require(all(type(one) is int for pair in numbers for one in pair), "its numbers are none")
    require(numbers[0] <= numbers[1] <= (_LAST, _LAST), "it goes back to an older publication")
    _part_of(after["statement_keys"], before["statement_keys"], "a statement key")
    _seen(before, after)
    definition(before["definition"], after["definition"])
    require(all(map(str.isprintable, derived.texts(after))), "it has a character that does not print")
    require(after["digest"] == derived.accepted(after), "its digest is of another document")


def _upgrade_of(document: Document) -> Document:
    """What an accepted document says of an upgrade, in its definition and beside it; empty where none goes on."""
    described = {name: one for name, one in document["definition"].items() if name.startswith("upgrading_")}
    return described | ({"earlier": document["earlier"]} if "earlier" in document else {})


def _upgrade(before: Document, after: Document) -> None:
    """Hold an upgrade to the one that was accepted: it may end sooner, or be over, which takes all of it away."""
    if not after:
        return
    require(after.keys() == before.keys(), "it changes a part of an upgrade")
    _same(before, after, ("upgrading_from", "earlier"))
    until = after["upgrading_until"]
    require(_is_day(until) and until <= before["upgrading_until"], "it has an upgrade last longer, or no day")


def _is_day(said: Any) -> bool:
    """Whether it is a day as ISO 8601 writes it, so that one that comes later sorts later."""
    with contextlib.suppress(ValueError):
        return isinstance(said, str) and datetime.date.fromisoformat(said).isoformat() == said
    return False


def _part_of(after: Document, before: Document, what: str) -> None:
    for name, value in after.items():
        require(before.get(name) == value, f"it adds {what} of {name[:60]}")


def _seen(before: Document, after: Document) -> None:
    """Hold the keys that were seen to those of before: none forgotten, none new, no number lower."""
    remembered, said = before.get("seen", {}), after.get("seen", {})
    pinned = {name: {key: 0} for name, key in before["statement_keys"].items()}
    require(said.keys() <= {*remembered, *pinned}, "it has seen keys of others")
    require(remembered.keys() <= said.keys(), "it forgets who was seen")
    for name, keys in said.items():
        known: dict[str, int] = {**pinned.get(name, {}), **remembered.get(name, {})}
        require({*remembered.get(name, {})} <= {*keys} <= {*known}, f"it has seen other keys of {name}")
        higher = all(type(number) is int and known[key] <= number <= _LAST for key, number in keys.items())
        require(higher, f"it forgets the number of a key of {name}")


# Of the definition; what is not named here describes, and anybody may say it in other words.
_FIXED = (
    *("network", "kind", "technique", "release", "coordinator", "personal_data", "signatures", "members"),
    "publication_url",  # to which the server opens connections
)
_FIXED_CARD = ("role", "operator", "contributes")


def definition(before: Document, after: Document) -> None:
    """Hold a definition to the one before: nobody and no address is new in it."""
    _same(before, after, _FIXED)
    _in_order(before.get("computing", ()), after.get("computing", ()))
    for slug, root in after.get("roots", {}).items():
        require(before.get("roots", {}).get(slug) == root, f"it adds a member {slug[:60]}, or another root of it")
    sets = [one.get("computing_alternates", []) for one in (before, after)]
    require(all(one in sets[0] for one in sets[1]), "it adds a set of computing parties")
    for field in ("organisations", "processors"):
        require(after.get(field, {}).keys() <= before.get(field, {}).keys(), f"it adds to {field}")
    for slug, card in after.get("processors", {}).items():
        _same(before["processors"][slug], card, ("name",), f"{slug}: ")
    for slug, card in after.get("organisations", {}).items():
        _card(slug, before["organisations"][slug], card)


def _card(slug: str, before: Document, after: Document) -> None:
    stops = after.get("contributes") is False
    _same(before, after, [field for field in _FIXED_CARD if not (field == "contributes" and stops)], f"{slug}: ")
    _addresses(slug, before.get("egress", ()), after.get("egress", ()), (before.get("gateway") or {}).get("egress", ()))
    old, new = before.get("gateway"), after.get("gateway")
    if new is None:
        return
    require(old is not None, f"{slug}: it adds a gateway")
    was: Document = old or {}
    _same(was, new, ("name", "port"), f"{slug}: gateway: ")
    for field in ("addresses", "egress"):
        _addresses(slug, was.get(field, ()), new.get(field, ()))


def _addresses(slug: str, before: Sequence[str], after: Sequence[str], also: Sequence[str] = ()) -> None:
    require({*after} <= {*before, *also}, f"{slug}: it adds an address")


def _in_order(before: Sequence[str], after: Sequence[str]) -> None:
    """Fewer computing parties only as long as as many of them must work together to read the inputs."""
    require([one for one in before if one in after] == [*after], "it adds a computing party, or numbers them anew")
    lower = derived.threshold(after) < derived.threshold(before)
    require(not lower, "fewer computing parties would guard the inputs")


def view(before: Document, after: Document, document: Document) -> None:
    """Hold what the agent is told of its network to what follows from the new accepted document: nothing in it is free.

    That includes the digests by which stations tell each other what they accepted: a false one hides an acceptance.
    """
    wanted = derived.view(document)
    require({*after} == {*wanted, "self"}, "its network.json has other fields")
    _same(before, after, ("network", "self"))
    for station, card in after["stations"].items():
        require(station in wanted["stations"], f"{station[:60]} is no station here")
        _station(station, wanted["stations"][station], card)
    _follows(after["cut"], wanted["cut"], "it cuts others than have no key here")
    for field, value in wanted.items():
        _follows(after[field], value, f"it has another {field} than follows from what is accepted")


def _station(station: str, wanted: Document, after: Document) -> None:
    require({*after} == {*wanted}, f"{station}: it has other fields")
    require(type(after["gateway_serial"]) is int and 1 <= after["gateway_serial"] <= _LAST, f"{station}: its serial")
    for field, value in wanted.items():
        _follows(after[field], value, f"it has another {field.removeprefix('statement_')} of {station}")


def _follows(said: Any, wanted: Any, what: str) -> None:
    require(derived.canonical(said) == derived.canonical(wanted), what)  # to Python 1, 1.0 and true are one


def serials(peers: Sequence[Document]) -> dict[str, str]:
    """Peer → the serial of its certificate, of an answer."""
    for peer in peers:
        require(_SERIAL.fullmatch(str(peer["serial"])), f"{str(peer['id'])[:60]} has no serial")
    return {str(peer["id"]): str(peer["serial"]) for peer in peers}


def statement(before: Document, after: Document) -> None:
    """Hold the statement of the own gateway key to the one that lies here: never an older one."""
    require({*after} == {"serial", "signature"} and isinstance(after["signature"], str), "its statement is none")
    require(len(after["signature"]) <= 200, "its statement is none")
    require(type(after["serial"]) is int and before["serial"] <= after["serial"] <= _LAST, "its statement is older")


def authorities(before: str, after: str) -> None:
    """Hold the CAs that the gateway trusts to those that it has: the same or fewer, and not none."""
    there, kept = (pem.split(CERTIFICATE_ENDS)[:-1] for pem in (before, after))
    require(kept and "".join(one + CERTIFICATE_ENDS for one in kept) == after, "its CAs are none")
    require({*kept} <= {*there}, "it adds a CA")


def certificate(pem: str, public: Callable[[str], str], own: Iterable[str]) -> None:
    """Hold a certificate to the keys of this server: `public` gives the key of one."""
    require(pem.count("-----BEGIN") == 1 and len(pem) < 64 * 1024, "its certificate is not one")
    require(public(pem) in {*own}, "its certificate is of another key than this server's")


def listed(before: Iterable[gateway.Crl], after: Sequence[gateway.Crl], pem: str) -> None:
    """Hold revocation lists, a PEM text, to those that lie here, all of them signed by these CAs."""
    require("".join(one.pem.decode() for one in after) == pem, "its revocation list is not one")
    require(len({one.issuer for one in after}) == len(after), "it has two revocation lists of one CA")
    taken, refused = gateway.newest_crls(after, before)
    require(not refused, "; ".join(refused))
    placed = {(one.issuer, one.number): one.pem for one in before}
    for one in after:
        same = placed.get((one.issuer, one.number), one.pem) == one.pem and one.pem in taken
        require(same, f"it has another revocation list {one.number}")


def agreed(files: Document) -> None:
    """Hold the questions and tables to a size; the agent holds them to their rules, and the steward says yes."""
    require({*files} <= {"questions", "tables"} and "questions" in files, "it has other files")
    require(all(isinstance(one, str) and len(one) <= LARGEST_FILE for one in files.values()), "its questions are large")
