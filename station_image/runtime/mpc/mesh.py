"""The connections of one session: start, signs of life, who was lost first, and the end.

Every wait races `failed`. A party that must leave says because of whom, so that all look for the root, and name not
those that left because of it. Named is only who was seen on the own link to fail: what another says of a third may be
a lie, so it is passed on as what that one says.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ..base.journal import plain
from ..data.seal import Channel
from . import exchanger, sharing
from .exchanger import Exchanger
from .lines import Lines
from .patience import Patience

T = TypeVar("T")
BEAT_EVERY = 1.0
SILENCE = 5.0
AGENT_SILENCE = 6.0
FAREWELL = 0.5
HEARSAY = 2.0
"""Seconds to see for oneself what another says of a third: signs of life of the same party are missed together."""
NOBODY = -1
LONGEST_REASON = 200


class PartyLostError(ConnectionError):
    """The session cannot go on. `root` is the number of the party that it failed on, None when it is nobody's.

    `told_by`: party that left and gave the reason, `about` another one; what is so told names nobody.
    """

    def __init__(self, root: int | None, why: str, told_by: int | None = None, about: int | None = None) -> None:
        super().__init__(why)
        self.root, self.told_by, self.about = root, told_by, about


class ViolationError(PartyLostError):
    """Party `root` sent what it may not: whoever finds that has seen the cause, not what came of it."""

    def __init__(self, root: int | None, what: str) -> None:
        super().__init__(root, f"it sent {what}")


class Agent(Protocol):
    """This station's own agent: `heard` is when it last said something, monotonic."""

    heard: float


class Mesh:
    """Connections to all other computing parties, by number."""

    def __init__(self, number: int, parties: int, loop: asyncio.AbstractEventLoop, intake: float = 0.0) -> None:
        """`intake`: seconds that another party may still wait for shares when this one has all."""
        self.number, self.parties = number, parties
        self._patience = Patience(time.monotonic() + intake)
        self._finishing = False
        self.loop = loop
        self.keys = sharing.made(number, parties)
        self.failed: asyncio.Future[None] = loop.create_future()
        self.failed.add_done_callback(lambda future: future.exception())  # retrieved, whoever waits
        self._ready: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._peers: dict[int, Exchanger] = {}
        self._others = set(range(parties)) - {number}
        self._keyed: set[int] = set()
        self._byes: set[int] = set()
        self._gone: set[int] = set()
        self._agent: Agent | None = None
        self._stop = threading.Event()
        self._farewell: tuple[int, bytes] | None = None

    async def attach(self, number: int, sock: socket.socket, channel: Channel) -> None:
        """Use `sock` for party `number`, sealed as `channel` does; each party once."""
        if number not in self._others or number in self._peers:
            raise ValueError(f"no connection expected for party {number}")
        keys = sharing.told(self.keys, self.number, number)
        peer = self._peers[number] = Exchanger(self, self.loop, number, sock, channel, keys)
        sock.setblocking(False)
        await self.loop.connect_accepted_socket(lambda: peer, sock=sock)
        if self._farewell is not None:
            peer.write(exchanger.LEAVE, *self._farewell)

    def start(self, also: Callable[[], None], agent: Agent | None = None) -> None:
        """Start the watchdog, and the thread that beats; `also` is called with each beat.

        `agent`: without it nothing goes on, and the others, that hear the beats of here, would wait for it.
        """
        self._agent = agent
        self.loop.set_exception_handler(lambda _, context: self.fail(context.get("exception") or EOFError()))
        threading.Thread(target=self._beat, args=(also,), daemon=True).start()
        self.loop.create_task(self._watch())

    async def ready(self) -> None:
        """Wait until every party is connected and its PRSS keys are here."""
        await self.first(self._ready)

    async def first(self, awaitable: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
        """What `awaitable` gives; raises PartyLostError as soon as the session fails."""
        task: asyncio.Future[T] = asyncio.ensure_future(awaitable)
        waiting: set[asyncio.Future[Any]] = {task, self.failed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self.failed.done():
            task.cancel()
            self.failed.result()
        return task.result()

    def lines(self) -> Lines:
        """The connections as a computation uses them. Once per session: messages are numbered."""
        return Lines(self._peers)

    async def finish(self) -> None:
        """Say that this party needs nothing more, and wait until all say so."""
        self._finishing = True
        for peer in self._peers.values():
            peer.write(exchanger.BYE, 0)
        await self.first(self._over)
        self._stop.set()

    async def leave(self, cause: PartyLostError) -> None:
        """Tell the others why this party leaves and because of whom, if it is somebody's doing."""
        self._stop.set()
        root = NOBODY if cause.root is None else cause.root
        self._farewell = root, plain(cause, LONGEST_REASON).encode()
        for peer in self._peers.values():
            peer.write(exchanger.LEAVE, *self._farewell)
        until = time.monotonic() + FAREWELL
        # A party whose connection is still on its way here would see it closed without a word, and name us. So would
        # one that sends something just when it is closed: it hears of the error first, and reads no more.
        while (self._unattached() or self._unsent() or self._unheard()) and time.monotonic() < until:
            await asyncio.sleep(0.01)

    def _unattached(self) -> bool:
        return len(self._peers) < len(self._others)

    def _unsent(self) -> bool:
        return any(peer.unsent for peer in self._peers.values())

    def _unheard(self) -> bool:
        return any(not peer.over for peer in self._peers.values())

    def fail(self, error: BaseException) -> None:
        """End the session for `error`; the first one counts."""
        if self.failed.done():
            return
        if not isinstance(error, PartyLostError):
            # Perhaps a bug or a lack of memory here, perhaps what a peer sent: nobody is named for it.
            error = PartyLostError(None, f"party {self.number} cannot compute ({type(error).__name__})")
        self.failed.set_exception(error)

    def lost(self, number: int, why: str) -> None:
        """Party `number` is gone."""
        self.fail(PartyLostError(number, why))

    def violated(self, number: int, what: str) -> None:
        """Party `number` sent what it may not."""
        self.fail(ViolationError(number, what))

    def left(self, number: int, root: int, why: str) -> None:
        """Party `number` says that it leaves because of `root`."""
        self._gone.add(number)
        if root == NOBODY:
            self.fail(PartyLostError(None, why, number))
        elif root not in self._others or root == number:
            # It names itself, or us: between it and us something broke, and it is the one we can see.
            self.lost(number, f"it left: {why}")
        elif root in self._gone:
            self.fail(PartyLostError(None, why, number, root))
        else:
            self.loop.call_later(HEARSAY, self.fail, PartyLostError(None, why, number, root))

    def keyed(self, number: int, content: bytes) -> None:
        """PRSS keys of party `number`; of exactly the length that its number asks for, once."""
        keys = sharing.heard(content, self.number, self.parties, number)
        if number in self._keyed or keys is None:
            self.violated(number, "keys that do not belong to its number")
            return
        self.keys |= keys
        self._keyed.add(number)
        if self._keyed == self._others and not self._ready.done():
            self._ready.set_result(None)

    def bye(self, number: int) -> None:
        """Party `number` needs nothing more."""
        self._byes.add(number)
        if self._byes == self._others and not self._over.done():
            self._over.set_result(None)

    def bytes_sent(self) -> int:
        """Bytes of MPC messages that this party sent."""
        return sum(peer.nbytes_sent for peer in self._peers.values())

    def _beat(self, also: Callable[[], None]) -> None:
        while not self._stop.wait(BEAT_EVERY):
            for peer in list(self._peers.values()):
                peer.beat()
            also()

    async def _watch(self) -> None:
        """Find peers that say nothing. Time in which this process did not get to read is not held against them."""
        step = 0.25
        while not self._stop.is_set():
            before = time.monotonic()
            await asyncio.sleep(step)
            now = time.monotonic()
            late = max(0.0, now - before - 2 * step)
            if self._agent is not None:
                self._agent.heard += late
                if now - self._agent.heard > AGENT_SILENCE:
                    self.fail(PartyLostError(self.number, f"its agent gave no sign of life for {AGENT_SILENCE:g} s"))
            for peer in self._peers.values():
                self._wait(peer, now - before - late)
                peer.heard += late
                if now - peer.heard > SILENCE and not peer.said_bye and not peer.over:
                    self.lost(peer.number, f"it gave no sign of life for {SILENCE:g} s")

    def _wait(self, peer: Exchanger, seconds: float) -> None:
        """Count what `peer` was waited for, and end the session when that is too long."""
        finishing = self._finishing and peer.number not in self._byes
        if peer.awaited or finishing or peer.number not in self._keyed:
            waited = self._patience.waits(peer.number, seconds, peer.begun)
            if waited:
                why = f"it lives, and did not send what was waited for {waited:.0f} s"
                self.fail(PartyLostError(None, why, about=peer.number))
