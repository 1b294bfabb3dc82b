"""A region of five: two stations of the coordinator, and three of organisations that let nobody else in.

Each of the three has a bare server. Two operate it from a desk of their own; the third works on the server itself, has
all of it from one archive, and reaches nothing but the region's servers, by the only interface there is. One story, in
order: each test goes on where the one before it ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.joining import region
from tests.end_to_end.test_follow import follow, put
from tests.harness import sandboxes, servers
from tests.harness.stations import wait_until
from tests.scripts.test_suite import clone, file
from tests.station_image.builder import releases
from tests.station_image.builder.releases import NEWER, OLDER
from tests.upgrades.conftest import define

__all__ = ["clone", "file"]
pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
NAME = "vijf"
COORDINATOR, OTHER = "ggd", "huisartsen"
DESKS, APART = ("ziekenhuis", "apotheek"), "thuiszorg"
JOIN = (*DESKS, APART)
EVERY = (COORDINATOR, OTHER, *JOIN)
NEW = "griep-later"
CASES = b"postcode4\n" + b"7001\n" * 3
VARIABLES = "WERKPLAATS_HOME=datawerkplaats WERKPLAATS_PASSPHRASE_FILE=passphrase PATH=$PATH:/usr/sbin"
PHRASE = "een andere lange zin die niemand raadt\n"


@dataclasses.dataclass
class Operator:
    """Of one server of an organisation's own; its key, and those of its people, lie in the folder of that server.

    `desk` is None where the operator works on the server itself.
    """

    organisation: str
    server: servers.Server
    desk: sandboxes.Sandbox | None

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type one command, where this operator works."""
        if self.desk is None:
            return self.server.ask(f"{VARIABLES} werkplaats/bin/werkplaats {shlex.join(words)}")
        return subprocess.run(
            [sys.executable, "-m", "werkplaats", *words],
            cwd=sandboxes.ROOT,
            env=self.desk.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def join(self, handed: Path, *words: str, expect: int) -> str:
        """`join` with a file that the coordinator handed over, of which all is known beforehand; what it prints."""
        named = str(handed)
        if self.desk is None:
            named = handed.name
            self.server.tell(f"test -e {named} || cat > {named}", given=handed)
        done = self.type("join", named, "--organisation", self.organisation, "--yes", *words)
        assert done.returncode == expect, f"{self.organisation}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def carry(self, archive: Path) -> None:
        """An archive, on a stick, with its signatures and what installs it."""
        for path in (archive.with_name("install.py"), archive, archive.with_name(f"{archive.name}.signatures")):
            self.server.tell(f"cat > {path.name}", given=path)

    def install(self, archive: Path, root: str) -> None:
        """All that is in it, on the server."""
        self.server.tell(f"python3 -I install.py {archive.name} --network {NAME} --root {root}")

    def read(self, path: str) -> str:
        """A file in the operator's folder of definitions."""
        if self.desk is None:
            return self.server.tell(f"cat datawerkplaats/{path}")
        return (self.desk.home / path).read_text()

    def write(self, path: str, text: str) -> None:
        """The same, the other way."""
        if self.desk is None:
            self.server.tell(f"cat > datawerkplaats/{path}", given=text)
        else:
            (self.desk.home / path).write_text(text)

    def let_people_in(self) -> None:
        """Their keys, in the operator's own inventory."""
        people = {}
        for account in ("steward", "scientist"):
            key = self.server.folder / account
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            people[account] = {"keys": [key.with_suffix(".pub").read_text().strip()], "from": ["198.18.0.0/15"]}
        place = f"inventories/{NAME}/servers.yml"
        entry = yaml.safe_load(self.read(place))[self.organisation]
        self.write(place, yaml.safe_dump({self.organisation: entry | {"people": people}}))

    def person(self, account: str, *words: str) -> str:
        """Say `station WORDS` as a person of this organisation; returns what it says."""
        done = self._login("ssh", account, shlex.join(("station", *words)))
        assert done.returncode == 0, done
        return done.stdout

    def bring(self, content: bytes) -> None:
        """Put a file in the folder of the question, by sftp."""
        local = self.server.folder / "cases.csv"
        local.write_bytes(content)
        done = self._login("sftp", "scientist", said=f"put {local} {NAME}/{sandboxes.QUESTION}/cases.csv\n")
        assert done.returncode == 0, done

    def _login(self, program: str, account: str, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        batch = ["-b", "-"] if program == "sftp" else []
        options = ["-i", str(self.server.folder / account), *self.server.options, *batch]
        return subprocess.run(
            [program, *options, f"{account}@{self.server.address}", *words],
            input=said,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def followed(self) -> dict[str, Any]:
        """Have the follower of the server run now; what it tells of the network."""
        self.server.run("systemctl start werkplaats-follow.service")
        told: dict[str, Any] = json.loads(self.server.tell("sudo cat /var/lib/werkplaats/followed.json"))
        found: dict[str, Any] = told["networks"][NAME]
        return found

    def status(self) -> dict[str, Any]:
        """What the station says of itself."""
        told: dict[str, Any] = json.loads(self.server.tell("sudo station status --json"))
        return told


@dataclasses.dataclass
class Region:
    """The coordinator, and who operates a server of the own."""

    network: sandboxes.Sandbox
    operators: dict[str, Operator]
    folder: Path
    root: str = ""

    def handed_over(self) -> Path:
        """What is published now, as one file."""
        number = len([*self.folder.glob("publication-*.tar")])
        return region.handed_over(self.network, self.folder / f"publication-{number}.tar")

    def packed(self, suite: Path) -> Path:
        """All that the server which reaches nothing needs, in one archive, signed by both release holders."""
        out = self.folder / "out"
        self._package("make", NAME, "--to", str(out), "--suite", str(suite))
        archive = max(out.glob(f"{NAME}-*.tar"), key=lambda path: path.stat().st_mtime)
        for one in "ab":
            self._package("sign", str(archive), "--key", str(self.network.state / f"release-{one}"), "--yes")
        return archive

    def _package(self, *words: str) -> str:
        process = self.network.start("package", *words)
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, out + err
        return out

    def steward(self, organisation: str, *words: str) -> str:
        """Whoever's steward it is, says it."""
        if organisation in self.operators:
            return self.operators[organisation].person("steward", *words)
        return self.network.person("steward", organisation, *words).stdout

    def waits(self) -> dict[str, set[str]]:
        """Organisation → the questions that its station knows."""
        return {
            one: {row["question"] for row in json.loads(self.steward(one, "questions", "--json"))["questions"]}
            for one in EVERY
        }

    def heard(self, without: str = "") -> dict[str, dict[str, Any]]:
        """The coordinator carries what is published to its own server, and the mesh brings it to others.

        What each follower tells; `without` somebody to whom nobody brings anything any more.
        """
        put(self.network, COORDINATOR, (self.network.home / "publications" / NAME).resolve())
        newest = (self.network.home / "publications" / NAME).resolve() / "metadata" / "timestamp.json"
        told = follow(self.network, COORDINATOR)
        relayed = f"/var/lib/werkplaats/relayed/{NAME}/{NAME}.{COORDINATOR}/metadata/timestamp.json"
        for one in (mine for mine in self.operators.values() if mine.organisation != without):
            reads = lambda one=one: one.server.ask(f"sudo cat {relayed}").stdout == newest.read_text()  # noqa: E731
            wait_until(reads, f"{one.organisation} to hear by the mesh what was published", 90)
            told[one.organisation] = one.followed()
        return told | follow(self.network, OTHER)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """The coordinator's two stations are prepared and certified; three servers are bare."""
    folder = tmp_path_factory.mktemp("vijf")
    maker = sandboxes.Sandbox(f"{NAME}.sandbox", folder / "home", folder / "state")
    with contextlib.ExitStack() as ends:
        ends.callback(maker.run, "destroy", "--yes", expect=None)
        for version in (OLDER, NEWER):
            releases.place(releases.built(version))
        releases.describe(folder / "home", OLDER, NEWER)
        definition = sandboxes.DEFINITION.replace("release: dev", f"release: {OLDER}").rstrip() + sandboxes.MEMBER
        maker, network = region.known(folder, NAME, JOIN, definition)
        question = network.definition.parent / "questions" / f"{sandboxes.QUESTION}.yml"
        question.write_text(question.read_text().replace("thuiszorg, huisartsen]", "thuiszorg, huisartsen, apotheek]"))
        operators = {}
        for last, one in enumerate(JOIN, 200):
            own = folder / one
            own.mkdir()
            server = ends.enter_context(region.server(maker, one, own, last))
            desk = None
            if one in DESKS:
                (own / "home").mkdir()
                (own / "passphrase").touch(mode=0o600)
                (own / "passphrase").write_text(PHRASE)
                desk = sandboxes.Sandbox(NAME, own / "home", own / "state", own / "passphrase")
            operators[one] = Operator(one, server, desk)
        root = sandboxes.founded(network)
        for one in (COORDINATOR, OTHER):
            shutil.copytree(maker.vault / "people" / one, network.vault / "people" / one)
        yield Region(network, operators, folder, root)


def test_each_of_the_three_comes_as_far_as_the_coordinator_s_certificate(
    five: Region, file: Path, note: Callable[[str], None]
) -> None:
    first = five.handed_over()
    for one in DESKS:
        mine = five.operators[one]
        server = ("--host", mine.server.address, "--host-key", mine.server.host_key, "--key", str(mine.server.key))
        mine.join(first, "--root", five.root, *server, expect=3)
    mine = five.operators[APART]
    archive = five.packed(file)
    mine.server.run("ip route del default")
    assert mine.server.tell("ls /sys/class/net").split() == ["eth0", "lo"]
    mine.server.tell("umask 077; cat > passphrase", given=PHRASE)
    mine.carry(archive)
    began = time.monotonic()
    mine.install(archive, five.root)
    installed = time.monotonic() - began
    mine.join(archive, "--root", five.root, "--here", expect=3)
    seconds = time.monotonic() - began
    note(
        f"from the archive on a bare server to `waits for the coordinator`: {seconds:.0f} s, of which "
        f"{installed:.0f} s until it was installed"
    )


def test_nobody_logs_in_from_the_coordinator_s(five: Region) -> None:
    inventory = yaml.safe_load((five.network.home / "inventories" / NAME / "servers.yml").read_text())
    assert {*inventory} == {COORDINATOR, OTHER}
    key = inventory[COORDINATOR]["key"]
    for one in five.operators.values():
        words = [*one.server.ssh("-i", key), "true"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, "Permission denied (publickey" in done.stderr) == (255, True), done


def test_once_they_are_certified_each_brings_the_own_station_up_and_all_five_compute(
    five: Region, note: Callable[[str], None]
) -> None:
    network = five.network
    for one in JOIN:
        mine = five.operators[one]
        request = five.folder / f"{one}.json"
        request.write_text(mine.read(f"inventories/{NAME}/requests/{one}.json"))
        fingerprint = re.search(r"^ +(SHA256:\S+)$", mine.join(_last(five), expect=3), re.MULTILINE)
        assert fingerprint
        region.approved(network, one, request, fingerprint[1])
        mine.let_people_in()
    network.run("trust publish")
    network.run("accept", "--yes", "--root", five.root)
    network.run("up", "--yes", expect=1)  # two who compute with them are not there yet
    second = five.handed_over()
    for one in DESKS:
        five.operators[one].join(second, expect=1)
    began = time.monotonic()
    told = five.operators[APART].join(second, expect=0)
    note(f"from the publication to `verified`, on a server that reaches nothing else: {time.monotonic() - began:.0f} s")
    assert f"{NAME}: verified: " in told
    for one in DESKS:
        assert f"{one} has joined {NAME}" in five.operators[one].join(second, expect=0)
    report = json.loads(network.run("verify", "--json").stdout)
    assert report["good"]
    assert {*report["not_looked_at"]} == {*JOIN}
    session = report["session"]
    assert (sorted(session["contributors"]), session["left_out"]) == (sorted(f"{NAME}.{one}" for one in EVERY), {})


def _last(five: Region) -> Path:
    return max(five.folder.glob("publication-*.tar"))


def test_a_question_over_all_five_is_asked_and_answered(five: Region) -> None:
    for one in EVERY:
        (row,) = json.loads(five.steward(one, "questions", "--json"))["questions"]
        five.steward(one, "allow", sandboxes.QUESTION, "--digest", row["digest"])
        if one in five.operators:
            five.operators[one].bring(CASES)
        else:
            five.network.bring(one, "cases.csv", CASES)
    told = five.network.person("scientist", COORDINATOR, "propose", sandboxes.QUESTION, "--json").stdout
    answer = json.loads(told)
    assert [(row["area"], row["cases"]) for row in answer["result"]["areas"]] == [("7001", 3 * len(EVERY))]
    assert len(answer["contributors"]) == len(EVERY)


def test_a_newer_release_comes_on_a_stick_to_who_reaches_nothing(five: Region, file: Path) -> None:
    network, mine = five.network, five.operators[APART]
    define(network, NEWER, OLDER)
    network.run("trust publish", expect=3)
    for one in "ab":
        network.run("release sign", "--key", str(network.state / f"release-{one}"), "--yes")
    network.run("trust publish")
    network.run("accept", "--yes")
    network.run("up", "--yes", expect=None)  # a link is not good before both went by it
    third = five.handed_over()
    for one in DESKS:
        five.operators[one].join(third, expect=1)  # one whom they call does not go by it yet
    archive = five.packed(file)
    mine.carry(archive)
    mine.install(archive, five.root)
    assert f"next: werkplaats upgrade start {NAME} --to {NEWER} --only {APART}" in mine.join(archive, expect=0)
    done = mine.type("upgrade", "start", NAME, "--to", NEWER, "--only", APART, "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["upgrade"]["phase"] == "done"
    assert f"{APART} has joined {NAME}; next: werkplaats status" in mine.join(archive, expect=0)
    session = json.loads(network.run("session", "--json").stdout)["session"]
    assert (len(session["contributors"]), session["left_out"]) == (len(EVERY), {})


def test_a_new_question_comes_by_the_mesh_and_waits_for_each_steward(five: Region) -> None:
    questions = five.network.definition.parent / "questions"
    shutil.copyfile(questions / f"{sandboxes.QUESTION}.yml", questions / f"{NEW}.yml")
    five.network.run("trust publish")
    told = five.heard()
    assert all(told[one]["applied"] for one in EVERY)
    assert five.waits() == {one: {sandboxes.QUESTION, NEW} for one in EVERY}


def test_a_revocation_comes_by_the_mesh_and_cuts_off_with_nobody_logged_in(five: Region) -> None:
    gone = DESKS[1]
    five.network.run("trust revoke", gone, "--reason", "keyCompromise", "--yes")
    told = five.heard(without=gone)
    assert {*told} == {*EVERY} - {gone}
    assert all(row["applied"]["applies"] for row in told.values())
    for one in (*DESKS[:1], APART):
        assert gone in str(five.operators[one].status()["networks"][NAME]["cut"])
    session = json.loads(five.operators[APART].type("session", NAME, "--json").stdout)["session"]
    assert sorted(session["contributors"]) == sorted(f"{NAME}.{one}" for one in EVERY if one != gone)
