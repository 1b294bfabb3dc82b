"""The page of all stations that Prometheus shows by itself, made of the tables of metrics and of alerts.

A console template (<https://prometheus.io/docs/visualization/consoles/>). It asks what the alerts ask, so that it tells
of what is wrong before an alert fires, and also where nobody has loaded the rules. Prometheus escapes what labels say.
Nothing of it comes from elsewhere: no script, no picture, no font.
"""

from __future__ import annotations

import html
import string
from collections.abc import Mapping
from typing import Literal, NamedTuple

from on_server.metrics.alerts import ALERT_PREFIX, ALERTS, FROM_OUTSIDE, JOB, Severity, show
from on_server.metrics.table import BY_NAME, LABELS, PREFIX, STATION

Shown = Literal["state", "minutes since", "hours since", "days until", "percent"]


class Column(NamedTuple):
    """What is shown of a station: the word of the first of these alerts of which it is so, beside how it is.

    `means` is for whoever sees it for the first time. `metric` tells how it is: as a state, which is called `well`, or
    as a number, which `shown` says.
    """

    name: str
    means: str
    said: Mapping[str, str]
    metric: str
    shown: Shown = "state"
    well: str = ""
    labels: Mapping[str, str] = {}


COLUMNS = (
    Column("looked at, minutes ago", "When the server looked at its station: the rest of the row is as it was then.",
           {"LookStale": "old"}, "look_timestamp_seconds", "minutes since"),
    Column("gateway", "The door of the server: every link with another station goes through it.",
           {"GatewayDown": "does not run", "GatewayNotLoaded": "not loaded"}, "unit_active", well="runs",
           labels={"unit": "werkplaats-gateway.service"}),
    Column("engine", "What runs the station's two containers, agent and computer.",
           {"EngineBroken": "does not answer"}, "engine_answers", well="answers"),
    Column("agent", "The part of the station that decides, and talks with other stations.",
           {"StationDown": "does not run", "AgentStuck": "does not answer"}, "part_answers", well="answers",
           labels={"part": "agent"}),
    Column("computer", "The part of the station that computes.",
           {"StationDown": "does not run", "ComputerStuck": "does not answer"}, "part_answers", well="answers",
           labels={"part": "computer"}),
    Column("followed, minutes ago", "When the follower last took what the coordinator published, as revocations.",
           {"FollowerStopped": "stopped", "FollowerFails": "fails"}, "follower_last_run_timestamp_seconds",
           "minutes since"),
    Column("most silent peer, minutes", "When it last heard of the station of which that is longest ago.",
           {"Partition": "silent"}, "peer_heard_timestamp_seconds", "minutes since"),
    Column("certificate, days left", "With it the gateway shows other stations whose it is.",
           {"CertificateEnded": "ended", "CertificateLate": "late"}, "certificate_ends_timestamp_seconds",
           "days until"),
    Column("revocation list, days left", "It says which certificates count no more.",
           {"RevocationListEnded": "ended", "RevocationListLate": "late"}, "revocation_list_ends_timestamp_seconds",
           "days until"),
    Column("publication, days left", "The coordinator signs anew that what was published is the newest.",
           {"PublicationEnds": "ends soon"}, "publication_ends_timestamp_seconds", "days until"),
    Column("fullest disk, %", "Used of its bytes, or of its files, whichever is more.",
           {"DiskReadOnly": "read only", "DiskFull": "full"}, "disk_used_ratio", "percent"),
    Column("register", "The station's signed list of what it was asked, answered, computed and allowed.",
           {"RegisterProblem": "problem"}, "register_problem", well="well"),
    Column("network", "What the station says of the networks that it is in.",
           {"NetworkProblem": "problem"}, "network_problem", well="well"),
    Column("backup, hours ago", "When the last good backup of the station was made; not told where none is to be.",
           {"BackupFails": "fails"}, "backup_last_success_timestamp_seconds", "hours since"),
    Column("clock", "Whether something keeps it right; not told in a container.",
           {"ClockOff": "off"}, "clock_synchronised", well="right"),
)  # fmt: skip
WHOLE: Mapping[Shown, str] = {
    "minutes since": "floor((time() - min({})) / 60)",
    "hours since": "floor((time() - min({})) / 3600)",
    "days until": "floor((min({}) - time()) / 86400) >= 0",
    "percent": "floor(100 * max({}))",
}
"""How a number is shown → what is asked for it: the worst that a station tells, in whole ones."""
URGENT: Mapping[Severity, str] = {"page": "act now", "ticket": "in some days"}
ABOUT = [name for name in LABELS if name not in (STATION, "release")]
"""Labels that say what of a station something is about."""
_LOOKED = f"{PREFIX}look_timestamp_seconds"
_AWAY = f"last_over_time({_LOOKED}[7d]) and on (job, instance) up == 0"
"""A server that is away tells nothing any more: whose it is it told before."""
SERVERS = f"group by ({STATION}, job, instance) ({_LOOKED} or {_AWAY})"
SCRAPED = f'up{{job="{JOB}"}}'
NAMELESS = f"{SCRAPED} unless on (job, instance) {SERVERS}"
ROW = (f"{STATION}=%[1]q", "job=%[2]q", "instance=%[3]q")
"""What of a query is of one row: what this server tells of this station."""


class _Text(string.Template):
    """Of Prometheus' template language, with `@name` where something of ours comes."""

    delimiter = "@"


TOP = _Text("""<!DOCTYPE html>
<!-- Made by `station-metrics console`: what it shows stands in on_server/metrics/console.py. -->
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="refresh" content="60" />
<meta name="viewport" content="width=device-width" />
<title>Stations of the datawerkplaats</title>
<style>
body { font-family: sans-serif; margin: 1.5em; color: #111; background: #fff; }
table { border-collapse: collapse; margin-bottom: 2em; font-size: 90%; }
th, td { border: 1px solid #bbb; padding: 0.3em 0.5em; text-align: left; vertical-align: top; }
code { white-space: nowrap; }
th { background: #eee; }
b { color: #a00000; }
i { color: #666; }
dt { font-weight: bold; margin-top: 0.6em; }
</style>
</head>
<body>
<h1>Stations of the datawerkplaats</h1>
<p>As Prometheus saw them at {{ query "time()" | first | value | humanizeTimestamp }}. Bold and red is wrong.</p>
{{ if not (query `@scraped`) }}<p><b>Prometheus scrapes no server as job @job.</b></p>{{ end }}
{{ $any := false }}
""")
LINE = _Text("""{{ define "alert" }}<tr>
<td>{{ or .arg0.Labels.@station .arg0.Labels.instance }}</td><td>{{ .arg1 }}</td><td>{{ .arg2 }}</td>
<td>@about</td><td>{{ .arg3 }}</td><td><code>{{ .arg4 }}</code></td>
</tr>{{ end -}}
""")
"""Of an alert: the sample, how urgent it is, what is wrong, for how long, and what helps."""
TABLE = _Text("""<h2>@heading</h2>
<table id="@id">
<tr><th>station</th><th>how urgent</th><th>what is wrong</th><th>of what</th><th>@lasting</th><th>what helps</th></tr>
{{ $any = false }}
@lines{{ if not $any }}<tr><td colspan="6">none</td></tr>{{ end }}
</table>
""")
EACH = _Text(
    "{{ range query `@asked` | sortByLabel `@station` }}{{ $any = true }}"
    '{{ template "alert" (args . `@urgent` (@what) (@lasting) `@helps`) }}{{ end }}\n'
)
HELP = """<p>What begins with <code>werkplaats</code> is typed on the machine that you operate from. It says what the
incident means, who decides and which steps mend it, and changes nothing. What begins with <code>docs</code> is a
guide of the suite.</p>
"""
STATIONS = _Text("""<h2>Stations</h2>
<table id="stations">
<tr><th>station</th><th>server</th>@heads</tr>
{{ range query `@servers` | sortByLabel `@station` }}
{{ $station := .Labels.@station }}{{ $job := .Labels.job }}{{ $instance := .Labels.instance }}
<tr><td title="{{ $instance }}">{{ $station }}</td>
<td>{{ if @down }}<b>cannot be scraped</b> {{ $instance }}{{ else }}answers{{ end }}</td>
@cells</tr>
{{ end }}
{{ range query `@nameless` | sortByLabel `instance` }}
<tr><td>{{ .Labels.instance }}</td>
<td>{{ if eq .Value 0.0 }}<b>cannot be scraped</b>{{ else }}answers{{ end }}</td>
<td colspan="@columns"><b>tells of no station</b></td></tr>
{{ end }}
</table>
""")
CELL = _Text("<td>{{ @chain{{ else }}<i>not told</i>{{ end }}@number</td>\n")
NUMBER = _Text('{{ with @asked }} {{ . | first | value | printf "%.0f" }}{{ end }}')
LEGEND = _Text("""<h2>What the columns mean</h2>
<dl>
<dt>station, server</dt><dd>The station of an organisation, as <code>network.organisation</code>, and whether Prometheus
reaches the server that tells of it.</dd>
@columns</dl>
<p>Not told: the server says nothing of it now, since it does not answer, or since there is nothing to tell.</p>
</body>
</html>
""")


class _Row(NamedTuple):
    """An alert as the page tells of it."""

    name: str
    expression: str
    minutes: int
    severity: Severity
    summary: str
    helps: str

    @property
    def fires(self) -> str:
        """What Prometheus has of it while it fires."""
        return f'ALERTS{{alertname="{self.name}",alertstate="firing"}}'

    def line(self, asked: str, lasting: str) -> str:
        """A line for each sample that Prometheus answers; `lasting` is of its template language."""
        return _each(asked, URGENT[self.severity], f"`{self.name}: {self.summary}`", lasting, self.helps)


def page() -> str:
    """The whole template."""
    about = " ".join(f"{{{{ .arg0.Labels.{name} }}}}" for name in ABOUT)
    line, top = LINE.substitute(station=STATION, about=about), TOP.substitute(scraped=SCRAPED, job=JOB)
    return "".join((line, top, _alerts(), _stations(), _legend()))


def _rows() -> list[_Row]:
    """All alerts, and first those to act on now."""
    found = [
        _Row(ALERT_PREFIX + one.name, one.expression, one.minutes, one.severity, one.summary,
             show(one.runbook) if one.runbook else f"docs/{one.guide}")
        for one in ALERTS
    ]  # fmt: skip
    for incident, (name, expression, minutes) in FROM_OUTSIDE.items():
        found.append(
            _Row(ALERT_PREFIX + name, expression, minutes, "page", "the server cannot be scraped", show(incident))
        )
    return sorted(found, key=lambda one: [*URGENT].index(one.severity))


def _each(asked: str, urgent: str, what: str, lasting: str, helps: str) -> str:
    return EACH.substitute(asked=asked, station=STATION, urgent=urgent, what=what, lasting=lasting, helps=helps)


def _alerts() -> str:
    """What fires, and what is so and does not fire yet: together all that is wrong now, with the rules or without."""
    firing, soon, rows = "", "", _rows()
    for one in rows:
        began = f'ALERTS_FOR_STATE{{alertname="{one.name}"}}'
        lasts = f"floor((time() - {began}) / 60) * 60 and ignoring (alertstate) {one.fires}"
        firing += one.line(lasts, ".Value | humanizeDuration")
        now = f"({one.expression}) unless ignoring (alertname, alertstate, severity) {one.fires}"
        soon += one.line(now, f"`{one.minutes} minutes`")
    known = "|".join(one.name for one in rows)
    newer = f'ALERTS{{alertname=~"{ALERT_PREFIX}.+",alertname!~"{known}",alertstate="firing"}}'
    what = "printf `%s: newer than this page` .Labels.alertname"
    firing += _each(newer, "", what, "``", "station-metrics console")
    alerts = TABLE.substitute(heading="Alerts", id="alerts", lasting="for", lines=firing)
    later = TABLE.substitute(
        heading="Wrong now, and an alert if it lasts", id="soon", lasting="alert after", lines=soon
    )
    return alerts + HELP + later


def _stations() -> str:
    return STATIONS.substitute(
        servers=SERVERS, nameless=NAMELESS, station=STATION, columns=len(COLUMNS),
        heads="".join(f"<th>{one.name}</th>" for one in COLUMNS),
        down=_asked("up{{{}}} == 0".format(",".join(ROW[1:]))),
        cells="".join(map(_cell, COLUMNS)),
    )  # fmt: skip


def _cell(column: Column) -> str:
    """The first thing wrong, else how it is, else that it is not told; and its number."""
    by_name = {one.name: one for one in ALERTS}
    own = f"{PREFIX}{column.metric}{{{','.join((*_matchers(column, column.metric), *ROW))}}}"
    cases = [
        (" or ".join(when.expression(*_matchers(column, when.metric), *ROW) for when in by_name[name].when), word)
        for name, word in column.said.items()
    ]
    chain = [f"if {_asked(query)} }}}}<b>{word}</b>" for query, word in cases] + [f"if {_asked(own)} }}}}{column.well}"]
    number = NUMBER.substitute(asked=_asked(WHOLE[column.shown].format(own))) if column.shown in WHOLE else ""
    return CELL.substitute(chain="{{ else ".join(chain), number=number)


def _matchers(column: Column, metric: str) -> list[str]:
    """Those of the column's labels that a metric has."""
    return [f'{name}="{text}"' for name, text in column.labels.items() if name in BY_NAME[metric].labels]


def _asked(query: str) -> str:
    """What of a row is asked for."""
    return f"(query (printf `{query}` $station $job $instance))"


def _legend() -> str:
    summaries = {one.name: one.summary for one in ALERTS}
    lines = ""
    for column in COLUMNS:
        said = " ".join(f"<b>{word}</b>: {html.escape(summaries[name])}." for name, word in column.said.items())
        lines += f"<dt>{column.name}</dt><dd>{html.escape(column.means)} {said}</dd>\n"
    return LEGEND.substitute(columns=lines)
