"""Looks at this server and its station, by the questions that an incident is looked at with; changes nothing."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

from on_server.backup import main as backup
from on_server.follow import places, seen, telling
from on_server.gateway import ends, files
from on_server.gateway import places as gateway_places
from on_server.incident import look
from on_server.metrics.table import Sample

UNITS = (
    *("werkplaats-gateway.service", "docker.service", "werkplaats-follow.timer", "gateway-reload.path"),
    *("werkplaats-firewall.service", "werkplaats-packages.timer", "station-backup.timer"),
)
PARTS = ("agent", "computer")
_SHOWN = "Id,LoadState,ActiveState,NRestarts"
_CONTAINER = '{"name": {{json .Name}}, "state": {{json .State.Status}}, "restarts": {{json .RestartCount}}}'
PROGRAMS: Mapping[str, list[str]] = {
    "units": ["systemctl", "show", f"--property={_SHOWN}", *UNITS],
    "engine": ["docker", "version", "--format", "{{.Server.Version}}"],
    "containers": ["docker", "inspect", "--format", _CONTAINER, *(f"station-{part}" for part in PARTS)],
    "clock": ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
}
Told = Mapping[str, Any]


def samples(paths: places.Paths, kept: backup.Places) -> list[Sample]:
    """All that there is to tell now."""
    names = paths.names()
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        agent = pool.submit(look.agent, "status", look.SECONDS)
        states, disks = pool.submit(look.processes), pool.submit(look.disks)
        follower = pool.submit(telling.document, paths)
        programs = {name: pool.submit(look.run, words) for name, words in PROGRAMS.items()}
        ending = {name: pool.submit(look.run, [*ends.command(name)]) for name in names if not paths.home(name)}
        said = {name: one.result() for name, one in programs.items()}
        told = agent.result()
    now = time.time()
    running = list(_containers(said["engine"], said["containers"]))
    away = {one.labels[0] for one in running if one.metric == "container_running" and not one.value}
    found = [Sample("look_timestamp_seconds", (), now), *_units(said["units"]), *running]
    found += [one for one in _parts(told, states.result()) if one.labels[0] not in away]
    found += _gateway(found, paths)
    found += _follower(paths, follower)
    if not paths.at("/run/systemd/container").exists():  # whose clock is its host's
        found += [Sample("clock_synchronised", (), said["clock"]["said"].strip() != "no")]
    for name in names:
        found += _publication(paths, name)
        found += _ends(name, ending[name].result()["said"]) if name in ending else ()
        found += _of_network(paths, name, told, now)
    found += _agent(told)
    found += _backup(kept)
    found += _disks(disks.result(), paths)
    return [one._replace(value=float(one.value)) for one in found]


def _units(told: Told) -> Iterator[Sample]:
    for block in told["said"].split("\n\n"):
        row = dict(line.partition("=")[::2] for line in block.splitlines())
        if row.get("Id") not in UNITS or row.get("LoadState") == "not-found":
            continue
        yield Sample("unit_active", (row["Id"],), row.get("ActiveState") == "active")
        if row.get("NRestarts", "").isdigit():
            yield Sample("unit_restarts_total", (row["Id"],), int(row["NRestarts"]))


def _containers(engine: Told, told: Told) -> Iterator[Sample]:
    answers = not engine["code"] and bool(engine["said"].strip())
    yield Sample("engine_answers", (), answers)
    if not answers:
        return
    rows = {row["name"]: row for line in told["said"].splitlines() if (row := _document(line)) and "name" in row}
    for part in PARTS:
        row = rows.get(f"/station-{part}", {})
        yield Sample("container_running", (part,), row.get("state") == "running")
        if type(row.get("restarts")) is int:
            yield Sample("container_restarts_total", (part,), row["restarts"])


def _parts(told: Told, states: Mapping[str, list[str]]) -> Iterator[Sample]:
    """By the agent's word, and by whether a signal stopped a process: the kernel takes calls for such a one too."""
    document = told["document"]
    answers = {"agent": told["answers"] == "yes"}
    if document:
        answers["computer"] = document.get("computer") is True
    for part, yes in answers.items():
        yield Sample("part_answers", (part,), yes and "T" not in states[part])


def _gateway(found: list[Sample], paths: places.Paths) -> Iterator[Sample]:
    if Sample("unit_active", (UNITS[0],), True) in found:
        gateway = gateway_places.Paths(paths.root)
        try:
            yield Sample("gateway_loaded", (), gateway.stamp() == gateway.inputs().digest)
        except files.GatewayError:  # it could not load what lies there
            yield Sample("gateway_loaded", (), False)


def _follower(paths: places.Paths, document: concurrent.futures.Future[dict[str, Any]]) -> Iterator[Sample]:
    yield Sample("follower_stopped", (), paths.stopped.exists())
    with contextlib.suppress(FileNotFoundError):
        yield Sample("follower_last_run_timestamp_seconds", (), paths.ran.stat().st_mtime)
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        yield Sample("follower_faults", (), len(document.result()["faults"]))


def _publication(paths: places.Paths, network: str) -> Iterator[Sample]:
    newest = places.read(paths.kept(network) / seen.NEWEST, seen.LARGEST).decode(errors="replace")
    if number := seen.publication({seen.NEWEST: newest}):
        yield Sample("publication_number", (network,), number)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        moment = datetime.datetime.fromisoformat(places.document(newest)["signed"]["expires"])
        yield Sample("publication_ends_timestamp_seconds", (network,), moment.timestamp())


def _ends(network: str, said: str) -> Iterator[Sample]:
    told = ends.moments(said)
    for name, kind in (("certificate", ends.CERTIFICATE), ("revocation_list", ends.LIST)):
        if found := ends.late(kind, told):
            yield Sample(f"{name}_late_timestamp_seconds", (network,), found[0])
            yield Sample(f"{name}_ends_timestamp_seconds", (network,), found[1])


def _of_network(paths: places.Paths, network: str, told: Told, now: float) -> Iterator[Sample]:
    """What lies here says who is in it and which release it is; the agent's word is whether, and since when."""
    try:
        own = places.document((paths.networks / network / "network.json").read_text())
        stations, release = [*own["stations"]], str(own["release"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    yield Sample("release_info", (network, release), 1)
    row = _under(_under(told["document"], "networks"), network)
    if not row:
        return
    problem = told["document"].get("problem") or row.get("problem")
    yield Sample("network_problem", (network,), bool(problem))
    cut = {path.name for path in paths.at("/etc/werkplaats/cut.d").glob("*")}
    for peer in stations:
        about = _under(_under(row, "peers"), peer)
        ago = about.get("seconds_ago")
        if ago is None and (about.get("outbound") or about.get("polls")):
            ago = row.get("uptime")  # not since it began, though it calls there each minute
        if type(ago) is int and 0 <= ago <= now and peer not in cut:
            yield Sample("peer_heard_timestamp_seconds", (network, peer), int(now) - ago)


def _agent(told: Told) -> Iterator[Sample]:
    if document := told["document"]:
        yield Sample("register_problem", (), bool(_under(document, "register").get("problem")))
        yield Sample("station_drains", (), bool(document.get("draining")))


def _backup(kept: backup.Places) -> Iterator[Sample]:
    if not kept.settings.exists():
        return
    told = backup.tell(kept)
    yield Sample("backup_faults", (), len(told["faults"]))
    if told["good"]:
        yield Sample("backup_last_success_timestamp_seconds", (), told["good"]["made"])


def _disks(found: Mapping[str, Mapping[str, Any]], paths: places.Paths) -> Iterator[Sample]:
    """Whether it can be written by what the file system says of itself: to this program all is mounted read-only."""
    rows = [line.split() for line in paths.at("/proc/self/mountinfo").read_text().splitlines()]
    own = {row[2]: row[-1].split(",")[0] for row in rows}  # proc_pid_mountinfo(5): device, and options of the whole
    for place, one in found.items():
        device = os.stat(place).st_dev  # noqa: PTH116 - as it was looked at
        files = 1 - one["inodes_free"] / one["inodes"] if one["inodes"] else 0.0
        yield Sample("disk_used_ratio", (place,), round(max(1 - one["free"] / one["size"], files), 4))
        yield Sample("disk_read_only", (place,), own.get(f"{os.major(device)}:{os.minor(device)}") == "ro")


def _under(found: Any, name: str) -> dict[str, Any]:
    """What a document says under a name; {} where that is no document."""
    inner = found.get(name) if isinstance(found, Mapping) else None
    return dict(inner) if isinstance(inner, Mapping) else {}


def _document(line: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(line)
        return found if isinstance(found, dict) else {}
    return {}
