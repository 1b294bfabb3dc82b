"""A station that went back: what is asked once stays asked once, whoever says whatever of it.

Three computing parties and a contributor, each with its real register and memory, ask each other without sockets.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.documents import canonical
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import back, bundle
from station_image.runtime.consent.back import GoingBack
from station_image.runtime.consent.opened import OpenedResult
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import seal
from station_image.runtime.session.wayback import WayBack
from station_image.runtime.wire import frames
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.peers import CallFailedError
from tests.station_image.runtime import questions
from tests.station_image.runtime.neighbours import PRIVATE, Own, data_plan, deliver, plain_plan, run
from tests.station_image.runtime.views import PARTIES, Small

KEPT = ("register/register.jsonl", "state/register.json", "state/runs.json")
WHY = "put back from the snapshot of Tuesday"


def sent(content: Mapping[str, Any]) -> dict[str, Any]:
    """What arrives of it at the other end."""
    return frames.parse(canonical(content))


class Wired:
    """The peers of one station: their answers, at once. `away`: who is not there."""

    def __init__(self, name: str, stations: Mapping[str, Party]) -> None:
        self.name, self.stations = name, stations
        self.away: set[str] = set()
        self.polls = mock.Mock(peers=lambda _: [])
        self.changed: Callable[[str, dict[str, Any], dict[str, Any]], dict[str, Any]] = lambda _, __, told: told

    def callable(self) -> list[str]:
        return [name for name in self.stations if name != self.name]

    def can_ask(self, _: Network, __: str) -> bool:
        return False  # whether it is there; answers here come at once

    async def ask(
        self, _: Network, peer: str, request: Mapping[str, Any], content: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        if peer in self.away:
            raise CallFailedError(peer, "does not answer")
        caller = self.stations[peer].own.caller(self.name, **request)
        told = await self.stations[peer].answers.answer(caller, sent(content or {}), b"")
        if "refused" in told:
            raise CallFailedError(peer, told["refused"], refused=True)
        return self.changed(peer, dict(request), sent(told)), b""


class Party:
    """One station, which can be copied and put back."""

    def __init__(self, small: Small, name: str, folder: Path, stations: dict[str, Party]) -> None:
        self.small, self.name, self.folder, self.stations = small, name, folder, stations
        self.peers = Wired(name, stations)
        self.start()

    def start(self) -> None:
        """Begin, as after a boot, with what lies in the folders."""
        self.own = Own(self.small, self.name, self.folder)
        own = self.own
        networks = self.small.networks(self.name)
        self.wayback = WayBack(own.key, networks, own.register, own.opened, self.peers, own.folders.allowances)  # type: ignore[arg-type]
        self.answers = Answers()
        self.wayback.answer_in(self.answers)

    def copy(self) -> Path:
        """A copy of everything, as a snapshot or a backup has it."""
        to = self.folder.with_name(f"{self.folder.name}.copy")
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)
        return to

    def put_back(self, copy: Path) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(copy, self.folder)
        self.start()

    def says(self, reason: str = WHY, **changes: Any) -> None:
        """Its steward says that it went back, as `station went-back --reason` does."""
        entries, last = self.own.register.whole()
        said = {"entries": entries, "last": last, "reason": reason, "at": time.time(), **changes}
        (self.own.folders.allowances / back.SAID).write_text(json.dumps(said))
        self.wayback.enter()

    def agrees(self, station: str, digest: str = "") -> None:
        """Its steward agrees to what another says, as `station agree` does."""
        said = self.wayback._others["n", station].said
        path = self.own.folders.allowances / f"n.{station}.agreed"
        path.write_text(json.dumps({"statement": digest or said.digest}))
        self.wayback.agree(self.own.network, station)

    def allows(self) -> None:
        """Its steward allows the question now."""
        asked = dict(self.own.network.questions[questions.NAME])
        questions.allow(self.own.folders.allowances, asked, allowed=self.own.register.index.moment + 1)

    def look(self) -> None:
        run(self.wayback.look())

    def refuses(self, agreed: Plan) -> str:
        """Why it takes no part; "" when it does."""
        try:
            self.own.gate.check(self.own.network, agreed)
        except RefusedError as error:
            return str(error)
        return ""

    def witnesses(self, agreed: Plan) -> str:
        """What it says of the registers of the other computing parties; "" when nothing."""
        try:
            run(self.wayback.witness(self.own.network, agreed))
        except RefusedError as error:
            return str(error)
        return ""


class Parties(dict[str, Party]):
    """n.a, n.b and n.c, which compute, and n.d; `griep` may be asked monthly, and all allow it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.small = Small.make(folder)
        for name in (*PARTIES, "n.d"):
            self[name] = Party(self.small, name, folder / f"station-{name}", self)
        deliver(
            self.small, {name: one.own.folders.allowances for name, one in self.items()},
            at_most="monthly",
        )  # fmt: skip
        self.sessions = 0

    def plan(self) -> Plan:
        """Another session of the question, proposed by n.a."""
        self.sessions += 1
        network = self.small.networks("n.a").find("n")
        agreed = data_plan(network, session=f"{self.sessions:032x}")
        return dataclasses.replace(agreed, proposed=agreed.proposed + 5)  # whole seconds: after whatever went before

    def session(self) -> Plan:
        """A session that all carried out: what they answered, entered and remember."""
        agreed = self.plan()
        for name in (*PARTIES, "n.d"):
            self[name].own.register.add("answer", **agreed.facts, proposer="n.a", accepted=True, reason="")
        answers = {
            name: bundle.sign_answer(
                self[name].own.key, agreed.digest, name, "", self[name].own.register.signed_head,
                seal.public(PRIVATE[name]),
            )
            for name in PARTIES
        }  # fmt: skip
        signature = self["n.a"].own.key.sign(statement.PLAN, agreed.content)
        whole = bundle.Bundle(agreed, signature, answers)
        network = self.small.networks("n.a").find("n")
        registers = bundle.parse(whole.content, network).registers
        told = bundle.check_head(self["n.d"].own.register.signed_head, "n.d", network)
        registers["n.d"] = told | {"key": network.stations["n.d"].key_digest}
        editions = {name: f"{name}.x.y.z" for name in agreed.contributors}
        for name in PARTIES:
            self[name].own.opened.add(agreed, editions)
            self[name].own.register.add(
                "run", **agreed.facts, registers=registers, outcome="done", root="", contributors=agreed.contributors
            )
        self["n.d"].own.opened.add(agreed, {"n.d": editions["n.d"]}, computed=False)
        return agreed

    def way_back(self, name: str, by: tuple[str, ...] = PARTIES) -> None:
        """All of it: found, said, agreed to, taken back, allowed anew."""
        self[name].look()
        self[name].says()
        self[name].look()
        for other in by:
            if other != name:
                self[other].agrees(name)
        self[name].look()
        self[name].allows()


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


@pytest.fixture
def restored(parties: Parties) -> Parties:
    """n.b was copied before a session, and put back after it."""
    copy = parties["n.b"].copy()
    parties.session()
    parties["n.b"].put_back(copy)
    return parties


def month_later(parties: Parties) -> None:
    """Nobody remembers that the question was asked this month, but for its differencing."""
    for one in parties.values():
        one.own.opened._results = [OpenedResult.parse({**row.content, "at": 1.0}) for row in one.own.opened._results]


def test_a_station_finds_that_it_was_put_back_before_anybody_asks_a_question(restored: Parties) -> None:
    station = restored["n.b"]
    assert station.own.register.problem == ""
    station.look()
    said = station.refuses(restored.plan())
    assert said.startswith("register: entry 1, which this station told others of on ")
    assert station.own.register.index.lost is not None
    station.start()
    assert station.refuses(restored.plan()) == said, "after a restart too"


def test_a_head_that_somebody_made_up_stops_nobody(parties: Parties) -> None:
    """What it would gain: any member could stop the questions of any other by a claim."""
    parties.session()
    station, liar = parties["n.b"], parties["n.c"].own.key
    made_up = {"entries": 9, "digest": "d" * 64, "at": int(time.time())}
    for head in (
        {**made_up, "signature": liar.sign(statement.REGISTER_HEAD, made_up)},
        {**made_up, "signature": station.own.key.sign(statement.ENDED, made_up)},
        {**made_up, "entries": "9"},
        made_up,
        ["head"],
        None,
    ):
        station.own.register.weigh(head, "n.c")
    assert station.own.register.index.lost is None


def test_who_went_back_may_not_be_asked_again_what_only_it_keeps_to_once_a_month(restored: Parties) -> None:
    """What the attack gains: n.b alone allows the question monthly; by going back it forgets that it was asked.

    Seen to succeed where an agreement brings no memory along.
    """
    forgetful = restored["n.b"].own.opened
    forgetful.check(restored.plan(), "monthly", time.time())
    restored.way_back("n.b")
    assert restored["n.b"].refuses(restored.plan()) == "at_most: griep may run monthly at most and ran before"
    restored["n.b"].start()
    assert restored["n.b"].refuses(restored.plan()) == "at_most: griep may run monthly at most and ran before"
    assert restored["n.b"].own.opened._results[0].contributors == restored["n.a"].own.opened._results[0].contributors


def test_who_only_contributes_is_given_back_its_own_part_and_nobody_else_s(parties: Parties) -> None:
    copy = parties["n.d"].copy()
    parties.session()
    parties["n.d"].put_back(copy)
    parties["n.d"].look()
    assert "is not there any more" in parties["n.d"].refuses(parties.plan())
    parties["n.d"].says()
    parties["n.d"].look()
    for name in PARTIES:
        parties[name].agrees("n.d")
    parties["n.d"].look()
    parties["n.d"].allows()
    [one] = parties["n.d"].own.opened._results
    assert (one.contributors, one.computed) == ({"n.d": "n.d.x.y.z"}, False)
    assert parties["n.d"].refuses(parties.plan()).startswith("at_most: ")


def test_agreeing_makes_nobody_forget(restored: Parties) -> None:
    """What the attack gains: a member goes back so that the *others* begin anew with it."""
    restored.way_back("n.b")
    for name in ("n.a", "n.c", "n.d"):
        assert restored[name].refuses(restored.plan()).startswith("at_most: "), name


def test_after_the_way_back_the_next_session_is_answered_and_heads_are_compared_on(restored: Parties) -> None:
    for name in ("n.a", "n.c"):
        assert restored[name].witnesses(restored.plan()).startswith("register: entry 1 of n.b is not the one"), name
    restored.way_back("n.b")
    month_later(restored)
    agreed = restored.plan()
    assert [restored[name].refuses(agreed) for name in (*PARTIES, "n.d")] == [""] * 4
    assert [restored[name].witnesses(agreed) for name in PARTIES] == [""] * 3
    restored.session()
    assert [restored[name].witnesses(agreed) for name in PARTIES] == [""] * 3
    for name in PARTIES:
        restored[name].own.register.verify()
        restored[name].start()
        assert restored[name].own.register.problem == ""


def test_one_steward_s_yes_is_not_another_s(restored: Parties) -> None:
    """n.a agrees and n.c does not: neither n.b itself nor n.c goes on, though n.a proposes.

    What the attack gains with n.b a liar: it goes on as soon as the first one agrees.
    """
    restored["n.b"].look()
    restored["n.b"].says()
    restored["n.b"].look()
    restored["n.a"].agrees("n.b")
    restored["n.b"].look()
    restored["n.b"].allows()
    month_later(restored)
    agreed = restored.plan()
    assert "the stewards of n.c have not agreed yet" in restored["n.b"].refuses(agreed)
    assert restored["n.a"].witnesses(agreed) == ""
    assert restored["n.c"].witnesses(agreed).startswith("register: entry 1 of n.b is not the one")
    # A liar grows its register until it is longer than what n.c remembers.
    for _ in range(9):
        restored["n.b"].own.register.add("allowances", allowed={})
    assert restored["n.c"].witnesses(agreed).startswith("register: entry 1 of n.b is not the one")
    assert restored["n.c"].wayback.owed() == ["n.b"]
    assert restored["n.a"].wayback.owed() == []


def test_a_session_that_was_to_be_hidden_is_named_to_who_agrees_and_stays_in_its_register(restored: Parties) -> None:
    """What the attack gains: a computing party goes back behind a session, and nobody can say that it was there."""
    hidden = json.loads((restored["n.a"].own.folders.register / "register.jsonl").read_text().splitlines()[-1])
    restored["n.b"].look()
    restored["n.b"].says()
    restored["n.b"].look()
    [(_, heard)] = restored["n.a"].wayback.others()
    said = heard.said
    assert (said.entries, said.lost, said.reason) == (1, 1, WHY)
    [gone] = heard.gone
    assert (gone["session"], gone["question"], gone["told"]) == (hidden["session"], "griep", 1)
    restored["n.a"].agrees("n.b")
    [entry] = restored["n.a"].own.entries("agreed")
    assert (entry["station"], entry["sessions"], entry["furthest"], entry["reason"]) == ("n.b", 1, 1, WHY)
    assert hidden in restored["n.a"].own.entries("run")


def test_what_a_liar_says_of_how_far_it_was_hides_nothing(restored: Parties) -> None:
    """n.b says that it was nowhere, and gives entries that it does not have."""
    liar = restored["n.b"]
    liar.look()
    with mock.patch.object(liar.own.register.index, "lost", None):
        liar.says()
    liar.look()
    [(_, heard)] = restored["n.a"].wayback.others()
    assert heard.said.lost == 0
    assert len(heard.gone) == 1
    heard.compare({"1": "d" * 64})
    assert len(heard.gone) == 1
    heard.compare(["no digests"])
    assert len(heard.gone) == 1


def test_who_goes_back_again_and_again_needs_a_new_yes_each_time_and_is_counted(parties: Parties) -> None:
    """What the attack gains: an agreement of before, sent again, covers whatever happened since."""
    copy = parties["n.b"].copy()
    parties.session()
    for times in (1, 2, 3):
        parties["n.b"].put_back(copy)
        parties["n.b"].look()
        assert "not there any more" in parties["n.b"].refuses(parties.plan())
        assert parties["n.a"].own.register.index.times("n.b") == times - 1
        parties.way_back("n.b")
        month_later(parties)
        assert parties["n.b"].refuses(parties.plan()) == ""
        parties.session()
    assert parties["n.a"].own.register.index.times("n.b") == 3
    [*_, last] = parties["n.b"].own.entries("went-back")
    old = back.own(parties["n.b"].own.register, parties["n.b"].own.network)
    assert old is not None
    assert last["number"] > 1
    parties["n.b"].put_back(copy)
    liar = parties["n.b"]
    content = {"statement": old.content, "signature": liar.own.key.sign(statement.WENT_BACK, old.content)}
    told, _ = run(liar.peers.ask(liar.own.network, "n.a", {"kind": "went-back"}, content))
    assert told["state"] == "agreed", "that was agreed to"
    assert parties["n.a"].witnesses(parties.plan()).startswith("register: entry "), "and is worth nothing now"


def test_many_statements_do_not_fill_the_registers_of_others(restored: Parties) -> None:
    station = restored["n.b"]
    said = GoingBack("n", "n.b", 0, "0" * 64, 0, WHY, 1)
    before = len(restored["n.a"].own.register.last(10_000))
    busy = 0
    for number in range(50):
        content = {**said.content, "moment": number}
        asking = {"statement": content, "signature": station.own.key.sign(statement.WENT_BACK, content)}
        try:
            run(station.peers.ask(station.own.network, "n.a", {"kind": "went-back"}, asking))
        except CallFailedError as error:
            assert "more statements than a station may make" in error.why  # noqa: PT017
            busy += 1
    assert busy >= 38
    assert len(restored["n.a"].own.register.last(10_000)) - before <= 12
    assert len(restored["n.a"].wayback.others()) == 1


def test_nobody_says_it_for_another(restored: Parties) -> None:
    """Not the coordinator, n.a, nor who passes on what was said; what they gain: to have questions stopped or begun."""
    restored["n.b"].look()
    restored["n.b"].says()
    said = back.own(restored["n.b"].own.register, restored["n.b"].own.network)
    assert said is not None
    own = restored["n.b"].own.key.sign(statement.WENT_BACK, said.content)
    for by, content, signature in (
        ("n.a", said.content, own),
        ("n.a", said.content, restored["n.a"].own.key.sign(statement.WENT_BACK, said.content)),
        ("n.b", said.content, restored["n.a"].own.key.sign(statement.WENT_BACK, said.content)),
        ("n.b", said.content, restored["n.b"].own.key.sign(statement.ENDED, said.content)),
        ("n.b", {**said.content, "entries": 0}, own),
        ("n.b", {**said.content, "network": "m"}, own),
        ("n.b", {**said.content, "more": 1}, own),
        ("n.b", {**said.content, "last": "a" * 65}, own),
        ("n.b", {**said.content, "last": ["a"]}, own),
        ("n.b", {**said.content, "moment": 10**12}, own),
        ("n.b", {**said.content, "lost": -1}, own),
        ("n.b", {**said.content, "reason": "\x1b[2J"}, own),
    ):
        asking = {"statement": content, "signature": signature}
        with pytest.raises(CallFailedError, match="went-back: "):
            run(restored[by].peers.ask(restored[by].own.network, "n.c", {"kind": "went-back"}, asking))
    assert restored["n.c"].wayback.others() == []
    assert restored["n.c"].own.entries("told") == []


def test_an_agreement_is_by_the_party_s_own_key_to_exactly_this_statement(restored: Parties) -> None:
    """What the attack gains: n.a, that agreed, says so for n.c too; or a yes to another text is taken for this one."""
    station, other = restored["n.b"], restored["n.a"]
    station.look()
    station.says()
    station.look()
    with pytest.raises(RefusedError, match="the steward here has not agreed"):
        other.agrees("n.b", digest="0" * 64)
    with pytest.raises(RefusedError, match="does not say that it went back"):
        other.wayback.agree(other.own.network, "n.c")
    said = back.own(station.own.register, station.own.network)
    assert said is not None

    def forged(peer: str, request: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        if request["kind"] != "went-back":
            return told
        agreement = {"network": "n", "by": peer, "statement": said.digest}
        return {"state": "agreed", "signature": other.own.key.sign(statement.AGREED_BACK, agreement)}

    station.peers.changed = forged
    station.look()
    assert back.waits_for(station.own.register, station.own.network) == ["n.c"]


def test_an_agreement_whose_memory_cannot_be_taken_back_is_none(restored: Parties) -> None:
    station = restored["n.b"]
    station.look()
    station.says()
    station.look()
    for name in ("n.a", "n.c"):
        restored[name].agrees("n.b")
    row = restored["n.a"].own.opened._results[0].content
    asked = row["asked"]
    for answer in (
        {"results": json.dumps([{**row, "network": "m"}]), "next": 0},
        {"results": json.dumps([{**row, "asked": {**asked, "minimum_cell": "10"}}]), "next": 0},
        {"results": json.dumps([{**row, "at": "nan"}]), "next": 0},
        {"results": json.dumps({"a": 1}), "next": 0},
        {"results": None, "next": 0},
        {"results": "[" * 100_000, "next": 0},
        {"results": "[" + " " * 1024 * 1024 + "]", "next": 0},
        {"results": "[]", "next": 5},
        {"results": "[]", "next": "1"},
        {},
    ):
        station.peers.changed = lambda _, request, told, answer=answer: (  # type: ignore[misc]
            answer if request["kind"] == "remembered" else told
        )
        station.look()
        assert back.waits_for(station.own.register, station.own.network) == ["n.a", "n.c"], answer
    assert station.own.opened._results == []
    station.peers.changed = lambda _, __, told: told
    station.peers.away = {"n.c"}
    station.look()
    assert back.waits_for(station.own.register, station.own.network) == ["n.c"]


def test_what_others_remember_in_the_future_holds_from_now_and_no_longer(restored: Parties) -> None:
    """What the attack gains: a lying party has a station refuse for ever by a result of the year 9999."""
    station = restored["n.b"]
    row = {**restored["n.a"].own.opened._results[0].content, "at": 253_402_300_000.0}
    assert station.own.opened.learn("n", json.dumps([row])) == 1
    assert station.own.opened._results[0].at <= time.time()


@pytest.mark.parametrize("at", [-1e300, -1, 1e300])
def test_what_others_remember_of_no_day_is_not_learnt(restored: Parties, at: float) -> None:
    """What the attack gains: each question about the same fails from then on by an error, after a restart too."""
    station = restored["n.b"]
    row = {**restored["n.a"].own.opened._results[0].content, "at": at}
    with pytest.raises(RefusedError, match="cannot be read"):
        station.own.opened.learn("n", json.dumps([row]))
    assert station.own.opened._results == []


def test_many_results_come_back_in_several_answers(restored: Parties) -> None:
    remembers = restored["n.a"].own.opened
    [one] = remembers._results
    many = [OpenedResult.parse({**one.content, "question": f"vraag-{number:04}"}) for number in range(700)]
    remembers._results = [one, *many]
    assert remembers.told("n", "n.b", True, 0)[1] > 0
    restored.way_back("n.b")
    assert {row.same for row in restored["n.b"].own.opened._results} == {row.same for row in remembers._results}


def test_an_allowance_and_a_proposal_from_before_count_no_more(restored: Parties) -> None:
    """What the attack gains: a consent that was withdrawn after the snapshot is back with it; a kept proposal too."""
    old = restored.plan()
    restored["n.b"].look()
    restored["n.b"].says()
    restored["n.b"].look()
    for name in ("n.a", "n.c"):
        restored[name].agrees("n.b")
    restored["n.b"].look()
    month_later(restored)
    said = "allowance: given before this station went back in its register; its steward allows it anew"
    assert restored["n.b"].refuses(restored.plan()) == said
    restored["n.b"].allows()
    before = dataclasses.replace(old, proposed=restored["n.b"].own.register.index.moment)
    assert restored["n.b"].refuses(before) == "proposed: before this station went back in its register; ask again"
    assert restored["n.b"].refuses(restored.plan()) == ""


def test_only_what_the_steward_says_just_now_is_said(restored: Parties) -> None:
    """A file that the snapshot brought back says nothing, nor does one about another entry."""
    station = restored["n.b"]
    station.look()
    for changes in ({"at": time.time() - 601}, {"at": time.time() + 60}, {"entries": 1, "last": "0" * 64}):
        with pytest.raises(RefusedError, match="station went-back"):
            station.says(**changes)
    (station.own.folders.allowances / back.SAID).unlink()
    with pytest.raises(RefusedError, match="not said by the steward"):
        station.wayback.enter()
    assert station.own.entries("went-back") == []


def test_acceptance_goes_on_meanwhile(restored: Parties) -> None:
    """It reads no data and opens nothing: `verify` still says whether the stations compute."""
    restored["n.b"].look()
    agreed = plain_plan(restored.small.networks("n.a").find("n"))
    assert restored["n.b"].refuses(agreed) == ""
    assert restored["n.c"].witnesses(agreed) == ""


def test_who_left_the_network_is_not_waited_for(restored: Parties) -> None:
    station = restored["n.b"]
    station.look()
    station.says()
    network = station.own.network
    assert back.waits_for(station.own.register, network) == ["n.a", "n.c"]
    sets = dataclasses.replace(network, alternates=(("n.b", "n.a", "n.d"),))
    assert back.waits_for(station.own.register, sets) == ["n.a", "n.c", "n.d"], (
        "who computes in another set remembers too"
    )
    left = dataclasses.replace(network, stations={name: one for name, one in network.stations.items() if name != "n.c"})
    assert back.waits_for(station.own.register, left) == ["n.a"]


def test_who_computes_by_a_definition_that_is_newer_than_the_snapshot_agrees_too(restored: Parties) -> None:
    """What the attack gains: put back to an older definition, a station asks those who know nothing of what ran."""
    station = restored["n.b"]
    station.look()
    station.says()
    newer = dataclasses.replace(station.own.network, computing=("n.a", "n.b", "n.d"))
    assert back.waits_for(station.own.register, newer) == ["n.a", "n.d"]
    assert back.waits_for(station.own.register, dataclasses.replace(newer, name="m")) == []


LOST: dict[str, Callable[[Path], object]] = {
    "the head is gone": lambda root: (root / "state/register.json").unlink(),
    "the register is gone": lambda root: (root / "register/register.jsonl").unlink(),
    "two lines are gone": lambda root: cut(root / "register/register.jsonl", 1),
    "state is of before": lambda root: shutil.copy2(
        root.with_name(f"{root.name}.copy") / "state/register.json", root / "state/register.json"
    ),
    "the register is of before": lambda root: shutil.copy2(
        root.with_name(f"{root.name}.copy") / "register/register.jsonl", root / "register/register.jsonl"
    ),
}
KEPT_ENTRIES = {
    "the head is gone": 3,
    "the register is gone": 0,
    "two lines are gone": 1,
    "state is of before": 3,
    "the register is of before": 1,
}


def cut(path: Path, lines: int) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))


@pytest.mark.parametrize("what", LOST)
def test_a_register_or_a_state_that_was_put_back_alone_has_a_way_back_too(parties: Parties, what: str) -> None:
    """Before: not sound for ever. What can be relied on is kept, the file as it was stays beside it."""
    parties["n.b"].own.register.add("allowances", allowed={})
    parties["n.b"].copy()
    parties.session()
    whole = (parties["n.b"].folder / "register/register.jsonl").read_bytes()
    LOST[what](parties["n.b"].folder)
    changed = parties["n.b"].folder / "register/register.jsonl"
    found = changed.read_bytes() if changed.exists() else None
    station = parties["n.b"]
    station.start()
    assert station.own.register.problem
    assert station.refuses(parties.plan()).startswith("register: ")
    assert station.own.register.whole()[0] == KEPT_ENTRIES[what]
    parties.way_back("n.b")
    month_later(parties)
    assert station.refuses(parties.plan()) == ""
    station.own.register.verify()
    station.start()
    assert station.own.register.problem == ""
    assert len(station.own.entries("went-back")) == 1
    aside = list((station.folder / "register").glob("register.*.unsound.jsonl"))
    assert [one.read_bytes() for one in aside] == ([] if found is None else [found])
    assert changed.read_bytes().startswith(b"".join(whole.splitlines(keepends=True)[: KEPT_ENTRIES[what]]))


def test_who_was_put_back_to_before_it_agreed_is_told_once_more(restored: Parties) -> None:
    """Without it two stations that were put back one after the other would never compute together again."""
    copy = restored["n.a"].copy()
    restored.way_back("n.b")
    month_later(restored)
    restored.session()
    restored["n.a"].put_back(copy)
    restored["n.a"].look()
    restored["n.a"].says()
    restored["n.a"].look()
    for name in ("n.b", "n.c"):
        restored[name].agrees("n.a")
    restored["n.a"].look()
    restored["n.a"].allows()
    assert restored["n.a"].witnesses(restored.plan()).startswith("register: entry 1 of n.b is not the one")
    restored["n.b"].look()
    restored["n.a"].agrees("n.b")
    month_later(restored)
    assert [restored[name].witnesses(restored.plan()) for name in PARTIES] == [""] * 3
    assert [restored[name].refuses(restored.plan()) for name in (*PARTIES, "n.d")] == [""] * 4
