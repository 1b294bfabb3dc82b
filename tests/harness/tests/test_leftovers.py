"""A test run that was cut off leaves nothing in the next one's way, and nobody's own is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.harness import leftovers, servers


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a test run, of the shape that pytest gives it."""
    folder = tmp_path / "pytest-of-somebody" / "pytest-7"
    folder.mkdir(parents=True)
    return folder


def gone() -> int:
    """The process id of somebody who has ended."""
    return int(subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout)


def test_whose_a_server_is_shows_in_what_it_mounts() -> None:
    vault = "/home/somebody/.local/state/werkplaats/proeftuin.sandbox/run/seeds/ggd"
    assert leftovers.run_of(["/sys/fs/cgroup", vault]) is None
    made = "/tmp/pytest-of-somebody/pytest-12/toets0/state/werkplaats/toets.sandbox/run/seeds/ggd"
    assert leftovers.run_of(["/sys/fs/cgroup", made]) == Path("/tmp/pytest-of-somebody/pytest-12")


def test_a_run_that_goes_on_is_left_alone(run: Path) -> None:
    (run / ".lock").write_text(str(os.getpid()))
    assert not leftovers.ended(run)


@pytest.mark.parametrize("lock", ["", "1", "itself"])
def test_a_run_that_nobody_runs_has_ended(run: Path, lock: str) -> None:
    if lock:
        (run / ".lock").write_text(str(gone()) if lock == "itself" else lock)
    assert leftovers.ended(run)


@pytest.mark.servers
@pytest.mark.slow
def test_servers_disks_and_network_of_a_run_that_was_cut_off_go_and_those_of_others_stay(
    run: Path, tmp_path: Path
) -> None:
    (run / ".lock").write_text(str(gone()))
    (tmp_path / "file").write_text("x")
    subprocess.run(["tar", "--create", "--file", "root.tar", "file"], cwd=tmp_path, check=True)
    image = servers.docker("import", str(tmp_path / "root.tar"))
    for name in ("leftovers.shared", "leftovers.own"):
        servers.docker("network", "create", name)
    left = (f"--volume={run}/seed:/seed:ro", "--volume=leftovers.disk:/disk")
    servers.docker("create", "--name=leftovers.1", "--network=leftovers.own", *left, image, "/file")
    servers.docker("create", "--name=leftovers.2", "--network=leftovers.shared", left[0], image, "/file")
    going_on = f"--volume={tmp_path}/seed:/seed:ro"
    servers.docker("create", "--name=leftovers.3", "--network=leftovers.shared", going_on, image, "/file")
    try:
        assert sorted(leftovers.removed()) == ["leftovers.1", "leftovers.2"]
        assert "leftovers.disk" not in servers.docker("volume", "ls", "--quiet").split()
        networks = servers.docker("network", "ls", "--format", "{{.Name}}").split()
        assert "leftovers.own" not in networks
        assert "leftovers.shared" in networks, "somebody's server is in it"
        assert servers.docker("inspect", "--format", "{{.Name}}", "leftovers.3") == "/leftovers.3"
    finally:
        servers.docker("rm", "--force", "leftovers.1", "leftovers.2", "leftovers.3")
        servers.remove_network("leftovers.shared")
        servers.docker("image", "rm", image)


@pytest.mark.servers
@pytest.mark.slow
def test_a_network_goes_where_the_engine_keeps_an_endpoint_in_it(tmp_path: Path) -> None:
    """As one under load does of a container that it removed; here the container is there still, and runs."""
    servers.docker("network", "create", "leftovers.kept")
    boot = servers.boot("leftovers.4", tmp_path, "leftovers.kept")
    try:
        with pytest.raises(AssertionError, match="has active endpoints"):
            servers.docker("network", "rm", "leftovers.kept")
        servers.remove_network("leftovers.kept")
        assert "leftovers.kept" not in servers.docker("network", "ls", "--format", "{{.Name}}").split()
    finally:
        boot.remove()
