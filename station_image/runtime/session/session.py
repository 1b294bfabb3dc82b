"""One session at one computing party, as the agent sees it: intake, channels, the computer, the results, the report."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementKey
from ..base import background
from ..base.journal import note, plain
from ..base.refusal import RefusedError
from ..consent.bundle import Bundle, check_head
from ..consent.opened import Opened
from ..consent.plan import ACCEPTANCE, Plan
from ..consent.register import Register
from ..data import seal
from ..data.differencing import Earlier
from ..data.seal import SealError
from ..wire.connection import Connection, ConnectionLostError
from ..wire.frames import FrameError
from ..wire.peers import CallFailedError, Peers
from . import alive, sealed
from .contribution import Contributions
from .delivery import ACCOUNT, Delivery
from .handover import ComputerLink
from .intake import Intake

CHANNEL_WITHIN = 20.0
"""Seconds for all channels, with parties that live: on busy machines one has the plan later than another
(START_WITHIN of `sessions`)."""
RETRY = 0.3
KEEP_WARM = 2.0
FAREWELL = 0.4
"""Seconds that a computer has to tell the other parties why it leaves when somebody was cut."""


class SessionFailedError(Exception):
    """The session ended without a result; `root` is the station that it failed on, or empty.

    `violation`: what `root` sent was seen here to be what it may not send. `told_by`: who gave the reason, where this
    party did not see it itself.
    """

    def __init__(self, root: str, reason: str, violation: bool = False, told_by: str = "") -> None:
        super().__init__(reason)
        self.root = root
        self.violation = violation
        self.told_by = told_by


class Session:
    """From the answer to the proposal until the signed report."""

    def __init__(
        self,
        key: StatementKey,
        register: Register,
        opened: Opened,
        peers: Peers,
        contributions: Contributions,
        computer: Path,
        network: Network,
        plan: Plan,
        starting: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._starting = starting
        self.network = network
        self.plan = plan
        self._key = key
        self._register = register
        self._opened = opened
        self._peers = peers
        self._contributions = contributions
        self._computer = computer
        self._number = plan.number(network.self_id)
        lower = plan.computing[: self._number]
        self._channels: dict[str, asyncio.Future[socket.socket]] = {
            party: asyncio.get_running_loop().create_future() for party in lower
        }
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.intake = Intake(plan, self._say)
        self._bundle: Bundle | None = None
        self._heads: dict[str, dict[str, Any]] = {}
        self._remembered: dict[str, Any] = {}
        """Whose figures others may have the result of, once this party remembers that."""
        self._minding: list[asyncio.Task[None]] = []
        self._parted: asyncio.Future[SessionFailedError] = asyncio.get_running_loop().create_future()
        self._private = seal.generate()
        self.public_key = seal.public(self._private)

    # What other stations bring

    def check_channel(self, peer: str) -> None:
        """Raise RefusedError unless `peer` is a computing party that calls us, and did not before."""
        channel = self._channels.get(peer)
        if channel is None:
            raise RefusedError(f"computing: {peer} is no computing party that opens a channel to this one")
        if channel.done():
            raise RefusedError(f"channel: {peer} opened one before")

    def take_channel(self, peer: str, sock: socket.socket) -> None:
        """Keep the connection of `peer`; its place in the plan is its party number."""
        channel = self._channels[peer]
        if channel.done():
            sock.close()
        else:
            channel.set_result(sock)

    def deposit(self, peer: str, tag: str, signature: object, body: bytes) -> None:
        """Take the sealed shares of `peer`. Raises RefusedError."""
        self.intake.check(peer)
        pinned, us = self.network.stations[peer].statement_key, self.network.self_id
        opened = sealed.open_deposit(self._private, self.plan, peer, pinned, us, tag, signature, body)
        self.intake.deposit(peer, tag, opened)

    def keep_head(self, peer: str, head: object) -> None:
        """Enter with the run what a contributor told of its register: it finds by that when it was put back.

        Raises RefusedError for what is no head of its register.
        """
        if peer not in self.plan.computing:
            told = check_head(head, peer, self.network)
            self._heads[peer] = told | {"key": self.network.stations[peer].key_digest}

    def part(self, station: str) -> None:
        """End the session: `station` takes part in it, and is no peer any more."""
        self.end(f"{station} left {self.network.name}, or is cut", station)

    def end(self, why: str, root: str = "") -> None:
        """End the session for a reason; `root` is the station that it is about."""
        if not self._parted.done():
            self._parted.set_result(SessionFailedError(root, why))

    def waits_for(self, peer: str) -> bool:
        """Whether the session runs and `peer` may still contribute."""
        return self._bundle is not None and self.intake.waits_for(peer)

    async def tell_contributor(self, peer: str) -> None:
        """Bring `peer` the bundle; it contributes or says why not."""
        try:
            request = {"kind": "start", "session": self.plan.session, "plan": self.plan.digest}
            await self._peers.ask(self.network, peer, request, self._agreed.content)
        except CallFailedError as error:
            if self.waits_for(peer):
                (self.intake.decline if error.refused else self.intake.absent)(peer, error.why)

    @property
    def _agreed(self) -> Bundle:
        if self._bundle is None:
            raise RefusedError("session: not all computing parties accepted it yet")
        return self._bundle

    async def narrate(self, connection: Connection) -> None:
        """Tell the proposer what happens until the report; a proposer that went away changes nothing."""
        while True:
            try:
                event = await asyncio.wait_for(self._events.get(), KEEP_WARM)
            except TimeoutError:
                event = {"event": "busy"}
            await connection.send(event)
            if event["event"] == "ended":
                return

    # The run

    async def run(self, bundle: Bundle) -> dict[str, Any]:
        """Compute; returns the report, that was also signed and told to the proposer."""
        self._bundle = bundle
        note("session-started", session=self.plan.session, proposer=self.plan.proposer, number=self._number)
        report: dict[str, Any] = {"outcome": "failed", "root": "", "reason": "", "violation": False, "told_by": ""}
        report.update(contributors=[], left_out={})
        try:
            done, row = await self._compute()
            report.update(outcome="done", contributors=done["contributors"], left_out=done["left_out"])
            delivery = Delivery(self._peers, self.network, bundle, self._private)
            report["undelivered"] = await delivery.to_all({key: done[key] for key in ACCOUNT}, row)
        except SessionFailedError as error:
            report.update(root=error.root, reason=str(error), violation=error.violation, told_by=error.told_by)
        except Exception as error:
            # Whatever it is, the proposer must hear an end; the text of an unknown error may hold values.
            report.update(root=self.network.self_id, reason=f"its agent failed ({type(error).__name__})")
            background.blame(error)
        self.intake.end()
        report.update(self._remembered, counts=bool(self._remembered))
        report.update(session=self.plan.session, plan=self.plan.digest, party=self.network.self_id)
        report["ended"] = int(time.time())
        note("session-ended", session=self.plan.session, outcome=report["outcome"], root=report["root"] or None)
        facts = {name: report[name] for name in ("outcome", "root", "contributors", "left_out", "counts")}
        facts.update(self.plan.facts, **self.plan.ran, registers={**bundle.registers, **self._heads})
        self._register.add_asked("run", self.plan.proposer, self.plan.question == ACCEPTANCE, **facts)
        signature = self._key.sign(statement.ENDED, report)
        background.start(self._receipts(report, signature))
        self._events.put_nowait({"event": "ended", "report": report, "signature": signature})
        return report

    def _remember(self, event: dict[str, Any]) -> None:
        """Before this party helps anybody to a result: it counts for whoever asks next, however the session ends."""
        remembered = {name: event[name] for name in ("contributors", "left_out")}
        if remembered == self._remembered:
            return
        if self.plan.question != ACCEPTANCE:
            self._opened.add(self.plan, {name: self.intake.editions[name] for name in event["contributors"]})
            self._register.add("opening", **self.plan.facts, **remembered)
            if self._register.problem:
                raise SessionFailedError(self.network.self_id, f"register: {self._register.problem}")
        self._remembered = remembered

    async def _receipts(self, report: dict[str, Any], signature: str) -> None:
        """Tell every contributor how the session ended; one that is away has the others' word."""
        request = {"kind": "receipt", "session": self.plan.session, "plan": self.plan.digest}
        await self._tell(self.plan.contributors, request, {"report": report, "signature": signature})

    async def _tell(self, peers: list[str], request: dict[str, Any], content: dict[str, Any]) -> None:
        """Tell all others of `peers`; who cannot be reached does without."""

        async def tell(peer: str) -> None:
            try:
                await self._peers.ask(self.network, peer, request, content)
            except CallFailedError as error:
                note(f"{request['kind']}-undelivered", session=self.plan.session, station=peer, why=error.why)

        await asyncio.gather(*(tell(peer) for peer in peers if peer != self.network.self_id))

    def close(self) -> None:
        """Drop what was not handed on."""
        self.intake.end()
        for channel in self._channels.values():
            if channel.done() and not channel.cancelled():
                channel.result().close()
            channel.cancel()

    async def _compute(self) -> tuple[dict[str, Any], bytes]:
        us = self.network.self_id
        if self._parted.done():
            raise self._parted.result()
        earlier = self._opened.earlier(self.plan)
        try:
            link = await self._computer_link(earlier)
        except ConnectionLostError as error:
            raise SessionFailedError(us, "its computer does not run") from error
        feeding = asyncio.create_task(self._feed(link))
        others = [party for party in self.plan.computing if party != us]
        self._minding = [asyncio.create_task(self._mind(party)) for party in others]
        try:
            async with asyncio.timeout(self.plan.deadline):
                return await self._unparted(link)
        except TimeoutError as error:
            raise SessionFailedError("", "the session took longer than its deadline") from error
        except (ConnectionLostError, FrameError) as error:
            raise SessionFailedError(us, "its computer ended or is stuck") from error
        finally:
            for task in (feeding, *self._minding):
                task.cancel()
            await asyncio.wait({feeding, *self._minding})
            link.close()

    async def _computer_link(self, earlier: Sequence[Earlier]) -> ComputerLink:
        """A link with the computer; where both were replaced it may have to start yet. Raises ConnectionLostError."""
        while True:
            try:
                return await ComputerLink.begin(str(self._computer), self.plan, self._number, earlier)
            except ConnectionLostError:
                if not self._starting():
                    raise
            await asyncio.sleep(RETRY)

    async def _unparted(self, link: ComputerLink) -> tuple[dict[str, Any], bytes]:
        """What the computer found, unless somebody leaves before that."""
        listening = asyncio.create_task(self._listen(link))
        try:
            either: set[asyncio.Future[Any]] = {listening, self._parted}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._parted.done():
                await self._leave(link, self._parted.result())
                await asyncio.wait({listening}, timeout=FAREWELL)
                raise self._parted.result()
            return await listening
        finally:
            listening.cancel()
            await asyncio.wait({listening})
            _ = listening.cancelled() or listening.exception()  # it was told already, or is why this one left

    async def _listen(self, link: ComputerLink) -> tuple[dict[str, Any], bytes]:
        while True:
            event, body = await link.next_event()
            if event["event"] in ("opening", "done"):
                self._remember(event)
            if event["event"] == "done":
                return event, body
            if event["event"] == "opening":
                await link.remembered()
                continue
            if event["event"] == "failed":
                raise self._failure(event)
            if event["event"] == "connected":
                for task in self._minding:
                    task.cancel()  # from here on the computers see it themselves
            self._say(event["event"])

    def _failure(self, event: dict[str, Any]) -> SessionFailedError:
        """What the computer says, with the names of stations."""
        root, told_by, about = (
            "" if event.get(who) is None else self.plan.computing[event[who]] for who in ("root", "told_by", "about")
        )
        reason = plain(event["reason"])
        if told_by:
            reason = f"{told_by} left{f' and says of {about}' if about else ''}: {reason}"
        elif about:
            reason = f"{about}: {reason}"
        return SessionFailedError(root, reason, event.get("violation") is True, told_by)

    async def _feed(self, link: ComputerLink) -> None:
        """Bring the computer the channels and the shares; what cannot be had makes it leave, naming the party."""
        for peer in self.plan.contributors:
            if peer == self.network.self_id:
                background.start(self._contribute())
            elif peer not in self.plan.computing:
                background.start(self.tell_contributor(peer))
        channels = [self._channel(link, party) for party in self.plan.computing if party != self.network.self_id]
        try:
            await asyncio.gather(*channels, self._intake(link))
        except SessionFailedError as error:
            await self._leave(link, error)
        except ConnectionLostError:
            return  # the computer is gone: whoever listens to it knows

    async def _mind(self, party: str) -> None:
        """End the session when a computing party is gone before the computers are connected."""
        gone = await alive.gone(self._peers, self.network, party, self.plan.session)
        if gone.seen:
            self.end(gone.why, party)
            return
        await asyncio.sleep(alive.HEARSAY)
        if not self._parted.done():
            why = f"{party} left{f' and says of {gone.about}' if gone.about else ''}: {gone.why}"
            self._parted.set_result(SessionFailedError("", why, told_by=party))

    async def _contribute(self) -> None:
        try:
            await self._contributions.begin(self.network, self._agreed)
        except RefusedError as error:
            self.intake.decline(self.network.self_id, str(error))
            # The others do not ask a computing party whether it contributes; without this they would wait for it.
            request = {"kind": "decline", "session": self.plan.session, "plan": self.plan.digest}
            await self._tell(self.plan.computing, request, {"reason": str(error)})

    async def _leave(self, link: ComputerLink, error: SessionFailedError) -> None:
        root = self.plan.number(error.root) if error.root in self.plan.computing else None
        try:
            await link.leave(root, str(error))
        except ConnectionLostError:
            return

    async def _channel(self, link: ComputerLink, party: str) -> None:
        number = self.plan.number(party)
        try:
            keys = sealed.channel_keys(self._private, self.plan, self.network.self_id, party, self._agreed.key(party))
            async with asyncio.timeout(CHANNEL_WITHIN):
                sock = await (self._channels[party] if number < self._number else self._dial(party))
        except TimeoutError as error:
            raise SessionFailedError(party, "no channel with it came about") from error
        except SealError as error:
            raise SessionFailedError(party, f"it gave {error}") from error
        await link.peer(number, sock, keys)

    async def _dial(self, party: str) -> socket.socket:
        request = {"kind": "channel", "session": self.plan.session, "plan": self.plan.digest}
        while True:
            try:
                async with self._peers.open(self.network, party, request) as connection:
                    answer, _ = await connection.receive()
                    if answer.get("ok") is True:
                        return connection.detach()
                    raise SessionFailedError(party, f"it refused the channel: {plain(answer.get('refused'))}")
            except CallFailedError as error:
                if error.refused:
                    raise SessionFailedError(party, error.why) from error
                await asyncio.sleep(RETRY)

    async def _intake(self, link: ComputerLink) -> None:
        while (came := await self.intake.next()) is not None:
            await link.deposit(*came)
        self._say("computing", contributors=len(self.intake.editions))
        await link.complete()

    def _say(self, event: str, **facts: Any) -> None:
        self._events.put_nowait({"event": event, **facts})
