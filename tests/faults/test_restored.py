"""A server that is lost: a fresh one, its station's backup put back by one command, and the stewards' way back."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import sandboxes, servers
from tests.harness.stations import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.soak]
QUESTION = sandboxes.QUESTION
LOST = "thuiszorg"
OTHERS = ("ggd", "ziekenhuis")
WHY = "server lost, restored from the backup of tonight"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The organisation's key, which no server has."""
    path = tmp_path_factory.mktemp("sleutel") / "thuiszorg.key"
    subprocess.run(["age-keygen", "--output", str(path)], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, identity: Path) -> Iterator[sandboxes.Sandbox]:
    """A sandbox of which one server makes backups, as its inventory says."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("bewaard"), "bewaard")
    try:
        made.up()
        path = made.vault / "inventory" / "servers.yml"
        every = yaml.safe_load(path.read_text())
        public = subprocess.run(["age-keygen", "-y", str(identity)], check=True, capture_output=True, text=True).stdout
        every[LOST]["backup"] = {"recipients": [public.strip()], "every": 1, "keep": 3}
        path.write_text(yaml.safe_dump(every))
        made.up()
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)


def status(network: sandboxes.Sandbox) -> dict[str, dict[str, Any]]:
    return {one["organisation"]: one for one in json.loads(network.run("status", "--json", expect=None).stdout)}


def containers(network: sandboxes.Sandbox) -> dict[str, str]:
    """What runs at the others: which containers, since when."""
    line = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' station-agent station-computer"
    return {one: network.on(one, "sh", "-c", line).stdout for one in OTHERS}


def backed_up(network: sandboxes.Sandbox) -> None:
    done = network.on(LOST, "systemctl", "start", "station-backup.service")
    assert done.returncode == 0, network.on(LOST, "journalctl", "-u", "station-backup").stdout


def test_a_station_is_restored_on_a_fresh_server_by_one_command_and_answers_once_the_stewards_agreed(
    kept: sandboxes.Sandbox, identity: Path, tmp_path: Path
) -> None:
    told = status(kept)[LOST]
    assert (told["backup"], told["good"]) == ("", True), told
    assert told["backed_up"].startswith("last backup ")
    kept.run("rehearse")
    backed_up(kept)
    kept.run("backup check", "--station", LOST, "--identity", str(identity))
    folder = tmp_path / "opgehaald"
    kept.run("backup fetch", str(folder))
    *_, newest = sorted(folder.iterdir())
    key = identity.read_text().splitlines()[-1]
    assert kept.on(LOST, "grep", "-r", "--files-with-matches", key, "/etc", "/var/lib", "/var/backups").stdout == ""
    kept.run("rehearse")  # of which the backup knows nothing

    refused = kept.run("backup restore-station", LOST, str(newest), "--identity", str(identity), "--yes", expect=5)
    assert "a station runs there" in refused.stdout
    before, name = containers(kept), kept.container(LOST)
    volumes = json.loads(servers.docker("inspect", "--format", "{{json .Mounts}}", name))
    servers.docker("rm", "--force", name)
    for volume in (one["Name"] for one in volumes if one["Type"] == "volume"):
        servers.docker("volume", "rm", "--force", volume)

    done = kept.run("backup restore-station", LOST, str(newest), "--identity", str(identity), "--yes", expect=1)
    assert "links good" in done.stdout, done
    kept.works_again()
    assert f"allowances of: {kept.name}~{QUESTION}" in done.stdout
    assert containers(kept) == before, "the others were not touched"
    again = kept.run("backup restore-station", LOST, str(newest), "--identity", str(identity), "--yes", expect=1)
    assert "was put back before" in again.stderr

    found = wait_until(lambda: not (one := status(kept)[LOST])["good"] and one, "status to say that", 60)
    assert "restored" in found["register"] or "is not there any more" in found["register"]
    kept.person("scientist", "ggd", "propose", QUESTION, expect=3)
    assert json.loads(kept.person("steward", LOST, "questions", "--json").stdout)["questions"][0]["state"] == "waits"
    said = json.loads(kept.person("steward", LOST, "went-back", "--reason", WHY, "--json", expect=1).stdout)["own"][0]
    for party in OTHERS:
        kept.person("scientist", "ggd", "propose", QUESTION, expect=3)
        shown = kept.person("steward", party, "went-back", expect=1).stdout
        assert WHY in shown
        assert "gone from it, and entered here: session " in shown
        kept.person("steward", party, "agree", LOST, "--digest", said["statement"])
    assert json.loads(kept.person("steward", LOST, "went-back", "--json").stdout)["own"][0]["waits_for"] == []
    wait_until(lambda: time.time() > said["moment"] + 1, "the next second")
    [row] = json.loads(kept.person("steward", LOST, "questions", QUESTION, "--json").stdout)["questions"]
    kept.person("steward", LOST, "allow", QUESTION, "--digest", row["digest"])
    kept.run("rehearse")
    kept.run("verify")
    assert all(one["good"] for one in status(kept).values())
    assert status(kept)[LOST]["backed_up"].startswith("last backup "), "the fresh server makes them too"
