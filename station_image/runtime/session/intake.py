"""The shares that contributors bring to one computing party for one session, until all came or declined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..base.journal import note
from ..base.refusal import RefusedError
from ..consent.plan import Plan
from ..data import editions, shares


class Intake:
    """Open from the answer to the proposal until `close`. `say` tells the proposer what happens."""

    def __init__(self, plan: Plan, say: Callable[..., None]) -> None:
        self.open = True
        self.editions: dict[str, str] = {}
        self._plan = plan
        self._say = say
        self._deposits: dict[str, tuple[str, bytes]] = {}
        self._declined: set[str] = set()
        self._complete = asyncio.Event()

    def check(self, peer: str) -> None:
        """Raise RefusedError unless shares of `peer` are expected."""
        if peer not in self._plan.contributors:
            raise RefusedError(f"contributors: {peer} is not one of them")
        if not self.open:
            raise RefusedError("intake: it is over")

    def deposit(self, peer: str, tag: str, body: bytes) -> None:
        """Keep the shares of `peer`; the same submission may come twice, another may not follow it."""
        self.check(peer)
        if len(body) != self._plan.body_length or not 16 <= len(tag) <= editions.LONGEST_TAG:
            raise RefusedError(f"shares: {len(body)} bytes where {self._plan.body_length} belong")
        try:
            shares.check(body, self._plan.length)
        except shares.ShareError as error:
            raise RefusedError(f"shares: {error}") from error
        if self._deposits.setdefault(peer, (tag, body))[0] != tag:
            raise RefusedError("shares: a second submission")
        self.editions[peer] = editions.in_tag(tag)
        self._say("intake", have=len(self._deposits), of=len(self._plan.contributors))
        self._look_whether_complete()

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
        return self.open and peer in self._plan.contributors and peer not in {*self._deposits, *self._declined}

    async def close(self) -> dict[str, tuple[str, bytes]]:
        """Wait until it is complete or its time is over; tag and shares of those that came."""
        try:
            await asyncio.wait_for(self._complete.wait(), self._plan.intake)
        except TimeoutError:
            missing = [peer for peer in self._plan.contributors if self.waits_for(peer)]
            note("intake-incomplete", session=self._plan.session, missing=",".join(missing))
        self.open = False
        deposits, self._deposits = self._deposits, {}
        return deposits

    def _look_whether_complete(self) -> None:
        if {*self._deposits, *self._declined} == set(self._plan.contributors):
            self._complete.set()
