"""Questions of federations: the example that this project comes with, and the outcome by region."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_topology import check, context, names, questions
from network_topology.compiling import compile as compiler
from network_topology.federations.joined import joined
from network_topology.rules.questions import told_by_region
from station_image.runtime.accepted import delivered
from station_image.runtime.data import regions
from tests.network_topology.definitions import FEDERATIONS, NETWORKS
from tests.network_topology.federations.test_rules import KNOWN
from tests.network_topology.federations.test_rules import NETWORKS as KRING
from werkplaats.operations.home import places

NAME = "kansrijke-start-oost"
TODAY = datetime.date(2026, 11, 1)


def shipped() -> context.Context:
    """With the analyses of the station image, as `werkplaats check` has them."""
    return context.shipped(TODAY, places.known(places.home()).fields_of)


@pytest.mark.parametrize("name", [*FEDERATIONS, *map(names.twin, FEDERATIONS)])
def test_a_question_of_an_example_federation_is_sound(name: str) -> None:
    outcome = check.network(name, NETWORKS, shipped())
    assert outcome.violations == ()
    there = {one.stem for one in (NETWORKS / names.defined(name) / questions.FOLDER).glob("*.yml")}
    assert there
    assert set(outcome.questions) == there


def test_kansrijke_start_asks_youth_health_birth_care_and_municipalities_of_both_regions() -> None:
    outcome = check.network(NAME, NETWORKS, shipped())
    assert outcome.federation is not None
    asked = outcome.questions["vroege-hulp"]
    cards = {reference: outcome.federation.card(reference) for reference in asked.contributes}
    found: dict[str, set[str]] = {}
    for reference, card in cards.items():
        assert card is not None
        found.setdefault(reference.partition("/")[0], set()).add(card.domain)
    assert found == {
        "salland-united": {"public_health", "hospital", "municipality"},
        "twente-volledig": {"public_health", "birth_care", "hospital", "municipality"},
    }
    definition = joined(outcome.federation)
    network = compiler.compile_network(definition)
    document = questions.document("vroege-hulp", asked, definition, network, dict.fromkeys(definition.stations, "key"))
    assert document["parameters"] == {"field": "week", "low": 0, "high": 143, "bins": 12, "by": "region"}
    assert delivered.wrong(document) == "", "a station leaves out what is none"
    assert {*document["agreements"]} == {one.replace("/", ".") for one in (*cards, *definition.computing)}
    assert regions.parts(document["contributors"], document["minimum_contributors"]).alone.keys() == found.keys()


QUESTION = """
analysis: hotspots/1
purpose: Where influenza rises over the border
parameters: {areas: [7001-7003], population: {"7001": 2900, "7002": 1800, "7003": 3400}, by: region}
fields: {postcode4: four digits of the postcode where the patient lives}
contributes: [oost/ggd, oost/ziekenhuis, oost/thuiszorg, CONTRIBUTES]
results_to: [oost/ggd]
minimum_cell: 10
minimum_contributors: 3
dpia_annex: 2026-03-01
term: {until: 2029-03-01, at_most: unlimited}
"""
WEST, NORTH = "west/ggd, west/ziekenhuis, west/ggz", "noord/ziekenhuis, noord/thuiszorg"
FEW = "2 of noord contribute, so that it stays hidden, and as a rule one of the others with it"
NONE = "of which no region can be told with a minimum of 3"


@pytest.mark.parametrize(
    ("contributes", "said"),
    [
        (WEST, []),
        (f"{WEST}, {NORTH}", [("warning", FEW)]),
        (NORTH, [("error", f"contributors are 2 of noord, 3 of oost, {NONE}")]),
        ("west/ggd", [("error", f"contributors are 3 of oost, 1 of west, {NONE}")]),
        ("", [("error", f"contributors are 3 of oost, {NONE}")]),
    ],
)
def test_by_region_is_asked_where_regions_have_enough_contributors(
    tmp_path: Path, contributes: str, said: list[tuple[str, str]]
) -> None:
    shutil.copytree(KRING, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "kring" / "questions" / "griep.yml"
    path.parent.mkdir()
    path.write_text(QUESTION.replace(", CONTRIBUTES", f", {contributes}" if contributes else ""))
    outcome = check.path(path, KNOWN)
    assert [one.severity for one in outcome.violations] == [severity for severity, _ in said]
    for one, (severity, text) in zip(outcome.violations, said, strict=True):
        assert one.text.startswith(text)
        assert one.remedy == "name more of its organisations, or leave `by` out"
        assert (one.line, one.rule) == (4, "by_region_tells")
        assert (outcome.questions == {}) is (severity == "error")


@given(st.lists(st.integers(1, 8), min_size=1, max_size=8), st.integers(1, 6))
def test_what_the_check_says_of_regions_is_what_stations_do(contributors: list[int], minimum: int) -> None:
    stations = [f"region-{region}.{number}" for region, count in enumerate(contributors) for number in range(count)]
    assert told_by_region(contributors, minimum) == len(regions.parts(stations, minimum).alone)
