"""What a result party takes: shares of all computing parties on one polynomial, with the same account, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime.base import contract
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import shares
from station_image.runtime.session import alive, results, sealed
from station_image.runtime.session.results import ResultError, Results
from station_image.runtime.wire import frames
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.peers import Peers
from tests.station_image.runtime import questions
from tests.station_image.runtime.neighbours import (
    PRIVATE,
    FakePeers,
    Own,
    agreed_bundle,
    bring_row,
    data_plan,
    deliver,
    outcome,
    pair,
    plain_plan,
    run,
)
from tests.station_image.runtime.views import PARTIES, Small


class Receiver:
    """n.a, that may see the outcome."""

    def __init__(self, folder: Path) -> None:
        self.small = Small.make(folder)
        self.own = Own(self.small, "n.a", folder / "station")
        self.answers = Answers()
        own, self.peers = self.own, FakePeers()
        self.results = Results(own.key, own.folders.results, own.gate, own.register, cast(Peers, self.peers))
        self.results.answer_in(self.answers)

    def plan(self, **changes: Any) -> Plan:
        return plain_plan(self.small.networks("n.a").find("n"), **changes)

    async def send(
        self,
        agreed: Plan,
        party: str,
        row: list[int] | None = None,
        common: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        plan: str = "",
    ) -> dict[str, Any]:
        """Bring one party's shares of the outcome."""
        usual, rows = outcome(agreed)
        number = agreed.computing.index(party) if party in agreed.computing else 0
        packed = shares.pack(rows[number] if row is None else row) if body is None else body
        account = usual if common is None else common
        return await bring_row(self.answers, self.own, agreed, party, account, packed, plan)

    async def all_send(self, agreed: Plan, **changed: Any) -> list[dict[str, Any]]:
        """The shares of all computing parties, of one outcome; `changed` replaces what the last one sends."""
        common, rows = outcome(agreed)
        said = []
        for number, party in enumerate(PARTIES):
            whole = {"row": rows[number], "common": common, **(changed if party == PARTIES[-1] else {})}
            said.append(await self.send(agreed, party, **whole))
        return said

    def path(self, agreed: Plan) -> Path:
        return self.own.root / contract.RESULT.path.format(session=agreed.session)


@pytest.fixture
def station(tmp_path: Path) -> Receiver:
    return Receiver(tmp_path)


def test_the_outcome_lies_there_once_all_shares_came_and_who_waits_has_it(station: Receiver) -> None:
    agreed = station.plan()

    async def work() -> dict[str, Any]:
        waiting = station.results.expect(agreed)
        assert await station.all_send(agreed) == [{"ok": True}] * 3
        return await waiting

    found = run(work())
    assert found["result"]["correct"] is True
    assert (found["contributors"], found["left_out"]) == (list(agreed.contributors), {})
    about = {"network": "n", "session": agreed.session, "question": "acceptance", "analysis": "acceptance_sum/1"}
    assert json.loads(station.path(agreed).read_text()) == {**about, **found}
    assert list(station.path(agreed).parent.iterdir()) == [station.path(agreed)]
    [entry] = station.own.entries("result")
    assert (entry["session"], entry["contributors"]) == (agreed.session, list(agreed.contributors))


def test_a_result_party_that_did_not_propose_has_it_too(station: Receiver) -> None:
    agreed = station.plan()
    run(station.all_send(agreed))
    assert json.loads(station.path(agreed).read_text())["result"]["correct"] is True


LEFT_OUT = {"contributors": ["n.a", "n.b", "n.c"], "left_out": {"n.d": "nothing of it arrived"}, "public": [1]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"common": LEFT_OUT}, "do not give the same account of who contributed"),
        ({"row": [5] * 16}, "do not lie on a polynomial of degree 1"),
        ({"row": [5] * 15}, "rows of unequal length"),
    ],
)
def test_a_party_that_says_something_else_spoils_the_result_and_changes_none(
    station: Receiver, changed: dict[str, Any], why: str
) -> None:
    agreed = station.plan()

    async def work() -> None:
        waiting = station.results.expect(agreed)
        await station.all_send(agreed, **changed)
        with pytest.raises(ResultError, match=why):
            await waiting

    run(work())
    assert not station.path(agreed).exists()
    assert station.own.entries("result") == []


@pytest.mark.parametrize(
    ("common", "why"),
    [
        ({}, "cannot be read"),
        ({"contributors": 5, "left_out": {}, "public": []}, "cannot be read"),
        ({"contributors": ["n.a"], "left_out": [], "public": []}, "cannot be read"),
        ({"contributors": ["n.a"], "left_out": {}, "public": ["x"]}, "cannot be read"),
        ({"contributors": ["n.a", "n.b"], "left_out": {}, "public": [1]}, "does not fit the plan"),
        (
            {"contributors": ["n.a"], "left_out": dict.fromkeys(("n.b", "n.c", "n.d"), "away"), "public": [1]},
            "does not fit the plan",
        ),
        (LEFT_OUT, ""),
    ],
)
def test_an_account_on_which_all_agree_has_to_fit_the_plan(station: Receiver, common: Any, why: str) -> None:
    agreed = station.plan()
    _, rows = outcome(agreed)

    async def work() -> dict[str, Any]:
        waiting = station.results.expect(agreed)
        for number, party in enumerate(PARTIES):
            await station.send(agreed, party, rows[number], common)
        return await waiting

    if why:
        with pytest.raises(ResultError, match=why):
            run(work())
        assert not station.path(agreed).exists()
    else:
        assert run(work())["left_out"] == {"n.d": "nothing of it arrived"}


def test_who_sends_no_share_in_time_is_named(station: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "COMPLETE_WITHIN", 0.01)
    agreed = station.plan()

    async def work() -> None:
        waiting = station.results.expect(agreed)
        await station.send(agreed, "n.b")
        with pytest.raises(ResultError, match=r"no share of the result came from n\.a, n\.c"):
            await waiting

    run(work())


def test_a_party_that_is_gone_before_it_sent_its_share_is_named_at_once(
    station: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "EVERY", 0.01)
    agreed = station.plan()
    station.peers.answering = {"n.b", "n.c"}
    station.peers.told = lambda peer, _: {"running": peer == "n.b", "known": False}

    async def work() -> None:
        waiting = station.results.expect(agreed)
        await station.send(agreed, "n.a")
        await station.send(agreed, "n.b")
        with pytest.raises(ResultError, match=r"no share of the result came from n\.c$"):
            await waiting

    run(work(), seconds=5)


def test_a_party_sends_its_shares_once_and_none_after_the_result(station: Receiver) -> None:
    """One that lost the answer and asks again for the key hears that they came, and is given no key."""
    agreed = station.plan()
    about = {"session": agreed.session, "plan": agreed.digest}

    async def again() -> list[dict[str, Any]]:
        bundle = {"bundle": agreed_bundle(station.small, agreed).content}
        kinds: tuple[tuple[str, dict[str, Any]], ...] = (("result-key", bundle), ("result", {}))
        return [
            await station.answers.answer(station.own.caller("n.a", kind=kind, **about), content, b"")
            for kind, content in kinds
        ]

    async def work() -> None:
        assert await station.send(agreed, "n.a") == {"ok": True}
        assert await again() == [{"here": True}, {"refused": "shares: a second time"}]
        station.results.forget(agreed)
        await station.all_send(agreed)
        assert await again() == [{"here": True}, {"refused": "plan: no shares of its outcome are expected"}]

    run(work())


@pytest.mark.parametrize(
    ("plan", "how", "said"),
    [
        ({"results": ["n.b"]}, {"party": "n.a"}, "results: n.a is not a result party"),
        ({}, {"party": "n.d"}, "computing: these shares are not of a computing party of this plan"),
        ({}, {"party": "n.a", "plan": "0" * 64}, "computing: these shares are not of a computing party of this plan"),
        ({}, {"party": "n.a", "body": b"\xff" * 12}, "shares: a share outside the field"),
        ({}, {"party": "n.a", "body": b"\x01" * 13}, "shares: 13 bytes where 12 belong"),
    ],
)
def test_shares_that_do_not_belong_here_are_refused(
    station: Receiver, plan: dict[str, Any], how: dict[str, Any], said: str
) -> None:
    assert run(station.send(station.plan(**plan), **how)) == {"refused": said}
    assert list(station.own.folders.results.iterdir()) == []


def test_what_was_not_sealed_for_the_key_that_this_station_told_is_refused(station: Receiver) -> None:
    agreed, other = station.plan(), station.plan(session="cd" * 16)
    common, rows = outcome(agreed)
    packed = shares.pack(rows[0])

    async def send(party: str, body: bytes, about: Plan = agreed) -> dict[str, Any]:
        request = {"kind": "result", "session": about.session, "plan": about.digest}
        return await station.answers.answer(station.own.caller(party, **request), {}, body)

    async def key(party: str, about: Plan = agreed) -> bytes:
        request = {"kind": "result-key", "session": about.session, "plan": about.digest}
        content = {"bundle": agreed_bundle(station.small, about).content}
        told = await station.answers.answer(station.own.caller(party, **request), content, b"")
        return sealed.check_result_key(told, station.own.key.public, about, "n.a")

    async def work() -> None:
        assert await send("n.a", packed) == {"refused": "plan: no shares of its outcome are expected"}
        public = await key("n.a")
        assert public == await key("n.b")
        assert public != await key("n.a", other)
        not_asked = "computing: these shares are not of a computing party that asked for the key"
        for party in ("n.c", "n.d"):
            assert await send(party, packed) == {"refused": not_asked}
        row = sealed.row(PRIVATE["n.a"], agreed, "n.a", "n.a", public, common, packed)
        for party, body, about in (
            ("n.a", packed, agreed),
            ("n.a", row[:-1] + bytes([row[-1] ^ 1]), agreed),
            ("n.b", row, agreed),
            ("n.a", row, other),
            ("n.a", sealed.row(PRIVATE["n.b"], agreed, "n.a", "n.a", public, common, packed), agreed),
        ):
            said = await send(party, body, about)
            assert said["refused"].startswith("row: a message that is not the next one of the other end"), said
        assert await send("n.a", row) == {"ok": True}
        for about in (agreed, other):
            station.results.forget(about)

    run(work())


def test_a_bundle_that_does_not_hold_is_refused(station: Receiver) -> None:
    agreed = station.plan()
    content = agreed_bundle(station.small, agreed).content
    content["answers"]["n.c"]["signature"] = "AAAA"
    request = {"kind": "result-key", "session": agreed.session, "plan": agreed.digest}
    for wrong in ({"bundle": content}, {"bundle": None}, {}):
        said = run(station.answers.answer(station.own.caller("n.a", **request), wrong, b""))
        assert said.keys() == {"refused"}


def test_an_outcome_of_what_the_steward_took_back_is_not_taken(station: Receiver) -> None:
    deliver(station.small, {"n.a": station.own.folders.allowances})
    agreed = data_plan(station.own.network)
    (station.own.folders.allowances / f"n~{questions.NAME}.json").unlink()
    content = {"bundle": agreed_bundle(station.small, agreed).content}
    request = {"kind": "result-key", "session": agreed.session, "plan": agreed.digest}
    said = run(station.answers.answer(station.own.caller("n.a", **request), content, b""))
    assert said == {"refused": "allowance: the steward here does not allow griep"}


def test_an_outcome_comes_hours_after_its_plan_was_proposed(station: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = station.plan()
    monkeypatch.setattr("time.time", lambda: agreed.proposed + 20 * 3600)
    assert run(station.all_send(agreed)) == [{"ok": True}] * 3
    assert station.path(agreed).exists()


def test_nothing_is_waited_for_after_a_session_failed(station: Receiver) -> None:
    agreed = station.plan()

    async def work() -> None:
        waiting = station.results.expect(agreed)
        assert station.results.expect(agreed) is waiting
        station.results.forget(agreed)
        assert waiting.cancelled()
        station.results.forget(agreed)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(work())


def test_a_result_that_cannot_be_written_is_no_result(station: Receiver) -> None:
    agreed = station.plan()
    station.path(agreed).parent.mkdir()  # somebody else's folder under this session's name

    async def work() -> None:
        waiting = station.results.expect(agreed)
        await station.all_send(agreed)
        with pytest.raises(ResultError, match="exists"):
            await waiting

    run(work())


def test_a_row_may_be_no_longer_than_the_plan_provides_for_and_none_is_read_that_is_not_expected(
    tmp_path: Path,
) -> None:
    """What it gained: any member had a result party read 64 MB, as often as it liked, for a plan that was not there."""
    receiver = Receiver(tmp_path)
    agreed = receiver.plan()

    async def announced(party: str) -> str:
        near, far = pair()
        request = {"kind": "result", "session": agreed.session, "plan": agreed.digest}
        serving = asyncio.create_task(receiver.answers.serve(far, receiver.own.caller(party, **request)))
        near.sock.send(frames.encode({}, 64 * 1024 * 1024))  # and not a byte of them
        said = str((await near.receive())[0]["refused"])
        await serving
        return said

    async def work() -> None:
        assert await announced("n.d") == "plan: no shares of its outcome are expected"
        for party in PARTIES[:2]:
            assert await receiver.send(agreed, party) == {"ok": True}
        assert await announced("n.d") == "computing: these shares are not of a computing party that asked for the key"
        assert await announced("n.b") == "shares: a second time"
        content = {"bundle": agreed_bundle(receiver.small, agreed).content}
        about = {"kind": "result-key", "session": agreed.session, "plan": agreed.digest}
        await receiver.answers.answer(receiver.own.caller("n.c", **about), content, b"")
        longest = sealed.longest_row(agreed)
        assert await announced("n.c") == f"a body of 67108864 bytes; at most {longest} are read here"
        assert longest < 100_000

    run(work())
