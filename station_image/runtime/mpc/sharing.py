"""Pseudorandom secret sharing of Cramer, Damgård and Ishai (TCC 2005), as MPyC 0.11 has it: numbers without messages.

Of every set of t + 1 of 2t + 1 parties the members share a key, which the one with the lowest number makes.
"""

from __future__ import annotations

import itertools
import secrets
import sys
from collections.abc import Mapping
from typing import Any

from ..data import shares

# Imported, MPyC reads the arguments of whatever program this is, and logs to its output.
_before, sys.argv = sys.argv, [sys.argv[0], "--no-log"]
from mpyc import finfields, thresha  # noqa: E402  # with these arguments only

sys.argv = _before
KEY = 16
NUMBERS = finfields.GF(shares.FIELD)
Keys = Mapping[tuple[int, ...], bytes]
"""Keys by the parties that have them, in ascending order."""


def keyed_sets(parties: int) -> list[tuple[int, ...]]:
    """The sets of parties that share a key: every set without t others."""
    return list(itertools.combinations(range(parties), parties - (parties - 1) // 2))


def made(number: int, parties: int) -> dict[tuple[int, ...], bytes]:
    """Fresh keys of the sets in which party `number` is the lowest."""
    return {members: secrets.token_bytes(KEY) for members in keyed_sets(parties) if members[0] == number}


def told(keys: Keys, number: int, other: int) -> bytes:
    """What party `number` tells party `other`: the keys that it made and that both are to have."""
    return b"".join(key for members, key in sorted(keys.items()) if members[0] == number and other in members)


def heard(content: bytes, number: int, parties: int, other: int) -> dict[tuple[int, ...], bytes] | None:
    """What party `number` has from party `other`; None when it has another length than these keys have."""
    sets = [members for members in keyed_sets(parties) if members[0] == other and number in members]
    if len(content) != KEY * len(sets):
        return None
    return {members: content[KEY * place : KEY * (place + 1)] for place, members in enumerate(sets)}


def numbers(keys: Keys, number: int, parties: int, place: bytes, count: int, bits: int | None = None) -> Any:
    """Party `number`'s shares of numbers that nobody knows, others for each `place`: object array of length `count`.

    Of the whole field; with `bits`, sums of numbers of so many bits, one of every key.
    """
    functions = _functions(keys, shares.FIELD if bits is None else 1 << bits)
    return thresha.np_pseudorandom_share(NUMBERS, parties, number, functions, place, count).value


def zeros(keys: Keys, number: int, parties: int, place: bytes, count: int) -> Any:
    """Party `number`'s points of random polynomials of degree 2t that are 0 at 0."""
    functions = _functions(keys, shares.FIELD)
    return thresha.np_pseudorandom_share_0(NUMBERS, parties, number, functions, place, count).value


def _functions(keys: Keys, bound: int) -> dict[tuple[int, ...], Any]:
    return {members: thresha.PRF(key, bound) for members, key in keys.items()}
