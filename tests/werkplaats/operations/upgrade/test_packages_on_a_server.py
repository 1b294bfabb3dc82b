"""Newer packages on a real server: through a mirror of its own, with calls and a container that go on meanwhile."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import email.utils
import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from base import errors
from tests.harness import compiled, servers
from tests.roles import callers
from tests.roles.conftest import FIREWALL, NETWORK, Mesh, image, start_agent  # noqa: F401  a fixture
from tests.werkplaats.operations.upgrade import mirror
from werkplaats.operations.look import packages as looked
from werkplaats.operations.reach import remote
from werkplaats.operations.reach.servers import Server
from werkplaats.operations.upgrade import packages
from werkplaats.operations.upgrade.packages import Step

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
NAME, SUBNET, ADDRESS = "upgrade-packages", "198.18.251.0/24", "198.18.251.11"
LISTS = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=20)
SOURCES = "deb [trusted=yes] http://127.0.0.1:8099 trixie-security main\n"
HTTP = "systemd-run --quiet --unit=mirror python3 -m http.server --bind 127.0.0.1 --directory /srv/mirror 8099"
# Root does not reach the mirror: what it sends is read by an account of apt's own, which may do nothing else.
NOT_ROOT = (
    'nft add table inet mirror; nft add chain inet mirror out "{ type filter hook output priority 0; }"; '
    "nft add rule inet mirror out meta skuid 0 tcp dport 8099 reject with tcp reset"
)
BROKEN = "#!/bin/sh\necho this one is broken >&2\nexit 1\n"
EVERY = ("haproxy", "docker.io", "libssl3t64", "netbase")
RUNS = "docker inspect --format {{.State.StartedAt}}{{.State.Running}} station-agent"


@dataclasses.dataclass
class Upgraded:
    """One server with a gateway, a container in its engine, and a mirror; `had` are the versions of the beginning."""

    mesh: Mesh
    server: servers.Server
    remotes: remote.Remotes
    had: dict[str, str]

    def look(self, *, refresh: bool = True) -> looked.Found:
        found, lost = packages.look(self.remotes, ["een"], refresh=refresh)
        assert lost == {}
        return found["een"]

    def run(self, step: Step) -> dict[str, Any]:
        return packages.run(self.remotes, "een", step, print)

    def step(self, name: str, part: str | None = None) -> Step:
        """One of the steps that there are."""
        found = packages.steps(self.look())
        return next(one for one in found if one.name == name and part in (None, one.part))

    def offer(self, *more: dict[str, Any]) -> None:
        day = email.utils.format_datetime(LISTS).replace("+0000", "UTC")
        self.server.put("/srv/mirror.py", Path(mirror.__file__).read_text())
        self.server.run(f'python3 /srv/mirror.py "{day}"', given=json.dumps(more))

    def withdraw(self, name: str, version: str) -> None:
        self.server.run(f"rm /srv/mirror/pool/{name}_{version}_*.deb")
        self.offer()

    def version(self, name: str) -> str:
        return self.server.run(f'dpkg-query --show --showformat="\\${{Version}}" {name}').stdout


@pytest.fixture(scope="module")
def een(tmp_path_factory: pytest.TempPathFactory, image: dict[str, str]) -> Iterator[Upgraded]:  # noqa: F811
    folder = tmp_path_factory.mktemp(NAME)
    servers.docker("network", "create", f"--subnet={SUBNET}", NAME)
    try:
        server = servers.boot(NAME, folder, NAME, address=ADDRESS, restart=True, shared=True)
        server.wait()
        mesh = Mesh(folder, image, servers={"een": server})
        empty = [{"network": NETWORK, "certificate_pem": ""}]
        mesh.stations["een"] = compiled.station("een", empty, image, firewall=FIREWALL)
        for tag in ("prepare", "connect"):
            run = mesh.play("--tags", tag)
            assert run.code == 0, run.output
            if tag == "prepare":
                mesh.connect("een")
        start_agent(server)
        mounts = " ".join(f"--volume={path}:{path}:ro" for path in ("/usr", "/lib", "/lib64"))
        how = f"--name station-agent --network none {mounts} --entrypoint /usr/bin/sh {image['id']}"
        runs = "trap exit TERM; while :; do sleep 1; done"  # what ends when it is told to, as a station does
        server.run(f'docker create {how} -c "{runs}" && docker start station-agent')
        server.put("/etc/apt/sources.list", SOURCES)
        own = Server("een", ADDRESS, server.host_key, key=server.key)
        with remote.Remotes([own], folder / "remotes", folder / "ssh_config") as remotes:
            made = Upgraded(mesh, server, remotes, {})
            made.had.update({name: made.version(name) for name in EVERY})
            yield made
    finally:
        servers.docker("rm", "--force", "--volumes", NAME)
        servers.remove_network(NAME)


@contextlib.contextmanager
def calling(een: Upgraded) -> Iterator[Callable[[], None]]:
    """A caller who is connected all the time, and others who call one after another: none is refused."""
    context = callers.context(een.mesh.party("vier").file)
    refused, over = list[str](), [False]

    def others() -> int:
        calls = 0
        while not over[0]:
            try:
                with callers.call(ADDRESS, compiled.PORT, context) as one:
                    one.sendall(b"x")
                    assert callers.line(one), "ended"
                    calls += 1
            except (AssertionError, OSError, ssl.SSLError) as problem:
                refused.append(str(problem))
            time.sleep(0.05)
        return calls

    with callers.call(ADDRESS, compiled.PORT, context) as session, concurrent.futures.ThreadPoolExecutor(1) as pool:
        session.sendall(b"hello")
        assert callers.line(session)

        def goes_on() -> None:
            session.sendall(b"still here\n")
            assert callers.line(session).endswith("still here")

        calls = pool.submit(others)
        try:
            yield goes_on
            goes_on()
        finally:
            over[0] = True
        assert calls.result() > 5
        assert refused == []


def test_a_mirror_that_does_not_answer_is_said_and_nothing_hangs(een: Upgraded) -> None:
    found = een.look()
    assert "127.0.0.1:8099" in found.unreached
    assert (found.packages, found.lists, found.reboot) == ((), None, ())
    assert any("no list of Debian's security archive" in line for line in looked.lines(found, found.day))
    assert packages.steps(found) == []


def test_what_is_newer_is_told_since_when_its_list_had_it(een: Upgraded) -> None:
    een.server.run(HTTP)
    een.server.run(NOT_ROOT)
    old = [{"name": name, "version": een.had[name]} for name in ("haproxy", "docker.io")]
    een.offer(*old, *({"name": name, "version": f"{een.had[name]}+new1"} for name in EVERY))
    een.server.run("apt-mark hold netbase")
    before = een.server.run("dpkg-query --show | sha256sum").stdout
    found = een.look()
    assert (found.unreached, found.lists) == ("", LISTS.date())
    rows = {one.name: one for one in found.packages}
    assert {name: (one.part, one.candidate, one.held) for name, one in rows.items()} == {
        "docker.io": ("engine", f"{een.had['docker.io']}+new1", False),
        "haproxy": ("gateway", f"{een.had['haproxy']}+new1", False),
        "libssl3t64": ("rest", f"{een.had['libssl3t64']}+new1", False),
        "netbase": ("rest", f"{een.had['netbase']}+new1", True),
    }
    assert {one.since for one in found.packages} == {LISTS.date()}
    assert all(one.security for one in found.packages)
    late = looked.overdue(found, found.day)
    assert [line.partition(" waits")[0] for line in late[:3]] == ["the gateway", "the engine", "Debian"]
    assert "for 20 days, and may for 14; `werkplaats upgrade start NETWORK --servers` brings it" in late[0]
    assert [line.split()[0] for line in packages.left(found)] == ["netbase"]
    told = een.server.run("server-packages told").stdout
    assert looked.read(told, een.remotes.servers["een"]) == found
    assert een.server.run("dpkg-query --show | sha256sum").stdout == before


def test_files_are_fetched_before_anything_is_changed(een: Upgraded) -> None:
    steps = packages.steps(een.look(refresh=False))
    names = [(one.name, one.part, one.drain, one.way_back) for one in steps]
    assert names == [
        *(("fetch", part, False, False) for part in ("gateway", "rest", "engine")),
        *(("gateway", "gateway", False, True), ("rest", "rest", False, False), ("engine", "engine", True, True)),
    ]
    for step in steps[:3]:
        assert een.run(step)["no_way_back"] == {}
    assert {name: een.version(name) for name in EVERY} == een.had


def test_haproxy_is_handed_over_without_one_call_refused(een: Upgraded) -> None:
    step = een.step("gateway")
    with calling(een) as goes_on:
        assert een.run(step)["brought"] == ["haproxy"]
        goes_on()
        assert een.version("haproxy") == f"{een.had['haproxy']}+new1"
        assert een.server.run("gateway-reload --check", check=False).returncode == 0
        assert een.run(step)["brought"] == [], "what is done is not done again"
        with pytest.raises(errors.RefusedError, match="the last that was brought of gateway is haproxy"):
            packages.back(een.remotes, "een", dataclasses.replace(step, pairs=(("haproxy", "0"),)), print)
        back = packages.back(een.remotes, "een", step, print)
        assert (back["brought"], een.version("haproxy")) == (["haproxy"], een.had["haproxy"])
        goes_on()
        een.run(step)
    assert een.server.run("systemctl is-active haproxy", check=False).stdout == "inactive\n", "Debian's own began"


def test_a_library_is_taken_by_the_gateway_and_others_wait_for_a_reboot(een: Upgraded) -> None:
    step = een.step("rest")
    assert [name for name, _ in step.pairs] == ["libssl3t64"], "what its owner holds back is not brought"
    with calling(een):
        assert een.run(step)["brought"] == ["libssl3t64"]
    assert een.server.run("gateway-reload --check", check=False).returncode == 0
    found = een.look(refresh=False)
    assert [line for line in found.reboot if "ssh.service" in line]
    assert packages.steps(found)[-1].name == "reboot"


def test_the_engine_begins_anew_and_its_container_goes_on_also_after_a_kill(een: Upgraded) -> None:
    """Debian's package leaves the engine of before running, whatever it brought."""
    step, began = een.step("engine"), een.server.run(RUNS).stdout
    main = "systemctl show --property=MainPID --value docker"
    before = een.server.run(main).stdout
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        cut_off = pool.submit(een.run, step)
        unpacks = 'timeout 60 sh -c "until pgrep -f dpkg.*[-]-unpack; do :; done"'
        een.server.run(f'{unpacks}; systemctl kill --signal=KILL "run-*.service"')
        with pytest.raises(errors.HalfWayError, match="take this step again"):
            cut_off.result()
    assert een.server.run(main).stdout == before
    assert een.step("engine") == step, "what was cut off is not seen any more"
    with calling(een):
        done = een.run(step)
    assert done["went_on"] == ["station-agent"]
    assert een.version("docker.io") == f"{een.had['docker.io']}+new1"
    assert een.server.run(main).stdout != before
    assert een.server.run(RUNS).stdout == began
    assert een.look().old == tuple(one for one in een.look().old if "docker" not in one)
    assert een.server.run("dpkg --audit").stdout == ""


def test_one_that_does_not_come_up_goes_back_and_the_container_goes_on(een: Upgraded) -> None:
    version = f"{een.had['docker.io']}+new2"
    een.offer({"name": "docker.io", "version": version, "files": {"/usr/sbin/dockerd": BROKEN}})
    step, began = een.step("engine"), een.server.run(RUNS).stdout
    een.run(een.step("fetch", "engine"))
    with pytest.raises(
        errors.TakenBackError, match=r"the engine does not come up with it; docker\.io .*\+new1 was put"
    ):
        een.run(step)
    assert een.version("docker.io") == f"{een.had['docker.io']}+new1"
    assert een.server.run(RUNS).stdout == began
    een.withdraw("docker.io", version)


def test_settings_that_wait_for_an_upgrade_are_read_by_it(een: Upgraded) -> None:
    """A run of the roles never begins an engine anew under a station."""
    place, began = "/etc/docker/daemon.json", een.server.run(RUNS).stdout
    settings = json.loads(een.server.run(f"cat {place}").stdout)
    een.server.put(place, json.dumps(settings | {"max-concurrent-downloads": 2}))
    step = een.step("engine")
    assert (step.pairs, step.way_back) == ((), False)
    assert een.run(step)["went_on"] == ["station-agent"]
    een.server.run(f"cmp {place} /run/werkplaats-engine.json")
    assert een.server.run(RUNS).stdout == began


def test_a_haproxy_that_does_not_take_the_configuration_is_never_installed(een: Upgraded) -> None:
    version = f"{een.had['haproxy']}+new2"
    een.offer({"name": "haproxy", "version": version, "files": {"/usr/sbin/haproxy": BROKEN}})
    with calling(een):
        for step in (een.step("fetch", "gateway"), een.step("gateway")):
            with pytest.raises(errors.RefusedError, match=r"the new HAProxy does not take .*: this one is broken"):
                een.run(step)
    assert een.version("haproxy") == f"{een.had['haproxy']}+new1"
    een.withdraw("haproxy", version)


def test_what_would_bring_another_package_along_is_refused_beforehand(een: Upgraded) -> None:
    een.server.run("apt-mark unhold netbase")
    een.offer(
        {"name": "netbase", "version": f"{een.had['netbase']}+new2", "depends": "another-one"},
        {"name": "another-one", "version": "1"},
    )
    with pytest.raises(errors.RefusedError, match="to bring netbase apt would bring another-one too"):
        een.run(een.step("fetch", "rest"))
    assert een.version("netbase") == een.had["netbase"]


def test_without_the_package_of_before_that_is_said_beforehand(een: Upgraded) -> None:
    een.server.run("rm -r /var/lib/werkplaats-packages/gateway /srv/mirror/pool/haproxy_*")
    assert een.server.run("ls /var/cache/apt/archives/*.deb", check=False).stdout == "", "a step had apt ask its mirror"
    een.offer({"name": "haproxy", "version": f"{een.had['haproxy']}+new3"})
    fetched = een.run(een.step("fetch", "gateway"))
    assert list(fetched["no_way_back"]) == ["haproxy"]
    step = een.step("gateway")
    een.run(step)
    with pytest.raises(errors.RefusedError, match=r"there is no way back of gateway: .*put that \.deb in"):
        packages.back(een.remotes, "een", step, print)


def test_a_reboot_is_a_step_that_is_done_once(een: Upgraded) -> None:
    step = een.step("reboot")
    een.run(step)
    begun = een.server.run("cat /proc/1/stat").stdout.split()[21]
    een.run(step)
    assert een.server.run("cat /proc/1/stat").stdout.split()[21] == begun, "it was started anew already"
    een.server.run("gateway-reload --check")
    assert een.look(refresh=False).reboot == ()
