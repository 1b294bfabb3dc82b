"""What of a server is wrong, as data: rules for Prometheus and what the server tells by itself both come of this table.

Each names the incident whose runbook helps (`werkplaats incident show NAME`), or else the guide that does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from on_server.metrics.table import BY_NAME, PREFIX, STATION, Sample

Severity = Literal["page", "ticket"]
"""Page: somebody has to act now. Ticket: in some days."""
JOB = "werkplaats"
"""How Prometheus is to call what it scrapes of these servers."""
ALERT_PREFIX = "Werkplaats"
"""Before the name of an alert, which stands among those of others."""


class When(NamedTuple):
    """A sample that says so: its value, or the seconds since or until the moment that it is, against a bound."""

    metric: str
    of: Literal["value", "since", "until"]
    how: Literal["above", "below"]
    bound: float
    labels: Mapping[str, str] = {}

    def says(self, sample: Sample, now: float) -> bool:
        """Whether a sample is one of which this is so."""
        if sample.metric != self.metric:
            return False
        its = dict(zip(BY_NAME[sample.metric].labels, sample.labels, strict=True))
        if any(its[name] != text for name, text in self.labels.items()):
            return False
        value = {"value": sample.value, "since": now - sample.value, "until": sample.value - now}[self.of]
        return value > self.bound if self.how == "above" else value < self.bound

    def expression(self, *among: str) -> str:
        """The same for Prometheus, among the series that other matchers leave."""
        # Each once: who asks may name one of ours too.
        labels = ",".join(dict.fromkeys([*(f'{name}="{text}"' for name, text in self.labels.items()), *among]))
        series = f"{PREFIX}{self.metric}" + f"{{{labels}}}" * bool(labels)
        value = {"value": series, "since": f"time() - {series}", "until": f"{series} - time()"}[self.of]
        return f"{value} {'>' if self.how == 'above' else '<'} {self.bound:g}"


class Alert(NamedTuple):
    """`runbook` is an incident, `guide` a heading of a guide where there is none; `minutes` that it has to last."""

    name: str
    runbook: str
    when: tuple[When, ...]
    minutes: int
    severity: Severity
    summary: str
    guide: str = ""

    @property
    def expression(self) -> str:
        """When it is so, for Prometheus."""
        return " or ".join(when.expression() for when in self.when)


def _is(metric: str, value: int, **labels: str) -> When:
    """A yes (1) or no (0)."""
    return When(metric, "value", "above" if value else "below", 0.5, labels)


DAY = 86_400
MONITORING = "operators.md#monitoring"
SERVER, STATIONS = "troubleshooting.md#a-server", "troubleshooting.md#stations-and-sessions"
ALERTS = (
    Alert("GatewayDown", "gateway-down", (_is("unit_active", 0, unit="werkplaats-gateway.service"),), 2, "page",
          "the gateway does not run: no peer reaches this station, and it reaches none"),
    Alert("GatewayNotLoaded", "", (_is("gateway_loaded", 0),), 10, "ticket",
          "the gateway has not loaded what lies on disk", SERVER),
    Alert("EngineBroken", "engine-broken", (_is("engine_answers", 0),), 2, "page",
          "the container engine does not answer"),
    Alert("StationDown", "station-down", (_is("container_running", 0),), 2, "page",
          "a container of the station does not run"),
    Alert("AgentStuck", "agent-stuck", (_is("part_answers", 0, part="agent"),), 3, "page",
          "the agent runs and does not answer"),
    Alert("ComputerStuck", "computer-stuck", (_is("part_answers", 0, part="computer"),), 3, "page",
          "the computer runs and does not answer"),
    Alert("FollowerStopped", "follower-stopped",
          (_is("unit_active", 0, unit="werkplaats-follow.timer"), _is("follower_stopped", 1)), 10, "page",
          "the follower does not run: no revocation reaches this station by itself"),
    Alert("FollowerFails", "", (When("follower_faults", "value", "above", 0),), 30, "ticket",
          "something keeps the station from following its network", STATIONS),
    Alert("Partition", "partition", (When("peer_heard_timestamp_seconds", "since", "above", 300),), 5, "page",
          "a peer was not heard for more than five minutes"),
    Alert("DiskFull", "disk-full", (When("disk_used_ratio", "value", "above", 0.95),), 5, "page",
          "a disk is nearly full"),
    Alert("DiskReadOnly", "disk-full", (_is("disk_read_only", 1),), 2, "page", "a disk can only be read"),
    Alert("CertificateLate", "certificate-ending",
          (When("certificate_late_timestamp_seconds", "since", "above", 0),), 60,
          "ticket", "the gateway's certificate ends soon and was not renewed"),
    Alert("CertificateEnded", "certificate-ending",
          (When("certificate_ends_timestamp_seconds", "until", "below", 0),), 0, "page",
          "the gateway's certificate has ended"),
    Alert("RevocationListLate", "list-expired",
          (When("revocation_list_late_timestamp_seconds", "since", "above", 0),), 60,
          "ticket", "the revocation list ends soon and none followed it"),
    Alert("RevocationListEnded", "list-expired",
          (When("revocation_list_ends_timestamp_seconds", "until", "below", 0),), 0, "page",
          "the revocation list has ended: no peer is let in"),
    Alert("PublicationEnds", "publication-ended",
          (When("publication_ends_timestamp_seconds", "until", "below", 4 * DAY),), 60,
          "ticket", "the coordinator's word on the publication ends within four days"),
    Alert("NetworkProblem", "", (_is("network_problem", 1),), 10, "ticket",
          "the station says that something is wrong with a network", STATIONS),
    Alert("RegisterProblem", "register-restored", (_is("register_problem", 1),), 5, "page",
          "something is wrong with the register: the station takes part in no question"),
    Alert("BackupFails", "", (When("backup_faults", "value", "above", 0),), 60, "ticket",
          "no good backup of the station was made in time", "operators.md#backups-of-your-station"),
    Alert("ClockOff", "clock-off", (_is("clock_synchronised", 0),), 30, "ticket", "nothing keeps the clock right"),
    Alert("LookStale", "", (When("look_timestamp_seconds", "since", "above", 900),), 0, "ticket",
          "nobody looked at this server for fifteen minutes: what else is told of it is old", MONITORING),
)  # fmt: skip
FROM_OUTSIDE = {"server-unreachable": ("ServerUnreachable", f'up{{job="{JOB}"}} == 0', 5)}
"""Incidents that a server cannot tell of itself: name, expression and minutes."""
_PARTITION = "its peers are not heard, which is the alert of a partition: diagnosis tells them apart"
_PEOPLE = "nothing on a server tells: people do"
WITHOUT: Mapping[str, str] = {
    "pulumi-state-lost": "that state is the operator's, and on no server",
    "image-tampered": "it is compared on the operator's machine: who changed an image may change a metric",
    "wrong-dns": _PARTITION,
    "tls-inspection": _PARTITION,
    "firewall-closed": _PARTITION,
    "stolen-station-key": _PEOPLE,
    "ca-compromised": _PEOPLE,
    "coordinator-lost": _PEOPLE,
    "release-to-withdraw": _PEOPLE,
    "suspected-leak": _PEOPLE,
    "consent-regretted": _PEOPLE,
    "federation-root-compromised": _PEOPLE,
    "organisation-leaves-in-anger": _PEOPLE,
    "administrator-locked-out": "the server is well: it is seen from where its operator logs in",
    "session-stuck": "a station tells how many sessions go on, and not since when",
    "result-withheld": "that a session failed is seen, and not why somebody keeps something back",
    "input-outlier": "no server tells of data, and no metric may",
    "server-taken-over": "whoever is root there has it tell anything: people know",
    "server-lost": "one that is away has its alert; that it is gone for good people know",
}
"""Incidents of which no server can tell in numbers: why."""


def show(incident: str) -> str:
    """What somebody types to read its runbook."""
    return f"werkplaats incident show {incident}"


def firing(samples: Iterable[Sample], now: float) -> set[tuple[str, tuple[str, ...]]]:
    """Name and labels of everything of which a row says that it is so at this moment, however long it lasts."""
    found = list(samples)
    return {(alert.name, one.labels) for alert in ALERTS for when in alert.when for one in found if when.says(one, now)}


def rules() -> str:
    """The rules for Prometheus, in YAML."""
    lines = [
        "---",
        "# Made by `station-metrics rules`: what a row says stands in on_server/metrics/alerts.py.",
        "# An expression and a summary are one line each, as long as they are.",
        "# yamllint disable rule:line-length",
        "groups:",
        "  - name: werkplaats",
        "    rules:",
    ]
    for alert in ALERTS:
        help_ = {"runbook": alert.runbook} if alert.runbook else {"guide": alert.guide}
        where = f"on {{{{ $labels.{STATION} }}}}"
        lines += _rule(alert.name, alert.expression, alert.minutes, alert.severity, f"{where}: {alert.summary}", help_)
    for incident, (name, expression, minutes) in FROM_OUTSIDE.items():
        summary = "{{ $labels.instance }} cannot be scraped"
        lines += _rule(name, expression, minutes, "page", summary, {"runbook": incident})
    return "".join(f"{line}\n" for line in lines)


def _rule(
    name: str, expression: str, minutes: int, severity: Severity, summary: str, help_: Mapping[str, str]
) -> list[str]:
    if incident := help_.get("runbook"):
        summary = f"{summary}. {show(incident)}"
    said = {"summary": summary, **help_}
    return [
        f"      - alert: {ALERT_PREFIX}{name}",
        f"        expr: {json.dumps(expression)}",
        f"        for: {minutes}m",
        "        labels:",
        f"          severity: {severity}",
        "        annotations:",
        *(f"          {key}: {json.dumps(text)}" for key, text in said.items()),
    ]
