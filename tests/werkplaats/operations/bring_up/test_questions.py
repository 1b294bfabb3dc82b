"""What of the agreed questions stations are told, and what is said of a difference."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from network_topology import model, tables
from network_topology.compiling import compile as compiler
from publication import acceptance
from station_image.runtime.accepted.networks import Networks
from station_image.runtime.base.documents import canonical
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import plan
from tests.publication.published import HOLDERS, release
from werkplaats.operations.bring_up import hand_over, questions
from werkplaats.operations.home import networks, places
from werkplaats.operations.reach import remote, servers


@pytest.fixture
def network() -> networks.Network:
    return networks.find("proeftuin", None)


def accepted(network: networks.Network, without: str = "") -> acceptance.Accepted:
    slugs = [slug for slug in network.compiled.stations if slug != without]
    keys = {slug: base64.b64encode(bytes([number]) * 32).decode() for number, slug in enumerate(slugs, 1)}
    return acceptance.Accepted(
        network="proeftuin",
        publication=1,
        root=1,
        holders=HOLDERS,
        definition=network.definition,
        statement_keys=keys,
        authority="sha256:" + "0" * 64,
        release=model.Release.model_validate_json(json.dumps(release())),
    )


def applicable(network: networks.Network, without: str = "") -> hand_over.Applicable:
    return hand_over.Applicable(views=dict.fromkeys(network.compiled.stations, accepted(network, without)))


def test_a_station_understands_what_it_is_told(network: networks.Network, tmp_path: Path) -> None:
    """The agent's own reading of the delivered file, with the accepted definition beside it, makes a plan of it."""
    view = accepted(network)
    documents, waiting = questions.wanted(applicable(network), network.questions, "ggd")
    assert not waiting
    folder = tmp_path / "proeftuin"
    folder.mkdir()
    told = compiler.station_view(network.compiled, "ggd", view.statement_keys, view.serials, view.parts)
    for name, content in (("host.json", {"gateway_uid": 1}), ("proeftuin/network.json", told)):
        (tmp_path / name).write_text(canonical(content).decode())
    (folder / "questions.json").write_text(canonical(documents).decode())
    here = Networks(tmp_path).find("proeftuin")
    (name,) = documents
    made = plan.question(here, here.questions[name], session="0" * 32, intake=10, deadline=60)
    assert made.minimum_cell == network.questions[name].minimum_cell
    assert made.contributors == documents[name]["contributors"]


def test_only_those_who_take_part_are_told(network: networks.Network) -> None:
    asked = dict(network.questions)
    (name,) = asked
    asked[name] = asked[name].model_copy(update={"contributes": ("ggd", "ziekenhuis", "thuiszorg")})
    assert questions.wanted(applicable(network), asked, "huisartsen") == ({}, {})
    assert set(questions.wanted(applicable(network), asked, "ggd")[0]) == {name}


def test_a_question_waits_for_who_has_no_certificate(network: networks.Network) -> None:
    documents, waiting = questions.wanted(applicable(network, without="huisartsen"), network.questions, "ggd")
    assert documents == {}
    assert all("huisartsen" in why for why in waiting.values())


class Stations:
    """Stations that wait with whatever was brought to them; those `away` answer, and are gone when one brings it."""

    def __init__(self, *away: str) -> None:
        self.away = away
        self.placed: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, dict[str, Any]] = {}

    def ask_all(self, organisations: Iterable[str], *_: str) -> dict[str, remote.Done]:
        return {organisation: self._answer(organisation) for organisation in organisations}

    def _answer(self, organisation: str) -> remote.Done:
        rows = [
            {
                "network": "proeftuin",
                "question": name,
                "document": document,
                "state": "waits",
                "tables": [*self.tables.get(organisation, {})],
            }
            for name, document in self.placed.get(organisation, {}).items()
        ]
        return remote.Done(stdout=json.dumps({"questions": rows}))

    def place(self, organisation: str, path: str, text: str) -> None:
        if organisation in self.away:
            raise servers.UnreachableError(f"{organisation}: No route to host")
        if path.endswith("/tables.json"):
            assert organisation not in self.placed, "a question is asked as soon as it is there"
            self.tables[organisation] = json.loads(text)
        else:
            self.placed[organisation] = json.loads(text)


def test_a_server_that_goes_away_when_it_is_brought_a_question_is_left_out_and_the_rest_get_it(
    network: networks.Network,
) -> None:
    published = SimpleNamespace(questions=network.questions, figures={})
    views = dict.fromkeys(("ggd", "thuiszorg", "ziekenhuis"), accepted(network))
    applicable = hand_over.Applicable(publication=cast("Any", published), views=views)
    stations, said = Stations("thuiszorg"), list[str]()
    stand, left_out = questions.deliver(network, cast("Any", stations), applicable, views, said.append)
    assert left_out == {"thuiszorg": "thuiszorg: No route to host"}
    assert set(stations.placed) == {"ggd", "ziekenhuis"}
    assert list(stand.values()) == [{"waits": ["ggd", "ziekenhuis"]}]
    assert any(line.startswith("thuiszorg: left out: ") for line in said)


TABLE = tables.Table("cbs-pc4-2025", {"7001": 2900, "7004": 1200}, 1, 1)


@pytest.fixture
def by_table(network: networks.Network) -> hand_over.Applicable:
    """A publication of which the question names a table."""
    (name,) = network.questions
    given = tables.referring({"areas": ["7000-7040"], "population": {"table": TABLE.name}}, {TABLE.name: TABLE})
    asked = {name: network.questions[name].model_copy(update={"parameters": given})}
    published = SimpleNamespace(questions=asked, figures={TABLE.name: TABLE})
    return hand_over.Applicable(publication=cast("Any", published), views={"ggd": accepted(network)})


def test_a_table_is_brought_before_the_question_that_names_it_and_once(
    network: networks.Network, by_table: hand_over.Applicable
) -> None:
    stations, said = Stations(), list[str]()
    questions.deliver(network, cast("Any", stations), by_table, ["ggd"], said.append)
    (document,) = stations.placed["ggd"].values()
    assert document["parameters"]["population"] == TABLE.reference
    assert stations.tables == {"ggd": {TABLE.reference["digest"]: TABLE.document}}
    questions.deliver(network, cast("Any", stations), by_table, ["ggd"], said.append)
    assert len(said) == 1
    del stations.tables["ggd"], stations.placed["ggd"]
    questions.deliver(network, cast("Any", stations), by_table, ["ggd"], said.append)
    assert stations.tables, "brought again where it went astray"


def test_a_station_divides_by_the_table_that_was_delivered_and_plans_nothing_without(
    network: networks.Network, by_table: hand_over.Applicable, tmp_path: Path
) -> None:
    view = accepted(network)
    stations = Stations()
    questions.deliver(network, cast("Any", stations), by_table, ["ggd"], lambda _: None)
    folder = tmp_path / "proeftuin"
    folder.mkdir()
    told = compiler.station_view(network.compiled, "ggd", view.statement_keys, view.serials, view.parts)
    for name, content in (("host.json", {"gateway_uid": 1}), ("proeftuin/network.json", told)):
        (tmp_path / name).write_text(canonical(content).decode())
    (folder / "questions.json").write_text(canonical(stations.placed["ggd"]).decode())
    here, (name,) = Networks(tmp_path), stations.placed["ggd"]
    times = {"session": "0" * 32, "intake": 10, "deadline": 60}
    with pytest.raises(RefusedError, match="the table 'cbs-pc4-2025' was not delivered to this station"):
        plan.question(here.find("proeftuin"), here.find("proeftuin").questions[name], **times)
    (folder / "tables.json").write_text(canonical(stations.tables["ggd"]).decode())
    made = plan.question(here.find("proeftuin"), here.find("proeftuin").questions[name], **times)
    assert (made.parameters["areas"], made.parameters["population"]) == (["7001", "7004"], dict(TABLE.counts))
    other = {TABLE.reference["digest"]: {**TABLE.document, "counts": {"7001": 1}}}
    (folder / "tables.json").write_text(canonical(other).decode())
    assert here.find("proeftuin").figures == stations.tables["ggd"], "the last good one stays in force"
    assert "has another digest" in here.problem


def test_differences_are_said_in_words() -> None:
    before: dict[str, dict[str, Any]] = {"oud": {"purpose": "a"}, "anders": {"minimum_cell": 10}, "gelijk": {}}
    after: dict[str, dict[str, Any]] = {"nieuw": {}, "anders": {"minimum_cell": 5}, "gelijk": {}}
    assert questions.differences(before, after) == [
        "question anders is another one (minimum_cell), and waits for the steward",
        "question nieuw is new, and waits for the steward",
        "question oud is withdrawn: no session runs any more",
    ]


def test_a_question_that_waits_for_a_computing_party_says_so_and_is_not_called_withdrawn(
    network: networks.Network,
) -> None:
    (name,) = network.questions
    there = applicable(network, without="thuiszorg")
    there.publication = cast("Any", SimpleNamespace(questions=network.questions, figures={}))
    documents, _ = questions.wanted(applicable(network), network.questions, "ggd")
    stations, said = Stations(), list[str]()
    stations.placed = {"ggd": dict(documents)}
    questions.deliver(network, cast("Any", stations), there, ["ggd"], said.append)
    line = f"ggd: question {name} waits, and no session runs meanwhile: thuiszorg has no certificate yet, or no longer"
    assert line in said
    assert stations.placed["ggd"] == {}
    stations.placed = {"ggd": dict(documents)}
    there.views = {"ggd": there.views["ggd"]}
    assert questions.planned(network, cast("Any", stations), there) == [line]


def test_where_a_question_stands_is_told_by_organisation() -> None:
    there = {"b": questions.Delivered({}, {"q": "allowed"}), "a": questions.Delivered({}, {"q": "waits"})}
    assert questions.standing(there) == {"q": {"waits": ["a"], "allowed": ["b"]}}


@pytest.mark.parametrize("analysis", ["acceptance_sum/1", "hotspots/9"])
def test_a_question_that_no_station_can_answer_is_found_by_check(analysis: str, network: networks.Network) -> None:
    fields_of = places.known(places.home()).fields_of
    assert fields_of is not None
    with pytest.raises(ValueError, match=r"reads no data|has version"):
        fields_of(analysis, {})
    assert places.known(places.home()).today == datetime.date.today()
    assert isinstance(next(iter(network.questions.values())), model.Question)
