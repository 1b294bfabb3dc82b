"""Has gateway and engine run what is installed, with what goes on in them going on."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from on_server import engine, programs
from on_server.gateway import generations
from on_server.packages import apt, look
from on_server.packages.error import PackageError

UNIT, RELOAD = "werkplaats-gateway.service", "/usr/local/sbin/gateway-reload"
LOADED = Path("/etc/werkplaats/gateway/loaded/haproxy.cfg")
RELOAD_SECONDS = 10.0
SECONDS = 60.0  # until a reload, or an engine that began anew, answers
STARTED = "{{.Name}} {{.State.Running}} {{.Id}} {{.State.StartedAt}}"
Containers: TypeAlias = Mapping[str, str] | None


def judge_gateway(deb: Path) -> None:
    """Have the new HAProxy read what the gateway has loaded, before it is installed, where it has loaded any.

    Raises PackageError.
    """
    tried = deb.with_name("try")
    shutil.rmtree(tried, ignore_errors=True)
    try:
        apt.run(["dpkg-deb", "--extract", str(deb), str(tried)])
        said = generations.refusal(LOADED, str(tried / "usr/sbin/haproxy"), SECONDS) if LOADED.exists() else ""
    finally:
        shutil.rmtree(tried, ignore_errors=True)
    if said:
        raise PackageError(
            f"the new HAProxy does not take what the gateway has loaded: {said}", "keep the one that runs"
        )


def take_gateway() -> str:
    """Have the gateway run the installed HAProxy and libraries by a reload; returns what was done. Raises PackageError.

    Running connections go on with the worker that carries them.
    """
    if not Path(RELOAD).exists() or not LOADED.exists():
        return "no gateway is here"
    done = subprocess.run([RELOAD, "--if-needed"], capture_output=True, text=True, check=False)
    said = programs.told(done.stdout) or done.stderr.strip()
    see = f"see `journalctl -u {UNIT}`"
    if done.returncode:
        raise PackageError(f"the gateway does not come up with it: {said}", see)
    end = time.monotonic() + SECONDS
    while subprocess.run([RELOAD, "--check"], capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise PackageError(f"the gateway still runs the HAProxy of before after {SECONDS:.0f} s", see)
        time.sleep(0.1)
    return said


def judge_engine() -> Containers:
    """The containers that run, and go on while the engine begins anew; None where the engine does not run.

    Raises PackageError where they would not go on.
    """
    if not programs.active(engine.UNIT):
        return None
    found = containers()
    if found and not _keeps() and look.settings_wait():
        programs.run("systemctl", "reload", engine.UNIT)  # of what waits it takes this one without beginning anew
        end = time.monotonic() + RELOAD_SECONDS
        while not _keeps() and time.monotonic() < end:
            time.sleep(0.1)
    if found and not _keeps():
        raise PackageError(
            f"the engine would end {', '.join(found)} with its restart (no live-restore)",
            "`werkplaats up` sets it where the engine is ours; else stop these first",
        )
    return found


def _keeps() -> bool:
    return apt.run(["docker", "info", "--format", "{{.LiveRestoreEnabled}}"]).strip() == "true"


def containers() -> dict[str, str]:
    """Name of each container that runs → its id and when it began."""
    ids = apt.run(["docker", "ps", "--quiet", "--no-trunc"]).split()
    said = apt.run(["docker", "inspect", "--format", STARTED, *ids]) if ids else ""
    rows = (line.split(" ", 2) for line in said.splitlines())
    return {name.removeprefix("/"): began for name, runs, began in rows if runs == "true"}


def take_engine(before: Containers) -> str:
    """Have the installed engine run, where one ran; returns what was done. Raises PackageError where none answers.

    Debian's package restarts none that runs (its postinst says `start`): what it brought is not in force by that.
    """
    if before is None:
        return "no engine runs"
    units = _old() or [engine.UNIT] * (not programs.active(engine.UNIT))
    if not units:
        return "the installed engine runs"
    subprocess.run(["systemctl", "reset-failed", *look.UNITS["engine"]], capture_output=True, check=False)
    programs.run("systemctl", "restart", "--no-block", *units)
    end = time.monotonic() + SECONDS
    while not _answers() or _old():
        if time.monotonic() > end or _failed():
            raise PackageError("the engine does not come up with it", f"see `journalctl -u {engine.UNIT}`")
        time.sleep(0.2)
    return f"{' and '.join(units)} began anew"


def _old() -> list[str]:
    """Of the units of the engine those that run what was replaced, in the order in which they start."""
    outdated = look.outdated()
    return [unit for unit in reversed(look.UNITS["engine"]) if unit in outdated]


def _answers() -> bool:
    try:
        return subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _failed() -> bool:
    return subprocess.run(["systemctl", "is-failed", "--quiet", engine.UNIT], check=False).returncode == 0


def ended(before: Containers) -> list[str]:
    """Those of these containers that do not run since the same moment any more."""
    now = containers() if before else {}
    return [name for name, began in (before or {}).items() if now.get(name) != began]
