"""Servers get newer packages while sessions go on, and go back: HAProxy and the engine, through mirrors of their own.

In the network of `test_moving.py`. Two of its four servers read a mirror that has newer packages, made of those that
they have; the other two read none.
"""

from __future__ import annotations

import dataclasses
import email.utils
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.servers.image import make
from tests.harness import going, servers
from tests.station_image.builder.releases import OLDER
from tests.upgrades.conftest import ORGANISATIONS, Moving, killed, on
from tests.werkplaats.operations.upgrade import mirror

pytestmark = [pytest.mark.servers, pytest.mark.slow]
MIRROR = "hoger-mirror"
ONE, OTHER = "huisartsen", "ggd"
"""One that only contributes, and one that computes; each reads the mirror of its name."""
SOURCES = "/etc/apt/sources.list"
BROKEN = "#!/bin/sh\necho this one is broken >&2\nexit 1\n"
BOOT = ("server-packages", "boot")


@dataclasses.dataclass(frozen=True)
class Mirrored:
    """The network and its mirrors; `had` are the versions of the beginning, the same on each server."""

    hoger: Moving
    address: str
    had: dict[str, str]

    def newer(self, name: str) -> str:
        """The version that a mirror has."""
        return f"{self.had[name]}+new1"

    def offer(self, organisation: str, *more: dict[str, Any]) -> None:
        """Have the mirror of one server have these packages too."""
        there = f"mkdir -p /srv/{organisation} && ln -sfn {organisation} /srv/mirror && python3 /srv/mirror.py"
        today = email.utils.formatdate(usegmt=True).replace("GMT", "UTC")
        command = ["docker", "exec", "--interactive", MIRROR, "sh", "-c", f'{there} "{today}"']
        subprocess.run(command, input=json.dumps(more), text=True, check=True, capture_output=True)

    def reads(self, organisation: str, address: str) -> None:
        """Have a server bring its packages from there."""
        line = f"deb [trusted=yes] http://{address} trixie-security main" if address else ""
        done = self.hoger.network.on(organisation, "sh", "-c", f"echo '{line}' >{SOURCES}")
        assert not done.returncode, done.stderr

    def versions(self, name: str) -> dict[str, str]:
        """What is installed of a package on both servers."""
        ask = ("dpkg-query", "--show", "--showformat=${Version}", name)
        return {one: self.hoger.network.on(one, *ask).stdout for one in (ONE, OTHER)}


@pytest.fixture(scope="module")
def mirrored(hoger: Moving) -> Iterator[Mirrored]:
    """The network with its mirrors; both servers lack a newer HAProxy, and of one the mirror lost that of before."""
    network = hoger.network
    before = network.on(ONE, "cat", SOURCES).stdout
    serve = ("python3", "-m", "http.server", "--directory", "/srv", "8099")
    servers.docker("run", "--detach", f"--name={MIRROR}", f"--network={network.name}", make.ensure(print), *serve)
    try:
        servers.docker("cp", mirror.__file__, f"{MIRROR}:/srv/mirror.py")
        shown = json.loads(servers.docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", MIRROR))
        made = Mirrored(hoger, f"{shown[network.name]['IPAddress']}:8099", {})
        made.had.update({name: made.versions(name)[ONE] for name in ("haproxy", "docker.io")})
        made.offer(ONE, {"name": "haproxy", "version": made.had["haproxy"]})
        for one in (ONE, OTHER):
            made.offer(one, {"name": "haproxy", "version": made.newer("haproxy")})
        for one in ORGANISATIONS:
            made.reads(one, f"{made.address}/{one}" if one in (ONE, OTHER) else "")
        yield made
    finally:
        for one in ORGANISATIONS:
            network.on(one, "sh", "-c", f"echo '{before}' >{SOURCES}; rm -rf /var/lib/apt/lists/*_dists_*")
            network.on(one, "server-packages", "look")
        servers.docker("rm", "--force", "--volumes", MIRROR)


def test_what_would_come_is_shown_and_sources_that_do_not_answer_are_said(mirrored: Mirrored) -> None:
    hoger, newer = mirrored.hoger, mirrored.newer("haproxy")
    mirrored.reads("thuiszorg", f"{mirrored.address}/nowhere")
    told = hoger.step("start", "--servers", "--dry-run", expect=3)
    mirrored.reads("thuiszorg", "")
    assert told["upgrade"]["waves"] == [[ONE], [OTHER]]
    steps = [f"fetch of gateway: haproxy {newer}", f"gateway: haproxy {newer}"]
    assert told["brings"] == {ONE: steps, OTHER: steps}
    assert [(one["code"], one["organisation"]) for one in told["failures"]] == [("packages", "thuiszorg")]
    assert "its sources of packages do not answer" in told["failures"][0]["text"]
    assert {*mirrored.versions("haproxy").values()} == {mirrored.had["haproxy"]}


def test_where_servers_have_all_that_there_is_there_is_nothing_to_do(mirrored: Mirrored) -> None:
    told = mirrored.hoger.step("start", "--servers", "--only", "thuiszorg", "--yes")
    assert (told["upgrade"]["phase"], told["upgrade"]["stations"]) == ("done", {})


def test_what_one_server_does_not_take_pauses_it_and_it_goes_on_once_the_mirror_is_mended(mirrored: Mirrored) -> None:
    hoger, had, newer = mirrored.hoger, mirrored.had["haproxy"], mirrored.newer("haproxy")
    mirrored.offer(OTHER, {"name": "haproxy", "version": f"{newer}+2", "files": {"/usr/sbin/haproxy": BROKEN}})
    told = hoger.step("start", "--servers", "--yes", expect=5)
    failure = told["upgrade"]["failure"]
    assert (failure["code"], failure["organisation"]) == ("packages", OTHER)
    assert "the new HAProxy does not take what the gateway has loaded: this one is broken" in failure["text"]
    assert mirrored.versions("haproxy") == {ONE: newer, OTHER: had}
    hoger.network.works_again()
    servers.docker("exec", MIRROR, "sh", "-c", f"rm /srv/{OTHER}/pool/haproxy_*+2_*.deb")
    mirrored.offer(OTHER)
    told = hoger.step("resume", "--yes")
    assert told["upgrade"]["phase"] == "done"
    assert mirrored.versions("haproxy") == {ONE: newer, OTHER: newer}
    brought = {one: at["brought"] for one, at in told["upgrade"]["stations"].items()}
    assert brought == {ONE: [f"gateway haproxy={newer}"], OTHER: []}


@pytest.mark.soak
def test_engines_come_anew_and_a_server_reboots_while_sessions_go_on_also_after_a_kill(mirrored: Mirrored) -> None:
    """And back: what an earlier upgrade brought stays."""
    hoger, had, newer = mirrored.hoger, mirrored.had["docker.io"], mirrored.newer("docker.io")
    for one in (ONE, OTHER):
        mirrored.offer(one, *({"name": "docker.io", "version": version} for version in (had, newer)))
    hoger.network.on(ONE, "touch", "/run/reboot-required")
    boot = hoger.network.on(ONE, *BOOT).stdout
    with going.Sessions(hoger.network, "ziekenhuis") as sessions:
        sessions.until(1)
        process = hoger.begun("start", "--servers")
        hoger.until(process, f"{OTHER}: engine: docker.io")
        killed(process)
        assert hoger.step("resume", "--yes")["upgrade"]["phase"] == "done"
        assert mirrored.versions("docker.io") == {ONE: newer, OTHER: newer}
        assert hoger.network.on(ONE, *BOOT).stdout != boot
        sessions.until(sessions.good + 1)
        told = hoger.step("rollback", "--yes")
        assert (told["upgrade"]["phase"], told["upgrade"]["waves"]) == ("done", [[OTHER], [ONE]])
        sessions.until(sessions.good + 1)
    assert (sessions.failed, sessions.left_out) == ([], set())
    assert {*mirrored.versions("docker.io").values()} == {had}
    assert {*mirrored.versions("haproxy").values()} == {mirrored.newer("haproxy")}
    assert hoger.images == on(OLDER)
    hoger.good()
