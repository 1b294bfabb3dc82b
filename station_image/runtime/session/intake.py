"""The shares that contributors bring to one computing party for one session, until all came or declined.

They are handed on to the computer as they come: of hundreds of contributors they are more than an agent's memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..base import memory
from ..base.journal import note
from ..base.refusal import RefusedError
from ..consent.plan import Plan
from ..data import editions, shares

WAITING = memory.limit() // 16
"""Bytes of shares that wait here to be handed on, at most; one deposit always may."""
Deposit = tuple[str, str, bytes]
"""Contributor, tag, shares."""


class Intake:
    """Open from the answer to the proposal until `next` gives None. `say` tells the proposer what happens."""

    def __init__(self, plan: Plan, say: Callable[..., None]) -> None:
        self.open = True
        self.editions: dict[str, str] = {}
        self._plan = plan
        self._say = say
        self._tags: dict[str, str] = {}
        self._declined: set[str] = set()
        self._waiting: asyncio.Queue[Deposit | None] = asyncio.Queue()
        self._bytes = 0
        """Of what waits."""
        self._fewer = asyncio.Event()
        self._until: float | None = None

    def check(self, peer: str) -> None:
        """Raise RefusedError unless shares of `peer` are expected."""
        if peer not in self._plan.contributors:
            raise RefusedError(f"contributors: {peer} is not one of them")
        if not self.open:
            raise RefusedError("intake: it is over")

    def deposit(self, peer: str, tag: str, body: bytes) -> None:
        """Take the shares of `peer`; the same submission may come twice, another may not follow it."""
        self.check(peer)
        if len(body) != self._plan.body_length or not 16 <= len(tag) <= editions.LONGEST_TAG:
            raise RefusedError(f"shares: {len(body)} bytes where {self._plan.body_length} belong")
        try:
            shares.check(body, self._plan.length)
        except shares.ShareError as error:
            raise RefusedError(f"shares: {error}") from error
        if self._tags.get(peer, tag) != tag:
            raise RefusedError("shares: a second submission")
        if peer in self._tags:
            return
        self._tags[peer] = tag
        self._bytes += len(body)
        self._waiting.put_nowait((peer, tag, body))
        self.editions[peer] = editions.in_tag(tag)
        self._say("intake", have=len(self._tags), of=len(self._plan.contributors))
        self._look_whether_complete()

    async def room(self, count: int) -> None:
        """Wait until so many bytes more may wait here, or none is taken any more."""
        while self.open and self._bytes and self._bytes + count > WAITING:
            self._fewer.clear()
            await self._fewer.wait()

    def end(self) -> None:
        """Take nothing any more."""
        self.open = False
        self._fewer.set()

    def decline(self, peer: str, why: str) -> None:
        """`peer` says that it does not contribute: it is not waited for any longer."""
        self.check(peer)
        self._declined.add(peer)
        self.absent(peer, why)
        self._look_whether_complete()

    def absent(self, peer: str, why: str) -> None:
        """`peer` could not be told of the session; it may still come while the intake is open."""
        self._say("contributor", station=peer, reason=why)
        note("contributor-absent", session=self._plan.session, station=peer, why=why)

    def waits_for(self, peer: str) -> bool:
        """Whether `peer` may still come."""
        return self.open and peer in self._plan.contributors and peer not in self._tags and peer not in self._declined

    async def next(self) -> Deposit | None:
        """What came next; None once everybody came or declined or the time, from the first call on, is over."""
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._plan.intake
        try:
            async with asyncio.timeout_at(self._until if self.open else None):
                came = await self._waiting.get()
        except TimeoutError:
            missing = [peer for peer in self._plan.contributors if self.waits_for(peer)]
            note("intake-incomplete", session=self._plan.session, missing=",".join(missing))
            self.end()
            self._waiting.put_nowait(None)
            came = await self._waiting.get()  # what came before that counts
        if came is None:
            self.end()
        else:
            self._bytes -= len(came[2])
            self._fewer.set()
        return came

    def _look_whether_complete(self) -> None:
        if self._tags.keys() | self._declined == set(self._plan.contributors):
            self._waiting.put_nowait(None)
