"""Which set of computing parties computes: the first of which all can be reached now.

Sets are agreed in advance, in the accepted definition and in the question; here is only who is there. It is found by
proposing: a party that is away or dies before all agreed has seen nothing yet. A party that says no ends it, since
no other set may be asked until somebody says yes. Who is about to be replaced said "later": where no other set is
there, it is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..accepted.networks import Network
from ..base.journal import plain
from ..base.refusal import RefusedError
from ..releases.draining import Patience
from .proposal import ProposalRefusedError, Tell

RETRY = 1.0
"""Seconds between two attempts while somebody is waited for."""
Parties = tuple[str, ...]
Account = dict[str, Any]


async def first(
    network: Network,
    sets: Sequence[Parties],
    propose: Callable[[Parties], Awaitable[Account]],
    tell: Tell,
    patience: Patience | None = None,
) -> Account:
    """What `propose` gives with the first set that is there, as soon as there is one: as long as there is patience.

    Raises as `_first` does.
    """
    patience = patience or Patience()
    said: list[dict[str, Any]] = []

    def once(event: dict[str, Any]) -> None:
        if event not in said:
            said.append(event)
            tell(event)

    while True:
        started = time.monotonic()
        try:
            return await _first(network, sets, propose, once)
        except ProposalRefusedError as error:
            waits = error.drains
            late = len(sets) == 1 and not error.reasons.keys() <= waits  # somebody else is missing too
            if error.refused or late or not waits or not all(patience.left(one) > 0 for one in waits):
                raise
        once({"event": "waits", "for": sorted(waits)})
        await asyncio.sleep(RETRY)
        patience.waited(waits, time.monotonic() - started)


async def _first(
    network: Network, sets: Sequence[Parties], propose: Callable[[Parties], Awaitable[Account]], tell: Tell
) -> Account:
    """What `propose` gives with the first set that is there; `passed` in it are those before, and why.

    Raises ProposalRefusedError when one says no, or when somebody of each set is away; RefusedError when each has
    somebody who is cut.
    """
    away: dict[str, str] = {}
    drains: set[str] = set()
    later: set[str] = set()
    passed: list[dict[str, Any]] = []
    for parties in sets:
        why = network.missing(parties) or "; ".join(f"{one}: {away[one]}" for one in parties if one in away)
        if not why:
            try:
                account = await propose(parties)
            except ProposalRefusedError as error:
                if error.refused or len(sets) == 1 or not error.reasons.keys() & {*parties}:
                    raise
                away |= error.reasons
                drains |= error.drains
                why = str(error)
            else:
                return {**account, "passed": passed} if passed else account
        blocking = {one for one in parties if one in away}
        if blocking and blocking <= drains:
            later |= blocking
        passed.append({"computing": list(parties), "why": plain(why)})
        tell({"event": "passed", **passed[-1]})
    if not away:
        raise RefusedError("; ".join(one["why"] for one in passed))
    raise ProposalRefusedError(away, refused=False, drains=later)
