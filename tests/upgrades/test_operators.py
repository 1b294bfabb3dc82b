"""A region whose coordinator operates two stations and three operate their own, one of whom does nothing for two weeks.

One story at running servers, in order: each test goes on where the one before it ended. Each operator has a home, a
vault and an inventory of its own servers, and logs in to no other.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import shutil
import zoneinfo
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from publication import publication
from tests.end_to_end.test_follow import follow, put
from tests.harness import going, sandboxes
from tests.station_image.builder import releases
from tests.station_image.builder.releases import NEWER, OLDER, PATCH
from tests.upgrades.conftest import define
from werkplaats.operations.reach import windows

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
COORDINATOR, LATE = "ggd", "thuiszorg"
OPERATES = {COORDINATOR: ("ggd", "huisartsen"), "ziekenhuis": ("ziekenhuis",), "apotheek": ("apotheek",), LATE: (LATE,)}
ORGANISATIONS = tuple(one for operated in OPERATES.values() for one in operated)
IN_TIME = tuple(one for one in OPERATES if one != LATE)
UNTIL, BEFORE = "2099-12-31", "2026-06-30"
"""The last day of the upgrade, and one that is over whenever this runs."""
CASES = b"postcode4\n" + b"7001\n" * 3
_IMAGES = "docker inspect --format {{.Image}} station-agent station-computer"


@dataclasses.dataclass(frozen=True)
class Region:
    """Every operator as one who is at work at an own desk."""

    operators: dict[str, sandboxes.Sandbox]

    def __getitem__(self, operator: str) -> sandboxes.Sandbox:
        return self.operators[operator]

    def at(self, organisation: str) -> sandboxes.Sandbox:
        """Who operates the station of an organisation."""
        (operator,) = (one for one, operated in OPERATES.items() if organisation in operated)
        return self[operator]

    @property
    def runs(self) -> dict[str, str]:
        """Organisation → the release that both its containers are made from."""
        known = {releases.built(version).image_id: version for version in (OLDER, NEWER, PATCH)}
        found = {}
        for one in ORGANISATIONS:
            (image,) = {*self.at(one).on(one, "sh", "-c", _IMAGES).stdout.split()}
            found[one] = known[image]
        return found

    def publish(self, release: str, earlier: str = "", until: str = UNTIL, *, signed: bool = False) -> None:
        """The coordinator writes the release, its holders sign where they did not, and it publishes."""
        network = self[COORDINATOR]
        define(network, release, earlier, until)
        if not signed:
            network.run("trust publish", expect=3)
            for one in "ab":
                network.run("release sign", "--key", str(network.state / f"release-{one}"), "--yes")
        network.run("trust publish")

    def fetch(self, operator: str) -> None:
        """An operator takes the commit that the coordinator names, and fetches the publication."""
        shutil.copy(self[COORDINATOR].definition, self[operator].definition)
        self.fetch_publication(operator)

    def fetch_publication(self, operator: str) -> None:
        """That alone, as a timer of an operator does it."""
        there, own = self[COORDINATOR].home, self[operator].home
        name = self[operator].name
        shutil.rmtree(own / "publications" / name)
        shutil.copytree((there / "publications" / name).resolve(), own / "publications" / name)

    def told(self, operator: str, verb: str, *words: str, expect: int | None = 0) -> dict[str, Any]:
        """What a verb says to an operator, as a document."""
        found: dict[str, Any] = json.loads(self[operator].run(verb, "--json", *words, expect=expect).stdout)
        return found

    def said_beforehand(self, operator: str, *, begins: int) -> None:
        """An operator writes that its stations move to patches, in a window that begins so many hours from now."""
        own, zone = self[operator], zoneinfo.ZoneInfo("Europe/Amsterdam")
        path = own.home / "inventories" / own.name / "servers.yml"
        signers = publication.read(own.home / "publications" / own.name, own.name).released_by
        hours = [datetime.datetime.now(zone) + datetime.timedelta(hours=one) for one in (begins, begins + 3)]
        rule = {
            "releases": "patch",
            "signed_by": sorted(signers),
            "days": windows.DAYS,
            "between": "-".join(f"{one:%H:%M}" for one in hours),
            "zone": zone.key,
        }
        servers = yaml.safe_load(path.read_text())
        path.write_text(json.dumps({one: {**entry, "upgrades": rule} for one, entry in servers.items()}))

    def behind(self, operator: str) -> list[str]:
        """Who has not moved, as `upgrade status` says to an operator."""
        found: list[str] = self.told(operator, "upgrade status")["behind"]
        return found

    def together(self, operator: str) -> None:
        """A session over all stations comes out right, proposed from an own one; else the test fails."""
        told = self.told(operator, "session")["session"]
        assert (len(told["contributors"]), told["left_out"]) == (len(ORGANISATIONS), {}), told


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """The network `operators` on the older release, verified, and then with each operator the own servers."""
    for version in (OLDER, NEWER, PATCH):
        releases.place(releases.built(version))
    folder = tmp_path_factory.mktemp("operators")
    definition = sandboxes.DEFINITION.replace("release: dev", f"release: {OLDER}").rstrip() + sandboxes.MEMBER
    maker = sandboxes.sandbox(folder, "operators", definition)
    releases.describe(maker.home, OLDER, NEWER, PATCH)
    question = maker.definition.parent / "questions" / f"{sandboxes.QUESTION}.yml"
    question.write_text(question.read_text().replace("thuiszorg, huisartsen]", "thuiszorg, huisartsen, apotheek]"))
    network = sandboxes.known_by_inventory(maker, "operators")
    try:
        assert sandboxes.up_step_by_step(network)["verified"]
        yield Region({one: _desk(folder / one, network, maker.vault / "people", OPERATES[one]) for one in OPERATES})
    finally:
        maker.run("destroy", "--yes")


def _desk(folder: Path, network: sandboxes.Sandbox, people: Path, operated: Iterable[str]) -> sandboxes.Sandbox:
    """What one operator has of the network: all of the coordinator's is in the first folder only."""
    made = dataclasses.replace(network, home=folder / "home", state=folder / "state")
    # The coordinator's publication is a link to the newest one, as it makes them.
    shutil.copytree(network.home, made.home, symlinks=COORDINATOR in operated)
    shutil.copytree(network.state, made.state)
    inventory = made.home / "inventories" / network.name
    servers = yaml.safe_load((inventory / "servers.yml").read_text())
    if COORDINATOR not in operated:
        shutil.rmtree(inventory)
        inventory.mkdir()
        for secret in [*made.vault.glob("*.key"), *made.state.glob("r*")]:
            secret.unlink()
    (inventory / "servers.yml").write_text(json.dumps({one: servers[one] for one in operated}))
    for one in operated:
        shutil.copytree(people / one, made.vault / "people" / one)
    return made


def test_who_is_asked_for_a_yes_reads_what_the_release_repairs_and_what_works_no_more(region: Region) -> None:
    region.publish(NEWER, OLDER)
    for operator in IN_TIME[1:]:
        region.fetch(operator)
    for operator in IN_TIME:
        said = region[operator].run("accept", "--yes").stdout
        assert f"the release is {NEWER} instead of {OLDER}" in said
        assert f"stations may run release {OLDER} until {UNTIL}, while release {NEWER} comes to them" in said
        assert f"release {NEWER} repairs CVE-2026-0001: a peer could keep a session waiting" in said
        assert f"release {NEWER}: this only affects you if a program of yours reads state/runs.json: have it" in said


def test_the_one_who_does_nothing_is_told_by_the_own_server(region: Region) -> None:
    put(region[LATE], LATE, (region[COORDINATOR].home / "publications" / "operators").resolve())
    told = follow(region[LATE], LATE)[LATE]
    assert any(f"the release is {NEWER} instead of {OLDER}" in line for line in told["waits"]), told
    assert any(f"release {NEWER} repairs CVE-2026-0001" in line for line in told["waits"]), told
    assert f"the release is {NEWER} instead of {OLDER}" in region[LATE].run("status", expect=None).stdout


def test_each_moves_the_own_stations_and_no_other_while_sessions_go_on(region: Region) -> None:
    with going.Sessions(region[LATE], LATE) as sessions:
        sessions.until(1)
        moved = dict.fromkeys(ORGANISATIONS, OLDER)
        for operator in IN_TIME:
            told = region.told(operator, "upgrade start", "--to", NEWER, "--yes")
            assert told["upgrade"]["phase"] == "done", told
            moved |= dict.fromkeys(OPERATES[operator], NEWER)
            assert region.runs == moved
        sessions.until(sessions.good + 1)
    assert (sessions.failed, sessions.left_out) == ([], set())


def test_a_question_over_all_five_is_answered(region: Region) -> None:
    for one in ORGANISATIONS:
        own = region.at(one)
        (row,) = json.loads(own.person("steward", one, "questions", "--json").stdout)["questions"]
        own.person("steward", one, "allow", sandboxes.QUESTION, "--digest", row["digest"])
        own.bring(one, "cases.csv", CASES)
    answer = json.loads(region[COORDINATOR].person("scientist", "ggd", "propose", sandboxes.QUESTION, "--json").stdout)
    assert [(row["area"], row["cases"]) for row in answer["result"]["areas"]] == [("7001", 3 * len(ORGANISATIONS))]
    assert len(answer["contributors"]) == len(ORGANISATIONS)


def late(until: str) -> list[str]:
    """What is said of the one who is behind."""
    return [f"{LATE} (Thuiszorg Proeftuin): runs release {OLDER}, which it {until}; it computes with all"]


def test_everybody_sees_who_is_behind_until_when_and_what_that_blocks(region: Region) -> None:
    region.fetch(LATE)
    for operator in OPERATES:
        assert region.behind(operator) == late(f"may until {UNTIL}")
    said = region[COORDINATOR].run("status", expect=None).stdout
    assert f"runs release {OLDER}, which it may until {UNTIL}; it computes with all" in said
    assert said.count("its agent answers ") == len(ORGANISATIONS) - len(OPERATES[COORDINATOR]), said
    unseen = json.loads(region[COORDINATOR].run("verify", "--json", expect=None).stdout)["not_looked_at"]
    assert {*unseen} == {*ORGANISATIONS} - {*OPERATES[COORDINATOR]}
    calendar = region[COORDINATOR].run("status", "--calendar", expect=None).stdout
    assert f"{UNTIL}       upgrade of operators from release {OLDER} to {NEWER}" in calendar


def test_after_the_last_day_it_is_said_to_be_behind_and_sessions_go_on(region: Region) -> None:
    region.publish(NEWER, OLDER, BEFORE, signed=True)
    for operator in ("ziekenhuis", LATE):
        region.fetch(operator)
    for operator in (COORDINATOR, "ziekenhuis", LATE):
        assert region.behind(operator) == late(f"might until {BEFORE}: it is behind")
    done = region[LATE].run("status", expect=1)
    assert f"ended  {BEFORE}       upgrade of operators from release {OLDER} to {NEWER}; too late" in done.stdout
    region.together(COORDINATOR)


def test_once_the_earlier_release_is_out_followers_take_that_and_the_late_one_goes_on(region: Region) -> None:
    region.publish(NEWER, signed=True)
    newest = (region[COORDINATOR].home / "publications" / "operators").resolve()
    for one in ORGANISATIONS:
        put(region.at(one), one, newest)
        told = follow(region.at(one), one)[one]
        assert told["applied"]["applies"] == ([] if one == LATE else [f"no station may run release {OLDER} any more"])
    region.together(COORDINATOR)
    region.fetch(LATE)
    said = region[LATE].run("status", expect=None).stdout
    assert (
        f"runs release {OLDER}, which the definition does not name: its operator accepts what is published, and "
        "upgrades; it computes with all" in said
    )
    plan = region.told(LATE, "plan")
    assert f"{LATE}: the release is {NEWER} instead of {OLDER}" in plan["waiting"]
    assert plan["stations"] == []
    region.together(LATE)


def test_the_late_one_says_yes_and_comes_along_by_itself(region: Region) -> None:
    region[LATE].run("accept", "--yes")
    up = region.told(LATE, "up", "--yes", expect=3)
    assert f"werkplaats upgrade start operators --to {NEWER} --only {LATE} moves it" in up["waiting"][LATE][0]
    told = region.told(LATE, "upgrade start", "--to", NEWER, "--yes")
    assert told["upgrade"]["phase"] == "done", told
    assert region.runs == dict.fromkeys(ORGANISATIONS, NEWER)
    assert region.behind(COORDINATOR) == region.behind(LATE) == []
    told = region.told(COORDINATOR, "verify")
    assert all(one["good"] for one in told["verdicts"]), told


def test_in_a_window_that_its_operator_named_a_station_moves_with_nobody_typing_yes(region: Region) -> None:
    region.publish(PATCH, NEWER)
    for operator, begins in (("ziekenhuis", -1), (LATE, 4)):
        region.fetch_publication(operator)
        region.said_beforehand(operator, begins=begins)
    moved = dict.fromkeys(ORGANISATIONS, NEWER)
    shut = region.told(LATE, "upgrade due")
    assert (shut["accepted"], shut["upgrade"], region.runs) == ([], None, moved)
    told = region.told("ziekenhuis", "upgrade due")
    assert told["accepted"] == ["ziekenhuis"]
    assert told["upgrade"]["phase"] == "done", told
    assert region.runs == moved | {"ziekenhuis": PATCH}
    region.together("ziekenhuis")
    status = region.told("ziekenhuis", "upgrade status")["beforehand"]
    assert {one: (row["verdict"], row["open"]) for one, row in status.items()} == {"ziekenhuis": ("there", True)}
    assert f"release {NEWER}" in region[LATE].run("upgrade status").stdout
    late = region.told(LATE, "upgrade status")["beforehand"][LATE]
    assert (late["verdict"], late["open"], late["accepts"]) == ("closed", False, True)
