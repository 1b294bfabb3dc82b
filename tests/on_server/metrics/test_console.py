"""The page that Prometheus shows: what it is made of, and what a real Prometheus and Alertmanager make of the docs."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from on_server.metrics import alerts, console, table
from on_server.metrics.table import Sample
from tests.harness.stations import wait_until
from tests.on_server.metrics import watching
from tests.on_server.metrics.watching import DOCS

DAY = 86_400
WELL, WRONG, GONE, TOO = "gerda.gelre", "gerda.ggd", "gerda.slingeland", "gerda.thuiszorg"
HOSTILE = '"} or vector(1)#</td><script>alert(1)</script>{{ query "up" }}`\\'
LABELS = {"network": "gerda", "peer": WELL, "part": "agent", "unit": "x.service", "place": "/var", "release": "47.11"}
NEVER = "127.0.0.1:9"
"""The port `discard`, where nobody listens."""
SLOW = (30, 60)
"""Of what has to last so many minutes a test sees no alert, and the page what is so before."""
EXPECTED = {f"{alerts.ALERT_PREFIX}{one.name}" for one in alerts.ALERTS if one.minutes not in SLOW}
FOLLOW = {"WerkplaatsAgentStuck", "WerkplaatsComputerStuck"}
"""What is so of each station without an engine."""


def test_the_page_that_lies_with_the_docs_is_that_of_the_tables() -> None:
    """Else: python -m on_server.metrics.main console > docs/monitoring/consoles/stations.html."""
    text = (DOCS / "consoles/stations.html").read_text()
    assert text == console.page()
    assert {*re.findall(rf"\b{table.PREFIX}(\w+)", text)} <= table.BY_NAME.keys()
    assert not re.findall(r"<script|src=|href=|url\(|@import|://", text), "nothing of it lies elsewhere"


def test_the_page_has_every_alert_in_a_column_and_what_helps() -> None:
    assert {name for one in console.COLUMNS for name in one.said} == {one.name for one in alerts.ALERTS}
    text = console.page()
    for runbook in {one.runbook for one in alerts.ALERTS if one.runbook} | alerts.FROM_OUTSIDE.keys():
        assert f"`werkplaats incident show {runbook}`" in text
    for one in alerts.ALERTS:
        assert f"`Werkplaats{one.name}: {one.summary}`" in text
        assert one.runbook or f"`docs/{one.guide}`" in text


def told(now: float, well: bool) -> list[Sample]:
    """All that alerts are about, of none or of each of them; and what no page is to show."""
    found: dict[tuple[str, ...], Sample] = {
        ("last",): Sample("follower_last_run_timestamp_seconds", (), now - 120),
        ("good",): Sample("backup_last_success_timestamp_seconds", (), now - 7200),
        ("number",): Sample("publication_number", ("gerda",), 471_100),
        ("release",): Sample("release_info", ("gerda", LABELS["release"]), 1),
    }
    for when in (when for one in alerts.ALERTS for when in one.when):
        labels = tuple(when.labels.get(name, LABELS[name]) for name in table.BY_NAME[when.metric].labels)
        far = {"value": 0.04 if when.bound == 0.95 else 0.5, "since": 240, "until": 30.5 * DAY}[when.of]
        value = when.bound + (far if (when.how == "above") != well else -far)
        moment = {"value": value, "since": now - value, "until": now + value}[when.of]
        found[when.metric, *labels] = Sample(when.metric, labels, moment)
    return list(found.values())


def hostile(text: str) -> str:
    """The same with other texts for station and network, as no server of ours tells them."""
    label = HOSTILE.replace("\\", r"\\").replace('"', r"\"")
    return re.sub(r'(station|network)="[^"]*"', lambda found: f'{found[1]}="{label}"', text)


def expected(station: str, soon: bool) -> set[watching.Alert]:
    """Lines about a station of which everything is wrong: those of alerts, or of what becomes one; for how long not."""
    by_name, found = {one.name: one for one in alerts.ALERTS}, set()
    for name, labels in alerts.firing(told(time.time(), False), time.time()):
        one = by_name[name]
        if (one.minutes in SLOW) == soon:
            about = " ".join(HOSTILE if text == LABELS["network"] and station == HOSTILE else text for text in labels)
            helps = f"werkplaats incident show {one.runbook}" if one.runbook else f"docs/{one.guide}"
            urgent = {"page": "act now", "ticket": "in some days"}[one.severity]
            what, lasting = f"{alerts.ALERT_PREFIX}{name}: {one.summary}", f"{one.minutes} minutes" if soon else ""
            found.add(watching.Alert(station, urgent, what, about, lasting, helps))
    return found


class Watched(NamedTuple):
    """What was seen at the end: the page, and what came to the receivers."""

    text: str
    page: watching.Page
    received: watching.Received


def needs(*programs: str) -> None:
    """Skip where one is not there."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not on this machine: apt-get install prometheus prometheus-alertmanager")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A server that is well, one of which everything is wrong, one that lies, one that went, one never there."""
    needs("prometheus", "prometheus-alertmanager")
    folder, received = tmp_path_factory.mktemp("gezien"), watching.Received()
    well, wrong = (told(time.time(), well) for well in (True, False))
    texts = [
        table.text(well, WELL) + f'werkplaats_cases{{station="{WELL}"}} 987654\n',
        table.text(wrong, WRONG) + f'werkplaats_look_timestamp_seconds{{station="{TOO}"}} {time.time()}\n',
        hostile(table.text(wrong, WRONG)),
    ]
    lines = 2 * len(expected(WRONG, soon=False)) + 3
    with contextlib.ExitStack() as there, contextlib.ExitStack() as going:
        targets = [there.enter_context(watching.served(text)) for text in texts]
        targets += [going.enter_context(watching.served(table.text(well, GONE))), NEVER]
        receiver = there.enter_context(watching.served(received=received))
        manager = there.enter_context(watching.alertmanager(folder, receiver))
        slow = f"({'|'.join(map(str, SLOW))})m"
        where = there.enter_context(watching.prometheus(folder, targets, manager, slow))

        def page() -> str:
            return watching.get(f"{where}/consoles/stations.html")

        wait_until(lambda: GONE in watching.read(page()).stations, "every server to be scraped", 60)
        going.close()
        wait_until(lambda: len(watching.read(page()).alerts) == lines, "every alert to fire", 60)
        wait_until(lambda: sent(received).keys() >= EXPECTED - FOLLOW, "every alert to be sent", 60)
        text = page()
    return Watched(text, watching.read(text), received)


def sent(received: watching.Received) -> dict[str, tuple[str, str]]:
    """Of the station of which everything is wrong: name of an alert → to which receiver it came, and its summary."""
    return {
        one["labels"]["alertname"]: (path, one["annotations"]["summary"])
        for path, document in received
        for one in document["alerts"]
        if one["labels"].get(table.STATION) == WRONG
    }


@pytest.mark.soak
def test_prometheus_shows_of_each_station_what_is_so(watched: Watched) -> None:
    found = {name: dict(cells) for name, cells in watched.page.stations.items()}
    for station, name, word, minutes in (
        (WELL, "looked at, minutes ago", "", 11),
        (WELL, "followed, minutes ago", "", 2),
        (WELL, "most silent peer, minutes", "", 1),
        (WRONG, "looked at, minutes ago", "old", 19),
        (WRONG, "followed, minutes ago", "stopped", 2),
        (WRONG, "most silent peer, minutes", "silent", 9),
    ):
        said, _, shown = found[station].pop(name).rpartition(" ")
        assert said == word
        assert minutes <= int(shown) <= minutes + 3, "it was waited three times, each time a minute at most"
    assert found[WELL] == {
        "server": "answers",
        "gateway": "runs",
        "engine": "answers",
        "agent": "answers",
        "computer": "answers",
        "certificate, days left": "30",
        "revocation list, days left": "30",
        "publication, days left": "34",
        "fullest disk, %": "91",
        "register": "well",
        "network": "well",
        "backup, hours ago": "2",
        "clock": "right",
    }
    assert found[WRONG] == {
        "server": "answers",
        "gateway": "does not run",
        "engine": "does not answer",
        "agent": "does not run",
        "computer": "does not answer",
        "certificate, days left": "ended",
        "revocation list, days left": "ended",
        "publication, days left": "ends soon",
        "fullest disk, %": "read only 99",
        "register": "problem",
        "network": "problem",
        "backup, hours ago": "fails 2",
        "clock": "off",
    }
    server, *others = found[GONE].values()
    assert server.startswith("cannot be scraped 127.0.0.1:")
    assert {*others} == {"not told"}
    server, looked, *others = found[TOO].values()  # told of by the server where everything is wrong
    assert server == "answers"
    assert 0 <= int(looked) <= 3
    assert {*others} == {"not told"}
    assert [*found[NEVER].values()] == ["cannot be scraped", "tells of no station"]


@pytest.mark.soak
@pytest.mark.parametrize("station", [WRONG, HOSTILE], ids=["wrong", "hostile"])
def test_prometheus_shows_every_alert_with_what_helps_and_what_becomes_one(watched: Watched, station: str) -> None:
    own = [one for one in watched.page.alerts if one.station == station]
    assert all(re.fullmatch(r"(\dm )?0s", one.lasting) for one in own)
    assert {one._replace(lasting="") for one in own} == expected(station, soon=False)
    assert {one for one in watched.page.soon if one.station == station} == expected(station, soon=True)
    away = {one for one in watched.page.alerts if one.what.startswith("WerkplaatsServerUnreachable")}
    assert {one.helps for one in away} == {"werkplaats incident show server-unreachable"}
    assert NEVER in {one.station for one in away}
    others = {one for one in (*watched.page.alerts, *watched.page.soon) if one not in away}
    assert {one.station for one in others} == {WRONG, HOSTILE, ""}
    assert [(one.what, one.helps) for one in others if not one.station] == [
        (f"{watching.NEWER}: newer than this page", "station-metrics console")
    ]


@pytest.mark.soak
def test_what_a_server_tells_beside_the_table_is_shown_nowhere_and_what_it_calls_itself_is_text(
    watched: Watched,
) -> None:
    assert watched.page.stations[HOSTILE] == watched.page.stations[WRONG]
    assert "<script" not in watched.text
    for number in ("987654", "471100", LABELS["release"]):
        assert number not in watched.text


@pytest.mark.soak
def test_alertmanager_sends_what_to_act_on_now_and_what_can_wait_to_whom_the_docs_say(watched: Watched) -> None:
    """Of an engine that does not answer one alert, and not what follows of it."""
    found = sent(watched.received)
    assert found.keys() == EXPECTED - FOLLOW
    for one in alerts.ALERTS:
        if (name := f"{alerts.ALERT_PREFIX}{one.name}") in found:
            receiver, summary = found[name]
            assert receiver == {"page": "/act-now", "ticket": "/in-some-days"}[one.severity]
            assert summary.startswith(f"on {WRONG}: {one.summary}")
            assert not one.runbook or summary.endswith(f". werkplaats incident show {one.runbook}")


@pytest.mark.soak
def test_no_server_silences_what_is_said_of_another_by_bearing_its_name(tmp_path: Path) -> None:
    """As root there it tells of that one's station an engine that does not answer; where it is it cannot choose."""
    needs("prometheus-alertmanager")
    received, own, other = watching.Received(), "192.0.2.7:9100", "192.0.2.8:9100"
    said = [("EngineBroken", other), ("AgentStuck", own), ("ComputerStuck", other)]
    with watching.served(received=received) as to, watching.alertmanager(tmp_path, to) as where:
        told = [
            {"labels": {"alertname": alerts.ALERT_PREFIX + name, "station": WELL, "instance": of, "severity": "page"}}
            for name, of in said
        ]
        watching.post(f"{where}/api/v2/alerts", told)
        wait_until(lambda: received, "what is said to be sent", 60)
    assert {(one["labels"]["alertname"], one["labels"]["instance"]) for one in received[0][1]["alerts"]} == {
        (alerts.ALERT_PREFIX + name, of) for name, of in said[:2]
    }


@pytest.mark.soak
def test_a_server_that_floods_prometheus_is_one_that_cannot_be_scraped(tmp_path: Path) -> None:
    needs("prometheus")
    flood = "".join(f'werkplaats_cases{{station="{WRONG}",peer="{one}"}} 1\n' for one in range(60_000))
    texts = (table.text(told(time.time(), well=True), WELL), flood)
    with contextlib.ExitStack() as there:
        targets = [there.enter_context(watching.served(text)) for text in texts]
        where = there.enter_context(watching.prometheus(tmp_path, targets, NEVER, ""))

        def shown() -> dict[str, str]:
            found = watching.read(watching.get(f"{where}/consoles/stations.html")).stations
            return {name: cells["server"] for name, cells in found.items()}

        wait_until(lambda: len(shown()) == len(texts), "both to be scraped", 60)
        assert shown() == {WELL: "answers", targets[1]: "cannot be scraped"}


@pytest.mark.soak
def test_a_page_of_nobody_says_so(tmp_path: Path) -> None:
    needs("prometheus")
    with watching.prometheus(tmp_path, [], NEVER, "") as where:
        text = watching.get(f"{where}/consoles/stations.html")
    assert watching.read(text).stations == {}
    assert "<b>Prometheus scrapes no server as job werkplaats.</b>" in text


@pytest.mark.soak
@pytest.mark.parametrize(
    "words", [("promtool", "check", "config", "scrape.yml"), ("amtool", "check-config", "alertmanager.yml")]
)
def test_their_own_parsers_take_the_settings_that_the_docs_begin_with(words: tuple[str, ...]) -> None:
    needs(words[0])
    done = subprocess.run(words, cwd=DOCS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
