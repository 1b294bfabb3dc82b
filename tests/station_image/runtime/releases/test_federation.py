"""A federation of two regions on different releases: it computes while these meet, and says who is to be brought up."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.accepted.networks import Networks
from station_image.runtime.base import contract
from tests.harness import stations
from tests.harness.stations import ROOT, Proposal, Station, replace, wait_until
from tests.station_image.runtime import questions
from tests.station_image.runtime.releases import older
from tests.station_image.runtime.releases.country import NAME, Country
from tests.station_image.runtime.test_sessions import right

pytestmark = pytest.mark.slow
OLD, NEW, ONLY_NEW = "1.0.0", "1.1.0", "2.0.0"
COMPUTING, OTHERS = ("west.a", "oost.a", "oost.b"), ("west.b", "oost.c")
EVERY = (*COMPUTING, *OTHERS)
AREA, CASES = 1004, 4
ONLY_THREE = (older.PROTOCOLS[0], "PROTOCOL_VERSIONS = (3,)")


@dataclasses.dataclass(frozen=True)
class Moving:
    """The federation, and where each release lies."""

    country: Country
    packages: dict[str, Path]

    def run(self, chosen: Mapping[str, str]) -> None:
        """Have stations run these releases: by region, or by id."""
        for one in self.country.members.values():
            release = chosen.get(one.id) or chosen[one.home]
            if (one.package, one.release) != (self.packages[release], release):
                one.package, one.release = self.packages[release], release
                one.kill("agent", "computer")
                one.start("agent", "computer")
        for one in self.country.members.values():
            wanted = [one.root / "control" / "agent.sock", one.root / "compute" / "computer.sock"]
            wait_until(functools.partial(_answer, wanted), f"{one.id} to start", 30)
        wait_until(lambda: all(self.polled()), "every poll to be held")

    def polled(self) -> Iterator[bool]:
        """Whether each contributor that does not compute polls each computing party, where the two can speak at all."""
        for party in map(self.country.__getitem__, COMPUTING):
            peers = party.status(NAME).get("peers", {})
            for other in map(self.country.__getitem__, OTHERS):
                apart = {party.release, other.release} == {OLD, ONLY_NEW}
                yield apart or peers.get(other.id, {}).get("polls", False)


def _answer(sockets: list[Path]) -> bool:
    return all(map(stations.answers, sockets))


@pytest.fixture(scope="module")
def moving() -> Iterator[Moving]:
    """Region west on the older release, and oost on the newer one."""
    country = Country(COMPUTING, OTHERS)
    try:
        packages = {NEW: ROOT}
        for release, changes in ((OLD, (older.PROTOCOLS, older.FORMAT)), (ONLY_NEW, (ONLY_THREE,))):
            packages[release] = older.make(country.folder / release, *changes)
        for one in country.members.values():
            one.release = OLD if one.home == "west" else NEW
            one.package = packages[one.release]
        country.start()
        yield Moving(country, packages)
    finally:
        country.stop()


def agreed(country: Country) -> None:
    """Agree on a question of the federation, have every steward allow it, and bring everybody's cases."""
    network = Networks(country[COMPUTING[0]].root / "networks.d").find(NAME)
    document = questions.document(network, parameters={"areas": [f"{AREA}-{AREA + 9}"]})
    for one in EVERY:
        station = country[one]
        replace(station.root / "networks.d" / NAME / "questions.json", {questions.NAME: document})
        questions.allow(station.root / "allowances", document)
        folder = station.root / "data" / "in" / NAME / questions.NAME
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meldingen.csv").write_text("postcode4\n" + f"{AREA}\n" * CASES)


def asked(station: Station, **request: Any) -> dict[str, Any]:
    """What comes of what a station proposes in the federation."""
    return Proposal(station.root / "control" / "agent.sock", {"network": NAME, **request}).answer()


def test_a_federation_computes_over_a_region_on_the_older_and_one_on_the_newer_release(moving: Moving) -> None:
    moving.run({"west": OLD, "oost": NEW})
    for proposer in ("west.a", "oost.a", "oost.c"):
        answer = moving.country[proposer].ask("session", "--network", NAME, "--rounds", "1")
        assert right(answer), answer
        assert {*answer["contributors"]} == {*EVERY}


def test_a_question_of_the_federation_is_answered_likewise(moving: Moving) -> None:
    moving.run({"west": OLD, "oost": NEW})
    agreed(moving.country)
    answer = asked(moving.country["west.a"], verb="propose", question=questions.NAME)
    assert [(int(row["area"]), row["cases"]) for row in answer["result"]["areas"]] == [(AREA, len(EVERY) * CASES)]


def test_who_has_no_link_with_another_hears_from_a_party_what_it_signed_that_it_runs(moving: Moving) -> None:
    """Contributors call the parties only: by these each sees who is behind, whoever operates it."""
    moving.run({"west": OLD, "oost": NEW})
    told = moving.country["west.b"].ask("links")
    assert {row["peer"] for row in told["links"]} == {*COMPUTING}
    assert told["heard"] == {NAME: {"oost.c": NEW}}
    assert moving.country["oost.a"].ask("links")["heard"] == {NAME: {}}, "it has a link with all"


def used(country: Country) -> dict[str, str]:
    """What a session uses up: which ids were seen, which results may have been opened."""
    paths = [country[one].root / name for one in EVERY for name in ("state/seen.json", contract.OPENED.path)]
    return {str(path): path.read_text() for path in paths if path.exists()}


def test_where_nothing_meets_no_session_begins_and_both_sides_and_the_way_out_are_told(moving: Moving) -> None:
    """A station runs the release of its region: nobody can upgrade it in the federation."""
    moving.run({"west": OLD, "oost": ONLY_NEW})
    agreed(moving.country)
    before = used(moving.country)
    proposals = [(one, {"verb": "session"}) for one in COMPUTING]
    for proposer, request in [*proposals, ("west.a", {"verb": "propose", "question": questions.NAME})]:
        answer = asked(moving.country[proposer], **request)
        assert answer["exit"] == 3, answer
        for party, why in answer["reasons"].items():
            speak = {one: "[2]" if one == "west.a" else "[3]" for one in (party, proposer)}
            assert f"{party} speaks {speak[party]}, {proposer} {speak[proposer]}; bring west.a up with" in why
            assert "`werkplaats upgrade start west --to VERSION`" in why
        assert answer["reasons"]
    assert used(moving.country) == before


def test_a_contributor_that_is_behind_is_left_out_and_told_which_region_brings_it_up(moving: Moving) -> None:
    """In the midst of an upgrade of west: of its two stations one has moved, and that one computes."""
    moving.run({"west.a": NEW, "west.b": OLD, "oost": ONLY_NEW})
    answer = asked(moving.country["west.a"], verb="session")
    assert answer["exit"] == 1, answer
    assert {*answer["contributors"]} == {*EVERY} - {"west.b"}
    assert answer["left_out"] == {
        "west.b": f"it runs release {OLD}, which speaks session protocol 2, where this session is in 3: bring west.b "
        "up with `werkplaats upgrade start west --to dev`"
    }
