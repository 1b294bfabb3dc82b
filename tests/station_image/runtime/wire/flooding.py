"""One member that floods: all that its keys and gateway let it send, as fast as it can, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import secrets
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from station_image.runtime import agent
from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.folders import Folders
from station_image.runtime.consent import plan
from station_image.runtime.wire import frames, proxy
from station_image.runtime.wire.connection import LARGE, open_unix
from station_image.runtime.wire.peers import CallFailedError
from tests.harness.stations import Station

AT_ONCE = 5
"""Of each kind, towards each computing party."""
MB = 1024 * 1024


class Flood:
    """Floods the computing parties of a network as `station`, in a process of its own."""

    def __init__(self, station: Station, network: str) -> None:
        self._station = station
        self._name = network
        forked = multiprocessing.get_context("fork")
        self._counts = forked.Array("l", len(KINDS))
        self._process = forked.Process(target=self._run, daemon=True)

    @property
    def sent(self) -> Counter[str]:
        """How often it sent what, by kind."""
        return Counter({kind.__name__.strip("_"): count for kind, count in zip(KINDS, self._counts[:], strict=True)})

    def __enter__(self) -> Flood:
        self._process.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.terminate()
        self._process.join(30)

    def _run(self) -> None:
        # Elsewhere it would have a machine of its own: here it has what the stations leave of theirs.
        os.nice(19)
        asyncio.run(self._flood())

    async def _flood(self) -> None:
        # Short: the path of a unix socket has at most 107 bytes.
        with tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp") as folder:
            root = Path(folder)
            for name in ("peers", "networks.d", "allowances"):
                (root / name).symlink_to(self._station.root / name)
            for name in ("state", "register", "data/out"):
                (root / name).mkdir(parents=True)
            shutil.copy2(self._station.root / "state" / "statement.key", root / "state")
            member = agent.assemble(Folders(root))
            view = member.networks.find(self._name)
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            tasks = [
                asyncio.create_task(self._again(number, member, view, party))
                for number, party, _ in itertools.product(range(len(KINDS)), view.computing, range(AT_ONCE))
            ]
            await stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _again(self, number: int, member: Any, view: Network, party: str) -> None:
        while True:
            with contextlib.suppress(CallFailedError, OSError, frames.FrameError, TimeoutError):
                async with asyncio.timeout(20):
                    await KINDS[number](member, view, party)
            self._counts[number] += 1
            await asyncio.sleep(0.001)


def peak(station: Station) -> int:
    """Bytes that the agent of a station held at most."""
    told = Path(f"/proc/{station.processes['agent'].pid}/status").read_text().split("VmHWM:")[1]
    return int(told.split()[0]) * 1024


async def _hellos(member: Any, view: Network, party: str) -> None:
    await member.peers.ask_directly(view, party, {"kind": "status"})


async def _proposals(member: Any, view: Network, party: str) -> None:
    """Acceptance for as long as it may last, and never gone on with."""
    content = _acceptance(view).content
    async with member.peers.open(view, party, {"kind": "propose"}) as line:
        await line.send({"plan": content, "signature": member.key.sign(statement.PLAN, content)})
        await line.receive(LARGE)
        await asyncio.sleep(10)


async def _unknown_questions(member: Any, view: Network, party: str) -> None:
    """With parameters of all areas of the country."""
    areas = {"areas": ["1000-5499"], "population": {str(area): 1 for area in range(1000, 5500)}}
    changes = {"question": f"vraag-{secrets.token_hex(4)}", "analysis": "hotspots/1", "parameters": areas}
    content = {**_acceptance(view).content, **changes}
    async with member.peers.open(view, party, {"kind": "propose"}) as line:
        await line.send({"plan": content, "signature": member.key.sign(statement.PLAN, content)})
        await line.receive(LARGE)


async def _bodies(member: Any, view: Network, party: str) -> None:
    """Lengths of everything, and megabytes where they are taken."""
    for kind, header, body in (("result", 2, 64 * MB), ("deposit", 2, 2**32 - 1), ("start", LARGE, 0)):
        request = {"kind": kind, "session": secrets.token_hex(16), "plan": "0" * 64}
        async with member.peers.open(view, party, request) as line:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(line.sock, frames.PREFIX.pack(header, body) + b"{}" + b" " * LARGE)
            await line.receive(LARGE)


async def _silence(member: Any, _: Network, party: str) -> None:
    """Connections that say a byte a second."""
    line = await open_unix(str(member.folders.peers / f"{party}.sock"))
    try:
        for _second in range(8):
            await asyncio.get_running_loop().sock_sendall(line.sock, b"\0")
            await asyncio.sleep(1)
    finally:
        line.close()


async def _preambles(member: Any, _: Network, party: str) -> None:
    """Without an end, before any hello: what only a gateway says, a header, and a body after a whole one."""
    loop = asyncio.get_running_loop()
    for begin in (proxy.SIGNATURE + b"\x21\x11\xff\xff", frames.PREFIX.pack(8000, 0), frames.PREFIX.pack(2, 0) + b"{}"):
        line = await open_unix(str(member.folders.peers / f"{party}.sock"))
        try:
            with contextlib.suppress(OSError):  # the other side has heard enough
                while True:
                    await loop.sock_sendall(line.sock, begin + b" " * MB)
        finally:
            line.close()


def _acceptance(view: Network) -> plan.Plan:
    contributors = sorted(name for name, row in view.stations.items() if row.contributes)
    about: dict[str, Any] = {"session": secrets.token_hex(16), "contributors": contributors}
    return plan.make(
        view,
        "acceptance_sum/1",
        {},
        **about,
        results=[view.self_id],
        minimum_cell=0,
        minimum_contributors=2,
        intake=plan.ACCEPTANCE_INTAKE,
        deadline=plan.ACCEPTANCE_SESSION,
    )


KINDS: tuple[Callable[[Any, Network, str], Awaitable[None]], ...] = (
    _hellos,
    _proposals,
    _unknown_questions,
    _bodies,
    _silence,
    _preambles,
)
