"""The images of sandbox servers, booted as the stack boots them."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.servers import seeds
from stacks.servers.image import make
from station_image.builder import images
from tests.harness.servers import Server, boot, docker, remove_network

pytestmark = [pytest.mark.servers, pytest.mark.slow]
PATIENCE = 60.0


@contextlib.contextmanager
def booted(folder: Path, *, bare: bool = False) -> Iterator[Server]:
    """A server on a network of its own; it starts again after a reboot, as those of a sandbox do."""
    name = f"image-test-{secrets.token_hex(3)}"
    docker("network", "create", name)
    try:
        made = boot(name, folder, name, bare=bare, restart=True)
        made.wait_for_login()
        yield made
    finally:
        docker("rm", "--force", "--volumes", name)
        remove_network(name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with booted(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with booted(tmp_path_factory.mktemp("bare"), bare=True) as made:
        yield made


def started_at(server: Server) -> str:
    return docker("inspect", "--format", "{{.State.StartedAt}}", server.container)


def test_the_image_is_made_once(server: Server) -> None:
    lines: list[str] = []
    assert make.ensure(lines.append) == docker("inspect", "--format", "{{.Image}}", server.container)
    assert lines == []


def test_no_unit_failed_and_the_server_is_up(server: Server) -> None:
    server.wait()
    assert server.tell("systemctl is-system-running") == "running"
    assert server.tell("systemctl --failed --no-legend") == ""


def test_only_the_operators_key_opens_it(server: Server, tmp_path: Path) -> None:
    seeds.key_pair(tmp_path / "stranger")
    done = subprocess.run(
        [*server.ssh("-i", str(tmp_path / "stranger")), "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr, "not by password either"
    assert server.tell("sudo sshd -T | grep -c -E '^(passwordauthentication|permitrootlogin) no'") == "2"


def test_the_operator_may_do_everything_and_reach_the_engine(server: Server) -> None:
    assert server.tell("sudo -n id -u") == "0"
    assert server.tell("sudo docker version --format '{{.Server.Version}}'").startswith("26.")


def test_the_gateway_is_installed_and_waits_for_its_configuration(server: Server) -> None:
    assert server.tell("sudo haproxy -v").startswith("HAProxy version 3.0")
    assert server.ask("systemctl is-active haproxy").stdout.strip() == "inactive"
    assert server.ask("systemctl is-enabled haproxy").stdout.strip() == "disabled"


def test_the_engine_inside_runs_the_station_image_without_a_network(server: Server) -> None:
    image = images.ensure(print)
    server.tell("sudo docker load --quiet", given=image.archive)
    started = server.tell(f"sudo docker run --rm --network none --read-only {image.image_id} python3 -c 'print(6 * 7)'")
    assert started == "42"


def test_a_reboot_brings_it_back_with_the_same_identity(server: Server) -> None:
    before, identity = started_at(server), server.tell("cat /etc/machine-id")
    server.ask("sudo systemctl reboot")
    limit = time.monotonic() + PATIENCE
    while started_at(server) == before:
        assert time.monotonic() < limit, f"not restarted within {PATIENCE} s"
        time.sleep(0.05)
    server.wait_for_login()
    server.wait()
    assert server.tell("systemctl is-system-running") == "running"
    assert server.tell("cat /etc/machine-id") == identity
    assert len(identity) == 32


def test_no_two_servers_share_an_identity(server: Server, bare: Server) -> None:
    assert server.tell("cat /etc/machine-id") != bare.tell("cat /etc/machine-id")


def test_the_clock_and_the_kernel_of_this_machine_are_out_of_reach(server: Server) -> None:
    assert server.ask("sudo date --set '2001-01-01'").returncode != 0
    assert server.ask("systemctl is-enabled systemd-sysctl").stdout.strip() == "masked"


def test_a_bare_server_has_neither_engine_nor_gateway_and_rules_of_its_own(bare: Server) -> None:
    assert bare.ask("sudo sh -c 'command -v docker || command -v haproxy'").returncode != 0
    assert "tcp dport { 23, 3389 }" in bare.tell("sudo nft list table inet ziekenhuis")
    assert bare.tell("sudo sshd -T | grep -i logingracetime") == "logingracetime 45"


def test_a_bare_server_can_install_packages(bare: Server) -> None:
    bare.tell("sudo apt-get update --quiet")
    bare.tell("sudo DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends acl")
    assert bare.tell("command -v setfacl") == "/usr/bin/setfacl"
