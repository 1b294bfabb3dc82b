"""Looks what there is of newer packages, without changing anything, and remembers since which day each is known here.

What was found is kept in `FOUND`: a timer looks each day, so that days can be counted also while nobody asks.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from on_server import disk, engine, engine_settings, programs
from on_server.packages import apt

FOLDER = Path("/var/lib/werkplaats-packages")
FOUND, PLAN, RUNNING = FOLDER / "found.json", "plan.json", "running.json"
GATEWAY = ("haproxy",)
ENGINE = ("docker.io", "docker-cli", "containerd", "runc", "docker-ce", "docker-ce-cli", "containerd.io")
UNITS = {"gateway": ("werkplaats-gateway.service",), "engine": (engine.UNIT, "containerd.service")}
OWN_HAPROXY = "haproxy.service"
RELEASE = re.compile(r"(?P<place>.+)_dists_(?P<suite>.+)_(In)?Release")
KERNEL = re.compile(r"linux-image-(\d.*)")
Found = dict[str, Any]


def look(*, refresh: bool = False) -> Found:
    """Everything, as it is kept in `FOUND` and printed; `refresh` has apt fetch its lists first.

    `packages` have name, part (`gateway`, `engine`, `rest`), installed, candidate, security, held and since. `lists` is
    the day of Debian's security lists, "" where there are none, and `unlisted` since when there are none; `old` are
    services that run what was replaced, `reboot` why one is needed, `ours` and `runs` are of gateway and engine;
    `boot` tells one start of the system from another.
    """
    unreached = apt.refresh() if refresh else ""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    there, before, dated = apt.installed(), remembered(), dates()
    newer = with_cut_off(apt.offered(there), there)
    known = since(newer, there, before.get("since", {}), dated, today)
    security = [day for (_, suite), day in dated.items() if apt.SECURITY.search(suite)]
    old = outdated()
    found = {
        "day": today,
        "packages": [
            {
                "name": name,
                "part": part(name),
                "installed": there[name].version,
                "candidate": one.candidate,
                "security": one.security,
                "held": there[name].state.startswith("h"),
                "since": min(known[name].values()),
            }
            for name, one in sorted(newer.items())
            if one.security or part(name) != "rest"
        ],
        "lists": max(security, default=""),
        "unlisted": "" if security else before.get("unlisted") or today,
        "unreached": unreached,
        "old": old,
        "reboot": reboot(there, [unit for unit in old if not any(unit in own for own in UNITS.values())]),
        "ours": {"gateway": not programs.active(OWN_HAPROXY), "engine": Path(engine.OURS).exists()},
        "runs": {name: programs.active(units[0]) for name, units in UNITS.items()},
        "boot": boot(),
        "since": known,
    }
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    disk.write(FOUND, json.dumps(found).encode())
    return found


def with_cut_off(newer: Mapping[str, apt.Offered], there: Mapping[str, apt.Installed]) -> dict[str, apt.Offered]:
    """What is newer, and all of a step that was cut off: apt says nothing of it, and it is to end, or to go back."""
    found = dict(newer)
    for own in ("gateway", "engine", "rest"):
        after = remembered(FOLDER / own / PLAN).get("after", {})
        half = any(name in there and there[name].state not in apt.INSTALLED for name in after)
        if half or (FOLDER / own / RUNNING).exists():
            found = {name: one for name, one in found.items() if part(name) != own}
            found |= {name: apt.Offered(version, True, ()) for name, version in after.items() if name in there}
    return found


def part(name: str) -> str:
    """To which part of a server a package belongs."""
    return "gateway" if name in GATEWAY else "engine" if name in ENGINE else "rest"


def remembered(path: Path | None = None) -> Found:
    """What the last look found, or what else was kept; {} where there is nothing, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads((path or FOUND).read_text())
        return found if isinstance(found, dict) else {}
    return {}


def since(
    newer: Mapping[str, apt.Offered],
    there: Mapping[str, apt.Installed],
    before: Mapping[str, Mapping[str, str]],
    dated: Mapping[tuple[str, str], str],
    today: str,
) -> dict[str, dict[str, str]]:
    """Package → each version that is newer than the installed one → the day since which it is known here.

    That day is the one of the list that has it: who looks late does not begin to count late.
    """
    found = {}
    for name, one in newer.items():
        days = [dated[key] for source in one.sources if (key := listed(*source)) in dated]
        kept = {v: day for v, day in before.get(name, {}).items() if apt.newer(v, there[name].version)}
        found[name] = {one.candidate: min([today, *days]), **kept}
    return found


def dates() -> dict[tuple[str, str], str]:
    """Each list that lies here, as `listed` names it → the day on which its repository made it."""
    found = {}
    for path in apt.LISTS.glob("*Release"):
        name = RELEASE.fullmatch(path.name)
        said = re.search(r"^Date: (.+)$", path.read_text(errors="replace"), re.MULTILINE)
        if not name or not said:
            continue
        with contextlib.suppress(ValueError, TypeError):
            day = email.utils.parsedate_to_datetime(said[1]).date().isoformat()
            found[name["place"], name["suite"]] = day
    return found


def listed(address: str, suite: str) -> tuple[str, str]:
    """Address and suite of a source, with its component, as the name of the file of its list has them."""
    bare = re.sub(r"^\w+:/*", "", address).strip("/")
    return bare.replace("/", "_"), suite.rpartition("/")[0].replace("/", "_")


def outdated() -> list[str]:
    """Services of which the main process runs a program or library that was replaced; `init` is systemd itself.

    The engine is one of them too where settings of ours wait for it to begin anew.
    """
    show = programs.run("systemctl", "show", "--property=Id,MainPID", "--type=service", "--state=running", "*")
    rows = [dict(line.split("=", 1) for line in block.splitlines()) for block in show.split("\n\n") if block.strip()]
    mains = {"init": "1", **{row["Id"]: row["MainPID"] for row in rows if row.get("MainPID", "0") != "0"}}
    found = [engine.UNIT] if settings_wait() else []
    for unit, process in mains.items():
        with contextlib.suppress(OSError):  # it ended meanwhile
            if programs.outdated(Path("/proc", process)):
                found.append(unit)
    return sorted({*found})


def settings_wait() -> bool:
    """Whether an engine of ours has not read its settings yet: under a station it does so with an upgrade only."""
    try:
        return Path(engine.OURS).exists() and engine_settings.READ.read_bytes() != engine_settings.SETTINGS.read_bytes()
    except FileNotFoundError:
        return False


def reboot(there: Mapping[str, apt.Installed], old: list[str]) -> list[str]:
    """Why the server has to be started anew; `old` are services that no step starts anew."""
    asked = Path("/run/reboot-required")
    packages = asked.with_name("reboot-required.pkgs")
    by = sorted(set(packages.read_text(errors="replace").split())) if packages.exists() else []
    found = [f"Debian asks for it: {', '.join(by) or 'it does not say what for'}"] * asked.exists()
    running, build = os.uname().release, re.search(r"Debian (\S+)", os.uname().version)
    kernels = {match[1]: one.version for name, one in there.items() if (match := KERNEL.fullmatch(name))}
    if build and running in kernels:  # in a container there are none, and the host's runs
        newest = [version for version in kernels.values() if apt.newer(version, build[1])]
        found += [f"kernel {build[1]} runs, and a newer one is installed"] * bool(newest)
    return found + [f"{', '.join(old)} runs what an upgrade replaced"] * bool(old)


def boot() -> str:
    """The same until the system is started anew, in a container too: the boot, and when its first process began."""
    identity = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{identity} {Path('/proc/1/stat').read_text().rpartition(')')[2].split()[19]}"
