"""Incidents that are caused for real: a row says how, and what diagnosis and runbook must come to.

To add one: write a row, run `pytest tests/faults/test_incidents.py -k NAME`, and see it fail without its runbook.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from network_topology import names
from runbooks.drills import causes
from tests.end_to_end import test_follow
from tests.faults import strange
from tests.harness import sandboxes, servers

BUILD = sandboxes.ROOT / "build"
ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg")
# What a dry run must leave as it is: what runs, since when, and every file of ours and of the administrator.
SNAPSHOT = """
timeout 15 docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' 2>&1
timeout 15 docker inspect --format '{{.Name}} {{.State.StartedAt}} {{.State.Status}}' \\
    station-agent station-computer 2>&1
systemctl show --property=Id,ActiveState,SubState,ActiveEnterTimestamp,MainPID \
    werkplaats-gateway.service docker.service werkplaats-follow.timer
find /etc /usr/local /var/lib/werkplaats/data /var/lib/werkplaats/allowances -xdev -type f \
    -printf '%p %s %T@ %m\\n' | sort
"""


UNPAUSED = {"paused": ("unpause",)}


def nothing(_: sandboxes.Sandbox) -> None:
    """Of a row after which nothing has to be put right."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One incident: `causes` it at `target`; `how` is that in words, `undo` is for what a runbook leaves to people.

    `by_people`: what its first run waits for, and a person then does; the second run goes on. `back`: a rollback is to
    bring the incident back. `lost` is what is lost by it or by its mitigation.
    """

    incident: str
    target: str
    how: str
    causes: Callable[[sandboxes.Sandbox], None]
    undo: Callable[[sandboxes.Sandbox], None] = nothing
    by_people: Callable[[sandboxes.Sandbox], None] | None = None
    back: bool = False
    lost: str = "nothing"
    holds: Callable[[sandboxes.Sandbox], None] = nothing
    """What else must be so when it is over."""

    @property
    def words(self) -> tuple[str, ...]:
        """How the command names it; what is about the whole network has no target."""
        return (self.incident, *(("--target", self.target) if self.target else ()))

    @property
    def id(self) -> str:
        """Its name among tests."""
        return f"{self.incident}: {self.how}"


def sh(network: sandboxes.Sandbox, organisation: str, line: str) -> str:
    """Run a line of root's shell on a server, which must not fail."""
    done = network.on(organisation, "sh", "-c", line)
    assert done.returncode == 0, (line, done)
    return done.stdout


def on(organisation: str, line: str) -> Callable[[sandboxes.Sandbox], None]:
    """A cause or an undoing that is a line of root's shell."""

    def act(network: sandboxes.Sandbox) -> None:
        sh(network, organisation, line)

    return act


def made(network: sandboxes.Sandbox) -> str:
    """The servers, and the containers on each, by what their engines call them."""
    label = f"label=werkplaats.network={network.name}"
    listed = ("ps", "--all", "--no-trunc", "--quiet", "--filter", label)
    return "\n".join(
        (servers.docker(*listed), *(sh(network, one, shlex.join(("docker", *listed))) for one in ORGANISATIONS))
    )


def without_state(ruin: Callable[[Path], None]) -> Callable[[sandboxes.Sandbox], None]:
    """Ruin the folder of Pulumi's states; what they knew of goes on, and is noted."""

    def act(network: sandboxes.Sandbox) -> None:
        (network.state / "made").write_text(made(network))
        ruin(network.vault / "stacks")

    return act


def cut_short(stacks: Path) -> None:
    """The state of the stations is cut short, and so is the copy of it."""
    for path in (stacks / "stations" / ".pulumi" / "stacks").glob("*/network.json*"):
        path.write_bytes(path.read_bytes()[:100])


def as_made(network: sandboxes.Sandbox) -> None:
    """Everything is what it was, and a plan has no change."""
    assert made(network) == (network.state / "made").read_text()
    plan = json.loads(network.run("plan", "--json", expect=None).stdout)
    assert (plan["servers"], plan["stations"]) == ([], []), plan


@dataclasses.dataclass(frozen=True)
class Place:
    """The same servers as what causes an incident in a drill needs them (`runbooks.drills.causes.Place`)."""

    network: sandboxes.Sandbox

    def shell(self, organisation: str, line: str) -> None:
        sh(self.network, organisation, line)

    def switch(self, organisation: str, word: causes.Word) -> None:
        container = self.network.container(organisation)
        state = servers.docker("inspect", "--format", "{{.State.Status}}", container)
        for one in {"off": ("stop",), "freeze": ("pause",), "on": (*UNPAUSED.get(state, ()), "start")}[word]:
            servers.docker(one, container)

    def address(self, organisation: str) -> str:
        return str(json.loads((self.network.vault / "addresses.json").read_text())["addresses"][organisation])

    def port(self, organisation: str) -> int:
        del organisation
        return 8443


def drilled(incident: str, target: str, how: str, **told: Any) -> Row:
    """A row of which drills have the cause and its undoing."""
    cause, ends = causes.find(incident, how), tuple(target.split(":"))

    def undo(network: sandboxes.Sandbox) -> None:
        cause.undo(Place(network), ends)

    return Row(
        incident,
        target,
        how,
        lambda network: cause.act(Place(network), ends),
        undo,
        by_people=undo if cause.by_people else None,
        **told,
    )


def snapshot(network: sandboxes.Sandbox) -> dict[str, str]:
    """What there is of every server; of one that is off, that it is."""
    return {
        one: network.on(one, "sh", "-c", SNAPSHOT).stdout
        if servers.docker("inspect", "--format", "{{.State.Status}}", network.container(one)) == "running"
        else "off"
        for one in ORGANISATIONS
    }


def differs(network: sandboxes.Sandbox, before: dict[str, str]) -> list[str]:
    """The lines in which every server is other than it was, as `snapshot` saw it."""
    found = []
    for one, text in snapshot(network).items():
        lines, earlier = ({*told.splitlines()} for told in (text, before[one]))
        found += [f"{one} had {line}" for line in sorted(earlier - lines)]
        found += [f"{one} has {line}" for line in sorted(lines - earlier)]
    return found


def three(folder: Path, name: str) -> sandboxes.Sandbox:
    """A network of three computing parties of which nothing exists yet."""
    begins = sandboxes.DEFINITION.partition("  # Puts in data and computes nothing")[0]
    made = sandboxes.sandbox(folder, name, begins)
    for question in (made.definition.parent / "questions").glob("*.yml"):
        question.write_text(question.read_text().replace(", huisartsen", ""))
    return made


def elsewhere(source: str, target: str) -> Callable[[sandboxes.Sandbox], None]:
    """Have the name of a gateway lead to an address for documentation, on one server."""

    def act(network: sandboxes.Sandbox) -> None:
        sh(network, source, f"echo '203.0.113.9 {target}.{network.name}.{names.DNS_ROOT}' >> /etc/hosts")

    return act


def short(target: str, line: str, *words: str) -> Callable[[sandboxes.Sandbox], None]:
    """Have what the coordinator signs in `words` and the next publication last as a line says, on one server."""

    def act(network: sandboxes.Sandbox) -> None:
        lifetimes = network.vault / "inventory" / "lifetimes.txt"
        lifetimes.write_text(f"{line}\n")
        try:
            if words:
                network.run(*words)
            network.run("trust publish")
        finally:
            lifetimes.unlink()
        test_follow.put(network, target)
        sh(network, target, "systemctl start werkplaats-follow.service")

    return act


def published(network: sandboxes.Sandbox) -> None:
    """What the coordinator does."""
    network.run("trust publish")


# A container cannot replace /etc/hosts, and writes it as it is.
AS_BEFORE = "grep --invert-match 203.0.113.9 /etc/hosts > /run/hosts; cat /run/hosts > /etc/hosts; rm /run/hosts"
EXAMINED = f'test -n "$(docker image ls --quiet {strange.KEPT})"'

QUICK = (drilled("station-down", "ggd", "both containers stopped", back=True),)
SLOW = (
    drilled("gateway-down", "ziekenhuis", "its unit stopped", back=True),
    Row("station-down", "thuiszorg", "the computer removed", on("thuiszorg", "docker rm --force station-computer")),
    drilled("station-down", "ggd", "both containers paused"),
    drilled("agent-stuck", "ggd", "stopped by a signal", lost="sessions that ran then"),
    drilled("computer-stuck", "ziekenhuis", "stopped by a signal", lost="sessions that ran then"),
    drilled("server-unreachable", "thuiszorg", "switched off"),
    drilled("server-unreachable", "ggd", "frozen"),
    drilled("engine-broken", "ggd", "stopped"),
    Row(
        "engine-broken",
        "ziekenhuis",
        "settings that it cannot read",
        on("ziekenhuis", "systemctl stop docker.socket docker.service && echo '{' > /etc/docker/daemon.json"),
    ),
    drilled("engine-broken", "thuiszorg", "hangs"),
    drilled("disk-full", "ggd", "a small disk full of what apt keeps"),
    drilled("disk-full", "thuiszorg", "a disk that can only be read"),
    drilled("clock-off", "thuiszorg", "its programs are told a time ten minutes later"),
    drilled("follower-stopped", "ggd", "its timer stopped", back=True),
    drilled("partition", "ggd:ziekenhuis", "nothing passes, either way"),
    drilled("partition", "ggd:ziekenhuis", "one direction: a rule of nft at whom is called"),
    drilled("partition", "ggd:ziekenhuis", "large packets go nowhere, either way"),
    drilled("partition", "ggd:ziekenhuis", "a line that loses four of ten packets, either way"),
    drilled("partition", "ggd:ziekenhuis", "a thin line, 2 kB a second either way"),
    drilled("tls-inspection", "thuiszorg:ggd", "a proxy that shows a certificate of its own"),
    Row("pulumi-state-lost", "", "both states removed", without_state(shutil.rmtree), holds=as_made),
    Row(
        "pulumi-state-lost",
        "",
        "state and copy of the stations cut short",
        without_state(cut_short),
        holds=as_made,
        back=True,
    ),
    Row(
        "wrong-dns",
        "ggd:ziekenhuis",
        "another address in /etc/hosts",
        elsewhere("ggd", "ziekenhuis"),
        by_people=on("ggd", AS_BEFORE),
    ),
    drilled("firewall-closed", "ziekenhuis", "its port closed to all"),
    Row(
        "image-tampered",
        "ggd",
        "the computer made anew from another image",
        strange.runs("ggd"),
        strange.gone("ggd"),
        lost="sessions that ran then",
        holds=on("ggd", EXAMINED),
    ),
    Row(
        "list-expired",
        "ggd",
        "a list of a minute",
        short("ggd", "list 1 minutes"),
        by_people=published,
    ),
    Row(
        "certificate-ending",
        "ggd",
        "a new key, certified for two minutes",
        short("ggd", "certificate 2 minutes", "trust renew-key", "ggd"),
        by_people=published,
    ),
)
EVERY = (*QUICK, *SLOW)
NOT_RUN = "not run to its end yet"
