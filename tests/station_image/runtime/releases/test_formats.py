"""Files of one release made those of another, there and back: nothing is lost, whenever it is cut short."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from station_image.runtime import formats as program
from station_image.runtime.base import contract
from station_image.runtime.consent import opened
from station_image.runtime.consent.plan import Plan, agreed_in
from station_image.runtime.releases import formats
from station_image.runtime.releases.formats import FormatError
from tests.harness.stations import ROOT
from tests.station_image.runtime.neighbours import Own, data_plan, deliver
from tests.station_image.runtime.releases import older
from tests.station_image.runtime.views import Small

RUNS = contract.OPENED.path
KILLED = """
import os, signal, sys
from station_image.runtime import formats
left = int(sys.argv.pop(1))
def step(event, arguments):
    global left
    if event in ("open", "os.rename") and "/state/" in str(arguments[0]) + str(arguments[1]):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
sys.exit(formats.main(sys.argv[1:]))
"""
"""`formats`, killed before it opens or renames a file of the station for the n-th time."""


class Station:
    """n.a with a register, allowances, seen marks, an edition key, and three opened results of two releases."""

    def __init__(self, root: Path) -> None:
        self.root = root / "station"
        self.own = Own(Small.make(root / "small"), "n.a", self.root)
        self.folders = self.own.folders
        deliver(self.own.small, {"n.a": self.folders.allowances})
        agreed = data_plan(self.own.network)
        for number, release in enumerate(("1.0.0", "1.1.0", "")):
            self.own.opened.add(self.plan(agreed, release), {"n.a": str(number)})
        self.own.opened.add(self.plan(agreed, "1.2.0"), {"n.a": "0"})
        self.own.seen.add("x")
        self.own.register.add("answer")
        self.runs = self.root / RUNS

    @staticmethod
    def plan(agreed: Plan, release: str) -> Plan:
        return agreed_in(agreed, 3, {"n.a": release, "n.b": release, "n.d": "9.9.9"} if release else {})

    @property
    def results(self) -> list[tuple[Any, ...]]:
        """What is there of what was opened, by whatever format."""
        _, found = opened.read(self.runs.read_text())
        return [(one, one.at, one.releases) for one in found]

    @property
    def others(self) -> dict[str, bytes]:
        """Everything but what was opened, its copies and the list of formats."""
        files = {path.relative_to(self.root): path for path in self.root.rglob("*") if path.is_file()}
        kept = {str(name): path.read_bytes() for name, path in files.items() if "control" not in name.parts}
        return {name: text for name, text in kept.items() if "runs.json" not in name and "formats.json" not in name}

    def move(self, *words: str, killed: int = 0, package: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """`python3 -m station_image.runtime.formats`, of this tree or another."""
        start = ["-c", KILLED, str(killed)] if killed else ["-m", "station_image.runtime.formats"]
        environment = {"PATH": os.environ["PATH"], "STATION_ROOT": str(self.root), "PYTHONPATH": str(package)}
        command = [sys.executable, *start, *words]
        return subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=120
        )

    def told(self, *words: str, code: int = 0) -> dict[str, Any]:
        done = self.move(*words)
        assert done.returncode == code, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def station(tmp_path: Path) -> Station:
    found = Station(tmp_path)
    formats.ready(found.folders)
    return found


def to(version: int, path: str = RUNS) -> tuple[str, str]:
    return "--to", json.dumps({path: version})


def test_which_releases_computed_a_result_is_kept_and_adds_up_when_it_is_opened_again(station: Station) -> None:
    assert [releases for _, _, releases in station.results] == [("1.1.0",), (), ("1.0.0", "1.2.0")]
    [first, *_] = opened.Opened(station.runs)._results
    assert "releases" not in first.content, "what others are told is for a release that knows nothing of it too"


def test_back_and_forwards_again_nothing_is_lost(station: Station) -> None:
    before, others = station.results, station.others
    told = station.told(*to(3))
    kept = f"{RUNS}.format-4"
    assert told["moved"] == [{"path": RUNS, "from": 4, "to": 3, "holds": 3, "kept": kept}]
    assert (told["done"], told["formats"][RUNS]) == (True, 3)
    assert [row[:2] for row in station.results] == [row[:2] for row in before]
    assert [row[2] for row in station.results] == [(), (), ()]
    assert (station.root / kept).exists()
    assert station.told("--show")["formats"][RUNS] == 3
    assert station.told(*to(3))["moved"] == []
    assert station.told(*to(4))["moved"][0]["to"] == 4
    assert station.results == before
    assert station.others == others, "not a byte of the register, allowances, marks or keys"


@pytest.mark.parametrize("version", [3, 4])
def test_killed_anywhere_it_is_run_again_and_ends_as_if_it_had_not_been(station: Station, version: int) -> None:
    before, others = station.results, station.others
    if version == 4:
        station.told(*to(3))
    for killed in range(1, 40):
        done = station.move(*to(version), killed=killed)
        _, results = opened.read(station.runs.read_text())
        assert results == [row[0] for row in before], f"killed at {killed}: whole in one format or the other"
        if done.returncode != -signal.SIGKILL:
            break
    assert (done.returncode, killed > 5) == (0, True), done.stderr
    assert station.told("--show")["formats"][RUNS] == version
    station.told(*to(4))
    assert (station.results, station.others) == (before, others)


def test_looking_changes_nothing(station: Station) -> None:
    before = {path: path.read_bytes() for path in station.root.rglob("*") if path.is_file()}
    told = station.told(*to(3), "--check")
    assert (told["done"], told["moved"][0]["to"], told["formats"][RUNS]) == (False, 3, 3)
    station.told("--show")
    assert {path: path.read_bytes() for path in station.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("path", "version", "why"),
    [
        (RUNS, 2, f"{RUNS} has format 4, and this release cannot make format 2 of it"),
        (RUNS, 5, f"{RUNS} has format 4, and this release cannot make format 5 of it"),
        ("state/seen.json", 2, "state/seen.json has format 1, and this release cannot make format 2 of it"),
        ("state/none.json", 1, "state/none.json: a station keeps no such file; it keeps allowances/"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_moved(station: Station, path: str, version: int, why: str) -> None:
    before = station.runs.read_bytes()
    refused = station.told("--to", json.dumps({RUNS: 3, path: version}), code=3)["refused"]
    assert refused.startswith(why)
    assert station.runs.read_bytes() == before


def test_what_cannot_be_read_is_refused_and_left_alone(station: Station) -> None:
    station.runs.write_text("{")
    assert "cannot be read (JSONDecodeError)" in station.told(*to(3), code=3)["refused"]
    assert station.runs.read_text() == "{"
    (station.root / contract.FORMATS.path).write_text("[]")
    assert "formats.json is no list of formats" in station.told(*to(3), code=3)["refused"]


def test_it_is_refused_while_an_agent_runs_and_looking_is_not(station: Station) -> None:
    station.folders.control_socket.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(station.folders.control_socket))
        listener.listen()
        assert station.told(*to(3), code=3)["refused"].startswith("an agent runs")
        assert station.told(*to(3), "--check")["done"] is False


@pytest.mark.parametrize(
    "words", [(), ("--to", "{"), ("--to", "[]"), ("--to", '{"x": true}'), ("--show", "--to", "{}")]
)
def test_wrong_use_ends_with_two(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        program.main(words)
    assert caught.value.code == 2


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The release before."""
    return older.make(tmp_path / "older")


def start(station: Station, package: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of the agent of a release as far as it takes its files."""
    code = "from station_image.runtime import agent; from station_image.runtime.base.folders import Folders\n"
    code += "agent.asyncio.run = lambda work: work.close(); raise SystemExit(agent.main())"
    environment = {"PATH": os.environ["PATH"], "STATION_ROOT": str(station.root), "PYTHONPATH": str(package)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


def test_an_older_release_does_not_start_on_newer_files_until_the_newer_one_took_them_back(
    station: Station, previous: Path
) -> None:
    key = station.root / contract.STATEMENT_KEY.path
    private = station.own.key._private
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    (station.root / "networks.d").mkdir()
    before, others = station.results, station.others
    refused = start(station, previous)
    assert refused.returncode == 1
    assert f"agent-cannot-start why={RUNS} has format 4 and this release reads 3: start the newer" in refused.stdout
    assert station.move(*to(3), package=previous).returncode == 3, "the older one cannot take them back itself"
    station.told(*to(3))
    assert start(station, previous).returncode == 0
    assert [row[:2] for row in station.results] == [row[:2] for row in before]
    assert start(station, ROOT).returncode == 0, "the newer one takes up what it had"
    assert (station.results, station.others) == (before, others)


def test_files_of_before_there_was_a_list_are_those_of_the_release_before(station: Station) -> None:
    station.told(*to(3))
    (station.root / contract.FORMATS.path).unlink()
    assert station.told("--show")["formats"][RUNS] == 3
    formats.ready(station.folders)
    assert formats.found(station.folders) == formats.own()


def test_a_file_that_nobody_can_read_keeps_no_agent_from_starting(station: Station) -> None:
    """Its reader says what is to be done: no question is answered until then."""
    station.told(*to(3))
    station.runs.write_text("{")
    formats.ready(station.folders)
    assert station.runs.read_text() == "{"
    assert opened.Opened(station.runs).problem


def test_a_format_that_this_release_does_not_know_is_one_of_a_newer_release(station: Station) -> None:
    path = station.root / contract.FORMATS.path
    path.write_text(json.dumps({**formats.own(), "register/register.jsonl": 7}))
    with pytest.raises(FormatError, match=r"register/register\.jsonl has format 7 and this release reads 1"):
        formats.ready(station.folders)
    path.write_text(json.dumps({**formats.own(), "state/of-a-newer-one.json": 1}))
    formats.ready(station.folders)
    assert formats.found(station.folders)["state/of-a-newer-one.json"] == 1


@pytest.mark.parametrize("path", [contract.FORMATS.path, RUNS])
@pytest.mark.parametrize("linked", [True, False], ids=["link", "pipe"])
def test_what_is_no_file_is_neither_followed_nor_waited_for(station: Station, path: str, linked: bool) -> None:
    """The agent before it put it there; the one that makes its files another format would wait for ever."""
    place, elsewhere = station.root / path, station.root.parent / "elsewhere"
    if place.exists():
        place.rename(elsewhere)
    else:
        elsewhere.write_text(json.dumps(formats.own()))
    if linked:
        place.symlink_to(elsewhere)
    else:
        os.mkfifo(place)
    assert "cannot be read" in station.told(*to(3), code=3)["refused"]


def test_what_lies_where_a_file_is_to_be_written_is_not_written_to(station: Station) -> None:
    os.mkfifo(station.root / f"{RUNS}.new")
    station.told(*to(3))
    assert opened.read(station.runs.read_text())[0] == 3
