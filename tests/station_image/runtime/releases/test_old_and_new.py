"""Stations of two releases compute together where what they speak meets; else it is said who is to be brought up."""

from __future__ import annotations

import functools
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base import contract
from tests.harness import stations
from tests.harness.region import Region
from tests.harness.stations import ROOT, Station, wait_until
from tests.station_image.runtime.agreed import MEMBERS, PLANTED_TOTALS, Agreed
from tests.station_image.runtime.releases import older
from tests.station_image.runtime.test_sessions import right

pytestmark = pytest.mark.slow
OLD, NEW, ONLY_NEW = "1.0.0", "1.1.0", "2.0.0"
RUNS = contract.OPENED.path


class Releases:
    """Which release each station of network drie runs; whoever is not named runs the newer one."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.packages = {NEW: ROOT}
        for name, changes in ((OLD, (older.PROTOCOLS, older.FORMAT)), (ONLY_NEW, (only_three(),))):
            self.packages[name] = older.make(region.folder / name, *changes)

    def run(self, **chosen: str) -> None:
        """Have these releases run: by organisation, the others the newer one."""
        for member in MEMBERS:
            self.replace(self.region[member], chosen.get(member, NEW))
        self.wait()

    def install(self, station: Station, release: str, package: Path | None = None) -> None:
        """Have a station run a release, and wait until all are there again."""
        self.replace(station, release, package)
        self.wait()

    def wait(self) -> None:
        """Wait until whoever can polls whom it should."""
        wait_until(lambda: all(self.polled()), "every poll to be held")

    def replace(self, station: Station, release: str, package: Path | None = None) -> None:
        """Replace both processes, and take the files back where the release is an older one."""
        package = package or self.packages[release]
        if (station.package, station.release) == (package, release):
            return
        station.kill("agent", "computer")
        if release == OLD:
            self.take_back(station, 3)
        station.package, station.release = package, release
        station.start("agent", "computer")
        wanted = [station.root / "control" / "agent.sock", station.root / "compute" / "computer.sock"]
        wait_until(lambda: all(map(stations.answers, wanted)), f"{station.organisation} to start", 30)

    def polled(self) -> Iterator[bool]:
        """Whether each contributor that does not compute polls a computing party, where the two can speak at all."""
        for party in (self.region[one] for one in ("ggd", "gelre", "sensire")):
            peers = party.status().get("peers", {})
            for other in (self.region[one] for one in ("yunio", "huisarts")):
                apart = {party.release, other.release} == {OLD, ONLY_NEW}
                yield apart or peers.get(other.id, {}).get("polls", False)

    @staticmethod
    def take_back(station: Station, version: int) -> dict[str, Any]:
        """What the newer release says of having taken the files back."""
        environment = {"STATION_ROOT": str(station.root), "PYTHONPATH": str(ROOT)}
        command = [stations.PYTHON, "-m", "station_image.runtime.formats", "--to", json.dumps({RUNS: version})]
        if stations.SEPARATE:
            command = [
                "setpriv",
                f"--reuid={stations.AGENT_UID}",
                f"--regid={stations.GROUP}",
                "--clear-groups",
                *command,
            ]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def only_three() -> tuple[str, str]:
    return older.PROTOCOLS[0], "PROTOCOL_VERSIONS = (3,)"


@pytest.fixture(scope="module")
def made(whole_region: Region) -> Iterator[Releases]:
    """The releases, made once."""
    releases = Releases(whole_region)
    yield releases
    for station in whole_region.stations.values():
        changed = station.package != ROOT or station.release != "dev"
        station.package, station.release = ROOT, "dev"
        if changed:
            station.restart("agent", "computer")


@pytest.fixture
def releases(region: Region, made: Releases) -> Releases:
    """A region whose stations may run one release or another."""
    assert region is made.region
    return made


def entered(station: Station, session: str, kind: str) -> dict[str, Any]:
    """What the register of a station has of one kind about a session."""

    def look() -> dict[str, Any]:
        found = station.ask("register", "--last", "50")["entries"]
        return next((one for one in found if (one["kind"], one.get("session")) == (kind, session)), {})

    return dict(wait_until(look, f"{station.organisation} to enter {kind}"))


def ran(releases: Releases, session: str) -> list[Mapping[str, str] | None]:
    """With which releases each computing party says that a session was computed."""
    parties = [releases.region[one] for one in ("ggd", "gelre", "sensire")]
    return [entered(party, session, "run").get("releases") for party in parties]


MIXED = [{"ggd": OLD}, {"gelre": OLD}, {"huisarts": OLD}, {"gelre": OLD, "sensire": OLD, "yunio": OLD}]


@pytest.mark.parametrize("chosen", MIXED, ids=lambda chosen: " ".join(chosen))
def test_an_older_and_a_newer_release_compute_together_in_every_role(
    releases: Releases, chosen: dict[str, str]
) -> None:
    releases.run(**chosen)
    for proposer in ("ggd", "gelre", "huisarts"):
        answer = releases.region[proposer].ask("session", "--network", "drie", "--rounds", "1")
        assert right(answer), answer
        assert ran(releases, answer["session"]) == [None] * 3, "the plan is of the protocol that all speak"


def test_where_all_speak_the_newer_protocol_registers_and_results_tell_the_releases(releases: Releases) -> None:
    releases.run()
    releases.install(releases.region["yunio"], ONLY_NEW)
    for proposer in ("ggd", "huisarts"):
        answer = releases.region[proposer].ask("session", "--network", "drie", "--rounds", "1")
        assert right(answer), answer
        expected = {releases.region[one].id: NEW for one in MEMBERS} | {releases.region["yunio"].id: ONLY_NEW}
        assert ran(releases, answer["session"]) == [expected] * 3
        path = releases.region[proposer].root / "data" / "out" / answer["session"] / "result.json"
        assert json.loads(path.read_text())["releases"] == expected


def test_a_question_has_the_same_answer_and_is_remembered_by_both(releases: Releases) -> None:
    releases.run(gelre=OLD, huisarts=OLD)
    asked = Agreed(releases.region)
    asked.everywhere(at_most="daily")
    for member in MEMBERS:
        asked.put(member, asked.cases(member))
    answer = asked.ask()
    assert answer["exit"] == 0, answer
    assert asked.opened(answer) == PLANTED_TOTALS
    again = asked.ask()
    assert "may run daily at most and ran before" in again["error"]
    gelre = releases.region["gelre"]
    kept = json.loads((gelre.root / RUNS).read_text())["results"]
    releases.install(gelre, NEW)
    assert len(json.loads((gelre.root / RUNS).read_text())["results"]) == len(kept)
    assert "may run daily at most and ran before" in asked.ask()["reasons"][gelre.id]


def used(releases: Releases) -> dict[str, str]:
    """What a session uses up: which ids were seen, which results may have been opened."""
    paths = [releases.region[one].root / name for one in MEMBERS for name in ("state/seen.json", RUNS)]
    return {str(path): path.read_text() for path in paths if path.exists()}


def way_out(station: Station) -> str:
    """How it is brought up: by its region, with what the definition names."""
    return f"bring {station.id} up with `werkplaats upgrade start {station.id.partition('.')[0]} --to dev`"


def apart(station: Station) -> str:
    """Why a station of the older release is not in a session of the newer protocol."""
    speaks = "which speaks session protocol 2, where this session is in 3"
    return f"it runs release {OLD}, {speaks}: {way_out(station)}"


def test_where_nothing_meets_it_is_refused_before_anything_is_used_up_and_said_who_is_behind(
    releases: Releases,
) -> None:
    releases.run(sensire=ONLY_NEW, gelre=OLD)
    before = used(releases)
    answer = releases.region["ggd"].ask("session", "--network", "drie")
    late = releases.region["gelre"]
    assert answer["exit"] == 3, answer
    assert answer["reasons"] == {late.id: apart(late)}
    assert used(releases) == before


def test_a_contributor_that_meets_nobody_is_left_out_and_keeps_nobody_from_it(releases: Releases) -> None:
    releases.run(sensire=ONLY_NEW, huisarts=OLD)
    answer = releases.region["ggd"].ask("session", "--network", "drie")
    late = releases.region["huisarts"]
    assert (answer["exit"], answer["result"]["correct"]) == (1, True), answer
    assert answer["left_out"] == {late.id: apart(late)}


def without_the_analysis(releases: Releases, behind: str) -> tuple[Agreed, str]:
    """A question to all, one of whom does not have its analysis; what is said of that one."""
    releases.run()
    package = releases.region.folder / f"without-{behind}"
    older.make(package, older.FORMAT)
    (package / "station_image" / "runtime" / "analyses" / "hotspots.py").unlink()
    releases.install(releases.region[behind], OLD, package)
    asked = Agreed(releases.region)
    asked.everywhere()
    late = releases.region[behind]
    return asked, f"it runs release {OLD}, which does not have hotspots/1: {way_out(late)}"


def test_a_question_whose_analysis_a_computing_party_lacks_is_refused_likewise(releases: Releases) -> None:
    asked, why = without_the_analysis(releases, "sensire")
    before = used(releases)
    answer = asked.ask()
    late = releases.region["sensire"].id
    assert (answer["exit"], answer["reasons"]) == (3, {late: why}), answer
    assert used(releases) == before


def test_a_contributor_that_lacks_the_analysis_of_a_question_is_left_out(releases: Releases) -> None:
    asked, why = without_the_analysis(releases, "huisarts")
    for member in MEMBERS:
        if member != "huisarts":
            asked.put(member, asked.cases(member))
    answer = asked.ask()
    assert (answer["exit"], answer["left_out"]) == (1, {releases.region["huisarts"].id: why}), answer


def test_every_station_tells_what_it_runs_and_others_see_who_is_behind(releases: Releases) -> None:
    releases.run(gelre=OLD, huisarts=OLD)
    links = releases.region["ggd"].ask("links")["links"]
    found = {row["peer"]: row for row in links if row["network"] == "drie"}
    late, ahead = found[releases.region["huisarts"].id], found[releases.region["sensire"].id]
    assert (late["release"], late["versions"], late["formats"][RUNS]) == (OLD, [2], 3)
    assert (ahead["release"], ahead["versions"], ahead["formats"][RUNS]) == (NEW, [2, 3], 4)
    assert "hotspots/1" in late["analyses"]
    assert late["draining"] == 0


class Asking(threading.Thread):
    """Proposes one session after another, as people on a server do, until it is told to stop."""

    def __init__(self, station: Station) -> None:
        super().__init__(daemon=True)
        self.station = station
        self.answers: list[dict[str, Any]] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            self.answers.append(self.station.ask("session", "--network", "drie", "--rounds", "1", seconds=150.0))

    def stop(self) -> list[dict[str, Any]]:
        self.stopping.set()
        self.join(160)
        return self.answers


def idle(station: Station) -> bool:
    told = station.control("status")
    return bool(told) and not told["sessions"]


def answered(asking: list[Asking], enough: int) -> bool:
    return sum(len(one.answers) for one in asking) >= enough


def test_a_network_goes_from_one_release_to_the_next_and_back_while_sessions_are_asked_for_all_the_time(
    releases: Releases,
) -> None:
    releases.run(**dict.fromkeys(MEMBERS, OLD))
    region = releases.region
    registers = {one: (region[one].root / "register" / "register.jsonl").read_bytes() for one in MEMBERS}
    asking = [Asking(region[one]) for one in ("ggd", "huisarts")]
    for one in asking:
        one.start()
    try:
        for member, release in [*((one, NEW) for one in MEMBERS), ("gelre", OLD), ("huisarts", OLD)]:
            station = region[member]
            assert station.ask("drain", "--seconds", "120")["exit"] == 0
            wait_until(functools.partial(idle, station), f"{member} to have nothing to do", 60)
            releases.install(station, release)
            enough = sum(len(one.answers) for one in asking) + 2
            wait_until(functools.partial(answered, asking, enough), "sessions of both releases", 60)
    finally:
        answers = [answer for one in asking for answer in one.stop()]
    failed = [answer for answer in answers if not right(answer)]
    assert failed == []
    assert len(answers) >= 14
    for member in MEMBERS:
        told = region[member].ask("register", "--last", "1")
        assert told["sound"], told
        now = (region[member].root / "register" / "register.jsonl").read_bytes()
        assert now.startswith(registers[member])
