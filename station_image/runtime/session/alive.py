"""Whether another station is still there, asked of its agent where nothing else would tell in time.

While computers are connected each sees within seconds that another is gone (`mpc.mesh`). Before that, and where an
outcome is brought, who was killed and who stands still only does not come; and neither does who is slow, for as long
as a busy server takes to start a process. A shorter limit would take the one for the other. So it is asked: an agent
has little to do and answers at once, also while its computer has not begun. Who answers is waited for as long as it
ever was; who says nothing for SILENCE is gone. Who refuses, as a release does that knows no such request, is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..accepted.networks import Network
from ..base.journal import plain
from ..wire.peers import CallFailedError, Peers

T = TypeVar("T")
KIND = "alive"
EVERY = 1.0
"""Seconds between an answer and the next question; what is over sooner asks nobody."""
SILENCE = 6.0
"""Seconds without an answer: a gateway that takes over new settings is away for less."""
HEARSAY = 2.0
"""Seconds to see for oneself what another says of a third, as between computers."""
STEP = 0.25


@dataclass(frozen=True)
class Gone:
    """Why a station is gone. `seen`: it fell silent, or says that it failed itself.

    Else it left for what it says, perhaps of station `about`: that names nobody, as who ended it first may have lied.
    """

    why: str
    seen: bool = True
    about: str = ""


class GoneError(Exception):
    """What was waited for will not come; the text says why."""


async def gone(peers: Peers, network: Network, peer: str, session: str = "") -> Gone:
    """Return once `peer` is gone, or once it answers that it has ended `session`, where that is given."""
    if not peers.can_ask(network, peer):
        await asyncio.Future()  # it calls us: whoever holds its connection sees that end
    silent = 0.0
    while True:
        silent += await _passed(asyncio.Future(), min(EVERY, SILENCE - silent))
        asking = asyncio.create_task(_ask(peers, network, peer, session))
        try:
            silent += await _passed(asking, SILENCE - silent)
            told = asking.result() if asking.done() else None
        finally:
            asking.cancel()
        if told is not None:
            silent = 0.0
            if session and told.get("running") is False:
                return _ended(peer, told)
        elif silent >= SILENCE:
            return Gone(f"it gave no sign of life for {SILENCE:g} s")


async def unless_gone(work: Coroutine[Any, Any, T], peers: Peers, network: Network, peer: str) -> T:
    """What `work` gives, that waits for `peer`. Raises GoneError as soon as that is gone."""
    working, watching = asyncio.create_task(work), asyncio.create_task(gone(peers, network, peer))
    either: set[asyncio.Task[Any]] = {working, watching}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise GoneError(watching.result().why)
    finally:
        for task in either:
            task.cancel()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await working


async def _ask(peers: Peers, network: Network, peer: str, session: str) -> Mapping[str, Any] | None:
    """Its answer; None where it gave none."""
    try:
        told, _ = await peers.ask(network, peer, {"kind": KIND, "session": session})
    except CallFailedError as error:
        return {} if error.refused else None
    return told


async def _passed(awaited: asyncio.Future[Any], most: float) -> float:
    """Seconds until `awaited` is done, or `most`. Time in which this process did not get to run is not counted."""
    passed = 0.0
    while passed < most and not awaited.done():
        before = time.monotonic()
        await asyncio.wait({awaited}, timeout=min(STEP, most - passed))
        passed += min(time.monotonic() - before, 2 * STEP)
    return passed


def _ended(peer: str, told: Mapping[str, Any]) -> Gone:
    about, reason = plain(told.get("root", ""), 100), plain(told.get("reason", ""))
    if told.get("known") is not True:
        return Gone("it knows nothing of the session any more", seen=False)
    seen = about == peer
    return Gone(f"it ended the session: {reason}", seen, "" if seen else about)
