"""A computing party that shows each other another row, so that they leave out other contributors.

What it gains: with a contributor that helps it, the next row is a sum of two inputs of their choice, and the zero test
of the check of inputs, which comes before step 5, tells of one of them (a chosen bit, with five parties).
"""

from __future__ import annotations

from typing import Any

import pytest

from station_image.runtime.data import shares
from station_image.runtime.mpc import agreement
from station_image.runtime.mpc.rows import Rows
from station_image.runtime.mpc.verified.party import P
from station_image.runtime.mpc.verified.products import Verified
from tests.station_image.runtime.mpc.verified.parties import own, ran
from tests.station_image.runtime.mpc.verified.test_lies import LIAR, NeverMeets, noticed

DIGEST = "0" * 64
NAMES = ["n.x", "n.y", "n.z"]
PLAN = {"contributors": NAMES, "computing": ["n.0", "n.1", "n.2", "n.3", "n.4"]}


class TwoRows(NeverMeets):
    """To party 0 it spoils the first contributor's column, to all others the second one's."""

    async def rows(self, own_row: Any) -> list[list[int]]:
        contents = []
        for other in range(self.parties):
            row = [int(value) for value in own_row]
            row[0 if other == 0 else 1] += 1
            contents.append(shares.pack([value % P for value in row]))
        return self._numbers(await self._each(contents), len(own_row))


def tried(size: int, kind: type[Verified]) -> list[Any]:
    rows = [own([5, 6, 7], size) for _ in NAMES]

    async def work(party: Verified) -> Any:
        mine = Rows.of([row[party.number] for row in rows])
        held, coin = await agreement.agree(party, PLAN, DIGEST, dict.fromkeys(NAMES, "a tag"))
        found = await agreement.check_degrees(party, held, mine, coin)
        return found.contributors

    return ran(size, work, {LIAR: TwoRows}, honest=kind)


@pytest.mark.parametrize("size", [3, 5])
def test_parties_that_left_out_other_contributors_open_nothing_more(size: int) -> None:
    believing = tried(size, NeverMeets)
    assert believing[0] == ["n.y", "n.z"]
    assert believing[2] == ["n.x", "n.z"], "the same shape, and the second row is of another input"
    noticed(tried(size, Verified), "did not see the same public numbers")
