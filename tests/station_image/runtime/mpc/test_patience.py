"""A party that lives and keeps silent holds a session for a time that follows from the work, not for its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from station_image.runtime.mpc import exchanger, patience
from station_image.runtime.mpc.mesh import Mesh, PartyLostError
from station_image.runtime.mpc.patience import Patience
from tests.station_image.runtime.mpc.test_mesh import LIAR, end, ended, three

LONG = 1_000_000.0
Step = Callable[[Mesh], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LEAST", 0.4)
    monkeypatch.setattr(patience, "SLOWER", 0.0)


@asynccontextmanager
async def living() -> AsyncIterator[list[Mesh]]:
    """Three parties that give signs of life."""
    meshes = await three()
    for mesh in meshes:
        mesh.start(lambda: None)
    try:
        for mesh in meshes:
            await mesh.ready()
        yield meshes
    finally:
        for mesh in meshes:
            mesh._stop.set()
            end(mesh)


async def hears_no_share(mesh: Mesh) -> None:
    lines = mesh.lines()
    lines.send(1, b"a share")
    await lines.receive(LIAR)


async def hears_no_goodbye(mesh: Mesh) -> None:
    await mesh.finish()


@pytest.mark.parametrize("step", [hears_no_share, hears_no_goodbye])
def test_a_party_that_only_lives_is_not_waited_for_until_the_deadline(step: Step) -> None:
    """The gain: one silent party holds the session, its places at all stations, and questions about the same cells.

    The deadline of a question is an hour.
    """

    async def run() -> PartyLostError:
        async with living() as meshes:
            meshes[1]._peers[0].write(exchanger.BYE, 0)
            waiting = asyncio.create_task(meshes[0].first(step(meshes[0])))
            error = await ended(meshes[0])
            await asyncio.wait({waiting})
            assert waiting.exception() is error
            assert not meshes[1].failed.done(), "who waits for nobody counts nothing"
            return error

    error = asyncio.run(run())
    assert (error.root, error.about) == (None, LIAR), "it may itself be kept waiting"
    assert "it lives, and did not send what was waited for" in str(error)


def test_a_party_that_never_sends_its_keys_is_not_waited_for_until_the_deadline() -> None:
    async def run() -> PartyLostError:
        meshes = await three()
        meshes[0]._keyed = {1}
        meshes[0].keyed = lambda *_: None  # type: ignore[method-assign]
        meshes[0].start(lambda: None)
        try:
            return await ended(meshes[0])
        finally:
            meshes[0]._stop.set()

    assert asyncio.run(run()).about == LIAR


def test_one_that_sends_something_just_in_time_is_not_waited_for_at_every_step_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[bytes] = []

    async def run() -> PartyLostError:
        async with living() as meshes:
            lines, sends = meshes[0].lines(), meshes[LIAR].lines()

            async def slowly() -> None:
                while True:
                    await asyncio.sleep(0.3)  # the attack: less than is waited for one message
                    sends.send(0, b"a share")

            async def takes() -> None:
                while True:
                    taken.append(await meshes[0].first(lines.receive(LIAR)))

            sending = asyncio.create_task(slowly())
            with pytest.raises(PartyLostError) as lost:
                await asyncio.wait_for(takes(), 10)
            sending.cancel()
            return lost.value

    monkeypatch.setattr(patience, "LEAST", 1.0)
    assert asyncio.run(run()).about == LIAR
    assert taken, "what came in time was taken"


def test_a_slow_party_is_allowed_many_times_what_this_one_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LEAST", 60.0)
    monkeypatch.setattr(patience, "SLOWER", 30.0)
    monkeypatch.setattr(time, "process_time", lambda: 4.0)
    counted = Patience(0.0)
    assert counted.waits(LIAR, 179.0, begun=True) == 0
    assert counted.waits(1, 100.0, begun=True) == 0
    assert counted.waits(LIAR, 1.5, begun=True) == 180.5


def test_who_still_waits_for_shares_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its intake is open as long as the plan says; one that has begun waits for none."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    counted = Patience(160.0)
    assert counted.waits(LIAR, LONG, begun=False) == 0
    assert counted.waits(1, LONG, begun=True) == LONG
    now[0] = 161.0
    assert counted.waits(LIAR, LONG, begun=False) == LONG
