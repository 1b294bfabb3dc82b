"""All computing parties of a verified computation in one event loop, some of them liars."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from station_image.runtime.data import shares
from station_image.runtime.mpc.sharing import keyed_sets
from station_image.runtime.mpc.verified.party import P
from station_image.runtime.mpc.verified.products import Verified

SESSION = b"0" * 32
SOON = 2.0
Work = Callable[[Verified], Awaitable[Any]]


class Lines:
    """Party `number`'s end of connections to all others; `queues` are by (from, to)."""

    def __init__(self, number: int, queues: Mapping[tuple[int, int], asyncio.Queue[bytes]]) -> None:
        self._number, self._queues = number, queues

    def send(self, number: int, content: bytes) -> None:
        self._queues[self._number, number].put_nowait(content)

    async def receive(self, number: int) -> bytes:
        return await self._queues[number, self._number].get()


def dealt(size: int) -> list[dict[tuple[int, ...], bytes]]:
    """Keys of pseudorandom sharing of each party."""
    keys = {members: secrets.token_bytes(16) for members in keyed_sets(size)}
    return [{members: key for members, key in keys.items() if number in members} for number in range(size)]


def own(values: Sequence[int], size: int) -> list[Any]:
    """Each party's shares of `values`."""
    rows = shares.split([value % P for value in values], (size - 1) // 2, size)
    return [np.array(row, dtype=object) for row in rows]


def told(rows: Sequence[Any], size: int) -> list[int]:
    """The numbers behind all parties' rows."""
    return shares.recombine([[int(value) for value in row] for row in rows], (size - 1) // 2)


def ran(
    size: int,
    work: Work,
    kinds: Mapping[int, type[Verified]] | None = None,
    keys: Sequence[Mapping[tuple[int, ...], bytes]] | None = None,
    honest: type[Verified] = Verified,
) -> list[Any]:
    """What each party's `work` came to, or the error that it ended with; asyncio.TimeoutError for who waits for ever.

    `kinds` are the liars' by number; all others are of the class `honest`.
    """

    async def all_of_them() -> list[Any]:
        queues = {(one, other): asyncio.Queue[bytes]() for one in range(size) for other in range(size)}
        dealer = keys or dealt(size)

        async def one(number: int) -> Any:
            kind = (kinds or {}).get(number, honest)
            party = kind(Lines(number, queues), number, size, dealer[number], SESSION)
            await party.start()
            return await work(party)

        tasks = (asyncio.wait_for(one(number), SOON) for number in range(size))
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(all_of_them())
