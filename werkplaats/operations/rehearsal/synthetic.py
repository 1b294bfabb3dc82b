"""Synthetic records of cases: plausible per domain, with outbreaks planted in a few areas. No record is of a person.

An outbreak is spread so that no organisation by itself has as many cases as may be shown, in a federation no region,
and so that enough organisations have some: only together can it be seen. Everywhere else even the total is too small to
be shown. The same seed gives the same records, on any machine.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

OUTBREAKS = 3
QUIET = 0.35
"""Part of the areas without any case."""
# How many of a hundred cases of an infection a kind of organisation sees, relative to the others; an estimate to give
# the records a shape, not a figure from anywhere.
SHARE: Mapping[str, int] = {
    "general_practice": 50,
    "public_health": 20,
    "hospital": 12,
    "nursing_care": 15,
    "youth_health": 8,
    "mental_health": 3,
    "disability_care": 4,
    "ambulance": 4,
}
OTHERS = 2
Records = dict[str, list[int]]


def areas(ranges: Sequence[object]) -> list[int]:
    """Postcodes of four digits from texts such as `7001-7040` and single ones, ascending."""
    found: set[int] = set()
    for text in map(str, ranges):
        first, _, last = text.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return sorted(found)


def cases(
    seed: int,
    places: Sequence[int],
    domains: Mapping[str, str],
    *,
    minimum_cell: int,
    minimum_contributors: int,
    alone: Callable[[str], str] = str,
) -> tuple[Records, list[str]]:
    """Organisation → the area of each of its cases, and the areas with a planted outbreak.

    `domains`: organisation → its domain; `alone`: organisation → what it is part of that is not to see it by itself.
    Raises ValueError where so few of these, or so small a minimum cell, are given that an outbreak could not be hidden
    from each of them.
    """
    many = len({*map(alone, domains)})
    if many * (minimum_cell - 1) < minimum_cell + 1 or len(domains) < minimum_contributors:
        raise ValueError("too few organisations, or too small a minimum cell, to hide an outbreak from each of them")
    chance = random.Random(seed)  # noqa: S311 - to be the same each time, and nobody's secret
    organisations = sorted(domains)
    weights = [SHARE.get(domains[one], OTHERS) for one in organisations]
    planted = sorted(chance.sample(list(places), min(OUTBREAKS, len(places))))
    found: Records = {one: [] for one in organisations}
    for area in places:
        counts = Counter[str]()
        if area in planted:
            counts.update(chance.sample(organisations, max(minimum_contributors, min(len(organisations), 3))))
            total = chance.randint(minimum_cell + 1, max(minimum_cell + 1, many * (minimum_cell - 1) // 2))
        else:
            total = 0 if chance.random() < QUIET else chance.randint(1, minimum_cell - 1)
        seen = Counter(alone(one) for one in counts)
        while counts.total() < total:
            (one,) = chance.choices(organisations, weights)
            if seen[alone(one)] < minimum_cell - 1:  # never enough to be seen alone
                counts[one] += 1
                seen[alone(one)] += 1
        for one, number in counts.items():
            found[one] += [area] * number
    for rows in found.values():
        chance.shuffle(rows)
    return found, [str(area) for area in planted]


def csv(column: str, values: Sequence[object]) -> bytes:
    """A file of one column, as a scientist brings it."""
    return "".join(f"{line}\n" for line in (column, *values)).encode()
