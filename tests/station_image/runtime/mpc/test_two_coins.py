"""A computing party that commits to two things, one for each of two others, and what it reads by that."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from station_image.runtime.base import documents
from station_image.runtime.data import shares
from station_image.runtime.mpc import agreement, sharing
from station_image.runtime.mpc.rows import Rows
from station_image.runtime.mpc.verified.party import P
from station_image.runtime.mpc.verified.products import Verified
from tests.station_image.runtime.mpc.verified.parties import own, ran
from tests.station_image.runtime.mpc.verified.test_lies import LIAR, NeverMeets, noticed

DIGEST = "0" * 64
TAGS = {"n.0": "a tag"}
PLAN = {"contributors": ["n.0"], "computing": ["n.0", "n.1", "n.2"]}
SECRET = 123_456
READ: list[int] = []


async def honest(party: Verified, rows: Rows) -> Any:
    held, coin = await agreement.agree(party, PLAN, DIGEST, TAGS)
    return await agreement.check_degrees(party, held, rows, coin)


async def liar(party: Verified, rows: Rows) -> Any:
    """As `agree` and `check_degrees`, but with one coin for party 0 and another for party 2."""
    mine = [documents.canonical({"coin": digit * 64, "held": TAGS}) for digit in "012"]
    await party._each([agreement._commitment(DIGEST, LIAR, opening) for opening in mine])
    openings = await party._each(mine)
    factor = {}
    for other in (0, 2):
        seen = [openings[0], mine[other], openings[2]]
        coins = [agreement._parse(number, opening)["coin"] for number, opening in enumerate(seen)]
        coin = hashlib.sha256(documents.canonical([DIGEST, coins])).digest()
        factor[other] = int(agreement.weights(coin, "degrees", 1)[0])
    await party.meet()
    functions, place = sharing._functions(party._keys, P), party._place()
    heard = await party.rows(np.zeros(1, dtype=object))
    # What party 0 and party 2 masked with: this party knows all keys but the one of these two, whose number r counts
    # as r/2 at the one and as -r/2 at the other.
    total = 0
    for other in (0, 2):
        total += heard[other][0]
        for members, function in functions.items():
            outside = next(number for number in range(3) if number not in members)
            weight = shares.lagrange((0, outside + 1), other + 1, P)[0]
            total -= function(place, 1)[0] * weight
    # With the own share, party 2's follows from party 0's: one equation with one unknown.
    mine_too = int(rows.columns(0, 1)[0, 0])
    first = (total - 2 * factor[2] * mine_too) * pow(factor[0] - factor[2], -1, P)
    READ.append((2 * first - mine_too) % P)


def tried(kind: type[Verified]) -> list[Any]:
    rows = own([SECRET], 3)
    lying = type("Lying", (NeverMeets,), {})

    async def work(party: Verified) -> Any:
        act = liar if party.number == LIAR else honest
        return await act(party, Rows.of([rows[party.number]]))

    READ.clear()
    return ran(3, work, {LIAR: lying}, honest=kind)


def test_two_coins_open_an_input_only_where_the_parties_do_not_compare_what_they_saw() -> None:
    """The mask of the check of shares covers one combination of an input, and two coins make two."""
    tried(NeverMeets)
    assert READ == [SECRET]
    noticed(tried(Verified), "did not see the same public numbers")
    assert SECRET not in READ
