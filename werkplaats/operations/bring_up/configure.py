"""Configure servers: run the playbook on them and follow it by its events."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from base import errors
from stacks import drive
from werkplaats.operations.home import passing
from werkplaats.operations.reach import remote, ssh_config

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = ROOT / "playbooks" / "site.yml"
Said = Callable[[str], None]
HostVars = Mapping[str, Mapping[str, Any]]
# Called when every server is prepared or failed (organisation → why): with which station each prepared one goes on.
Between = Callable[[Mapping[str, str]], HostVars]


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


def write_inventory(folder: Path, remotes: remote.Remotes, stations: HostVars, **more: Any) -> Path:
    """Ansible's inventory of this run: how to reach each server, its compiled data, and `more` host variables."""
    hosts = {}
    for organisation, station in stations.items():
        hosts[organisation] = {
            "ansible_ssh_common_args": shlex.join(("-F", str(remotes.config))),
            "engine_host": ssh_config.alias(organisation, ssh_config.ENGINE),
            "mitogen_ssh_compression": False,  # what travels is small, or compressed already
            "station": station,
            **more,
        }
    path = folder / "inventory.json"
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    return path


def run(
    folder: Path,
    remotes: remote.Remotes,
    stations: HostVars,
    said: Said,
    *,
    between: Between | None = None,
    check: bool = False,
    playbook: Path = PLAYBOOK,
) -> Result:
    """Run the playbook on the servers of `stations` (organisation → host variables); `check` changes nothing.

    With `between` the play waits when all servers are prepared, for what they go on with; those that it leaves out are
    done. The logs of the last run stay in `folder`. Raises HalfWayError when the run ended without saying what became
    of the servers.
    """
    if not stations:
        return Result()
    with passing.folder(folder) as own:
        events = own / "events.jsonl"
        os.mkfifo(events, 0o600)
        awaited: dict[str, Any] = {"await_in": str(own)} if between else {}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook)]
        # A server that waits has a fork of its own.
        command += ["--forks", str(len(stations)), "-i", str(write_inventory(own, remotes, stations, **awaited))]
        if between:
            command += ["--tags", "all,await"]
        if check:
            command += ["--check", "--diff"]
        environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "WERKPLAATS_EVENTS": str(events)}
        if not check:  # what changes nothing may go on, and nobody ends it
            environment[drive.RUN_MARK] = str(folder.parent)
        log = own / "ansible.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT)
            try:
                result = _follow(events, process, _Gate(own, set(stations), between), said)
            finally:
                code = process.wait()
        tail = log.read_text(errors="replace")[-1500:]
        for kept in (log, events.with_suffix(".log")):
            kept.replace(folder / kept.name)  # the last run's stay: who wants to know more finds it there
    if code and not result.failed:
        raise errors.HalfWayError(f"the playbook ended with code {code}: {tail}", "run the same command again")
    return result


class _Gate:
    """Where prepared servers wait for each other: the answers for all are made once, when no other is under way."""

    def __init__(self, folder: Path, organisations: set[str], between: Between | None) -> None:
        self._folder = folder
        self._under_way = organisations
        self._between = between
        self._waiting: set[str] = set()

    def note(self, organisation: str, status: object, failed: Mapping[str, str]) -> None:
        """Take one event of a server."""
        if status == "waits":
            self._waiting.add(organisation)
        self._under_way -= self._waiting | set(failed)
        if self._between and self._waiting and not self._under_way:
            self._open(self._between, failed)

    def _open(self, between: Between, failed: Mapping[str, str]) -> None:
        answers: HostVars = {}
        try:
            answers = between(failed)
        finally:  # without an answer a server would wait for ever
            for organisation in self._waiting:
                part = self._folder / f"{organisation}.part"
                part.write_text(json.dumps(answers.get(organisation)))
                part.rename(part.with_suffix(".json"))
            self._between = None


def _follow(events: Path, process: subprocess.Popen[bytes], gate: _Gate, said: Said) -> Result:
    """Read events until the playbook ends; says each role of a server when it is done with it."""
    result = Result()
    at: dict[str, str] = {}

    def end() -> None:
        # A reader of a pipe waits for a first writer; when the playbook dies before it wrote, be that writer.
        process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(events, os.O_RDWR | os.O_NONBLOCK))

    threading.Thread(target=end, daemon=True).start()
    with events.open() as stream, events.with_suffix(".log").open("w", buffering=1) as kept:
        for line in stream:
            kept.write(line)
            event = json.loads(line)
            result.note(event)
            host, role = str(event.get("host") or ""), str(event.get("role") or "")
            if host and role and at.get(host) != role:
                at[host] = role
                said(f"{host}: {role}")
            if event.get("status") in ("failed", "unreachable"):
                said(f"{host}: {event.get('task')}: {event.get('message')}")
            gate.note(host, event.get("status"), result.failed)
    return result
