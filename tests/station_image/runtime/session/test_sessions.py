"""What a computing party answers to proposals, and what it takes for the sessions that it accepted."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime import analyses
from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.refusal import DrainsError, RefusedError
from station_image.runtime.consent import plan as plans
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import seal, shares
from station_image.runtime.session import alive, sealed, sessions, turns
from station_image.runtime.session.intake import Intake
from station_image.runtime.session.past import KEPT, Past
from station_image.runtime.session.sessions import Sessions
from station_image.runtime.session.status import Status
from station_image.runtime.wire import frames
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import LARGE, Connection
from station_image.runtime.wire.peers import CallFailedError, Peers
from tests.station_image.runtime.neighbours import (
    FakePeers,
    Own,
    data_plan,
    deliver,
    deposit,
    pair,
    plain_plan,
    run,
    signed,
    until,
)
from tests.station_image.runtime.views import Small

TAG = "0" * 32 + ".edition"
DONE = {"outcome": "done", "root": "", "reason": ""}


class FakeSession:
    """Computes nothing: it ends when it is told to."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self.network, self.plan = network, plan
        self.intake = Intake(plan, lambda *_, **__: None)
        self.bundle: Any = None
        self.channels: dict[str, socket.socket] = {}
        self.told: list[str] = []
        self.heads: dict[str, object] = {}
        self.parted: list[str] = []
        self.private = seal.generate()
        self.public_key = seal.public(self.private)
        self.closed = False
        self.ended = ""
        self.over: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def run(self, bundle: Any) -> dict[str, Any]:
        self.bundle = bundle
        return await self.over

    async def narrate(self, connection: Connection) -> None:
        await connection.send({"event": "ended", "report": await self.over})

    def check_channel(self, peer: str) -> None:
        if peer != "n.a":
            raise RefusedError(f"computing: {peer} is no computing party that opens a channel to this one")

    def take_channel(self, peer: str, sock: socket.socket) -> None:
        self.channels[peer] = sock

    def deposit(self, peer: str, tag: str, signature: object, body: bytes) -> None:
        self.intake.check(peer)
        pinned, us = self.network.stations[peer].statement_key, self.network.self_id
        opened = sealed.open_deposit(self.private, self.plan, peer, pinned, us, tag, signature, body)
        self.intake.deposit(peer, tag, opened)

    def keep_head(self, peer: str, head: object) -> None:
        self.heads[peer] = head

    def waits_for(self, peer: str) -> bool:
        return self.bundle is not None and self.intake.waits_for(peer)

    async def tell_contributor(self, peer: str) -> None:
        self.told.append(peer)

    def part(self, station: str) -> None:
        self.parted.append(station)

    def end(self, why: str) -> None:
        self.ended = why

    def close(self) -> None:
        self.closed = True


class Computing:
    """n.b, that computes, or another station; n.a proposes to it."""

    def __init__(self, folder: Path, name: str = "n.b", small: Small | None = None) -> None:
        self.small = small or Small.make(folder)
        self.own = Own(self.small, name, folder / "station")
        self.past, self.answers = Past(), Answers()
        self.made: list[FakeSession] = []
        own = self.own
        self.peers = FakePeers()
        peers = cast(Peers, self.peers)
        self.sessions = Sessions(self.make, own.key, own.gate, own.seen, own.register, self.past, peers)
        self.sessions.answer_in(self.answers)

    def make(self, network: Network, plan: Plan) -> Any:
        self.made.append(FakeSession(network, plan))
        return self.made[-1]

    def plan(self, **changes: Any) -> Plan:
        return plain_plan(self.small.networks("n.a").find("n"), **changes)

    @asynccontextmanager
    async def proposed(
        self, agreed: Plan, by: str = "n.a", **more: Any
    ) -> AsyncIterator[tuple[dict[str, Any], Connection]]:
        """The answer to a proposal, and the connection on which it goes on."""
        near, far = pair()
        serving = asyncio.create_task(self.answers.serve(far, self.own.caller(by, kind="propose")))
        await near.send({**signed(self.small, agreed)[0], **more})
        row, _ = await near.receive(LARGE)
        try:
            yield row, near
        finally:
            near.close()
            await serving

    @asynccontextmanager
    async def running(self, agreed: Plan) -> AsyncIterator[tuple[FakeSession, Connection]]:
        """A session that all accepted; afterwards it is over."""
        async with self.proposed(agreed) as (_, line):
            await line.send(signed(self.small, agreed)[1])
            session = self.made[-1]
            await until(lambda: session.bundle)
            try:
                yield session, line
            finally:
                if not session.over.done():
                    session.over.set_result(DONE)
            await until(lambda: session.closed)

    async def ask(
        self,
        peer: str,
        kind: str,
        agreed: Plan,
        content: Mapping[str, Any] | None = None,
        body: bytes = b"",
        **more: Any,
    ) -> dict[str, Any]:
        """What comes back over a connection of its own."""
        near, far = pair()
        request = {"kind": kind, "session": agreed.session, "plan": agreed.digest, **more}
        serving = asyncio.create_task(self.answers.serve(far, self.own.caller(peer, **request)))
        await near.send(content or {}, body)
        answer, _ = await near.receive()
        await serving
        near.close()
        return answer


@pytest.fixture
def station(tmp_path: Path) -> Computing:
    return Computing(tmp_path)


def reason(row: dict[str, Any]) -> str:
    return str(row["answer"]["reason"])


# Proposals


def test_who_left_ends_the_sessions_of_its_network_that_it_takes_part_in(station: Computing) -> None:
    async def work() -> None:
        agreed = station.plan(contributors=["n.a", "n.b", "n.c"])
        async with station.running(agreed) as (session, _):
            for network, name in (("m", "n.c"), ("n", "n.d"), ("n", "n.c")):
                station.sessions.part(network, name)
            assert session.parted == ["n.c"]

    run(work())


@pytest.mark.parametrize("way", ["withdrawn", "gone", "closed"])
def test_a_session_that_does_not_begin_leaves_its_place_and_says_why(
    station: Computing, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(alive, "EVERY", 0.01)
    monkeypatch.setattr(alive, "SILENCE", 0.05)
    agreed = station.plan()
    station.peers.answering = {"n.a"}

    def away(peer: str, _: Mapping[str, Any]) -> dict[str, Any]:
        raise CallFailedError(peer, "does not answer")

    async def work() -> None:
        async with station.proposed(agreed) as (_, line):
            assert station.sessions.running == 1
            if way == "withdrawn":
                await line.send({"withdrawn": "n.c: it gave no sign of life for 6 s"})
            elif way == "gone":
                station.peers.told = away
            else:
                line.close()
            await until(lambda: not station.sessions.running)

    run(work(), seconds=5)
    last = station.past.last("n") or {}
    said = {
        "withdrawn": ("", "it was not begun: session: n.a withdrew it (n.c: it gave no sign of life for 6 s)"),
        "gone": ("n.a", "it was not begun: it gave no sign of life for 0.05 s"),
        "closed": ("n.a", "it was not begun: the other side closed the connection"),
    }
    assert (last["session"], last["outcome"]) == (agreed.session, "failed")
    assert (last["root"], last["reason"]) == said[way]


def test_who_asks_hears_whether_a_session_runs_and_how_it_ended(station: Computing) -> None:
    async def work() -> None:
        agreed = station.plan()
        async with station.running(agreed):
            runs = await station.ask("n.c", "alive", agreed)
        await until(lambda: not station.sessions.running)
        over = await station.ask("n.c", "alive", agreed)
        other = await station.ask("n.c", "alive", dataclasses.replace(agreed, session="cd" * 16))
        assert (runs["running"], over["running"], over["known"]) == (True, False, True)
        assert (other["running"], other["known"]) == (False, False)

    run(work())


def test_a_proposal_is_answered_by_a_signed_yes_with_the_head_of_the_register(station: Computing) -> None:
    agreed = station.plan()

    async def work() -> None:
        async with station.proposed(agreed) as (row, _):
            told = row["answer"]["register"]
            head = {name: told[name] for name in ("entries", "digest", "at")}
            statement.verify(station.own.key.public, statement.REGISTER_HEAD, head, told["signature"])
            assert abs(head["at"] - time.time()) < 60
            assert row["answer"] == {
                **{"plan": agreed.digest, "party": "n.b", "accepted": True, "reason": ""},
                "register": {**station.own.register.head, "at": head["at"], "signature": told["signature"]},
                "key": base64.b64encode(station.made[0].public_key).decode(),
            }
            statement.verify(station.own.key.public, statement.ANSWER, row["answer"], row["signature"])
            assert station.sessions.running == 1

    run(work())
    [entry] = station.own.entries("answer")
    assert (entry["session"], entry["proposer"], entry["accepted"]) == (agreed.session, "n.a", True)
    assert station.sessions.running == 0, "the proposer went away before the bundle"
    assert station.made[0].closed


def test_what_all_accepted_runs_and_the_proposer_hears_the_end(station: Computing) -> None:
    agreed = station.plan()

    async def work() -> None:
        async with station.running(agreed) as (session, line):
            assert session.bundle.plan == agreed
            session.over.set_result({**DONE, "outcome": "failed", "root": "n.c"})
            assert (await line.receive())[0]["event"] == "ended"

    run(work())
    last = station.past.last("n")
    assert last is not None
    assert (last["session"], last["outcome"], last["root"]) == (agreed.session, "failed", "n.c")
    assert station.past.last("m") is None
    assert station.sessions.running == 0


def test_a_proposer_that_goes_away_does_not_end_what_runs(station: Computing) -> None:
    async def work() -> None:
        async with station.running(station.plan()) as (session, line):
            line.close()
            await asyncio.sleep(0)
            assert station.sessions.running == 1
            assert not session.closed

    run(work())
    assert station.past.last("n") is not None


def test_a_refusal_is_signed_and_entered_and_keeps_no_place(station: Computing) -> None:
    agreed = dataclasses.replace(station.plan(), threshold=0)

    async def work() -> None:
        async with station.proposed(agreed) as (row, _):
            assert row["answer"]["accepted"] is False
            assert reason(row) == "threshold: not as in the definition that this station accepted"
            assert row["answer"]["key"] == ""
            statement.verify(station.own.key.public, statement.ANSWER, row["answer"], row["signature"])

    run(work())
    assert station.own.entries("answer")[0]["reason"].startswith("threshold: ")
    assert station.made == []


@pytest.mark.parametrize(
    ("change", "by", "said"),
    [
        ({}, "n.c", "proposer: the plan is not proposed by n.c, who sent it"),
        ({"signature": "AAAA"}, "n.a", "n.a did not sign this with its pinned statement key"),
        ({"plan": {}}, "n.a", "the plan does not have exactly the fields of this protocol version"),
    ],
)
def test_what_is_no_proposal_of_the_caller_is_refused_without_an_answer_that_could_be_used(
    station: Computing, change: dict[str, Any], by: str, said: str
) -> None:
    async def work() -> None:
        async with station.proposed(station.plan(), by, **change) as (row, _):
            assert row == {"refused": said}

    run(work())
    assert station.own.entries("answer") == []


def test_who_does_not_compute_accepts_no_proposal(tmp_path: Path) -> None:
    station = Computing(tmp_path, "n.d")

    async def work() -> None:
        async with station.proposed(station.plan()) as (row, _):
            assert reason(row) == "n.d is not a computing party"

    run(work())


def test_only_so_many_sessions_run_at_once(station: Computing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ACCEPTANCE_MOST", 1)

    async def work() -> None:
        first, second = station.plan(session="1" * 32), station.plan(session="2" * 32)
        async with station.proposed(first), station.proposed(second) as (row, _):
            assert reason(row) == "this station computes in 1 acceptance sessions already; try again later"
        async with station.proposed(station.plan(session="3" * 32)) as (row, _):
            assert reason(row) == ""

    run(work())


def test_acceptance_takes_no_place_of_a_question_and_one_proposer_not_all_of_it(station: Computing) -> None:
    """What it gained: four proposals that need nobody's consent kept everybody from computing, an hour each."""
    allowed = {"n.b": station.own.folders.allowances, "n.a": station.own.folders.allowances}
    deliver(station.small, allowed)
    asked = data_plan(station.small.networks("n.a").find("n"), "griep", "f" * 32)

    def theirs(number: int) -> Plan:
        view = station.small.networks("n.c").find("n")
        return plain_plan(view, session=f"{number}" * 32, intake=60, results=["n.c"])

    async def work() -> list[str]:
        async with AsyncExitStack() as held:
            rows = [(await held.enter_async_context(station.proposed(theirs(number), "n.c")))[0] for number in range(4)]
            rows.append((await held.enter_async_context(station.proposed(asked)))[0])
            rows.append((await held.enter_async_context(station.proposed(station.plan())))[0])
            return [reason(row) for row in rows]

    full = "this station computes in 2 acceptance sessions of n.c already"
    assert run(work()) == ["", "", full, full, "", ""]


def test_two_members_do_not_hold_all_places_of_acceptance(station: Computing) -> None:
    """What it gained: two members kept everybody else's `verify` from computing, ten minutes each time."""

    def theirs(number: int, by: str) -> Plan:
        return plain_plan(station.small.networks(by).find("n"), session=f"{number}" * 32, intake=60, results=[by])

    async def work() -> None:
        async with AsyncExitStack() as held:
            for number, by in enumerate(("n.c", "n.a", "n.c")):
                row, _ = await held.enter_async_context(station.proposed(theirs(number, by), by))
                assert reason(row) == ""
            row, _ = await held.enter_async_context(station.proposed(theirs(3, "n.d"), "n.d"))
            assert reason(row) == ""
            assert [one.ended for one in station.made] == ["", "", sessions.MADE_WAY, ""]
            assert station.sessions.running == 3
            for by in ("n.c", "n.d"):
                row, _ = await held.enter_async_context(station.proposed(theirs(4 + (by == "n.d"), by), by))
                assert reason(row) == "this station computes in 3 acceptance sessions already; try again later"
        await until(lambda: station.sessions.running == 0)

    run(work())


def test_who_has_a_place_for_long_makes_way_for_who_has_none(
    station: Computing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three members, one place each: before, they held them for ten minutes."""
    monkeypatch.setattr(sessions, "ACCEPTANCE_MOST", 1)

    def by(name: str, number: int) -> Plan:
        return plain_plan(station.small.networks(name).find("n"), session=f"{number}" * 32, results=[name])

    async def work() -> None:
        held = by("n.a", 1)
        async with station.proposed(held, "n.a") as (first, line):
            assert reason(first) == ""
            async with station.proposed(by("n.c", 2), "n.c") as (row, _):
                assert reason(row) == "this station computes in 1 acceptance sessions already; try again later"
            monkeypatch.setattr(sessions, "KEEPS_PLACE", 0.0)
            async with station.proposed(by("n.c", 3), "n.c") as (row, _):
                assert reason(row) == ""
                await line.send(signed(station.small, held)[1])
                refused, _ = await line.receive()
                assert refused["refused"] == f"session: {sessions.MADE_WAY}"
                assert station.made[0].bundle is None

    run(work())


def test_one_proposer_does_not_take_all_places_of_questions(
    station: Computing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_OF_ONE", 1)
    allowed = {"n.b": station.own.folders.allowances, "n.a": station.own.folders.allowances}
    deliver(station.small, allowed)
    deliver(station.small, allowed, question="elders", parameters={"areas": ["8000-8099"]})
    view = station.small.networks("n.a").find("n")

    async def work() -> str:
        async with (
            station.proposed(data_plan(view, "griep", "1" * 32)),
            station.proposed(data_plan(view, "elders", "2" * 32)) as (row, _),
        ):
            return reason(row)

    assert run(work()) == "this station computes in 1 sessions of n.a already"


def test_who_proposes_too_often_is_told_to_ask_again_before_anything_is_read(
    station: Computing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PROPOSALS", (2, 60.0))
    again = Computing(station.own.root.parent, small=station.small)

    async def answers() -> list[dict[str, Any]]:
        rows = []
        for number in range(3):
            agreed = dataclasses.replace(station.plan(session=f"{number}" * 32), threshold=0)
            async with again.proposed(agreed) as (row, _):
                rows.append(row)
        return rows

    *answered, turned_away = run(answers())
    assert all("answer" in row for row in answered)
    assert turned_away == {
        "refused": "proposals: more than a station may make at once; ask again in 60 s",
        "again": True,
    }


def test_a_register_does_not_grow_by_what_is_refused(station: Computing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gained: each refused proposal was a line for ever, and the register is read whole at every start."""
    monkeypatch.setattr(sessions, "PROPOSALS", (1000, 0.1))
    flooded = Computing(station.own.root.parent, small=station.small)

    async def work() -> None:
        for number in range(150):
            plan = dataclasses.replace(station.plan(session=f"{number:032x}"), question=f"vraag-{number}")
            async with flooded.proposed(plan) as (row, _):
                assert reason(row).startswith("question: none of the name")

    run(work())
    [entry] = flooded.own.entries("answer")
    assert (entry["proposer"], entry["accepted"]) == ("n.a", False)
    assert flooded.own.register.counted == {"refused n.a (unknown): question": 149}
    flooded.own.register.settle(stopping=True)
    [counted] = flooded.own.entries("counted")
    assert counted["counted"] == {"refused n.a (unknown): question": 149}
    flooded.own.register.verify()


def test_names_that_a_proposer_makes_up_take_no_more_room_in_the_register_than_real_ones(station: Computing) -> None:
    """What it gained: almost a megabyte in each refusal that is entered, and lines that nobody can read."""

    async def work() -> None:
        long = "x" * 100_000
        plan = dataclasses.replace(station.plan(), question=long)
        async with station.proposed(plan) as (row, _):
            assert reason(row).startswith("question: none of the name")

    run(work())
    [entry] = station.own.entries("answer")
    assert len(json.dumps(entry)) < 2000


def test_sessions_whose_shares_would_not_fit_together_are_not_accepted(
    station: Computing, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed = station.plan(session="1" * 32)
    monkeypatch.setattr(sessions, "MEMORY", agreed.body_length * len(agreed.contributors))

    async def work() -> None:
        async with station.proposed(agreed) as (row, _):
            assert reason(row) == ""
            async with station.proposed(station.plan(session="2" * 32)) as (row, _):
                assert reason(row) == "the shares of all running sessions would not fit in this station's memory"

    run(work())


def test_the_shares_of_a_whole_country_about_all_areas_fit() -> None:
    """25 regions of 25 organisations, with as many bits as a question has that says nothing of them."""
    hotspots = analyses.find("hotspots/1")
    length = hotspots.length(hotspots.parameters({"areas": ["1000-4999"]}))
    assert 625 * length * shares.WIDTH <= min(sessions.MEMORY, plans.MEMORY)


def test_an_id_is_answered_once_and_after_a_restart_neither(station: Computing, tmp_path: Path) -> None:
    agreed = station.plan()

    async def answered(by: Computing) -> str:
        async with by.proposed(agreed) as (row, _):
            return reason(row)

    assert run(answered(station)) == ""
    assert run(answered(station)) == "session: this id was used before"
    assert run(answered(Computing(tmp_path, small=station.small))) == "session: this id was used before"


def both_ask(station: Computing) -> tuple[Callable[[str], Plan], Callable[[str], Plan]]:
    """Questions about the same areas, of n.a and of n.c: plans of each, by session."""
    deliver(station.small, {"n.b": station.own.folders.allowances})
    deliver(station.small, {"n.b": station.own.folders.allowances}, question="anders", results=["n.c"])

    def plans(name: str, question: str) -> Callable[[str], Plan]:
        view = station.small.networks(name).find("n")
        return lambda digit: data_plan(view, question, digit * 32)

    return plans("n.a", "griep"), plans("n.c", "anders")


SAID = {
    "": "answered",
    "session: a question about some of the same is being answered; ask again after it": "busy",
    "session: another organisation asked about some of the same first; ask again after it": "another's turn",
}


async def says(station: Computing, agreed: Plan) -> str:
    """What a proposal is answered; nothing comes of it."""
    async with station.proposed(agreed, by=agreed.proposer) as (row, _):
        return SAID[reason(row)]


def test_who_just_asked_cannot_keep_another_from_asking_about_the_same_for_ever(station: Computing) -> None:
    """The attack: begin again at the moment that the own session ends, each time with an intake of an hour.

    The gain: a question of somebody else about the same persons is never answered.
    """
    mine, theirs = both_ask(station)

    async def work() -> None:
        async with station.running(mine("1")):
            assert await says(station, theirs("2")) == "busy"
            assert await says(station, mine("3")) == "busy"
        assert await says(station, mine("4")) == "another's turn"
        async with station.proposed(theirs("5"), by="n.c") as (row, _):
            assert reason(row) == ""
            assert await says(station, mine("6")) == "busy"
        assert await says(station, theirs("7")) == "another's turn", "each has one after the other"
        assert await says(station, mine("8")) == "answered"

    run(work())


def test_a_proposer_makes_no_intake_so_long_that_others_wait_for_an_hour(station: Computing) -> None:
    mine, _ = both_ask(station)

    async def work() -> list[str]:
        said = []
        for digit, intake in (("1", 601), ("2", 600)):
            agreed = dataclasses.replace(mine(digit), intake=intake)
            async with station.proposed(agreed) as (row, _):
                said.append(reason(row))
        return said

    assert run(work()) == ["intake, deadline: outside what a session may last", ""]


def test_a_turn_that_nobody_takes_holds_up_for_minutes_only(station: Computing) -> None:
    mine, theirs = both_ask(station)

    async def work() -> None:
        async with station.running(mine("1")):
            assert await says(station, theirs("2")) == "busy"
        assert await says(station, mine("3")) == "another's turn"
        for waiting in station.sessions._turns._waiting.values():
            waiting.until -= turns.TURN
        assert await says(station, mine("4")) == "answered"

    run(work())


def test_two_questions_about_some_of_the_same_do_not_run_at_once(station: Computing) -> None:
    allowed = {"n.b": station.own.folders.allowances, "n.a": station.own.folders.allowances}
    deliver(station.small, allowed)
    deliver(station.small, allowed, question="anders", parameters={"areas": ["7040-7099"]})
    deliver(station.small, allowed, question="elders", parameters={"areas": ["8000-8099"]})
    view = station.small.networks("n.a").find("n")
    plans = [
        data_plan(view, name, session)
        for name, session in (("griep", "1" * 32), ("anders", "2" * 32), ("elders", "3" * 32))
    ]

    async def work() -> list[str]:
        async with (
            station.proposed(plans[0]) as (one, _),
            station.proposed(plans[1]) as (other, _),
            station.proposed(plans[2]) as (third, _),
        ):
            return [reason(one), reason(other), reason(third)]

    busy = "session: a question about some of the same is being answered; ask again after it"
    assert run(work()) == ["", busy, ""]


@pytest.mark.parametrize("heard", [{"entries": 1, "digest": "?"}, {"entries": 99, "digest": "?"}, {}])
def test_what_a_proposer_heard_of_the_register_is_answered_by_what_it_holds_now(
    station: Computing, heard: dict[str, Any]
) -> None:
    station.own.register.add("allowances", allowed={})
    [entry] = station.own.register.last(1)

    async def work() -> dict[str, Any]:
        async with station.proposed(station.plan(), heard=heard) as (row, _):
            return dict(row["answer"]["register"]["heard"])

    number = heard.get("entries")
    assert run(work()) == {"entries": number, "digest": entry["digest"] if number == 1 else ""}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda bundle: {**bundle, "answers": {}}, "answers: not one of each computing party"),
        (lambda _: {}, "the plan does not have exactly the fields"),
    ],
)
def test_without_the_acceptance_of_all_the_place_is_free_again(station: Computing, change: Any, said: str) -> None:
    agreed = station.plan()

    async def work() -> None:
        async with station.proposed(agreed) as (_, line):
            await line.send(change(signed(station.small, agreed)[1]))
            assert (await line.receive())[0]["refused"].startswith(said)
            await until(lambda: not station.sessions.running)
        assert station.made[0].closed
        assert station.made[0].bundle is None

    run(work())


def test_a_bundle_of_another_plan_than_was_answered_is_refused(station: Computing) -> None:
    agreed = station.plan()
    other = dataclasses.replace(agreed, intake=agreed.intake + 1)

    async def work() -> None:
        async with station.proposed(agreed) as (_, line):
            await line.send(signed(station.small, other)[1])
            assert (await line.receive())[0] == {"refused": "plan: not the one that was answered"}

    run(work())


def test_a_proposer_that_does_not_go_on_in_time_loses_its_place(
    station: Computing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "START_WITHIN", 0.01)

    async def work() -> None:
        async with station.proposed(station.plan()):
            await until(lambda: not station.sessions.running)
        assert station.made[0].closed

    run(work())


# What others bring


def test_shares_come_to_the_session_that_they_are_for(station: Computing) -> None:
    agreed = station.plan()
    plain = shares.pack(range(agreed.length))

    async def work() -> None:
        async with station.running(agreed) as (session, _):
            content, body = deposit(station.small, agreed, "n.d", "n.b", session.public_key, TAG, plain)
            said = await station.ask("n.d", "deposit", agreed, {}, body, tag=TAG)
            assert said == {"refused": "shares: not what n.d signed; they were changed or made on their way"}
            assert await station.ask("n.d", "deposit", agreed, content, body, tag=TAG) == {"ok": True}
            assert session.intake.editions == {"n.d": "edition"}
            said = await station.ask("n.z", "deposit", agreed, {}, body, tag=TAG)
            assert said == {"refused": "contributors: n.z is not one of them"}
            said = await station.ask("n.a", "deposit", agreed, {}, body + b"\0", tag=TAG)
            assert said == {"refused": f"a body of {len(body) + 1} bytes; at most {len(body)} are read here"}

    run(work())


def test_shares_that_are_not_expected_are_refused_before_they_are_read(station: Computing) -> None:
    agreed = station.plan()

    async def work() -> None:
        async with station.running(agreed):
            near, far = pair()
            request = {"kind": "deposit", "session": agreed.session, "plan": agreed.digest, "tag": TAG}
            serving = asyncio.create_task(station.answers.serve(far, station.own.caller("n.z", **request)))
            near.sock.send(frames.encode({}, agreed.body_length))  # and not a byte of them
            assert (await near.receive())[0] == {"refused": "contributors: n.z is not one of them"}
            await serving

    run(work(), 5)


@pytest.mark.parametrize("kind", ["deposit", "channel", "decline"])
def test_what_is_for_no_session_or_for_another_plan_is_refused(station: Computing, kind: str) -> None:
    agreed = station.plan()
    stranger, other = dataclasses.replace(agreed, session="0" * 32), dataclasses.replace(agreed, intake=9)

    async def work() -> None:
        async with station.running(agreed):
            said = await station.ask("n.a", kind, stranger)
            assert said == {"refused": "session: none with this id is running here"}
            said = await station.ask("n.a", kind, other)
            assert said == {"refused": "plan: another one was accepted under this session id"}

    run(work())


def test_a_computing_party_that_declines_is_not_waited_for(station: Computing) -> None:
    agreed = station.plan()

    async def work() -> None:
        async with station.running(agreed) as (session, _):
            assert session.waits_for("n.c")
            said = await station.ask("n.c", "decline", agreed, {"reason": "data: none\nhere"})
            assert said == {"ok": True}
            assert not session.waits_for("n.c")

    run(work())


def test_a_channel_is_the_connection_itself_from_its_ok_on(station: Computing) -> None:
    agreed = station.plan()

    async def work() -> None:
        async with station.running(agreed) as (session, _):
            near, far = pair()
            request = {"kind": "channel", "session": agreed.session, "plan": agreed.digest}
            await station.answers.serve(far, station.own.caller("n.a", **request))
            assert (await near.receive())[0] == {"ok": True}
            with session.channels["n.a"] as handed:
                handed.send(b"mpc")
                assert await near.read_exactly(3) == b"mpc"
            near, far = pair()
            await station.answers.serve(far, station.own.caller("n.c", **request))
            said = (await near.receive())[0]["refused"]
            assert said == "computing: n.c is no computing party that opens a channel to this one"

    run(work())


def test_who_polls_again_is_told_of_the_sessions_that_wait_for_it(station: Computing) -> None:
    first, second = station.plan(session="1" * 32), station.plan(session="2" * 32)
    network = station.own.network

    async def work() -> None:
        async with station.running(first) as (one, _), station.running(second) as (other, _):
            other.intake.deposit("n.d", TAG, shares.pack(range(second.length)))
            await station.sessions.tell_again(network, "n.d")
            assert (one.told, other.told) == (["n.d"], [])
            await station.sessions.tell_again(dataclasses.replace(network, name="m"), "n.d")
            assert one.told == ["n.d"]

    run(work())


def test_peers_are_told_what_runs_and_what_ended(station: Computing) -> None:
    Status("1.0.0", station.sessions, station.past).answer_in(station.answers)
    agreed = station.plan()

    async def status() -> dict[str, Any]:
        return await station.answers.answer(station.own.caller("n.a", kind="status"), {}, b"")

    async def work() -> None:
        before = await status()
        assert (before["station"], before["release"], before["versions"]) == ("n.b", "1.0.0", [2, 3])
        assert (before["definition"], before["uptime"]) == ("sha256:0", 0)
        assert before["accepted"] == {"release": "sha256:1"}
        assert (before["sessions"], before["last_session"]) == (0, None)
        async with station.running(agreed):
            assert (await status())["sessions"] == 1
        after = await status()
        assert after["sessions"] == 0
        assert (after["last_session"]["session"], after["last_session"]["outcome"]) == (agreed.session, "done")

    run(work())


def test_the_newest_session_of_a_network_is_told_and_old_ones_are_dropped(tmp_path: Path) -> None:
    network = Small.make(tmp_path).networks("n.a").find("n")
    past = Past()
    assert past.last("n") is None
    for number in range(KEPT + 5):
        past.add(network, str(number), "done")
    last = past.last("n")
    assert last is not None
    assert last["session"] == str(KEPT + 4)
    assert past.last("m") is None
    assert len(past._ended) == KEPT


def test_a_party_that_drains_says_later_and_nothing_of_it_is_used_up(tmp_path: Path) -> None:
    station, drains = Computing(tmp_path), [True]
    agreed = station.plan()

    def begins(network: Network) -> None:
        if drains:
            raise DrainsError(network.self_id, 30)

    station.sessions._begins = begins

    async def work() -> None:
        async with station.proposed(agreed) as (row, _):
            why = "n.b is being upgraded: no new session begins there now"
            assert row == {"refused": why, "again": True, "drains": 30}
        assert station.own.entries("answer") == []
        drains.clear()
        async with station.running(agreed):
            assert station.sessions.going == {agreed.session}

    run(work())
    assert station.sessions.going == set()
