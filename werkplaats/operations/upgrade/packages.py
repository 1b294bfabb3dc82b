"""Newer packages of one server in named steps: fetch, gateway, rest, engine, reboot.

`look` says what there is, `steps` in which order it is brought, `run` takes one step. A step that was cut off may be
taken again, and one whose work is done does nothing. On the server it is a unit of systemd, which ends by itself
whatever becomes of the login that began it. Who calls drains the station before `engine` and `reboot`, and looks again
after the last step: what was brought may want a reboot. Gateway and engine have a way back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable
from typing import Any, Literal

from base import errors, values
from werkplaats.operations import progress
from werkplaats.operations.look import packages
from werkplaats.operations.look.packages import Found, Part
from werkplaats.operations.reach import remote, servers

LOOK_SECONDS, STEP_SECONDS, REBOOT_SECONDS = 300.0, 2400.0, 600.0
PARTS: tuple[Part, ...] = ("gateway", "rest", "engine")  # what talks to the internet comes first
WAY_BACK: tuple[Literal["gateway", "engine"], ...] = ("gateway", "engine")


@dataclasses.dataclass(frozen=True)
class Step:
    """One step on one server; `pairs` are package and version, `drain` whether no session should run meanwhile.

    `boot` is of a reboot: the start of the system that it ends.
    """

    name: Literal["fetch", "gateway", "rest", "engine", "reboot"]
    part: Part | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    drain: bool = False
    way_back: bool = False
    boot: str = ""

    @property
    def brought(self) -> str:
        """What is kept of it, for `taking_back`; "" where there is no way back."""
        return " ".join([self.name, *(f"{name}={version}" for name, version in self.pairs)]) if self.way_back else ""

    def __str__(self) -> str:
        named = ", ".join(f"{name} {version}" for name, version in self.pairs)
        what = f"{self.name} of {self.part}" if self.name == "fetch" else self.name
        return f"{what}: {named}" if named else what


def taking_back(brought: Iterable[str]) -> list[Step]:
    """The steps back from what an upgrade brought to one server; of a part that it brought twice, from the last."""
    found = {}
    for text in brought:
        part, *named = text.split()
        pairs = tuple((name, version) for name, _, version in (one.partition("=") for one in named))
        found[part] = pairs
    return [Step(part, part, found[part], part == "engine", way_back=True) for part in WAY_BACK if part in found]


def look(
    remotes: remote.Remotes, organisations: Iterable[str], *, refresh: bool = False
) -> tuple[dict[str, Found], dict[str, errors.WerkplaatsError]]:
    """What there is on each server, and why one could not be looked at; `refresh` has apt fetch its lists first.

    A server whose mirror does not answer says so in `unreached`, within the limits of `on_server/packages/apt.py`.
    """
    words = [packages.PROGRAM, "look", *(["--refresh"] if refresh else [])]
    found: dict[str, Found] = {}
    lost: dict[str, errors.WerkplaatsError] = {}
    for organisation, answer in remotes.ask_all(organisations, *words, seconds=LOOK_SECONDS).items():
        if isinstance(answer, servers.UnreachableError):
            lost[organisation] = answer
            continue
        try:
            found[organisation] = packages.read(answer.stdout, remotes.servers[organisation])
        except ValueError as error:
            lost[organisation] = packages.refused(organisation, answer.stderr.strip()[-500:] or str(error))
    return found, lost


def steps(found: Found) -> list[Step]:
    """What to do, in order: all files first, while nothing is changed and sessions go on. [] where nothing is to do."""
    wanted = {part: tuple((one.name, one.candidate) for one in found.of(part)) for part in PARTS}
    fetched = [Step("fetch", part, pairs) for part, pairs in wanted.items() if pairs]
    brought = [
        Step(part, part, wanted[part], drain=part == "engine", way_back=part in WAY_BACK and bool(wanted[part]))
        for part in PARTS
        if wanted[part] or (found.may(part) and found.waits(part))
    ]
    return [*fetched, *brought, *([Step("reboot", drain=True, boot=found.boot)] if found.reboot else [])]


def left(found: Found) -> list[str]:
    """What no step brings, and why: what somebody holds back, and what is its owner's."""
    told = []
    for one in found.packages:
        if one.held:
            told.append(f"{one.name} {one.candidate} is held back there; `apt-mark unhold {one.name}`")
        elif one not in found.of(one.part):
            told.append(f"{one.name} {one.candidate}: {packages.PARTS[one.part]} is its owner's there, who upgrades it")
    return told


def run(remotes: remote.Remotes, organisation: str, step: Step, say: progress.Say) -> dict[str, Any]:
    """Take a step; returns what the server tells of it.

    Of `fetch`: `no_way_back`, package → why its version of before cannot be had. Of the others: `brought` (packages
    that were installed), `went_on` (containers that run as before) and `message`; of `reboot` `seconds`.
    Raises RefusedError where nothing was changed, TakenBackError where the version before was put back, HalfWayError
    where a step stands half-way (also where containers ended), UnreachableError.
    """
    say(f"{organisation}: {step}")
    if step.name == "reboot":
        return _reboot(remotes, organisation, step.boot)
    return _on_server(remotes, organisation, "fetch" if step.name == "fetch" else "bring", step)


def back(remotes: remote.Remotes, organisation: str, step: Step, say: progress.Say) -> dict[str, Any]:
    """Put the versions back that were there before a step, from files on the server. Raises as `run` does.

    Refused where `step.pairs` is not what was brought there last.
    """
    if not step.way_back:
        raise errors.RefusedError(f"{organisation}: {step.name} has no way back", "bring a newer version")
    say(f"{organisation}: back to what was before {step}")
    return _on_server(remotes, organisation, "back", step)


def _on_server(remotes: remote.Remotes, organisation: str, verb: str, step: Step) -> dict[str, Any]:
    """Have the program of the server do something, in a unit of its own, and read what it tells."""
    unit = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec")
    words = (verb, str(step.part), *(f"{name}={version}" for name, version in step.pairs))
    done = remotes.ask(organisation, *unit, packages.PROGRAM, *words, seconds=STEP_SECONDS)
    try:
        said = values.mapping(done.stdout)
    except ValueError as error:
        why = done.stderr.strip()[-500:] or f"code {done.exited}"
        raise errors.HalfWayError(f"{organisation}: it ended without a word ({why})", "take this step again") from error
    if "what" in said:
        kinds = {"refused": errors.RefusedError, "taken_back": errors.TakenBackError}
        kind = kinds.get(str(said.get("state")), errors.HalfWayError)
        raise kind(f"{organisation}: {said['what']}", str(said.get("remedy", "")))
    if lost := said.get("ended"):
        raise errors.HalfWayError(f"{organisation}: {', '.join(map(str, lost))} ended", "`werkplaats up` starts it")
    return said


def _reboot(remotes: remote.Remotes, organisation: str, boot: str) -> dict[str, Any]:
    """Reboot, unless that was done already, and wait until the server has started. Raises HalfWayError, Unreachable."""
    began = time.monotonic()
    if _boot(remotes, organisation) == boot:
        with contextlib.suppress(servers.UnreachableError):  # it may be gone before it answers
            remotes.ask(organisation, "systemctl", "reboot")
    while True:
        with contextlib.suppress(errors.WerkplaatsError):
            if _boot(remotes, organisation) != boot and _started(remotes, organisation):
                return {"message": "it was started anew", "seconds": round(time.monotonic() - began, 1)}
        if time.monotonic() - began > REBOOT_SECONDS:
            raise errors.HalfWayError(
                f"{organisation}: its server did not come back within {REBOOT_SECONDS:.0f} s of a reboot",
                "look at its console; then take this step again",
            )
        time.sleep(1)


def _boot(remotes: remote.Remotes, organisation: str) -> str:
    """Which start of the system this is, as the server's own look tells it. Raises HalfWayError, UnreachableError."""
    done = remotes.ask(organisation, packages.PROGRAM, "boot")
    if done.exited:
        raise errors.HalfWayError(f"{organisation}: {done.stderr.strip()[-300:]}", "`werkplaats up` first")
    return done.stdout.strip()


def _started(remotes: remote.Remotes, organisation: str) -> bool:
    state = remotes.ask(organisation, "systemctl", "is-system-running").stdout.strip()
    return state in ("running", "degraded")
