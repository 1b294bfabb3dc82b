"""The images of sandbox servers, booted as the stack boots them."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stacks.components import sandbox_server
from stacks.servers import seeds
from stacks.servers.image import make
from station_image.builder import images

pytestmark = [pytest.mark.servers, pytest.mark.slow]
PATIENCE = 60.0


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Server:
    """A booted server and how it is reached."""

    name: str
    folder: Path

    def ssh(self, *options: str) -> list[str]:
        address = run(
            "docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.name
        )
        host_key = (self.folder / "ssh_host_ed25519_key.pub").read_text().split()[:2]
        known = self.folder / "known_hosts"
        known.write_text(f"{address} {' '.join(host_key)}\n")
        strict = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=3"]
        return ["ssh", *strict, "-o", "BatchMode=yes", *options, f"beheer@{address}"]

    def ask(self, command: str, given: Path | None = None) -> subprocess.CompletedProcess[str]:
        key = ["-i", str(self.folder / "operator")]
        with (given or Path("/dev/null")).open("rb") as file:
            return subprocess.run(
                [*self.ssh(*key), command], stdin=file, capture_output=True, text=True, check=False, timeout=120
            )

    def tell(self, command: str, given: Path | None = None) -> str:
        done = self.ask(command, given)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def wait(self) -> float:
        """Return after how many seconds sshd let the operator in."""
        began = time.monotonic()
        while self.ask("true").returncode:
            assert time.monotonic() - began < PATIENCE, f"no login within {PATIENCE} s"
            time.sleep(0.05)
        return time.monotonic() - began


def boot(image: str, folder: Path) -> Iterator[Server]:
    """A server as `stacks/components/sandbox_server.py` makes it."""
    seeds.key_pair(folder / "operator")
    seeds.seed(folder, (folder / "operator.pub").read_text().strip())
    name = f"image-test-{secrets.token_hex(3)}"
    flags = ["--cap-add=ALL", *(f"--cap-drop={name}" for name in sandbox_server.CAPABILITIES_DROPPED)]
    flags += [f"--security-opt={kind}=unconfined" for kind in ("seccomp", "apparmor", "systempaths")]
    flags += [f"--tmpfs={path}:{options}" for path, options in sandbox_server.TMPFS.items()]
    flags += [f"--volume={folder}:{sandbox_server.SEED_FOLDER}:ro", f"--volume={name}:/var/lib/docker"]
    if sandbox_server.UNIFIED.is_dir():
        flags += ["--cgroupns=host", f"--volume={sandbox_server.UNIFIED}:/sys/fs/cgroup:rw"]
    else:
        flags += ["--cgroupns=private"]
    run("docker", "network", "create", name)
    try:
        run(
            "docker",
            "run",
            "--detach",
            f"--name={name}",
            f"--network={name}",
            "--restart=unless-stopped",
            *flags,
            image,
        )
        yield Server(name, folder)
    finally:
        run("docker", "rm", "--force", "--volumes", name)
        run("docker", "volume", "rm", name)
        run("docker", "network", "rm", name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for made in boot(make.ensure(print), tmp_path_factory.mktemp("server")):
        made.wait()
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for made in boot(make.ensure_bare(print), tmp_path_factory.mktemp("bare")):
        made.wait()
        yield made


def started_at(server: Server) -> str:
    return run("docker", "inspect", "--format", "{{.State.StartedAt}}", server.name)


def test_the_image_is_made_once(server: Server) -> None:
    lines: list[str] = []
    assert make.ensure(lines.append) == run("docker", "inspect", "--format", "{{.Image}}", server.name)
    assert lines == []


def test_no_unit_failed_and_the_server_is_up(server: Server) -> None:
    assert server.tell("systemctl is-system-running --wait") == "running"
    assert server.tell("systemctl --failed --no-legend") == ""


def test_only_the_operators_key_opens_it(server: Server, tmp_path: Path) -> None:
    seeds.key_pair(tmp_path / "stranger")
    done = subprocess.run(
        [*server.ssh("-i", str(tmp_path / "stranger"), "-o", "IdentitiesOnly=yes"), "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr, "not by password either"
    assert server.tell("sudo sshd -T | grep -c -E '^(passwordauthentication|permitrootlogin) no'") == "2"


def test_the_operator_may_do_everything_and_reach_the_engine(server: Server) -> None:
    assert server.tell("sudo -n id -u") == "0"
    assert server.tell("docker version --format '{{.Server.Version}}'").startswith("26.")


def test_the_gateway_is_installed_and_waits_for_its_configuration(server: Server) -> None:
    assert server.tell("sudo haproxy -v").startswith("HAProxy version 3.0")
    assert server.ask("systemctl is-active haproxy").stdout.strip() == "inactive"
    assert server.ask("systemctl is-enabled haproxy").stdout.strip() == "disabled"


def test_the_engine_inside_runs_the_station_image_without_a_network(server: Server) -> None:
    image = images.ensure(print)
    server.tell("docker load --quiet", given=image.archive)
    started = server.tell(f"docker run --rm --network none --read-only {image.image_id} python3 -c 'print(6 * 7)'")
    assert started == "42"


def test_a_reboot_brings_it_back_with_the_same_identity(server: Server) -> None:
    before, identity = started_at(server), server.tell("cat /etc/machine-id")
    server.ask("sudo systemctl reboot")
    limit = time.monotonic() + PATIENCE
    while started_at(server) == before:
        assert time.monotonic() < limit, f"not restarted within {PATIENCE} s"
        time.sleep(0.05)
    server.wait()
    assert server.tell("systemctl is-system-running --wait") == "running"
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
