"""Configure servers: run the playbook on them and follow it by its events."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from base import errors
from stacks import drive
from werkplaats.operations import progress
from werkplaats.operations.bring_up import ansible_inventory
from werkplaats.operations.home import passing
from werkplaats.operations.reach import heard, remote

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = ROOT / "playbooks" / "site.yml"
HostVars = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass
class Result:
    """What a run did: changed tasks per organisation, and the reason for each that failed."""

    changed: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    tasks: list[str] = dataclasses.field(default_factory=list)  # "organisation: role: task" that changed or would

    def note(self, event: Mapping[str, Any]) -> None:
        """Take one event of the callback."""
        host, status = str(event.get("host") or ""), event.get("status")
        if not host:
            return
        if status in ("failed", "unreachable"):
            self.failed[host] = f"{event.get('role') or ''}: {event.get('task')}: {event.get('message')}".lstrip(": ")
        elif event.get("changed"):
            self.changed[host] += 1
            self.tasks.append(f"{host}: {event.get('role')}: {event.get('task')}")


def run(
    folder: Path,
    remotes: remote.Remotes,
    stations: HostVars,
    say: progress.Say,
    *,
    check: bool = False,
    playbook: Path = PLAYBOOK,
) -> Result:
    """Run the playbook on the servers of `stations` (organisation → host variables); `check` changes nothing.

    The logs of the last run stay in `folder`. Raises HalfWayError when the run ended without saying what became of the
    servers.
    """
    if not stations:
        return Result()
    with passing.folder(folder) as own:
        (own / "inventory.yml").write_text(ansible_inventory.text(remotes, stations))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook)]
        command += ["-i", str(own / "inventory.yml"), *(("--check", "--diff") if check else ())]
        environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        if not check:  # what changes nothing may go on, and nobody ends it
            environment[drive.RUN_MARK] = str(folder.parent)
        log, events = own / "ansible.log", own / "events.log"
        with log.open("wb") as output, events.open("w", buffering=1) as kept:
            code, result = _follow(command, environment, output, kept, say)
        with log.open("rb") as written:
            tail = heard.last(written, 1500).decode(errors="replace")
        for one in (log, events):
            one.replace(folder / one.name)  # the last run's stay: who wants to know more finds it there
    if code and not result.failed:
        raise errors.HalfWayError(f"the playbook ended with code {code}: {tail}", "run the same command again")
    return result


def _follow(
    command: list[str], environment: Mapping[str, str], output: BinaryIO, kept: TextIO, say: progress.Say
) -> tuple[int, Result]:
    """Run a playbook and read its events as they come; says each role of a server when it is done with it.

    However this process ends, the playbook is ended too: Ansible passes the signal on to all that it started.
    """
    read, write = os.pipe()
    try:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            cwd=ROOT,
            env={**environment, "WERKPLAATS_EVENTS": f"/dev/fd/{write}"},
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(write,),
        )
    finally:
        os.close(write)
    result = Result()
    at: dict[str, str] = {}
    with process, open(read) as events:  # noqa: PTH123 - it has no name
        for line in events:
            kept.write(line)
            event = json.loads(line)
            result.note(event)
            host, role = str(event.get("host") or ""), str(event.get("role") or "")
            if host and role and at.get(host) != role:
                at[host] = role
                say(f"{host}: {role}")
            if event.get("status") in ("failed", "unreachable"):
                say(f"{host}: {event.get('task')}: {event.get('message')}")
    return process.returncode, result
