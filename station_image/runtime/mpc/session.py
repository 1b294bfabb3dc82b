"""One session at one computing party, in a process of its own that was forked for it."""

from __future__ import annotations

import asyncio
import functools
import resource
import socket
import time
from typing import Any

from .. import analyses
from ..base.journal import note
from ..data import differencing, editions, shares
from ..data.differencing import Earlier
from ..data.seal import Channel
from ..wire import frames
from . import agreement
from .agent_link import AgentLink
from .mesh import Mesh, PartyLostError, ViolationError
from .rows import Rows
from .run import Run, Shared
from .verified.products import Verified

MEMORY = 4 * 1024 * 1024 * 1024
Deposits = dict[str, tuple[str, bytes]]
"""Contributor → tag and packed shares."""


def run(sock: socket.socket) -> None:
    """Serve the agent's one session on `sock`; returns when it is over."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_serve(sock))


async def _serve(sock: socket.socket) -> None:
    link = AgentLink(sock)
    begin, body = await link.receive()
    plan, digest, number = begin["plan"], begin["digest"], begin["number"]
    earlier = [Earlier(**one) for one in frames.parse(body)["earlier"]]
    mesh = Mesh(number, len(plan["computing"]), asyncio.get_running_loop(), plan["intake"])
    mesh.start(lambda: link.send({"event": "beat"}), link)
    intake: asyncio.Future[Deposits] = mesh.loop.create_future()
    memory = Memory(link, mesh.loop)
    reader = asyncio.create_task(_listen(link, mesh, intake, memory))
    reader.add_done_callback(lambda task: None if task.cancelled() else mesh.fail(task.exception() or EOFError()))
    try:
        outcome = await _session(mesh, plan, digest, earlier, intake, memory, link)
    except PartyLostError as error:
        await mesh.leave(error)
        note("session-failed", session=plan["session"], root=error.root, why=error)
        told = {"violation": isinstance(error, ViolationError), "told_by": error.told_by, "about": error.about}
        link.send({"event": "failed", "root": error.root, "reason": str(error), **told})
    else:
        header = {"event": "done", "public": outcome[1].public, "sent": mesh.bytes_sent(), **outcome[0]}
        link.send(header, shares.pack(outcome[1].row))
    finally:
        reader.cancel()


class Memory:
    """Has the agent remember of whom something is opened, before anybody has it.

    A party that says that it is done helps the others to a result even if it hears nothing more of them: a liar may say
    the same to one of two only. So none says it, and none opens anything, before its own agent remembers.
    """

    def __init__(self, link: AgentLink, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._asked = False
        self._kept: asyncio.Future[None] = loop.create_future()

    async def keep(self, agreed: agreement.Agreed) -> None:
        """Wait until the agent remembers; it is asked once."""
        if not self._asked:
            self._asked = True
            facts = {"contributors": agreed.contributors, "left_out": agreed.left_out}
            self._link.send({"event": "opening", **facts})
        await asyncio.shield(self._kept)

    def kept(self) -> None:
        """The agent remembers."""
        if not self._kept.done():
            self._kept.set_result(None)


async def _listen(link: AgentLink, mesh: Mesh, intake: asyncio.Future[Deposits], memory: Memory) -> None:
    """Take what the agent brings: connections of peers, and shares as they arrive. It ends the process by closing."""
    deposits: Deposits = {}
    while True:
        header, body = await link.receive()
        if header["event"] == "peer":
            keys = (bytes.fromhex(header[way]) for way in ("send", "receive"))
            await mesh.attach(header["number"], link.descriptor(), Channel(*keys))
        elif header["event"] == "deposit" and not intake.done():
            deposits.setdefault(header["contributor"], (header["tag"], body))
        elif header["event"] == "intake" and not intake.done():
            intake.set_result(deposits)
        elif header["event"] == "remembered":
            memory.kept()
        elif header["event"] == "leave":
            mesh.fail(PartyLostError(header["root"], header["reason"]))


async def _session(
    mesh: Mesh,
    plan: dict[str, Any],
    digest: str,
    earlier: list[Earlier],
    intake: asyncio.Future[Deposits],
    memory: Memory,
    link: AgentLink,
) -> tuple[dict[str, Any], Shared]:
    await mesh.ready()
    link.send({"event": "connected"})
    deposits = await mesh.first(intake)
    steps = Steps()
    agreed, outcome = await mesh.first(_compute(mesh, plan, digest, earlier, deposits, memory, steps))
    await mesh.first(memory.keep(agreed))
    steps.done("remember")
    await mesh.finish()
    steps.done("finish")
    facts = {
        "contributors": agreed.contributors,
        "left_out": agreed.left_out,
        "milliseconds": sum(steps.milliseconds.values()),
        "steps": steps.milliseconds,
        "processor": round(1000 * time.process_time()),
    }
    return facts, outcome


class Steps:
    """How long each step of a session took, so that a slow one can be told from a slow network."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, int] = {}
        self._before = time.monotonic()

    def done(self, name: str) -> None:
        """The step `name` ends here."""
        now = time.monotonic()
        self.milliseconds[name] = round(1000 * (now - self._before))
        self._before = now


async def _compute(
    mesh: Mesh,
    plan: dict[str, Any],
    digest: str,
    earlier: list[Earlier],
    deposits: Deposits,
    memory: Memory,
    steps: Steps,
) -> tuple[agreement.Agreed, Shared]:
    party = Verified(mesh.lines(), mesh.number, mesh.parties, mesh.keys, digest.encode())
    read(plan, deposits)
    tags = {name: tag for name, (tag, _) in deposits.items()}
    steps.done("read")
    await party.start()
    held, coin = await agreement.agree(party, plan, digest, tags)
    steps.done("agree")
    agreed = await agreement.check_degrees(party, held, rows_of(plan, deposits, held.contributors), coin)
    steps.done("check shares")
    analysis = analyses.find(plan["analysis"])
    run = Run(party, plan, agreed.contributors, rows_of(plan, deposits, agreed.contributors), coin)
    sound = await agreement.check_inputs(analysis, run, agreed)
    steps.done("check inputs")
    try:
        await agreement.confirm(party, plan, digest, sound)
    except agreement.TooFewError as error:
        raise PartyLostError(None, str(error)) from error
    known = {name: editions.in_tag(tags[name]) for name in sound.contributors}
    by_region = analyses.by_region(plan["analysis"], plan["parameters"])
    if why := differencing.refused(earlier, known, plan["minimum_contributors"] if by_region else 0):
        raise PartyLostError(None, why)
    steps.done("confirm")
    kept = rows_of(plan, deposits, sound.contributors)
    opening = functools.partial(memory.keep, sound)
    outcome: Shared = await analysis.compute(Run(party, plan, sound.contributors, kept, coin, opening))
    await party.verify()  # whatever an analysis left
    steps.done("compute")
    return sound, outcome


def read(plan: dict[str, Any], deposits: Deposits) -> None:
    """Drop what is no shares: a contributor with numbers outside the field is as good as absent."""
    for name, (_, body) in list(deposits.items()):
        try:
            shares.check(body, plan["length"])
        except shares.ShareError:
            note("deposit-refused", session=plan["session"], contributor=name)
            del deposits[name]


def rows_of(plan: dict[str, Any], deposits: Deposits, names: list[str]) -> Rows:
    """The shares of some contributors, in the order of their names."""
    return Rows([deposits[name][1] for name in names], plan["length"])
