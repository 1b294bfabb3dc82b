"""Who shares what at the mesh ports: the parts of callers, by the ranges from which a definition says that they call.

An address counts to the most specific range that it is in, and a range to those who may call from it: who declares it,
or one around it. All ranges of the same callers are one part. So one who has a wide range has no more than one who has
an address, and who declares another's address too has what is its own apart from that. Of IPv6 a /64 is one address:
who has one has all addresses in it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Range = ipaddress.IPv4Network | ipaddress.IPv6Network
ELSEWHERE = "elsewhere"
_NARROWEST = 64
"""Prefix length of IPv6: what is narrower counts as the /64 that it is in."""


class Part(NamedTuple):
    """What the addresses of some ranges have together.

    `name`: its first range. `callers`: how many may call from each address of it, those with a range around it too.
    """

    name: str
    callers: int


def rooms(callers: int) -> int:
    """How many times the room of one caller a part has of which so many may call from one address.

    That of all of them at one address, and beside it that of the others: were it less, whoever fills one address that
    several share would leave nothing to those at other addresses of the same range.
    """
    return 2 * callers - 1


def parts(declared: Mapping[Any, Iterable[str]]) -> dict[Range, Part]:
    """Range → its part, of who calls from where, of IPv6 of a /64 at least; ValueError for a text that is no range."""
    who: dict[Range, set[Hashable]] = {}
    for caller, texts in declared.items():
        for text in texts:
            who.setdefault(_counted(ipaddress.ip_network(text)), set()).add(caller)
    alike: dict[frozenset[Hashable], list[Range]] = {}
    known = _Known(who)
    for one in who:
        there = frozenset(caller for other in (one, *known.around(one)) for caller in who[other])
        alike.setdefault(there, []).append(one)
    found: dict[Range, Part] = {}
    for there, several in alike.items():
        found |= dict.fromkeys(several, Part(str(min(several, key=_order)), len(there)))
    return found


def disjoint(found: Mapping[Range, Part]) -> dict[Range, Part]:
    """The same in ranges of which none overlap: each without those that are more specific."""
    known = _Known(found)
    inside: dict[Range, list[Range]] = {}
    for one in found:
        if around := known.around(one):
            inside.setdefault(max(around, key=lambda each: each.prefixlen), []).append(one)
    return {left: part for one, part in found.items() for left in _without(one, inside.get(one, []))}


def table(declared: Mapping[str, Iterable[str]], *, all_known: bool) -> str:
    """HAProxy's map of ranges to `<callers>@<part>`. Where the ranges of all callers are known, whoever is in none of
    them is in one part with all such; else an address of none may be a caller's, and counts for itself.
    """
    lines = {str(one): part for one, part in sorted(parts(declared).items(), key=lambda row: _order(row[0]))}
    if all_known:
        lines = dict.fromkeys(("0.0.0.0/0", "::/0"), Part(ELSEWHERE, 1)) | lines
    return "".join(f"{one} {part.callers}@{part.name}\n" for one, part in lines.items())


def _counted(one: Range) -> Range:
    return one.supernet(new_prefix=_NARROWEST) if one.version == 6 and one.prefixlen > _NARROWEST else one


class _Known:
    """Ranges that are known, and which of them are around another one."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ranges = {*ranges}
        self._lengths = {(one.version, one.prefixlen) for one in self._ranges}

    def around(self, one: Range) -> list[Range]:
        """Those that are wider than this one and have it in them."""
        lengths = (length for version, length in self._lengths if version == one.version and length < one.prefixlen)
        return [each for length in lengths if (each := one.supernet(new_prefix=length)) in self._ranges]


def _without(one: Range, inside: Sequence[Range]) -> Iterator[Range]:
    """What of a range is in none of these, which are in it: halves of halves, since a definition may have thousands."""
    if one in inside:
        return
    if not inside:
        yield one
        return
    for half in one.subnets():
        first, last = int(half.network_address), int(half.broadcast_address)
        yield from _without(half, [each for each in inside if first <= int(each.network_address) <= last])


def _order(one: Range) -> tuple[int, int, int]:
    return one.version, int(one.network_address), one.prefixlen
