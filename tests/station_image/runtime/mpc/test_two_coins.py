"""A computing party that commits to two things, one for each of two others: by two coins it read a short input."""

from __future__ import annotations

import asyncio
from typing import Any

from station_image.runtime.base import documents
from station_image.runtime.mpc import agreement
from station_image.runtime.mpc.mesh import PartyLostError

DIGEST = "0" * 64
TAGS = {"n.0": "a tag"}
PLAN = {"contributors": ["n.0"], "computing": ["n.0", "n.1", "n.2"]}
LIAR = 1


class Party:
    """What `agree` uses of MPyC: the number of the party, and messages to all."""

    def __init__(self, pid: int, queues: dict[tuple[int, int], asyncio.Queue[Any]]) -> None:
        self.pid = pid
        self._queues = queues

    async def transfer(self, content: Any) -> list[Any]:
        return await self.each([content] * 3)

    async def each(self, contents: list[Any]) -> list[Any]:
        for other, content in enumerate(contents):
            self._queues[self.pid, other].put_nowait(content)
        return [await self._queues[other, self.pid].get() for other in range(3)]


async def two_things(party: Party) -> None:
    mine = [documents.canonical({"coin": digit * 64, "held": TAGS}) for digit in "012"]
    await party.each([agreement._commitment(DIGEST, LIAR, one) for one in mine])
    await party.each(mine)
    await party.each([b""] * 3)


async def told(lying: bool) -> list[Any]:
    queues: dict[tuple[int, int], asyncio.Queue[Any]] = {(a, b): asyncio.Queue() for a in range(3) for b in range(3)}
    parties: list[Any] = [Party(number, queues) for number in range(3)]
    work: list[Any] = [agreement.agree(party, PLAN, DIGEST, TAGS) for party in parties if party.pid != LIAR]
    work.append(two_things(parties[LIAR]) if lying else agreement.agree(parties[LIAR], PLAN, DIGEST, TAGS))
    async with asyncio.timeout(10):
        found: list[Any] = await asyncio.gather(*work, return_exceptions=True)
    return found


def test_who_commits_to_two_things_ends_the_session_before_anything_is_masked() -> None:
    for one in asyncio.run(told(lying=True))[:2]:
        assert isinstance(one, PartyLostError)
        assert "did not see the same commitments" in str(one)


def test_who_tells_all_the_same_is_heard() -> None:
    found = asyncio.run(told(lying=False))
    assert found[0] == found[1] == found[2]
    assert not isinstance(found[0], BaseException)
