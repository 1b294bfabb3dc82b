"""What is not as a station needs it in the parts of a server that are its owner's to set.

    owners-parts PART...    prints a JSON list of sentences; standard input is JSON, port → addresses that must reach it

The checks ask it. What of it no station could work with the roles refuse by the same lists, and `werkplaats doctor`
tells. Of sshd `people-access` tells.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

from . import accounts, engine, firewall

Fault = tuple[str, str]  # what is so, and what to do about it
CLOCKS = ("chrony.service", "systemd-timesyncd.service", "ntpsec.service", "openntpd.service", "ntpd.service")
JOURNAL = ["systemd-analyze", "cat-config", "systemd/journald.conf"]
LOGS = "/var/log"
UNITS = {unit: 1024**power for power, unit in enumerate("KMGTPE", 1)}


def clock(active: Sequence[str], *, container: bool) -> list[Fault]:
    """Of services that run; in a container the clock is the host's."""
    if container or set(active) & set(CLOCKS):
        return []
    return [("nothing keeps its clock", "start its chrony, ntpsec or systemd-timesyncd; time is the owner's here")]


def journal(settings: str, disk: int) -> list[Fault]:
    """Of the text of journald's settings, its drop-ins in their order, and the bytes of the disk that it lies on.

    Without a limit journald takes a tenth of that disk, and no more than 4 GB (journald.conf(5)).
    """
    said = dict(re.findall(r"^[ \t]*(Storage|SystemMaxUse)[ \t]*=[ \t]*(\S*)[ \t]*$", settings, re.MULTILINE))
    found = []
    if said.get("Storage", "").lower() == "none":
        seen = "its journal keeps nothing (Storage=none), also not what its station says"
        found.append((seen, "set Storage=auto; the journal is the owner's here"))
    most = _bytes(said.get("SystemMaxUse", ""))
    if disk and most > disk // 2:
        seen = f"its journal may take {most // 1024**2} of the {disk // 1024**2} MiB of its disk"
        found.append((seen, "set SystemMaxUse to less than half of that; the journal is the owner's here"))
    return found


def _bytes(text: str) -> int:
    """A size as journald reads it; 0 of what is none."""
    found = re.fullmatch(r"(\d{1,15})([KMGTPE]?)", text)
    return int(found[1]) * UNITS.get(found[2], 1) if found else 0


def _accounts(_: firewall.Inbound) -> list[Fault]:
    return accounts.faults(accounts.read(), ours=False)


def _engine(_: firewall.Inbound) -> list[Fault]:
    questions = dict(engine.QUESTIONS)
    if subprocess.run(engine.RUNS, check=False).returncode == 0:
        questions |= engine.OF_ONE_THAT_RUNS
    found = engine.read({name: _said(words) for name, words in questions.items()}, ())
    return engine.faults(found, ours=False)


def _time(_: firewall.Inbound) -> list[Fault]:
    states = _said(["systemctl", "is-active", *CLOCKS]).split()
    active = [unit for unit, state in zip(CLOCKS, states) if state == "active"]  # noqa: B905  Python 3.9 has no strict
    return clock(active, container=_said(["systemd-detect-virt", "--container"]).strip() not in ("", "none"))


def _journal(_: firewall.Inbound) -> list[Fault]:
    disk = os.statvfs(LOGS)
    return journal(_said(JOURNAL), disk.f_blocks * disk.f_frsize)


def _firewall(inbound: firewall.Inbound) -> list[Fault]:
    rules = _said(firewall.RULES)
    old_kind = firewall.OLD_KIND.exists() and bool(firewall.OLD_KIND.read_text().split())
    return firewall.stops(rules, inbound) + firewall.opens(rules, inbound, old_kind=old_kind)


PARTS: dict[str, Callable[[firewall.Inbound], list[Fault]]] = {
    "accounts": _accounts,
    "engine": _engine,
    "firewall": _firewall,
    "journal": _journal,
    "time": _time,
}


def _said(words: Sequence[str]) -> str:
    """What a program prints, however it ends; nothing of one that is not there."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def main() -> int:
    """Run the program."""
    parts = sys.argv[1:]
    if not parts or not set(parts) <= set(PARTS):
        sys.stderr.write(__doc__ or "")
        return 2
    inbound = {int(port): addresses for port, addresses in json.load(sys.stdin).items()}
    found = [fault for part in parts for fault in PARTS[part](inbound)]
    sys.stdout.write(json.dumps([f"{seen}; {remedy}" for seen, remedy in found]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
