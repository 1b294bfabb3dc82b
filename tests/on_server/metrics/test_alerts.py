from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from on_server.metrics import alerts, table
from runbooks.framework import found
from tests.docs import documents
from tests.faults import not_here
from tests.faults.told import results

ROOT = Path(__file__).parents[3]
RULES = ROOT / "docs/monitoring/alerts.yml"
CAUSED = {incident for incident, _ in results.every()}


def test_every_incident_has_an_alert_or_a_reason_and_a_row_that_causes_it() -> None:
    """A new incident fails here until somebody writes its alert, or why no server can tell of it."""
    alerted = {one.runbook for one in alerts.ALERTS if one.runbook} | alerts.FROM_OUTSIDE.keys()
    assert alerted & alerts.WITHOUT.keys() == set()
    assert alerted | alerts.WITHOUT.keys() == set(found.names())
    assert alerted <= CAUSED | {name for name, _, _ in not_here.NOT_HERE}


def test_an_alert_without_a_runbook_names_a_heading_of_a_guide() -> None:
    for one in alerts.ALERTS:
        assert bool(one.runbook) != bool(one.guide), one.name
        if one.guide:
            page, _, anchor = one.guide.partition("#")
            headings = re.findall(r"^##+ (.+)$", (ROOT / "docs" / page).read_text(), re.M)
            assert anchor in [re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in headings], one


def test_an_alert_is_of_metrics_that_there_are_and_their_labels() -> None:
    for when in (when for one in alerts.ALERTS for when in one.when):
        assert set(when.labels) <= set(table.BY_NAME[when.metric].labels), when
        assert (when.of == "value") != when.metric.endswith("timestamp_seconds"), when
    for one in alerts.ALERTS:
        assert len({table.BY_NAME[when.metric].labels for when in one.when}) == 1 or len(one.when) > 1


def test_the_rules_that_lie_with_the_docs_are_those_of_the_table() -> None:
    """Else: python -m on_server.metrics.main rules > docs/monitoring/alerts.yml."""
    assert RULES.read_text() == alerts.rules()
    [group] = yaml.safe_load(alerts.rules())["groups"]
    by_name = {one["alert"].removeprefix("Werkplaats"): one for one in group["rules"]}
    assert set(by_name) == {one.name for one in alerts.ALERTS} | {row[0] for row in alerts.FROM_OUTSIDE.values()}
    for one in by_name.values():
        assert set(one) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+m", one["for"])
        assert one["labels"]["severity"] in ("page", "ticket")
        assert set(one["annotations"]) in ({"summary", "runbook"}, {"summary", "guide"})
        runbook = one["annotations"].get("runbook")
        assert runbook is None or one["annotations"]["summary"].endswith(f"werkplaats incident show {runbook}")


def test_prometheus_takes_the_rules() -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not on this machine; it is in Debian's package prometheus")
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("when", "value", "says"),
    [
        (alerts.When("disk_used_ratio", "value", "above", 0.95), 0.96, True),
        (alerts.When("disk_used_ratio", "value", "above", 0.95), 0.95, False),
        (alerts.When("disk_used_ratio", "value", "above", 0.95, {"place": "/"}), 0.96, False),
        (alerts.When("disk_read_only", "value", "above", 0.95), 0.96, False),
        (alerts.When("disk_used_ratio", "since", "above", 300), 699, True),
        (alerts.When("disk_used_ratio", "since", "above", 300), 701, False),
        (alerts.When("disk_used_ratio", "until", "below", 100), 1099, True),
        (alerts.When("disk_used_ratio", "until", "below", 100), 1101, False),
    ],
)
def test_a_row_says_so_of_a_sample_by_its_value_or_its_moment(when: alerts.When, value: float, says: bool) -> None:
    assert when.says(table.Sample("disk_used_ratio", ("/var",), value), 1000) == says


def test_the_guide_lists_every_metric_and_every_alert() -> None:
    rows = documents.table(ROOT / "docs/operators.md", "Monitoring")
    assert [row[0].strip("`") for row in rows] == [one.full for one in table.METRICS]
