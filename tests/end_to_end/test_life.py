"""A network whose certificates and lists last for minutes: it lives on, with sessions all the time and nobody acting.

After `up` nobody does anything: the coordinator's cron publishes, a web server gives it out, stations follow by their
own timers.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.harness import going, sandboxes, servers

pytestmark = [pytest.mark.servers, pytest.mark.waits, pytest.mark.slow]
LIFETIMES = "certificate 3 minutes\nlist 2 minutes\npublication 2 minutes\n"
SECONDS = 500.0
"""In which each certificate is signed anew twice, also on a busy machine; the first ones have ended by then."""
EVERY = 10
ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")
SUBNET, HOST, PORT = "198.19.254.248/29", "198.19.254.249", 8088
URL = f"http://{HOST}:{PORT}/"


@dataclasses.dataclass
class Site:
    """A static web server on this machine that gives out a folder, as a program of its own."""

    folder: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ("-m", "http.server", str(PORT), "--bind", HOST, "--directory", self.folder)
        null = subprocess.DEVNULL
        self.process = subprocess.Popen([sys.executable, *words], stdin=null, stdout=null, stderr=null)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def site(kort: sandboxes.Sandbox) -> Iterator[Site]:
    """What gives out the publication of `kort`, at an address which its servers reach."""
    made = Site(str(kort.vault / "publication"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def kort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The network `kort.sandbox`, of which what the coordinator signs lasts for minutes; it is up."""
    definition = sandboxes.DEFINITION.replace("technique:", f"publication_url: {URL}\ntechnique:")
    made = sandboxes.sandbox(tmp_path_factory.mktemp("kort"), "kort", definition)
    (made.vault / "inventory").mkdir(parents=True)
    made.vault.chmod(0o700)
    (made.vault / "inventory" / "lifetimes.txt").write_text(LIFETIMES)
    for left in servers.docker("network", "ls", "--quiet", "--filter", "name=^kort-site$").split():
        servers.remove_network(left)  # of a run that was killed
    servers.docker("network", "create", "--subnet", SUBNET, "kort-site")
    try:
        assert made.up()["verified"]
        often(made)
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)
        servers.remove_network("kort-site")


def often(network: sandboxes.Sandbox) -> None:
    """Have the followers look often, as their operator does."""
    path = network.vault / "inventory" / "servers.yml"
    entries = {one: {**entry, "follower_every": EVERY} for one, entry in yaml.safe_load(path.read_text()).items()}
    path.write_text(yaml.safe_dump(entries))
    told = network.up()
    assert told["verified"]
    assert told["changes"]["stations"] == []


class Cron(threading.Thread):
    """What the coordinator's cron does; `said` is its mail."""

    def __init__(self, network: sandboxes.Sandbox) -> None:
        super().__init__()
        self.network, self.said, self.wrong, self.over = network, list[str](), list[str](), threading.Event()

    def run(self) -> None:
        while not self.over.wait(EVERY):
            done = self.network.run("trust publish", "--quiet", expect=None)
            self.said += [done.stdout] if done.stdout else []
            self.wrong += [done.stdout + done.stderr] if done.returncode else []


def shown(network: sandboxes.Sandbox) -> dict[str, str]:
    """Organisation → which certificate its gateway loaded, and when that ends."""
    path = f"/etc/werkplaats/gateway/loaded/networks/{network.name}/station.pem"
    words = ("openssl", "x509", "-in", path, "-noout", "-serial", "-enddate")
    return {one: network.on(one, *words).stdout for one in ORGANISATIONS}


def ends(network: sandboxes.Sandbox) -> dict[str, str]:
    """Organisation → when the list ends that its gateway loaded."""
    path = f"/etc/werkplaats/gateway/loaded/networks/{network.name}/crl.pem"
    return {
        one: network.on(one, "openssl", "crl", "-in", path, "-noout", "-nextupdate").stdout for one in ORGANISATIONS
    }


def long_session(network: sandboxes.Sandbox) -> subprocess.Popen[str]:
    """A session that goes on for as long as the test does, once it runs at a party that did not ask for it."""
    config = network.vault / "run" / "ssh_config"
    words = ["ssh", "-F", str(config), "-o", "ControlPath=none", "ziekenhuis"]
    session = subprocess.Popen(
        [*words, "sudo station session --rounds 1000000 --json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while not json.loads(network.on("ggd", "station", "status", "--json").stdout)["networks"][network.name]["sessions"]:
        assert time.monotonic() < deadline, "the session does not begin"
    going.gives_way(network, ORGANISATIONS)
    return session


def watched(network: sandboxes.Sandbox, cron: Cron, session: subprocess.Popen[str]) -> tuple[int, int]:
    """Wait until each gateway loaded three certificates; so many of them, and of lists, each loaded at least."""
    began = time.monotonic()
    seen, lists = ({one: set[str]() for one in ORGANISATIONS} for _ in range(2))
    while min(map(len, seen.values())) < 3:
        assert time.monotonic() - began < SECONDS, (seen, lists, cron.said[-3:], cron.wrong[-3:])
        for one, pem in shown(network).items():
            seen[one].add(pem)
        for one, end in ends(network).items():
            lists[one].add(end)
        assert session.poll() is None, ("the session that went on through all of it ended", session.communicate())
    return min(map(len, seen.values())), min(map(len, lists.values()))


def test_it_lives_through_renewals_of_all_that_is_signed_with_nobody_acting_and_no_session_fails(
    kort: sandboxes.Sandbox, site: Site, note: Callable[[str], None]
) -> None:
    assert site.process
    began, session, cron = time.monotonic(), long_session(kort), Cron(kort)
    cron.start()
    try:
        with going.Sessions(kort, "thuiszorg") as sessions:
            certificates, lists = watched(kort, cron, session)
        assert session.poll() is None
    finally:
        cron.over.set()
        cron.join()
        session.kill()
        session.communicate()
    note(
        f"certificates of 3 minutes, lists and metadata of 2, nobody acting for {time.monotonic() - began:.0f} s: each "
        f"gateway loaded {certificates} certificates and {lists} lists or more; {sessions.good} sessions beside it, "
        f"{len(sessions.failed)} failed, one went on through all of it"
    )
    assert (sessions.failed, sessions.left_out, cron.wrong) == ([], set(), [])
    assert sessions.good > 10
    assert lists > 2
    for one in ORGANISATIONS:
        said = kort.on(one, "station", "status").stdout
        assert "was applied by werkplaats-follow at " in said
        assert "not fetched" not in said
    assert kort.run("status").stdout.count("well, ") == len(ORGANISATIONS)


def test_a_place_that_is_down_is_told_and_the_mesh_goes_on(kort: sandboxes.Sandbox, site: Site) -> None:
    site.stop()
    try:
        assert kort.on("ggd", "systemctl", "start", "werkplaats-follow.service").returncode == 0
        said = kort.on("ggd", "station", "status").stdout
    finally:
        site.start()
    assert f"not fetched from {URL} since 20" in said
    assert "Connection refused" in said


REACHES = """
for path in /etc/werkplaats/identity/station.key /etc/werkplaats/identity/* /var/lib/werkplaats/data \\
    /var/lib/werkplaats/state /var/lib/werkplaats/relayed /run/werkplaats/control /run/docker.sock /root; do
  ls -R "$path" > /dev/null 2>&1 && test -r "$path" && echo "reads $path"
done
for path in /var/lib/werkplaats/fetched /etc/werkplaats /run/werkplaats; do
  touch "$path/x" 2> /dev/null && echo "writes $path"
done
python3 -c "import socket; socket.socket(socket.AF_UNIX)" 2> /dev/null && echo "calls programs of this server"
true
"""


def test_the_part_that_fetches_reaches_no_key_no_data_and_no_program(kort: sandboxes.Sandbox) -> None:
    """Gains: whoever holds the place and takes over what reads it has the station's keys. By the settings of its unit.

    As root without them all of it is reached.
    """
    unit = kort.on("ggd", "systemctl", "cat", "werkplaats-follow-fetch.service").stdout
    settings = [line for line in unit.splitlines() if re.match("[A-Z][A-Za-z]+=", line)]
    own = [
        line for line in settings if not re.match("Exec|Standard|Type|Description|StartLimit|LogLevel|Timeout", line)
    ]
    run = ("systemd-run", "--wait", "--pipe", "--quiet")
    words = [f"--property={line}" for line in own]
    free, held = (kort.on("ggd", *run, *some, "sh", "-c", REACHES) for some in ((), words))
    assert {"reads /var/lib/werkplaats/data", "writes /etc/werkplaats"} <= {*free.stdout.splitlines()}
    assert (held.returncode, held.stdout) == (0, ""), (held, own)
    kort.on(
        "ggd",
        "rm",
        "-f",
        *(f"{one}/x" for one in ("/var/lib/werkplaats/fetched", "/etc/werkplaats", "/run/werkplaats")),
    )


def test_a_follower_is_stopped_by_one_word_and_everybody_is_told(kort: sandboxes.Sandbox) -> None:
    why = "an incident, INC-7"
    assert kort.on("ggd", "werkplaats-follow", "--stop", why).returncode == 0
    kept = f"/etc/werkplaats/networks.d/{kort.name}/publication/metadata/timestamp.json"
    before = kort.on("ggd", "cat", kept).stdout
    kort.definition.write_text(kort.definition.read_text().replace("om te leren", "om te blijven leren"))
    kort.run("trust publish")
    published = (kort.vault / "publication" / "metadata" / "timestamp.json").read_text()
    assert kort.on("ggd", "systemctl", "start", "werkplaats-follow.service").returncode == 0
    assert kort.on("ggd", "cat", kept).stdout == before != published
    told = f"({why}), so no revocation reaches this station by itself: werkplaats-follow --start"
    assert told in kort.on("ggd", "station", "status").stdout
    assert told in kort.run("status", expect=None).stdout
    assert told in kort.run("verify", expect=1).stdout
    assert kort.on("ggd", "werkplaats-follow", "--start").returncode == 0
    assert "the follower is stopped" not in kort.on("ggd", "station", "status").stdout
    assert kort.on("ggd", "systemctl", "start", "werkplaats-follow.service").returncode == 0
    assert kort.on("ggd", "cat", kept).stdout == published
