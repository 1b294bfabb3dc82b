"""Plans: each station checks each field against its own definition, and names the field it refuses."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network
from station_image.runtime.analyses import hotspots
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import bundle, plan
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import PARTIES, Small

HEAD = {"entries": 0, "digest": "0" * 64}
KEY = bytes(range(32))
NOW = 1_800_000_000


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small.make(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return Small.make(tmp_path_factory.mktemp("kept")).networks("n.a").find("n")


@pytest.fixture
def network(small: Small) -> Network:
    return small.networks("n.a").find("n")


def content(view: Network, /, **changes: Any) -> dict[str, Any]:
    made = plan.make(
        view,
        "acceptance_sum/1",
        {},
        session="0" * 32,
        contributors=[*PARTIES, "n.d"],
        results=["n.a"],
        minimum_cell=0,
        minimum_contributors=2,
        intake=10,
        deadline=60,
    )
    return {**made.content, "proposed": NOW, **changes}


def test_a_plan_as_in_the_definition_is_accepted_by_another_station(small: Small, network: Network) -> None:
    plan.check(plan.parse(content(network)), small.networks("n.c").find("n"), NOW)


def test_a_question_that_this_release_cannot_answer_is_refused_whatever_the_plan_says(network: Network) -> None:
    """What it gained: a proposal that got no answer at all, and none in the register, but an error in the agent."""
    document = {
        "network": "n",
        "question": "griep",
        "analysis": "hotspots/9999",
        "parameters": {},
        "results": ["n.a"],
    }
    delivered = dataclasses.replace(network, questions={"griep": document})
    asked = plan.parse(content(network, question="griep"))
    with pytest.raises(RefusedError, match="question: this release cannot answer griep"):
        plan.check(asked, delivered, NOW)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"protocol": 1}, "protocol"),
        ({"network": "m"}, "network"),
        ({"question": "griep"}, "question"),
        ({"analysis": "acceptance_sum/2"}, "analysis"),
        ({"analysis": "__init__/1"}, "analysis"),
        ({"analysis": "../plan/1"}, "analysis"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": {"rounds": -1}}, "rounds"),
        ({"parameters": {"rounds": True}}, "rounds"),
        ({"parameters": {"rounds": 3, "more": 1}}, "parameter"),
        ({"computing": ["n.b", "n.a", "n.c"]}, "computing"),
        ({"computing": ["n.a", "n.b", "n.d"]}, "computing"),
        ({"threshold": 0}, "threshold"),
        ({"field": str(2**61 - 1)}, "field"),
        ({"length": 9}, "length"),
        ({"contributors": ["n.b", "n.a"]}, "contributors"),
        ({"contributors": ["n.a", "n.a"]}, "contributors"),
        ({"contributors": ["n.a", "n.z"]}, "n.z"),
        ({"contributors": []}, "contributors"),
        ({"results": ["n.z"]}, "n.z"),
        ({"results": []}, "results"),
        ({"minimum_cell": -1}, "minimum_cell"),
        ({"minimum_contributors": 0}, "minimum_contributors"),
        ({"minimum_contributors": 9}, "minimum_contributors"),
        ({"proposed": NOW - 601}, "proposed"),
        ({"proposed": NOW + 301}, "proposed"),
        ({"intake": 0}, "intake"),
        ({"intake": 61}, "intake"),
        ({"deadline": 601}, "deadline"),
        ({"deadline": 10**9}, "deadline"),
        ({"session": "../../etc"}, "session"),
        ({"session": 5}, "session"),
        ({"length": "8"}, "length"),
        ({"length": True}, "length"),
        ({"statement_keys": {}}, "statement_keys"),
    ],
)
def test_any_other_plan_is_refused_and_the_field_named(network: Network, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError, match=field):
        plan.check(plan.parse(content(network, **changes)), network, NOW)


def test_whether_there_is_such_a_question_is_asked_before_its_parameters_are_expanded(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: a proposal of a few bytes, about nothing, had all areas of the country expanded."""
    expanded = list[object]()

    def expand(given: dict[str, Any]) -> dict[str, Any]:
        expanded.append(given)
        return {**given, "bits": 10}

    monkeypatch.setattr(hotspots, "parameters", expand)
    asks = {"question": "griep", "analysis": "hotspots/1", "parameters": {"areas": ["1000-5499"]}, "minimum_cell": 10}
    with pytest.raises(RefusedError, match="none of the name griep"):
        plan.check(plan.parse(content(network, **asks)), network, NOW)
    acceptance = {**asks, "question": plan.ACCEPTANCE}
    with pytest.raises(RefusedError, match="reads data, which takes a question"):
        plan.check(plan.parse(content(network, **acceptance)), network, NOW)
    assert expanded == []
    monkeypatch.setattr(plan, "_check_question", lambda *_: None)
    with pytest.raises(RefusedError):
        plan.check(plan.parse(content(network, **acceptance)), network, NOW)
    assert expanded, "without the first look they are, or this test shows nothing"


OTHER = ["n.b", "n.a", "n.d"]


@pytest.fixture
def sets(tmp_path: Path) -> Small:
    """Network n, in which n.d may take the place of n.c."""
    return Small.make(tmp_path / "sets", [OTHER])


def test_either_set_of_the_definition_may_compute_in_its_own_order(sets: Small) -> None:
    view = sets.networks("n.a").find("n")
    for parties in (list(PARTIES), OTHER):
        made = plan.parse(content(view) | plan_of(view, parties))
        assert (made.computing, made.threshold) == (parties, 1)
        plan.check(made, sets.networks("n.d").find("n"), NOW)


@pytest.mark.parametrize("parties", [["n.a", "n.b", "n.d"], ["n.a", "n.c", "n.d"], ["n.a", "n.b"], [*OTHER, "n.c"]])
def test_parties_that_are_no_set_of_the_definition_are_refused_whatever_else_is_right(
    sets: Small, parties: list[str]
) -> None:
    view = sets.networks("n.a").find("n")
    with pytest.raises(RefusedError, match="computing: not as in the definition"):
        plan.check(plan.parse(content(view, computing=parties)), view, NOW)


def test_a_question_fixes_the_sets_that_its_steward_allowed(sets: Small) -> None:
    """A set that is only in the definition, or that the question has and the definition not, computes nothing of it."""
    view = sets.networks("n.a").find("n")
    document = questions.document(view)
    both = dataclasses.replace(view, questions={"griep": document})
    one = {name: value for name, value in document.items() if name != "computing_alternates"}
    made = plan.question(both, document, session="0" * 32, intake=10, deadline=60, computing=OTHER)
    assert (made.computing, made.threshold) == (OTHER, 1)
    plan.check(made, both)
    with pytest.raises(RefusedError, match="computing: not as in the question"):
        plan.check(made, dataclasses.replace(view, questions={"griep": one}))
    with pytest.raises(RefusedError, match="computing: not as in the definition"):
        plan.check(made, dataclasses.replace(both, alternates=()))


def test_the_other_set_computes_where_a_party_of_the_first_is_cut(sets: Small) -> None:
    whole = sets.networks("n.a").find("n")
    first, other = (plan.parse(content(whole) | plan_of(whole, one, sorted(OTHER))) for one in (list(PARTIES), OTHER))
    sets.write("n.a", **sets.without("n.a", "n.c"))
    view = sets.networks("n.a").find("n")
    assert view.problem == ""
    plan.check(other, view, NOW)
    with pytest.raises(RefusedError, match="cannot compute: c is cut"):
        plan.check(first, view, NOW)


def plan_of(view: Network, parties: list[str], contributors: list[str] | None = None) -> dict[str, Any]:
    """What a plan has of those who compute and contribute."""
    people = {*parties, *(contributors or [*PARTIES, "n.d"]), "n.a"}
    keys = {name: view.stations[name].key_digest for name in people}
    return {"computing": parties, "contributors": contributors or [*PARTIES, "n.d"], "statement_keys": keys}


def test_a_plan_with_another_key_of_a_participant_is_refused_and_the_station_named(network: Network) -> None:
    keys = {**content(network)["statement_keys"], "n.b": "0" * 64}
    with pytest.raises(RefusedError, match=r"n\.b has another key"):
        plan.check(plan.parse(content(network, statement_keys=keys)), network, NOW)


def test_a_plan_with_a_field_more_or_less_is_refused(network: Network) -> None:
    more = {**content(network), "extra": 1}
    less = {key: value for key, value in content(network).items() if key != "deadline"}
    wrong: tuple[object, ...] = (more, less, [], None, "plan")
    for changed in wrong:
        with pytest.raises(RefusedError, match="exactly the fields"):
            plan.parse(changed)


def test_a_station_that_contributes_nothing_cannot_be_named_as_a_contributor(small: Small) -> None:
    rows = small.view("n.a")["stations"]
    rows["n.d"]["contributes"] = False
    network = small.networks("n.a").find("n")
    given_plan = content(network)
    small.write("n.a", stations=rows)
    with pytest.raises(RefusedError, match=r"n\.d contributes nothing"):
        plan.check(plan.parse(given_plan), small.networks("n.a").find("n"), NOW)


@given(st.sampled_from(sorted(plan._KINDS)), st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_no_value_of_any_field_raises_anything_but_a_refusal(kept: Network, name: str, value: Any) -> None:
    with contextlib.suppress(RefusedError):
        plan.check(plan.parse(content(kept, **{name: value})), kept, NOW)


# The bundle


def signed(small: Small, network: Network, /, **changes: Any) -> dict[str, Any]:
    agreed = plan.parse(content(network, **changes))
    answers = {party: bundle.sign_answer(small.keys[party], agreed.digest, party, "", HEAD, KEY) for party in PARTIES}
    signature = small.keys["n.a"].sign(statement.PLAN, agreed.content)
    return bundle.Bundle(agreed, signature, answers).content


def test_a_bundle_with_every_signature_is_accepted(small: Small, network: Network) -> None:
    assert bundle.parse(signed(small, network), network).plan.session == "0" * 32


def test_a_bundle_without_the_acceptance_of_each_computing_party_is_refused(small: Small, network: Network) -> None:
    missing, refused, foreign, other = (signed(small, network) for _ in range(4))
    del missing["answers"]["n.b"]
    digest = plan.parse(refused["plan"]).digest
    refused["answers"]["n.b"] = bundle.sign_answer(small.keys["n.b"], digest, "n.b", "busy", HEAD, KEY)
    foreign["answers"]["n.b"] = bundle.sign_answer(small.keys["n.d"], digest, "n.b", "", HEAD, KEY)
    other["answers"]["n.b"] = bundle.sign_answer(small.keys["n.b"], "1" * 64, "n.b", "", HEAD, KEY)
    for changed in (missing, refused, foreign, other):
        with pytest.raises(RefusedError):
            bundle.parse(changed, network)


def test_an_answer_tells_the_key_that_shares_are_sealed_for(small: Small, network: Network) -> None:
    assert bundle.parse(signed(small, network), network).key("n.b") == KEY
    for public in (b"", KEY[:-1], KEY + b"x"):
        changed = signed(small, network)
        digest = plan.parse(changed["plan"]).digest
        changed["answers"]["n.b"] = bundle.sign_answer(small.keys["n.b"], digest, "n.b", "", HEAD, public)
        with pytest.raises(RefusedError, match=r"key: n\.b gave none"):
            bundle.parse(changed, network)
    changed = signed(small, network)
    changed["answers"]["n.b"]["answer"]["key"] = bundle.sign_answer(small.keys["n.d"], "", "", "", {}, bytes(32))[
        "answer"
    ]["key"]
    with pytest.raises(RefusedError, match="did not sign"):
        bundle.parse(changed, network)


def test_a_plan_that_was_changed_after_it_was_signed_is_refused(small: Small, network: Network) -> None:
    changed = signed(small, network)
    changed["plan"] = {**changed["plan"], "results": ["n.b"]}
    with pytest.raises(RefusedError, match="did not sign"):
        bundle.parse(changed, network)


def test_a_signature_for_one_purpose_is_worth_nothing_for_another(small: Small, network: Network) -> None:
    changed = signed(small, network)
    changed["signature"] = small.keys["n.a"].sign(statement.ANSWER, changed["plan"])
    with pytest.raises(RefusedError, match="did not sign"):
        bundle.parse(changed, network)


def test_a_plan_is_refused_when_another_than_its_proposer_brings_it(small: Small, network: Network) -> None:
    with pytest.raises(RefusedError, match=r"not proposed by n\.b"):
        bundle.parse_proposal(signed(small, network), network, "n.b")


def test_what_grows_with_the_contributors_is_made_once_and_not_for_each_of_them(network: Network) -> None:
    """Each deposit is held against the digest, and each contributor told the bundle: hundreds of times hundreds."""
    agreed = plan.parse(content(network))
    assert agreed.digest is agreed.digest
    assert dataclasses.replace(agreed, intake=11).digest != agreed.digest
    whole = bundle.Bundle(agreed, "", {})
    assert whole.content is whole.content
