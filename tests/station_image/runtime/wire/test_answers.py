"""The table of requests: who answers, how much may be brought, and what a refusal looks like from outside."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import Connection
from station_image.runtime.wire.hello import Caller
from tests.station_image.runtime.neighbours import pair, run
from tests.station_image.runtime.views import Small

UNKNOWN = {"refused": "this release knows no such request"}


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(Small.make(tmp_path).networks("n.a").find("n"), "n.b", {"kind": "count"})


async def count(_: Caller, content: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    return {"count": content.get("more", 0) + len(body)}


async def served(answers: Answers, caller: Caller, content: Mapping[str, Any], body: bytes = b"") -> dict[str, Any]:
    """What comes back over a connection of its own."""
    near, far = pair()
    await near.send(content, body)
    await answers.serve(far, caller)
    answer, _ = await near.receive()
    near.close()
    return answer


def test_a_request_is_answered_by_the_part_that_took_its_kind(caller: Caller) -> None:
    answers = Answers()
    answers.add("count", count, lambda _: 3)
    assert run(served(answers, caller, {"more": 2}, b"abc")) == {"count": 5}


def test_a_part_that_has_nothing_to_say_says_ok(caller: Caller) -> None:
    async def nothing(*_: object) -> None:
        return None

    answers = Answers()
    answers.add("count", nothing)
    assert run(served(answers, caller, {})) == {"ok": True}


@pytest.mark.parametrize("kind", ["other", None, ["count"], {"count": 1}])
def test_what_nobody_took_is_refused_whichever_way_it_came(caller: Caller, kind: object) -> None:
    answers = Answers()
    answers.add("count", count)
    stranger = Caller(caller.network, caller.peer, {"kind": kind})
    assert run(served(answers, stranger, {})) == UNKNOWN
    assert run(answers.answer(stranger, {}, b"")) == UNKNOWN


def test_more_than_a_kind_may_bring_is_refused_before_it_is_read(caller: Caller) -> None:
    answers = Answers()
    answers.add("count", count)
    said = run(served(answers, caller, {}, b"abc"))
    assert said == {"refused": "a body of 3 bytes; at most 0 are read here"}


def test_who_may_not_ask_at_all_is_told_why_and_nothing_of_it_is_read(caller: Caller) -> None:
    def none_expected(who: Caller) -> int:
        raise RefusedError(f"session: none of {who.peer} is running here")

    answers = Answers()
    answers.add("count", count, none_expected)
    assert run(served(answers, caller, {})) == {"refused": "session: none of n.b is running here"}


def test_a_refusal_of_the_part_is_an_answer_and_is_noted(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    async def refuse(*_: object) -> None:
        raise RefusedError("plan: another one\nwas accepted")

    answers = Answers()
    answers.add("count", refuse)
    assert run(served(answers, caller, {})) == {"refused": "plan: another one was accepted"}
    assert run(answers.answer(caller, {}, b"")) == {"refused": "plan: another one was accepted"}
    assert "request-refused peer=n.b kind=count why=plan: another one" in capsys.readouterr().out


def test_a_stream_has_the_connection_and_what_it_did_not_take_is_closed(caller: Caller) -> None:
    kept: list[socket.socket] = []

    async def keep(connection: Connection, _: Caller) -> None:
        await connection.send({"ok": True})
        kept.append(connection.detach())

    async def leave(connection: Connection, _: Caller) -> None:
        await connection.send({"ok": True})

    async def work(stream: Any) -> tuple[Connection, Connection]:
        answers = Answers()
        answers.add_stream("count", stream)
        near, far = pair()
        await answers.serve(far, caller)
        assert (await near.receive())[0] == {"ok": True}
        return near, far

    async def both() -> None:
        near, _far = await work(keep)
        kept[0].send(b"still open")
        assert await near.read_exactly(10) == b"still open"
        kept[0].close()
        near, _far = await work(leave)  # held here: it is not the collector of garbage that closes it
        with pytest.raises(ConnectionError, match="closed the connection"):
            await near.read_exactly(1)

    run(both())


def test_a_caller_that_goes_away_is_nobodys_trouble(caller: Caller) -> None:
    async def work() -> None:
        answers = Answers()
        answers.add("count", count)
        near, far = pair()
        near.close()
        await answers.serve(far, caller)

    run(work())


def test_two_parts_cannot_answer_the_same() -> None:
    answers = Answers()
    answers.add("count", count)
    with pytest.raises(ValueError, match="'count' are answered already"):
        answers.add_stream("count", count)  # type: ignore[arg-type]
