"""Everything that is told, in one table: there is no metric beside these, and no label beside those.

A label's text comes from what root placed on this server, never from a container: of what the agent says only numbers
and yes or no are taken. Moments are in seconds since 1970, so that they stay right however old the file is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

PREFIX = "werkplaats_"
STATION = "station"
"""On each of them: the station of this server, as `gerda.gelre`."""
LABELS = (STATION, "network", "peer", "part", "unit", "place", "release")
_WORD = re.compile(r"[A-Za-z0-9/][A-Za-z0-9@._/+-]{0,127}")


class Metric(NamedTuple):
    """Name without the prefix, what it says, the labels beside the station, and whether it only counts up."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    counter: bool = False

    @property
    def full(self) -> str:
        """Its name as it is scraped."""
        return PREFIX + self.name


class Sample(NamedTuple):
    """A value of a metric; `labels` in the order of its row."""

    metric: str
    labels: tuple[str, ...]
    value: float


METRICS = (
    Metric("look_timestamp_seconds", "When this was looked at."),
    Metric("unit_active", "Whether systemd runs a unit.", ("unit",)),
    Metric("unit_restarts_total", "How often systemd started a unit by itself.", ("unit",), counter=True),
    Metric("engine_answers", "Whether the container engine answers."),
    Metric("container_running", "Whether a container of the station runs; not told without an engine.", ("part",)),
    Metric("container_restarts_total", "How often the engine started it by itself.", ("part",), counter=True),
    Metric("part_answers", "Whether agent or computer answers; not told of one that does not run.", ("part",)),
    Metric("gateway_loaded", "Whether the gateway has loaded what lies on disk; not told while it does not run."),
    Metric("follower_stopped", "Whether somebody told the follower to stop."),
    Metric("follower_faults", "How many things keep the station from following its network."),
    Metric("follower_last_run_timestamp_seconds", "When the follower last ended a run well."),
    Metric("publication_number", "Which publication of a network lies on the server.", ("network",)),
    Metric("publication_ends_timestamp_seconds", "When the coordinator's word on it ends.", ("network",)),
    Metric("certificate_ends_timestamp_seconds", "When the gateway's certificate ends.", ("network",)),
    Metric("certificate_late_timestamp_seconds", "From when on it is late that it was not renewed.", ("network",)),
    Metric("revocation_list_ends_timestamp_seconds", "When the list ends, and no peer is let in.", ("network",)),
    Metric("revocation_list_late_timestamp_seconds", "From when on it is late that none followed it.", ("network",)),
    Metric(
        "peer_heard_timestamp_seconds", "When the agent heard of a peer, or began; not of one cut.", ("network", "peer")
    ),
    Metric("network_problem", "Whether the station says that something is wrong with a network.", ("network",)),
    Metric("register_problem", "Whether the station says that something is wrong with its register."),
    Metric("station_drains", "Whether it begins nothing new, since it is about to be replaced."),
    Metric("release_info", "The release that was accepted, 1.", ("network", "release")),
    Metric("backup_last_success_timestamp_seconds", "When the last good backup was made, where any are to be."),
    Metric("backup_faults", "How many things are wrong with backups."),
    Metric("clock_synchronised", "Whether the clock is kept right; not told in a container."),
    Metric("disk_used_ratio", "Share of a file system that is used, of bytes or files, whichever is more.", ("place",)),
    Metric("disk_read_only", "Whether it can only be read.", ("place",)),
)
BY_NAME: Mapping[str, Metric] = {one.name: one for one in METRICS}


def sound(sample: Sample) -> bool:
    """Whether a sample is one of the table, and its labels are names."""
    metric = BY_NAME.get(sample.metric)
    if not metric or len(metric.labels) != len(sample.labels):
        return False
    return all(map(_WORD.fullmatch, sample.labels))


def text(samples: Iterable[Sample], station: str) -> str:
    """As node exporter reads it (Prometheus text format 0.0.4); what is not of the table is left out."""
    found = [one for one in samples if sound(one)]
    lines = []
    for metric in METRICS:
        rows = sorted(one for one in found if one.metric == metric.name)
        if rows:
            kind = "counter" if metric.counter else "gauge"
            lines += [f"# HELP {metric.full} {metric.help}", f"# TYPE {metric.full} {kind}"]
        for one in rows:
            labels = zip((STATION, *metric.labels), (station, *one.labels), strict=True)
            shown = ",".join(f'{name}="{label}"' for name, label in labels)
            lines.append(f"{metric.full}{{{shown}}} {one.value:.15g}")
    return "".join(f"{line}\n" for line in lines)
