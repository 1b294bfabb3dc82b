"""What others can make an agent hold: not more than arrived, not more than its part, and never for long."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base.refusal import BusyError, RefusedError
from station_image.runtime.wire import budget, connection, frames
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.budget import Budget, Rates
from station_image.runtime.wire.connection import Connection, ConnectionLostError
from station_image.runtime.wire.hello import Caller
from tests.station_image.runtime.neighbours import pair, run, until
from tests.station_image.runtime.views import Small

MB = 1024 * 1024


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(Small.make(tmp_path).networks("n.a").find("n"), "n.b", {"kind": "bring"})


async def bring(_: Caller, __: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    return {"bytes": len(body)}


def held_for_forty_bytes(expected: int) -> int:
    """Bytes that are allocated at most while a peer that announced 64 MB has sent forty."""

    async def work() -> int:
        near, far = pair()
        near.sock.send(frames.PREFIX.pack(2, 64 * MB) + b"{}" + b"\0" * 30)
        tracemalloc.start()
        try:
            reading = asyncio.create_task(far.receive(body_limit=expected))
            await asyncio.sleep(0.05)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            reading.cancel()

    return run(work())


def test_a_length_that_somebody_writes_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gained: forty bytes cost 64 MB, and four such connections ended an agent of 256 MB."""
    assert held_for_forty_bytes(64 * MB) < 1 * MB

    async def ahead(self: Connection, count: int) -> bytearray:
        data, done = bytearray(count), 0
        while done < count:
            piece = await self._piece(count - done)
            data[done : done + len(piece)] = piece
            done += len(piece)
        return data

    monkeypatch.setattr(Connection, "read_exactly", ahead)
    assert held_for_forty_bytes(64 * MB) >= 64 * MB, "allocated ahead it must cost that, or this test shows nothing"


def test_a_header_of_many_small_values_is_refused_before_they_are_made() -> None:
    """What it gained: a megabyte of empty lists becomes thirty."""
    text = b'{"a":[' + b"[]," * 300_000 + b"[]]}"
    tracemalloc.start()
    try:
        with pytest.raises(frames.FrameError, match="more than 50000 values"):
            frames.parse(text)
        assert tracemalloc.get_traced_memory()[1] < MB
    finally:
        tracemalloc.stop()


def test_a_peer_holds_at_most_its_part_and_another_is_heard_meanwhile() -> None:
    shared = Budget(100)

    async def work() -> None:
        async with shared.lent("a", 25):
            waiting = asyncio.create_task(_lent(shared, "a", 1))
            await asyncio.sleep(0)
            async with shared.lent("b", 25):
                assert not waiting.done()
                assert shared.held == 50
        await waiting
        assert shared.held == 0

    run(work())


async def _lent(shared: Budget, peer: str, count: int) -> None:
    async with shared.lent(peer, count):
        pass


def test_where_several_wait_who_holds_least_comes_first() -> None:
    shared, order = Budget(100), list[str]()

    async def asks(peer: str, release: asyncio.Event) -> None:
        async with shared.lent(peer, 20):
            order.append(peer)
            await release.wait()

    async def work() -> None:
        first, done = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(asks(peer, first)) for peer in ("b", "c", "d", "e")]
        done_first = asyncio.create_task(_hold(shared, "a", 5, done))
        await until(lambda: len(order) == 4 and shared.held == 85)
        # Who holds something already asks first, who holds nothing second.
        tasks += [asyncio.create_task(_named(shared, name, 20, order)) for name in ("a", "f")]
        await asyncio.sleep(0)
        first.set()
        await asyncio.gather(*tasks)
        done.set()
        await done_first

    run(work())
    assert order[4:] == ["f", "a"]


async def _hold(shared: Budget, peer: str, count: int, until_then: asyncio.Event) -> None:
    async with shared.lent(peer, count):
        await until_then.wait()


async def _named(shared: Budget, peer: str, count: int, order: list[str]) -> None:
    async with shared.lent(peer, count):
        order.append(peer)


def test_small_pieces_that_fit_do_not_keep_who_waits_for_a_large_one_from_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it gained: four members with pieces small enough to fit kept every deposit of a fifth out, always."""
    monkeypatch.setattr(budget, "WITHIN", 0.3)
    shared, over = Budget(400), asyncio.Event()

    async def floods(peer: str) -> None:
        while not over.is_set():
            async with shared.lent(peer, 50):
                await asyncio.sleep(0.001)

    async def work() -> None:
        flood = [asyncio.create_task(floods(peer)) for peer in "abcd" for _ in range(8)]
        await until(lambda: shared.held == 400)
        try:
            await _lent(shared, "honest", 100)
        finally:
            over.set()
            await asyncio.gather(*flood, return_exceptions=True)
        assert shared.held == 0

    run(work())


def test_four_members_that_send_nothing_more_do_not_keep_a_fifth_from_its_turn(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: four members together kept all others out, as long as they liked. Time goes 20 times faster."""
    patience = connection.PATIENCE / 20
    monkeypatch.setattr(connection.Connection.receive_header, "__defaults__", (connection.SMALL, None, patience))
    monkeypatch.setattr(connection.Connection.read_body, "__defaults__", (patience,))
    monkeypatch.setattr(budget, "WITHIN", budget.WITHIN / 20)
    answers = Answers(Budget(400))
    answers.add("bring", bring, lambda _: 100)

    async def stall(peer: str) -> None:
        while True:
            near, far = pair()
            near.sock.send(frames.PREFIX.pack(2, 100) + b"{}")
            await answers.serve(far, dataclasses.replace(caller, peer=peer))
            near.close()

    async def work() -> None:
        stalling = [asyncio.create_task(stall(peer)) for peer in ("n.c", "n.d", "n.e", "n.f")]
        await until(lambda: answers.budget.held == 400)
        near, far = pair()
        await near.send({}, b"x" * 100)
        serving = asyncio.create_task(answers.serve(far, caller))
        assert (await near.receive())[0] == {"bytes": 100}
        await serving
        for one in stalling:
            one.cancel()

    run(work())


def test_who_waits_for_its_own_part_or_leaves_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would gain: to hold others up, by asking for much and waiting."""
    monkeypatch.setattr(budget, "WITHIN", 5.0)
    shared = Budget(100)

    async def work() -> None:
        async with shared.lent("a", 20), shared.lent("b", 25), shared.lent("c", 25), shared.lent("d", 25):
            own = asyncio.create_task(_lent(shared, "a", 20))
            large = asyncio.create_task(_lent(shared, "e", 25))
            await asyncio.sleep(0)
            small = asyncio.create_task(_lent(shared, "f", 5))
            await asyncio.sleep(0)
            assert not small.done(), "e has its turn before f"
            large.cancel()
            await small
            assert not own.done()
        await own
        assert shared.held == 0

    run(work())


def test_who_waits_too_long_is_told_to_ask_again_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WITHIN", 0.01)
    shared = Budget(100)

    async def work() -> None:
        async with shared.lent("a", 25):
            with pytest.raises(BusyError, match="ask again"):
                await _lent(shared, "a", 1)
        assert shared.held == 0
        with pytest.raises(RefusedError, match="26 bytes at once, where this station has memory for 25"):
            await _lent(shared, "a", 26)
        async with shared.lent("a", 25):
            leaving = asyncio.create_task(_lent(shared, "a", 1))
            await asyncio.sleep(0)
            leaving.cancel()
        assert shared.held == 0

    run(work())


def test_room_that_is_given_in_the_moment_in_which_the_wait_ends_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gained: room that nobody had and nobody could have again, until the agent was restarted."""
    monkeypatch.setattr(budget, "WITHIN", 0.01)
    shared = Budget(100)

    async def work() -> None:
        async with shared.lent("a", 25):
            waiting = asyncio.create_task(_lent(shared, "a", 25))
            await asyncio.sleep(0)
            time.sleep(0.02)  # its time is over in the turn of the loop in which it gets its room
            await asyncio.sleep(0)
        await waiting
        assert shared.held == 0

    run(work())


def test_what_finds_no_room_in_time_is_an_answer_that_says_so(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WITHIN", 0.01)
    answers = Answers(Budget(400))
    answers.add("bring", bring, lambda _: 100)

    async def brought() -> dict[str, Any]:
        near, far = pair()
        await near.send({}, b"x" * 100)
        await answers.serve(far, caller)
        return (await near.receive())[0]

    async def work() -> None:
        assert await brought() == {"bytes": 100}
        async with answers.budget.lent("n.b", 1):
            said = await brought()
        assert said.pop("again") is True
        assert "as much as its memory allows" in said["refused"]
        assert answers.budget.held == 0

    run(work())


@pytest.mark.parametrize("sent", [b"", b"\0\0", frames.PREFIX.pack(20, 0) + b"{", frames.PREFIX.pack(2, 100) + b"{}x"])
def test_whoever_sends_a_byte_now_and_then_is_let_go(
    caller: Caller, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained without: a connection and what it holds, for as long as somebody likes."""
    monkeypatch.setattr(connection.Connection.receive_header, "__defaults__", (connection.SMALL, None, 0.1))
    monkeypatch.setattr(connection.Connection.read_body, "__defaults__", (0.1,))
    answers = Answers(Budget(1000))
    answers.add("bring", bring, lambda _: 100)

    async def work() -> None:
        near, far = pair()
        near.sock.send(sent)
        serving = asyncio.create_task(answers.serve(far, caller))
        while not serving.done():
            await asyncio.sleep(0.03)
            try:
                near.sock.send(b" ")
            except OSError:
                break
        await serving
        assert answers.budget.held == 0
        with pytest.raises(ConnectionLostError):
            await near.receive()

    run(work(), 3)


def test_who_comes_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    rates = Rates(2, 3.0, lambda: now[0])
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 3.0, 6.0]
    assert rates.wait("b") == 0.0
    now[0] = 30.0
    assert [rates.allow("a") for _ in range(4)] == [0.0, 0.0, 3.0, 3.0]
    now[0] = 33.0
    assert rates.allow("a") == 0.0


def test_the_process_has_memory_for_what_the_budget_promises() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shared = Budget()

    async def work() -> None:
        async with shared.lent("a", shared.most):
            assert shared.held == shared.most

    run(work())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024
