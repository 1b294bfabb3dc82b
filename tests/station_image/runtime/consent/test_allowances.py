"""A station's own no: each difference between the question and what its steward allowed, named by its field."""

from __future__ import annotations

import dataclasses
import json
import time
import types
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.contract import State
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import allowances
from station_image.runtime.consent.gate import Gate
from station_image.runtime.consent.index import Index
from station_image.runtime.consent.opened import Opened
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import Small


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return Small.make(tmp_path).networks("n.a").find("n")


def refusal(folder: Path, asked: dict[str, Any], now: float | None = None) -> str:
    kept = allowances.Allowances(folder)
    try:
        allowances.check(asked, kept.find("n", questions.NAME), time.time() if now is None else now)
    except RefusedError as error:
        return str(error)
    return ""


def test_what_the_steward_allowed_goes_on_and_what_was_never_allowed_does_not(tmp_path: Path, network: Network) -> None:
    asked = questions.document(network)
    assert "the steward here does not allow griep" in refusal(tmp_path, asked)
    path = questions.allow(tmp_path, asked)
    assert refusal(tmp_path, asked) == ""
    path.unlink()
    assert "does not allow" in refusal(tmp_path, asked)


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("minimum_cell", 5),
        ("minimum_contributors", 2),
        ("results", ["n.a", "n.b"]),
        ("operators", {"n.a": "a", "n.b": "a", "n.c": "c", "n.d": "d"}),
        ("at_most", "hourly"),
        ("purpose", "iets anders"),
        ("parameters", {"areas": ["7001-7041"]}),
        ("fields", {"postcode4": "vier cijfers", "bsn": "nummer"}),
        ("contributors", ["n.a", "n.b", "n.c"]),
        ("analysis", "hotspots/2"),
        ("until", "2099-06-01"),
        ("threshold", 2),
        ("dpia_annex", "2026-04-01"),
    ],
)
def test_a_question_that_changed_after_it_was_allowed_is_refused_by_its_field(
    tmp_path: Path, network: Network, field: str, changed: Any
) -> None:
    questions.allow(tmp_path, questions.document(network))
    assert refusal(tmp_path, questions.document(network, **{field: changed})).startswith(f"{field}: not as the steward")


def test_an_allowance_a_term_and_an_agreement_end_by_themselves(tmp_path: Path, network: Network) -> None:
    asked = questions.document(network)
    questions.allow(tmp_path, asked, until="2026-01-01")
    assert refusal(tmp_path, asked) == "allowance: griep ended on 2026-01-01"
    ended = questions.document(network, until="2026-01-01")
    questions.allow(tmp_path, ended)
    assert refusal(tmp_path, ended) == "until: griep ended on 2026-01-01"
    lapsed = questions.document(network)
    lapsed["agreements"]["n.d"]["until"] = "2026-01-31"
    questions.allow(tmp_path, lapsed)
    assert refusal(tmp_path, lapsed) == "agreements: that of n.d lapsed on 2026-01-31"


def test_the_last_day_still_counts(tmp_path: Path, network: Network) -> None:
    asked = questions.document(network)
    questions.allow(tmp_path, asked, until="2026-01-01")
    noon = 1767268800.0  # 2026-01-01 12:00 UTC
    assert refusal(tmp_path, asked, noon) == ""
    assert "ended" in refusal(tmp_path, asked, noon + 86400)


def test_a_file_that_was_edited_is_refused(tmp_path: Path, network: Network) -> None:
    asked = questions.document(network)
    questions.allow(tmp_path, asked, digest="0" * 64)
    assert "was edited" in refusal(tmp_path, asked)
    (tmp_path / f"n~{questions.NAME}.json").write_text("{")
    assert "cannot be read" in refusal(tmp_path, asked)


def test_a_steward_may_allow_a_question_more_rarely_than_agreed_and_never_more_often(
    tmp_path: Path, network: Network
) -> None:
    asked = questions.document(network, at_most="daily")
    questions.allow(tmp_path, asked, at_most="weekly")
    allowance = allowances.check(asked, allowances.Allowances(tmp_path).find("n", questions.NAME), time.time())
    assert allowance.at_most == "weekly"
    questions.allow(tmp_path, asked, at_most="hourly")
    assert refusal(tmp_path, asked).startswith("at_most: ")
    questions.allow(tmp_path, asked, at_most="now and then")
    assert refusal(tmp_path, asked).startswith("at_most: ")


def test_the_frequency_that_counts_is_the_one_that_the_steward_allows(tmp_path: Path, network: Network) -> None:
    asked = questions.document(network, at_most="daily")
    questions.allow(tmp_path, asked, at_most="monthly")
    register: Any = types.SimpleNamespace(problem="", index=Index())
    opened = Opened(tmp_path / "runs.json")
    own = Gate(allowances.Allowances(tmp_path), opened, register)
    delivered = dataclasses.replace(network, questions={questions.NAME: asked})
    assert own.permitted(delivered, questions.NAME) == {**asked, "at_most": "monthly"}


def test_an_allowance_that_names_no_frequency_is_for_the_agreed_one(tmp_path: Path, network: Network) -> None:
    asked = questions.document(network, at_most="weekly")
    path = questions.allow(tmp_path, asked)
    content = json.loads(path.read_text())
    del content["at_most"]
    path.write_text(json.dumps(content))
    found = allowances.Allowances(tmp_path).find("n", questions.NAME)
    assert found is not None
    assert found.at_most == "weekly"


def test_how_a_question_stands_follows_from_what_differs_and_not_from_the_words(
    tmp_path: Path, network: Network
) -> None:
    kept = allowances.Allowances(tmp_path)
    asked = questions.document(network, purpose="op de eerste hulp, based on nothing")

    def standing(document: dict[str, Any]) -> tuple[State, str | None]:
        found = kept.standing("n", document, time.time())
        assert bool(found.problem) is (found.state is not State.ALLOWED)
        return found.state, str(found.until) if found.until else None

    assert standing(asked) == (State.WAITS, None)
    path = questions.allow(tmp_path, asked)
    assert standing(asked) == (State.ALLOWED, "2098-01-01")
    assert standing({**asked, "minimum_cell": 5}) == (State.CHANGED, "2098-01-01")
    questions.allow(tmp_path, asked, until="2026-01-01")
    assert standing(asked) == (State.ENDED, "2026-01-01")
    lapsed = questions.document(network)
    lapsed["agreements"]["n.d"]["until"] = "2026-01-31"
    questions.allow(tmp_path, lapsed)
    assert standing(lapsed) == (State.ENDED, "2098-01-01")
    path.write_text("{")
    assert standing(asked) == (State.CHANGED, None)
