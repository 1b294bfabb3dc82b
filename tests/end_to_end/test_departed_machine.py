"""The coordinator's machine is lost while stations compute: another one takes its place, and no station notices.

Its backup is older than what it did last, as backups are. Then the key of the CA is lost, too, and at last somebody has
the key with which publications are signed. This comes after `test_cut.py` where both run, in the same network.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import up_step_by_step
from tests.end_to_end.test_cut import GONE, MEMBER, OTHERS, running, status
from tests.end_to_end.test_follow import follow, put
from tests.harness import going, sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.soak]
PARTIES = ("ggd", "ziekenhuis", GONE)


@dataclasses.dataclass(frozen=True)
class Lost:
    """`before` is gone but for its name; `after` has a definition out of git; a member has the newest publication."""

    before: sandboxes.Sandbox
    after: sandboxes.Sandbox
    backup: Path
    of_a_member: Path
    session: subprocess.Popen[str]
    number: int
    holders: Path
    """Where the root holders' keys are."""


def started(network: sandboxes.Sandbox, organisation: str) -> dict[str, str]:
    """When each container of a station was started."""
    shown = network.on(organisation, "docker", "inspect", "--format", "{{.Name}} {{.State.StartedAt}}", *_CONTAINERS)
    return dict(line.split() for line in shown.stdout.splitlines())


_CONTAINERS = ("station-agent", "station-computer")


def published(network: sandboxes.Sandbox) -> Path:
    """Where a coordinator has the publication of a network that is no sandbox."""
    return (network.home / "publications" / network.name).resolve()


def long_session(network: sandboxes.Sandbox) -> subprocess.Popen[str]:
    """A session of all, which runs at every computing party."""
    config = network.vault / "run" / "ssh_config"
    words = ("station", "session", "--rounds", "1000000", "--json")
    session = subprocess.Popen(
        ["ssh", "-F", str(config), "-o", "ControlPath=none", "ggd", "sudo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while not all(running(network, one) for one in PARTIES):
        assert time.monotonic() < deadline, "the session does not begin"
    going.gives_way(network, PARTIES)
    return session


@pytest.fixture(scope="module")
def lost(los: sandboxes.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lost]:
    """A backup, a certificate that is revoked after it, a session, and then the machine is gone."""
    folder = tmp_path_factory.mktemp("lost")
    after = dataclasses.replace(los, home=folder / "home", state=folder / "state")
    shutil.copytree(los.home / "networks", after.home / "networks")
    assert json.loads(los.run("verify", "--json").stdout)["good"], "it is well before"
    los.run("backup make", str(folder / "los.backup"))
    published = los.run("trust revoke", MEMBER, "--reason", "keyCompromise", "--yes").stdout
    los.run("up", "--yes", expect=5)  # leaves out who was revoked, whom the session would wait for
    session = long_session(los)
    copy = shutil.copytree(los.home / "publications" / los.name, folder / "of-a-member")
    people = shutil.copytree(los.vault / "people", folder / "people")  # they are not the coordinator's
    away = folder / "away"
    shutil.move(los.state, away)
    shutil.move(los.home, folder / "home-away")
    number = re.search(r"publication (\d+) is in", published)
    assert number, published
    yield Lost(los, after, folder / "los.backup", Path(copy), session, int(number[1]), folder / "away")
    session.kill()
    session.wait()
    # The tests that follow find the network where it was.
    shutil.copytree(after.home, los.home)
    shutil.copytree(after.state, los.state)
    shutil.copytree(people, los.vault / "people", dirs_exist_ok=True)
    los.run("status", expect=None)


def test_a_backup_that_is_older_than_what_was_done_gives_no_key_back_by_itself(lost: Lost) -> None:
    refused = lost.after.run("backup restore", str(lost.backup), "--yes", expect=3)
    assert "name the newest that any member has with --publication" in refused.stderr
    assert {path.name for path in lost.after.vault.iterdir()} == {"lock", "coordinator.lock"}


def test_it_comes_back_on_another_machine_with_a_session_running_all_the_time(
    lost: Lost, note: Callable[[str], None]
) -> None:
    after, words = lost.after, ("--publication", str(lost.of_a_member))
    assert "its private key opens" in after.run("backup restore", str(lost.backup), "--check", *words).stdout
    began = time.monotonic()
    told = after.run("backup restore", str(lost.backup), "--yes", *words).stdout
    note(f"a coordinator's vault was restored on another machine in {time.monotonic() - began:.1f} s")
    assert f"learned: publication {lost.number}" in told
    assert "is revoked" in told
    assert f"publication {lost.number} is in" in after.run("trust publish").stdout, "nothing changed: none is made"

    after.run("status", expect=None)
    before = {one: started(after, one) for one in (*OTHERS, GONE)}
    up = json.loads(after.run("up", "--yes", "--json", expect=None).stdout)
    assert up["changes"]["stations"] == []
    assert MEMBER in up["left_out"]
    assert {one: started(after, one) for one in (*OTHERS, GONE)} == before
    assert all(running(after, one) for one in PARTIES)
    assert lost.session.poll() is None, "the session went on"
    assert status(after, "ggd")["cut"] == [MEMBER], "who was revoked after the backup stays out"


def test_who_was_revoked_after_the_backup_asks_with_new_keys_and_all_is_well_again(lost: Lost) -> None:
    after = lost.after
    requests = after.run("trust request").stdout
    asked = next(line.split(": ")[1] for line in requests.splitlines() if line.startswith(f"{MEMBER}: "))
    told = after.run("trust approve", MEMBER, "--fingerprint", asked, expect=3).stderr
    assert "that for these keys was revoked" in told
    lost.session.kill()
    assert after.on("ggd", "docker", "restart", "station-computer").returncode == 0
    after.run("destroy", "--yes", "--name", after.name, "--only", MEMBER)
    after.on(MEMBER, "rm", "/var/lib/werkplaats/state/statement.key")
    up = up_step_by_step(after)
    assert up["verified"]
    assert {one.rpartition(".")[2] for one in up["session"]["contributors"]} == {*OTHERS, GONE, MEMBER}
    rows = (after.home / "inventories" / after.name / "publications.txt").read_text().splitlines()
    assert int(rows[-1].split()[0]) > lost.number


def issuers(network: sandboxes.Sandbox, organisation: str) -> set[str]:
    """Who signed what a gateway shows, and whom it trusts."""
    folder = f"/etc/werkplaats/gateway/loaded/networks/{network.name}"
    script = f"for one in station ca; do openssl x509 -in {folder}/$one.pem -noout -issuer -nameopt RFC2253; done"
    return set(re.findall(r"CN=(CA-\d+)", network.on(organisation, "sh", "-c", script).stdout))


def test_another_ca_takes_the_place_of_one_whose_key_is_lost_and_no_session_is(
    lost: Lost, note: Callable[[str], None]
) -> None:
    los = lost.after
    session = long_session(los)
    assert issuers(los, "ggd") == {"CA-1"}

    (los.vault / "ca-1.key").unlink()
    assert "where there is none, werkplaats trust roll los" in los.run("trust publish", expect=3).stderr
    assert "which the root holders did not sign for" in los.run("trust roll", "--at-once", "--yes").stderr
    for one in "ab":
        los.run("trust root sign", "--key", str(lost.holders / f"root-{one}"), "--yes")
    los.run("trust publish")

    held_back = json.loads(los.run("up", "--yes", "--json", expect=None).stdout)
    assert held_back["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert issuers(los, "ggd") == {"CA-1"}, "nothing of a CA that nobody accepted is installed"
    assert all(running(los, one) for one in PARTIES)

    assert "WARNING: the CA of los has another key" in los.run("accept", "--yes").stdout
    began = time.monotonic()
    up = json.loads(los.run("up", "--yes", "--json").stdout)
    note(f"another CA: `up` of five servers took {time.monotonic() - began:.1f} s")
    assert up["verified"]
    assert up["changes"]["stations"] == []
    assert all(issuers(los, one) == {"CA-2"} for one in (*PARTIES, "huisartsen", "apotheek"))
    assert all(running(los, one) for one in PARTIES), "the session of before went through all of it"
    assert session.poll() is None
    session.kill()
    assert los.on("ggd", "docker", "restart", "station-computer").returncode == 0
    los.works_again()


def test_root_holders_put_another_coordinator_in_its_place_and_a_thief_of_the_key_of_before_is_refused(
    lost: Lost, note: Callable[[str], None], tmp_path: Path
) -> None:
    los, stations = lost.after, (*OTHERS, GONE, MEMBER)
    thief = dataclasses.replace(los, home=tmp_path / "home", state=tmp_path / "state")
    shutil.copytree(los.home, thief.home, symlinks=True)
    shutil.copytree(los.state, thief.state, symlinks=True)
    session = long_session(los)
    before = {one: started(los, one) for one in stations}

    (los.vault / "publication.key").unlink()
    los.run("trust root coordinator")
    for one in "ab":
        los.run("trust root sign", "--key", str(lost.holders / f"root-{one}"), "--yes")
    los.run("trust publish")
    began = time.monotonic()
    for one in stations:
        put(los, one, published(los))
    told = follow(los, *stations)
    assert {row["refused"] for row in told.values()} == {""}, told
    assert len({row["applied"]["number"] for row in told.values()}) == 1, told
    note(f"the followers of five servers took another coordinator in {time.monotonic() - began:.1f} s, nobody acting")

    applied = told["ggd"]["applied"]
    for one in ("ziekenhuis", "huisartsen"):  # with a number that is higher than that of the new coordinator
        thief.run("trust revoke", one, "--reason", "keyCompromise", "--yes")
    put(los, "ggd", published(thief))
    refused = follow(los, "ggd")["ggd"]
    assert [why for why in refused["sources"].values() if "a coordinator that was replaced" in why], refused
    assert refused["applied"] == applied
    put(los, "ggd", published(los))
    up = json.loads(los.run("up", "--yes", "--json").stdout)
    assert up["changes"]["stations"] == []
    assert {one.rpartition(".")[2] for one in up["session"]["contributors"]} == {*stations}, "the thief revoked nobody"
    assert {one: started(los, one) for one in stations} == before
    assert all(running(los, one) for one in PARTIES), "the session of before went through all of it"
    assert session.poll() is None
    session.kill()
    assert los.on("ggd", "docker", "restart", "station-computer").returncode == 0
    los.works_again()
