"""What a contributor does: it looks for itself, shares out once, and keeps what it hears of the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from station_image.runtime import analyses
from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.refusal import DrainsError, RefusedError
from station_image.runtime.consent import bundle
from station_image.runtime.consent.opened import Opened
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import editions, seal, shares
from station_image.runtime.session import contribution
from station_image.runtime.session.contribution import Contributions
from station_image.runtime.session.past import Past
from station_image.runtime.wire.answers import Answers
from tests.station_image.runtime import questions
from tests.station_image.runtime.neighbours import (
    FakePeers,
    Own,
    agreed_bundle,
    away,
    data_plan,
    deliver,
    opened_deposit,
    plain_plan,
    refuses,
    report,
    run,
    signed,
    until,
)
from tests.station_image.runtime.views import PARTIES, Small


class Contributor:
    """n.d with real folders and other stations that only keep what they are asked."""

    def __init__(self, folder: Path, small: Small | None = None) -> None:
        self.small = small or Small.make(folder)
        self.own = Own(self.small, "n.d", folder / "station")
        self.peers, self.past, self.answers = FakePeers(), Past(), Answers()
        own = self.own
        parts = (own.key, own.folders, own.gate, own.seen, own.register, own.opened, self.peers, self.past)
        self.contributions = Contributions(*parts)  # type: ignore[arg-type]
        self.contributions.answer_in(self.answers)

    def plan(self, **changes: Any) -> Plan:
        return plain_plan(self.small.networks("n.a").find("n"), **changes)

    def ask(self, peer: str, kind: str, content: dict[str, Any]) -> Coroutine[Any, Any, dict[str, Any]]:
        return self.answers.answer(self.own.caller(peer, kind=kind), content, b"")

    def start(self, agreed: Plan, by: str = "n.a") -> Coroutine[Any, Any, dict[str, Any]]:
        return self.ask(by, "start", signed(self.small, agreed)[1])

    async def contributed(self, agreed: Plan) -> None:
        """Contribute, and wait until that is over."""
        before = len(self.own.entries("contributed"))
        assert await self.start(agreed) == {"ok": True}
        await until(lambda: len(self.own.entries("contributed")) > before)


@pytest.fixture
def station(tmp_path: Path) -> Contributor:
    return Contributor(tmp_path)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contribution, "RETRY", 0.001)


def test_each_party_gets_its_share_of_the_same_submission_and_together_they_have_the_numbers(
    station: Contributor,
) -> None:
    agreed = station.plan()
    run(station.contributed(agreed))
    assert station.peers.kinds("deposit") == list(agreed.computing)
    [tag] = {request["tag"] for _, request, _, _ in station.peers.asked}
    assert editions.in_tag(tag)
    assert {(request["session"], request["plan"]) for _, request, _, _ in station.peers.asked} == {
        (agreed.session, agreed.digest)
    }
    assert all(len(body) == agreed.body_length + seal.OVERHEAD for _, _, _, body in station.peers.asked)
    opened = [opened_deposit(station.small, agreed, "n.d", asked) for asked in station.peers.asked]
    for _, _, content, _ in station.peers.asked:
        found = bundle.check_head(content["register"], "n.d", station.own.network)
        statement.verify(
            station.own.key.public,
            statement.REGISTER_HEAD,
            {name: found[name] for name in ("entries", "digest", "at")},
            found["signature"],
        )
    rows = [shares.unpack(body, agreed.length) for body in opened]
    source = analyses.Source(agreed.session, "n.d", agreed.parameters)
    assert shares.recombine(rows, agreed.threshold) == analyses.find(agreed.analysis).numbers(source, [])
    [entry] = station.own.entries("contributed")
    assert (entry["session"], entry["plan"], entry["parties"]) == (agreed.session, agreed.digest, 3)
    last = station.past.last("n")
    assert last is not None
    assert (last["session"], last["outcome"]) == (agreed.session, "contributed")


def test_nothing_is_shared_out_where_a_computing_party_left_meanwhile(
    station: Contributor, capsys: pytest.CaptureFixture[str]
) -> None:
    station.peers.left = ["n.c"]

    async def work() -> None:
        assert await station.start(station.plan()) == {"ok": True}
        said = ""
        while "contribution-stopped" not in said:
            said += capsys.readouterr().out
            await asyncio.sleep(0.001)

    run(work())
    assert station.peers.kinds("deposit") == []


def test_all_computing_parties_ask_and_it_contributes_once_and_reads_once(
    station: Contributor, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    bring = analyses.bring

    def counted(name: str, source: analyses.Source) -> Any:
        read.append(name)
        return bring(name, source)

    monkeypatch.setattr(analyses, "bring", counted)

    async def work() -> None:
        agreed = station.plan()
        answers = await asyncio.gather(*(station.start(agreed, by=party) for party in PARTIES))
        assert answers == [{"ok": True}] * 3
        await until(lambda: station.own.entries("contributed"))
        assert await station.start(agreed) == {"ok": True}
        await asyncio.sleep(0.02)

    run(work())
    assert read == ["acceptance_sum/1"]
    assert station.peers.kinds("deposit") == list(PARTIES)
    assert len(station.own.entries("contributed")) == 1


def test_an_id_that_was_contributed_to_is_not_contributed_to_after_a_restart(tmp_path: Path) -> None:
    station = Contributor(tmp_path)
    agreed = station.plan()
    run(station.contributed(agreed))
    again = Contributor(tmp_path, station.small)

    async def work() -> None:
        await again.contributions.begin(again.own.network, agreed_bundle(again.small, agreed))
        await asyncio.sleep(0.02)

    run(work())
    assert again.peers.asked == []


def test_a_party_that_is_away_is_asked_again_while_the_intake_lasts(station: Contributor) -> None:
    tries: list[str] = []

    def told(peer: str, request: Any) -> dict[str, Any]:
        if peer == "n.b":
            tries.append(peer)
            if len(tries) < 3:
                return away("n.b")(peer, request)
        return {"ok": True}

    station.peers.told = told
    run(station.contributed(station.plan()))
    assert len(tries) == 3
    assert station.own.entries("contributed")[0]["parties"] == 3


@pytest.mark.parametrize(("heard", "over"), [(["n.a"], False), (["n.a", "n.b"], True)])
def test_a_party_that_died_is_asked_no_more_once_enough_others_say_that_the_session_failed(
    station: Contributor, heard: list[str], over: bool
) -> None:
    station.peers.told = away("n.c")
    agreed = station.plan(intake=60)

    async def work() -> None:
        assert await station.start(agreed) == {"ok": True}
        await until(lambda: station.peers.kinds("deposit").count("n.c") > 3)
        for party in heard:
            await station.ask(party, "receipt", report(station.small, agreed, party, outcome="failed", counts=False))
        await asyncio.sleep(0.1)
        assert bool(station.own.entries("contributed")) is over

    run(work())


def test_a_party_that_stays_away_or_refuses_leaves_the_others_their_shares(
    station: Contributor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contribution, "RETRY", 10.0)  # longer than the intake
    station.peers.told = away("n.c")
    run(station.contributed(station.plan()))
    assert station.own.entries("contributed")[0]["parties"] == 2
    last = station.past.last("n")
    assert last is not None
    assert last["outcome"] == "contributed in part"


def test_a_party_whose_key_is_none_gets_nothing_and_the_others_their_shares(station: Contributor) -> None:
    agreed = station.plan()
    content = signed(station.small, agreed)[1]
    head = content["answers"]["n.b"]["answer"]["register"]
    point = bytes(32)  # of small order: what is sealed for it anybody could open
    answer = bundle.sign_answer(station.small.keys["n.b"], agreed.digest, "n.b", "", head, point)
    content["answers"]["n.b"] = answer

    async def work() -> None:
        assert await station.ask("n.a", "start", content) == {"ok": True}
        await until(lambda: station.own.entries("contributed"))

    run(work())
    assert station.peers.kinds("deposit") == ["n.a", "n.c"]
    assert station.own.entries("contributed")[0]["parties"] == 2


def test_a_refusal_is_not_asked_again(station: Contributor) -> None:
    station.peers.told = refuses("n.c")
    run(station.contributed(station.plan()))
    assert station.peers.kinds("deposit").count("n.c") == 1
    assert station.own.entries("contributed")[0]["parties"] == 2


@pytest.mark.parametrize(
    ("changes", "by", "said"),
    [
        ({}, "n.d", "n.d is not a computing party"),
        ({"contributors": ["n.a", "n.b"]}, "n.a", "contributors: n.d is not one of them"),
    ],
)
def test_who_may_not_start_it_or_what_it_is_not_named_in_is_refused(
    station: Contributor, changes: dict[str, Any], by: str, said: str
) -> None:
    assert run(station.start(station.plan(**changes), by)) == {"refused": said}
    assert station.peers.asked == []


def test_a_plan_that_a_computing_party_did_not_accept_is_refused(station: Contributor) -> None:
    content = signed(station.small, station.plan())[1]
    digest = bundle.parse(content, station.own.network).plan.digest
    head = content["answers"]["n.b"]["answer"]["register"]
    content["answers"]["n.b"] = bundle.sign_answer(station.small.keys["n.b"], digest, "n.b", "busy", head)
    assert "n.b did not accept this plan" in run(station.ask("n.a", "start", content))["refused"]
    assert station.peers.asked == []


# Data


@pytest.fixture
def asked(station: Contributor) -> Plan:
    """A question that the steward of n.d allows, and that the proposer's station asks."""
    deliver(station.small, {"n.d": station.own.folders.allowances})
    return data_plan(station.small.networks("n.a").find("n"))


def put(station: Contributor, text: str) -> None:
    folder = station.own.folders.data("n", questions.NAME)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meldingen.csv").write_text(text)


def test_what_is_wrong_with_the_data_stays_at_home(
    station: Contributor, asked: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    put(station, "postcode;leeftijd\n1004;geheim\n")
    said = "data: its files cannot be used; `station data griep` there says why"
    assert run(station.start(asked)) == {"refused": said}
    assert "geheim" not in capsys.readouterr().out
    assert station.peers.asked == []


def test_the_same_data_have_the_same_edition_whatever_the_session(station: Contributor, asked: Plan) -> None:
    put(station, "postcode4\n7001\n7001\n7002\n")
    run(station.contributed(asked))
    other = data_plan(station.small.networks("n.a").find("n"), session="cd" * 16)
    run(station.contributed(other))
    found = {editions.in_tag(request["tag"]) for _, request, _, _ in station.peers.asked}
    tags = {request["tag"] for _, request, _, _ in station.peers.asked}
    assert (len(found), len(tags)) == (1, 2)


def test_without_the_stewards_consent_nothing_is_read(station: Contributor, asked: Plan) -> None:
    (station.own.folders.allowances / f"n~{questions.NAME}.json").unlink()
    assert run(station.start(asked)) == {"refused": "allowance: the steward here does not allow griep"}


# How it ended


def receipt(station: Contributor, content: dict[str, Any], by: str = "n.a") -> dict[str, Any]:
    return run(station.ask(by, "receipt", content))


def test_a_signed_report_of_each_party_is_entered(station: Contributor) -> None:
    agreed = station.plan()
    run(station.contributed(agreed))
    for party in PARTIES:
        assert receipt(station, report(station.small, agreed, party), party) == {"ok": True}
    entries = station.own.entries("receipt")
    assert [(entry["party"], entry["outcome"], entry["plan"]) for entry in entries] == [
        (party, "done", agreed.digest) for party in PARTIES
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: {}, "report: not that of who sends it"),
        (lambda one: {**one, "report": {**one["report"], "party": "n.b"}}, "report: not that of who sends it"),
        (lambda one: {**one, "report": {**one["report"], "outcome": "failed"}}, "report: the signature is not by"),
        (lambda one: {**one, "signature": None}, "report: the signature is not by"),
        (lambda one: {**one, "report": {**one["report"], "session": "00"}}, "report: of no session that this station"),
        (lambda one: {**one, "report": {**one["report"], "plan": "00"}}, "report: of no session that this station"),
    ],
)
def test_a_report_that_is_not_that_partys_on_this_session_is_refused(
    station: Contributor, change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    agreed = station.plan()
    run(station.contributed(agreed))
    assert receipt(station, change(report(station.small, agreed, "n.a")))["refused"].startswith(said)
    assert station.own.entries("receipt") == []


def test_a_report_signed_for_another_purpose_is_refused(station: Contributor) -> None:
    agreed = station.plan()
    run(station.contributed(agreed))
    content = report(station.small, agreed, "n.a")
    content["signature"] = station.small.keys["n.a"].sign(statement.ANSWER, content["report"])
    assert "the signature is not by" in receipt(station, content)["refused"]


def test_only_the_newest_contributions_still_hear_how_they_ended(
    station: Contributor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contribution, "MOST", 2)
    plans = [station.plan(session=f"{number}" * 32) for number in range(3)]
    for agreed in plans:
        run(station.contributed(agreed))
    said = [receipt(station, report(station.small, agreed, "n.a")) for agreed in plans]
    assert ["refused" in one for one in said] == [True, False, False]


@pytest.mark.parametrize(
    ("ended", "counts"),
    [
        ({"outcome": "done"}, True),
        ({"outcome": "failed"}, False),
        ({"outcome": "failed", "counts": False}, False),
        ({"outcome": "failed", "counts": True}, True),
    ],
)
def test_what_was_opened_counts_for_who_only_contributed(
    station: Contributor, asked: Plan, ended: dict[str, Any], counts: bool
) -> None:
    """The whole of the same areas, of the same data: what the total is more than the areas is a suppressed one.

    The party that gave its share away may be gone; then it is another's failed session that counts.
    """
    put(station, "postcode4\n7001\n")
    run(station.contributed(asked))
    for party in ("n.a", "n.b"):
        receipt(station, report(station.small, asked, party, **ended), party)
    whole = {"field": "postcode4", "low": 7001, "high": 7040, "bins": 1}
    deliver(station.small, {"n.d": station.own.folders.allowances}, analysis="descriptive/1", parameters=whole)
    total = data_plan(station.small.networks("n.a").find("n"), session="cd" * 16)
    if not counts:
        run(station.contributed(total))
        return
    refused = run(station.start(total))["refused"]
    assert refused.startswith("cells: postcode4 7001-7040 beside postcode4 7001 of griep of ")
    put(station, "postcode4\n7001\n7001\n")
    run(station.contributed(total))


@pytest.mark.parametrize("heard", [[], ["n.a"]])
def test_until_enough_say_that_nothing_was_opened_a_contribution_is_remembered_also_when_its_station_was_killed(
    station: Contributor, asked: Plan, heard: list[str]
) -> None:
    """One that was killed in between is told nothing, and one party alone may lie about how it ended.

    The gain: it gives the same data to a total from which the opened areas can be taken.
    """
    put(station, "postcode4\n7001\n")
    run(station.contributed(asked))
    for party in heard:
        receipt(station, report(station.small, asked, party, outcome="failed", counts=False), party)
    again = Opened(station.own.folders.state / "runs.json")
    tag = next(request["tag"] for _, request, _, _ in station.peers.asked if request["kind"] == "deposit")
    again.check(asked, "monthly", time.time())  # it may be asked again: perhaps nothing was opened
    again.check_own(asked, "n.d", editions.in_tag(tag))
    whole = {"field": "postcode4", "low": 7001, "high": 7040, "bins": 1}
    deliver(station.small, {"n.d": station.own.folders.allowances}, analysis="descriptive/1", parameters=whole)
    total = data_plan(station.small.networks("n.a").find("n"), session="cd" * 16)
    with pytest.raises(RefusedError, match="postcode4 7001-7040 beside postcode4 7001 of griep"):
        again.check_own(total, "n.d", editions.in_tag(tag))
    assert run(station.start(total))["refused"].startswith("cells: postcode4 7001-7040 beside")


def test_a_contributor_that_drains_says_later_and_counts_what_it_joined_until_it_ended(station: Contributor) -> None:
    agreed, drains = station.plan(), [True]

    def joins(network: Network, proposed: int) -> None:
        assert proposed == agreed.proposed
        if drains:
            raise DrainsError(network.self_id, 30)

    station.contributions._joins = joins

    async def work() -> None:
        told = await station.start(agreed)
        assert (told["again"], told["drains"], station.contributions.going) == (True, 30, set())
        drains.clear()
        await station.contributed(agreed)
        drains.append(True)
        assert await station.start(agreed) == {"ok": True}, "it joined before"
        for party in PARTIES:
            assert station.contributions.going == {agreed.session}
            assert await station.ask(party, "receipt", report(station.small, agreed, party)) == {"ok": True}
        assert station.contributions.going == set()

    run(work())


def test_what_it_could_not_contribute_to_or_will_not_hear_of_goes_on_no_longer(
    station: Contributor, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed = station.plan()
    monkeypatch.setattr(contribution, "STRAGGLERS", 0.0)

    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(analyses, "bring", mock.Mock(side_effect=ValueError))
            assert "refused" in await station.start(agreed)
        assert station.contributions.going == set()
        await station.contributed(agreed)
        await station.ask("n.a", "receipt", report(station.small, agreed, "n.a"))
        assert station.contributions.going == set(), "the others had time to say it too"

    run(work())
