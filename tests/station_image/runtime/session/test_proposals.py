"""What a proposer does: it asks all computing parties, brings them each other's answers, and hears how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime.consent import bundle
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import seal
from station_image.runtime.session import proposal
from station_image.runtime.session.proposal import ProposalRefusedError, Proposals
from station_image.runtime.session.results import Results
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import LARGE, Connection
from station_image.runtime.wire.peers import Peers
from tests.station_image.runtime.neighbours import (
    HEAD,
    PRIVATE,
    FakePeers,
    Own,
    bring_row,
    data_plan,
    deliver,
    outcome,
    plain_plan,
    report,
    run,
    until,
)
from tests.station_image.runtime.views import PARTIES, Small

Line = Callable[[Connection], Awaitable[None]]


class Proposing:
    """n.a, that proposes to n.a, n.b and n.c."""

    def __init__(self, folder: Path) -> None:
        self.small = Small.make(folder)
        self.own = Own(self.small, "n.a", folder / "station")
        self.peers = FakePeers()
        own, peers = self.own, cast(Peers, self.peers)
        self.results = Results(own.key, own.folders.results, own.gate, own.register, peers)
        self.answers = Answers()
        self.results.answer_in(self.answers)
        self.proposals = Proposals(own.key, own.register, self.results, peers)
        self.plan = plain_plan(self.own.network)
        self.heard: dict[str, list[dict[str, Any]]] = {}
        self.told: list[dict[str, Any]] = []
        self.head: dict[str, Any] = HEAD
        self.peers.lines = {party: self.party(party) for party in PARTIES}

    def party(
        self, name: str, says: str = "", ends: Callable[[Plan], Awaitable[dict[str, Any] | None]] | None = None
    ) -> Line:
        """A computing party: `says` is the reason of a refusal, `ends` gives its report; None is a line that closes."""

        async def line(connection: Connection) -> None:
            proposed, _ = await connection.receive(LARGE)
            self.heard[name] = [proposed]
            answer = bundle.sign_answer(
                self.small.keys[name], self.plan.digest, name, says, self.head, seal.public(PRIVATE[name])
            )
            await connection.send(answer)
            self.heard[name].append((await connection.receive(LARGE))[0])
            await connection.send({"event": "computing", "contributors": 4})
            ended = await (ends or self.done(name))(self.plan)
            if ended is not None:
                await connection.send({"event": "ended", **ended})
                await connection.receive(timeout=None)

        return line

    def done(self, name: str) -> Callable[[Plan], Awaitable[dict[str, Any]]]:
        """Everything goes well: shares of the outcome to this station, then the report."""

        async def ends(agreed: Plan) -> dict[str, Any]:
            common, rows = self.shared
            body = b"".join(value.to_bytes(12, "little") for value in rows[agreed.number(name)])
            if self.own.name in agreed.results:
                await bring_row(self.answers, self.own, agreed, name, common, body)
            return report(self.small, agreed, name)

        return ends

    def failed(self, name: str, root: str, reason: str, **more: Any) -> Line:
        """A party that says on whom it failed."""

        async def ends(agreed: Plan) -> dict[str, Any]:
            return report(self.small, agreed, name, outcome="failed", root=root, reason=reason, **more)

        return self.party(name, ends=ends)

    def run(self) -> dict[str, Any]:
        """The account of the session."""
        self.shared = outcome(self.plan)
        return run(self.proposals.run(self.own.network, self.plan, self.told.append))

    def refusal(self) -> ProposalRefusedError:
        """Why it did not come to a session; nothing is waited for any longer."""
        with pytest.raises(ProposalRefusedError) as caught:
            self.run()
        assert self.results._collectors == {}
        assert self.own.entries("proposal") == []
        return caught.value


@pytest.fixture
def station(tmp_path: Path) -> Proposing:
    return Proposing(tmp_path)


def test_all_accept_all_hear_each_others_answers_and_the_result_is_in_the_account(station: Proposing) -> None:
    account = station.run()
    assert (account["outcome"], account["root"], account["left_out"]) == ("done", "", {})
    assert account["result"]["correct"] is True
    assert account["reports"] == {party: {"outcome": "done", "root": "", "reason": ""} for party in PARTIES}
    for party in PARTIES:
        proposed, whole = station.heard[party]
        assert (proposed["plan"], proposed["heard"]) == (station.plan.content, None)
        assert bundle.parse(whole, station.small.networks(party).find("n")).plan == station.plan
    assert station.told[0] == {"event": "accepted", "session": station.plan.session, "by": list(PARTIES)}
    computing = [{"party": party, "event": "computing", "contributors": 4} for party in PARTIES]
    assert sorted(station.told[1:], key=lambda event: event["party"]) == computing
    assert {peer for peer, _ in station.peers.opened} == set(PARTIES)
    [entry] = station.own.entries("proposal")
    assert (entry["plan"], set(entry["registers"])) == (station.plan.digest, set(PARTIES))


def test_a_proposer_that_sees_no_result_has_only_the_account(station: Proposing) -> None:
    station.plan = plain_plan(station.own.network, results=["n.b"])
    account = station.run()
    assert account["outcome"] == "done"
    assert "result" not in account
    assert station.results._collectors == {}


def test_a_party_that_is_away_is_named_before_anything_starts(station: Proposing) -> None:
    del station.peers.lines["n.c"]
    error = station.refusal()
    assert (error.reasons, error.refused) == ({"n.c": "does not answer"}, False)
    assert str(error) == "n.c: does not answer"


def test_who_refuses_is_named_with_its_reason_and_nobody_gets_a_bundle(station: Proposing) -> None:
    station.peers.lines["n.b"] = station.party("n.b", says="at_most: griep may run daily at most and ran before")
    station.peers.lines["n.c"] = station.party("n.c", says="busy\x1b[31m")
    error = station.refusal()
    assert error.refused
    assert error.reasons == {"n.b": "at_most: griep may run daily at most and ran before", "n.c": "busy [31m"}
    brought = {name: [one for one in heard if set(one) != {"withdrawn"}] for name, heard in station.heard.items()}
    assert {name: len(heard) for name, heard in brought.items()} == {"n.a": 1, "n.b": 1, "n.c": 1}


@pytest.mark.parametrize(("said", "waits"), [(30, {"n.c"}), ("long", set()), (True, set())])
def test_who_is_about_to_be_replaced_did_not_say_no(station: Proposing, said: Any, waits: set[str]) -> None:
    async def later(line: Connection) -> None:
        await line.receive(LARGE)
        await line.send({"refused": "n.c is being upgraded", "again": True, "drains": said})

    station.peers.lines["n.c"] = later
    error = station.refusal()
    assert (set(error.drains), error.refused, set(error.reasons)) == (waits, not waits, {"n.c"})
    assert station.proposals.going == set()


async def hangs_up(_: Connection) -> None:
    return None


async def is_refused(line: Connection) -> None:
    await line.receive(LARGE)
    await line.send({"refused": "proposer: not you"})


async def says_nonsense(line: Connection) -> None:
    await line.receive(LARGE)
    await line.send({"answer": {"accepted": True}, "signature": "AAAA", "more": 1})


async def answers_unsigned(line: Connection) -> None:
    await line.receive(LARGE)
    await line.send({"answer": {"accepted": True}, "signature": "AAAA"})


@pytest.mark.parametrize(
    ("line", "why", "refused"),
    [
        (hangs_up, "connection", False),
        (is_refused, "proposer: not you", True),
        (says_nonsense, "an answer that cannot be read", True),
        (answers_unsigned, "n.b did not sign this with its pinned statement key", True),
    ],
)
def test_an_answer_that_is_none_is_no_acceptance(station: Proposing, line: Line, why: str, refused: bool) -> None:
    station.peers.lines["n.b"] = line
    error = station.refusal()
    assert list(error.reasons) == ["n.b"]
    assert why in error.reasons["n.b"]
    assert error.refused is refused


def test_an_acceptance_of_another_plan_is_none(station: Proposing) -> None:
    async def other(line: Connection) -> None:
        await line.receive(LARGE)
        await line.send(
            bundle.sign_answer(station.small.keys["n.b"], "0" * 64, "n.b", "", HEAD, seal.public(PRIVATE["n.b"]))
        )

    station.peers.lines["n.b"] = other
    assert station.refusal().reasons == {"n.b": "answers: n.b did not accept this plan"}


def test_a_register_that_is_not_the_one_told_of_before_is_found(station: Proposing) -> None:
    """Each party is asked for the entry that its register ended with when this station last heard of it."""
    deliver(station.small, {"n.a": station.own.folders.allowances})
    station.plan = data_plan(station.own.network)
    key = station.own.network.stations["n.b"].key_digest
    before = {"entries": 7, "digest": "7" * 64}
    station.own.register.add("run", registers={"n.b": {**before, "key": key}})
    station.head = {"entries": 9, "digest": "9" * 64, "heard": {"entries": 7, "digest": "8" * 64}}
    error = station.refusal()
    assert error.reasons == {"n.b": "register: its entry 7 is not the one that it told of before"}
    assert [station.heard[party][0]["heard"] for party in PARTIES] == [None, before, None]


# How it ends


def test_the_one_that_most_name_is_the_one_it_failed_on(station: Proposing) -> None:
    station.peers.lines = {
        "n.a": station.failed("n.a", "n.c", "its connection was closed"),
        "n.b": station.failed("n.b", "n.c", "it sent keys that do not belong to its number", violation=True),
        "n.c": station.failed("n.c", "n.a", "its connection was closed"),
    }
    account = station.run()
    assert (account["outcome"], account["root"]) == ("failed", "n.c")
    assert account["reason"] == "it sent keys that do not belong to its number"
    assert account["reports"]["n.c"] == {"outcome": "failed", "root": "n.a", "reason": "its connection was closed"}
    assert "result" not in account


def test_it_is_told_where_a_session_that_failed_counts_all_the_same(station: Proposing) -> None:
    station.peers.lines = {
        "n.a": station.failed("n.a", "n.c", "its connection was closed", counts=True),
        "n.b": station.failed("n.b", "n.c", "its connection was closed", counts=False),
        "n.c": station.failed("n.c", "n.c", "its computer ended or is stuck"),
    }
    assert station.run()["counts"] == ["n.a"]


def test_a_party_that_falls_silent_is_named(station: Proposing) -> None:
    async def gone(_: Plan) -> None:
        return None

    station.peers.lines["n.b"] = station.party("n.b", ends=gone)
    account = station.run()
    assert (account["outcome"], account["root"]) == ("failed", "n.b")
    assert account["reports"]["n.b"]["outcome"] == "silent"


def test_a_party_that_says_nothing_for_long_is_given_up(station: Proposing, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def ends(name: str) -> Callable[[Plan], Awaitable[dict[str, Any]]]:
        async def work(agreed: Plan) -> dict[str, Any]:
            ended.append(name)
            return await station.done(name)(agreed)

        return work

    async def falls_silent(line: Connection) -> None:
        await line.receive(LARGE)
        public = seal.public(PRIVATE["n.b"])
        await line.send(bundle.sign_answer(station.small.keys["n.b"], station.plan.digest, "n.b", "", HEAD, public))
        await line.receive(LARGE)
        await until(lambda: len(ended) == 2)
        monkeypatch.setattr(proposal, "SILENCE", 0.02)  # from the next event on, which is of this party alone
        await line.send({"event": "busy"})
        await asyncio.Event().wait()

    station.peers.lines = {name: station.party(name, ends=ends(name)) for name in PARTIES}
    station.peers.lines["n.b"] = falls_silent
    account = station.run()
    assert (account["root"], account["reason"]) == ("n.b", "the other side said nothing for 0.02 s")


def test_once_it_failed_for_one_the_others_have_not_for_ever_to_say_so(
    station: Proposing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposal, "FAREWELL", 0.05)

    async def never(_: Plan) -> None:
        await asyncio.Event().wait()

    station.peers.lines["n.a"] = station.failed("n.a", "n.c", "it gave no sign of life for 5 s")
    station.peers.lines["n.c"] = station.party("n.c", ends=never)
    account = station.run()
    assert account["root"] == "n.c"
    silent = "it said nothing more after the session had failed for others"
    assert account["reports"]["n.c"] == {"outcome": "silent", "root": "n.c", "reason": silent}


def test_a_liar_that_fails_alone_has_nobody_named_who_goes_on(
    station: Proposing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reports a failure to whoever asked and computes on with the others, who say that they are there."""
    monkeypatch.setattr(proposal, "FAREWELL", 0.3)

    async def goes_on(connection: Connection) -> None:
        await connection.receive(LARGE)
        public = seal.public(PRIVATE["n.c"])
        answer = bundle.sign_answer(station.small.keys["n.c"], station.plan.digest, "n.c", "", station.head, public)
        await connection.send(answer)
        await connection.receive(LARGE)
        while True:
            await connection.send({"event": "busy"})
            await asyncio.sleep(0.05)

    station.peers.lines["n.a"] = station.failed("n.a", "n.c", "it gave no sign of life for 5 s")
    station.peers.lines["n.c"] = goes_on
    account = station.run()
    assert (account["outcome"], account["root"]) == ("failed", "")
    assert account["reports"]["n.c"]["reason"] == "n.c had not ended when the session had failed for others"


def test_a_report_that_is_not_signed_by_its_party_or_on_another_session_counts_as_none(station: Proposing) -> None:
    async def forged(agreed: Plan) -> dict[str, Any]:
        return {**report(station.small, agreed, "n.b"), "signature": "AAAA"}

    async def other(agreed: Plan) -> dict[str, Any]:
        return report(station.small, agreed, "n.c", plan="0" * 64)

    station.peers.lines["n.b"] = station.party("n.b", ends=forged)
    station.peers.lines["n.c"] = station.party("n.c", ends=other)
    account = station.run()
    assert account["outcome"] == "failed"
    assert account["reports"]["n.b"]["reason"] == "the signature is not by the pinned statement key"
    assert account["reports"]["n.c"]["reason"] == "a report on another session"


def test_a_result_that_does_not_come_is_no_success(station: Proposing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "RESULT_WITHIN", 0.02)

    async def without(agreed: Plan) -> dict[str, Any]:
        return report(station.small, agreed, "n.b")

    station.peers.lines["n.b"] = station.party("n.b", ends=without)
    account = station.run()
    assert (account["outcome"], account["reason"]) == ("failed", "no result came in time")
    assert station.results._collectors == {}


def test_a_result_that_cannot_be_right_is_no_success(station: Proposing) -> None:
    async def wrong(agreed: Plan) -> dict[str, Any]:
        common, rows = outcome(agreed)
        body = b"".join(value.to_bytes(12, "little") for value in rows[1])
        await bring_row(station.answers, station.own, agreed, "n.b", {**common, "public": []}, body)
        return report(station.small, agreed, "n.b")

    station.peers.lines["n.b"] = station.party("n.b", ends=wrong)
    account = station.run()
    assert account["outcome"] == "failed"
    assert "do not give the same account" in account["reason"]
