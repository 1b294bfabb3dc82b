"""The container engine does not run or does not answer: no station can be started, and what runs goes unwatched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.looking import ENGINE
from runbooks.framework.steps import Case, Kept, Step, StepError

TITLE = "Container engine broken"
ABOUT = "organisation"
EXPLAINS = ("station-down", "agent-stuck", "computer-stuck", "partition")
INTERRUPTS = "containers of others on that server, where the engine is its owner's"
LOSES = ""
OURS = "/etc/systemd/system/docker.service.d/60-werkplaats.conf"
"""There where the engine serves the station alone: a restart of it ends no container (live-restore)."""
SETTINGS = "/etc/docker/daemon.json"


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where the engine is there and gives no answer."""
    for organisation, server in what.reached().items():
        unit = server.unit(ENGINE)
        if not server.engine or unit.active in ("not there", "unknown"):
            continue
        evidence = [f"`docker version` on it: {server.engine}"]
        evidence.append(f"{ENGINE} is {unit.active} ({unit.sub}, result {unit.result or 'none'})")
        if unit.restarts:
            evidence.append(f"systemd started it {unit.restarts} times by itself")
        if not unit.runs and server.agent == "yes":
            evidence.append("the station still runs without it")
        yield Fit(organisation, 90 if unit.runs else 95, tuple(evidence))


def steps(case: Case) -> Sequence[Step]:
    """Settings that it can read, then the engine itself, then what is to run on it."""
    ours = common.reached(case) and case.on("test", "-e", OURS).exited == 0
    return (
        Step(
            key="settings",
            words=f"have settings in {SETTINGS} that the engine can read",
            done=_readable,
            run=_put_aside,
            before=lambda _: {"aside": f"{SETTINGS}.unreadable"},
            rollback=_put_back,
            decides="" if ours else f"the engine of this server is its owner's: {SETTINGS} is put aside",
        ),
        Step(
            key="engine",
            words="have the engine run and answer",
            done=_answers,
            run=_start,
            no_way_back="nobody wants an engine back that does not answer",
            decides="" if ours else "the engine of this server is its owner's: a restart may end containers of others",
            patience=90,
        ),
        common.ready(),
    )


def _readable(case: Case) -> bool:
    there = case.on("test", "-e", SETTINGS).exited == 0
    return not there or case.on("dockerd", "--validate", f"--config-file={SETTINGS}").exited == 0


def _put_aside(case: Case) -> None:
    """Out of the way; the settings of before, which a drop-in keeps a copy of, where there is one."""
    case.must("mv", "--force", SETTINGS, f"{SETTINGS}.unreadable")
    case.on("cp", "/run/werkplaats-engine.json", SETTINGS)
    if not _readable(case):
        case.must("rm", "--force", SETTINGS)


def _put_back(case: Case, kept: Kept) -> None:
    case.must("mv", "--force", kept["aside"], SETTINGS)


def _answers(case: Case) -> bool:
    return case.on("timeout", "8", "docker", "version", "--format", "{{.Server.Version}}").exited == 0


def _start(case: Case) -> None:
    """Start it; one that runs and does not answer is ended first, since it would not hear that it is to stop."""
    if common.active(case, ENGINE):
        case.on("systemctl", "kill", "--signal=SIGKILL", ENGINE)
    case.on("systemctl", "reset-failed", ENGINE, "docker.socket", "containerd.service")
    done = case.on("systemctl", "restart", ENGINE, seconds=120)
    if done.exited:
        said = case.on("journalctl", "--unit", ENGINE, "--lines=3", "--output=cat").stdout
        raise StepError(f"it does not start: {seen.text(said) or seen.text(done.stderr)}")
