"""What servers tell monitoring: node exporter serves it, and each incident that is caused is told there."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from on_server.metrics import alerts, console, main, table
from runbooks.drills import causes
from tests.faults import incidents
from tests.faults.incidents import sh
from tests.harness import sandboxes
from tests.harness.stations import wait_until
from tests.on_server.metrics import watching, written

pytestmark = [pytest.mark.servers, pytest.mark.soak]
DOCS = sandboxes.ROOT / "docs" / "monitoring"
NAME, TARGET = "metingen", "thuiszorg"
PEERS = {"ggd", "ziekenhuis"}
CODE = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
# Incident → what causes it at the target, and what a person would do.
CAUSES = {
    "gateway-down": ("systemctl stop werkplaats-gateway.service", "systemctl start werkplaats-gateway.service"),
    "station-down": ("docker stop station-computer", "docker start station-computer"),
    "agent-stuck": (causes.signal("STOP", "agent"), causes.signal("CONT", "agent")),
    "computer-stuck": (causes.signal("STOP", "computer"), causes.signal("CONT", "computer")),
    "follower-stopped": ("werkplaats-follow --stop 'a test'", "werkplaats-follow --start"),
    "engine-broken": ("systemctl stop docker.socket docker.service", "systemctl start docker.socket docker.service"),
    "disk-full": (causes.FILL, causes.EMPTY),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A sandbox of which every server tells of its station, as its inventory says."""
    made = incidents.three(tmp_path_factory.mktemp("gemeten"), NAME)
    try:
        made.up()
        path = made.vault / "inventory" / "servers.yml"
        every = yaml.safe_load(path.read_text())
        for one in every.values():
            one["monitoring"] = {"every": 600}
        path.write_text(yaml.safe_dump(every))
        made.up()
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)


def looked(network: sandboxes.Sandbox) -> list[table.Sample]:
    """What the service wrote, once more."""
    done = network.on(TARGET, "systemctl", "start", main.SERVICE)
    assert done.returncode == 0, network.on(TARGET, "journalctl", "--unit", main.SERVICE, "--lines=20").stdout
    return written.read(sh(network, TARGET, f"cat {main.Places().textfile}"), f"{network.name}.{TARGET}")


def fires(network: sandboxes.Sandbox) -> set[str]:
    """The runbooks, or else the names, of the alerts that are so now."""
    every = {one.name: one.runbook or one.name for one in alerts.ALERTS}
    return {every[name] for name, _ in alerts.firing(looked(network), time.time())}


def test_node_exporter_serves_what_the_server_tells_where_the_inventory_says(told: sandboxes.Sandbox) -> None:
    found = {(one.metric, one.labels): one.value for one in looked(told)}
    heard = {labels[1] for metric, labels in found if metric == "peer_heard_timestamp_seconds"}
    assert heard == {f"{told.name}.{one}" for one in PEERS}
    for row in (("unit_active", ("werkplaats-gateway.service",)), ("part_answers", ("agent",)),
                ("part_answers", ("computer",)), ("gateway_loaded", ())):  # fmt: skip
        assert found[row] == 1, row
    served = sh(told, TARGET, f"python3 -c {shlex.quote(CODE)}")
    assert {f"werkplaats_{metric}" for metric, _ in found} <= {line.partition("{")[0] for line in served.splitlines()}
    listening = sh(told, TARGET, "ss --listening --tcp --numeric --no-header 'sport = :9100'").split()
    assert "127.0.0.1:9100" in listening
    assert "*:9100" not in listening
    assert fires(told) == set()


PROMETHEUS = """
apt-get update -q && apt-get install -qy --no-install-recommends prometheus && systemctl disable --now prometheus
mkdir -p /srv/watch/consoles && chmod 755 /srv/watch
"""
SHOWN = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9090/consoles/stations.html').read().decode())"


def test_prometheus_of_debian_shows_the_page_of_all_stations(told: sandboxes.Sandbox) -> None:
    """At the server itself, which it scrapes: rules, a beginning and the page as they lie with the docs."""
    sh(told, TARGET, PROMETHEUS)
    texts = {name: (DOCS / name).read_text() for name in ("alerts.yml", "scrape.yml", "consoles/stations.html")}
    here = re.sub(r'targets: \["192.*', 'targets: ["127.0.0.1:9100"]', texts["scrape.yml"])
    texts["scrape.yml"] = here.replace("60s", "1s")
    for name, text in texts.items():
        sh(told, TARGET, f"echo {shlex.quote(text)} > /srv/watch/{name}")
    looked(told)
    words = "--config.file=scrape.yml --storage.tsdb.path=/var/tmp/watch --web.console.templates=consoles"
    where = "--web.listen-address=127.0.0.1:9090 --web.console.libraries=/etc/prometheus/console_libraries"
    unit = "systemd-run --unit=watch --collect --working-directory=/srv/watch"
    sh(told, TARGET, f"{unit} prometheus {words} {where}")
    try:

        def shown() -> str:
            return told.on(TARGET, "python3", "-c", SHOWN).stdout

        wait_until(lambda: f">{told.name}.{TARGET}</td>" in shown(), "Prometheus to have scraped", 60)
        page = watching.read(shown())
    finally:
        sh(told, TARGET, "systemctl stop watch; apt-get purge -qy prometheus; rm -r /srv/watch /var/tmp/watch")
    found = page.stations[f"{told.name}.{TARGET}"]
    states = ("server", "gateway", "engine", "agent", "computer", "register", "network")
    assert [found[name] for name in states] == ["answers", "runs", *["answers"] * 3, "well", "well"]
    numbers = {one.name: found[one.name] for one in console.COLUMNS if one.shown != "state"}
    assert all(text.isdecimal() or text == "not told" for text in numbers.values()), found
    assert numbers["most silent peer, minutes"].isdecimal()
    assert numbers["fullest disk, %"].isdecimal()
    assert (page.alerts, page.soon) == ([], [])


def test_a_second_run_changes_nothing(told: sandboxes.Sandbox) -> None:
    assert told.run("plan").stdout.count("monitoring") == 0


@pytest.mark.parametrize("incident", CAUSES)
def test_an_incident_is_told_by_the_alert_that_names_its_runbook_and_by_none_once_it_is_over(
    told: sandboxes.Sandbox, incident: str
) -> None:
    causes, undoes = CAUSES[incident]
    sh(told, TARGET, causes)
    try:
        assert incident in fires(told)
    finally:
        sh(told, TARGET, undoes)
    wait_until(lambda: not fires(told), f"no alert after {incident}", 60)


def test_a_server_of_which_nothing_is_to_be_told_any_more_tells_nothing(told: sandboxes.Sandbox) -> None:
    path: Path = told.vault / "inventory" / "servers.yml"
    every = yaml.safe_load(path.read_text())
    del every[TARGET]["monitoring"]
    path.write_text(yaml.safe_dump(every))
    told.up(expect=None)  # whether a session works is not asked: incidents were caused here a moment ago
    state = told.on(TARGET, "systemctl", "is-active", main.TIMER, main.EXPORTER, "prometheus-node-exporter.service")
    assert state.stdout.split() == ["inactive"] * 3
    assert told.on(TARGET, "test", "-e", str(main.Places().textfile)).returncode == 1
