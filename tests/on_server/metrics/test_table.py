from __future__ import annotations

import re

import pytest

from on_server.metrics import table
from on_server.metrics.table import METRICS, Sample
from tests.on_server.metrics import written

ROW = Sample("disk_used_ratio", ("/var",), 0.5)


def test_names_units_and_labels_are_as_prometheus_asks() -> None:
    """<https://prometheus.io/docs/practices/naming/>."""
    assert len({one.name for one in METRICS}) == len(METRICS)
    for one in METRICS:
        assert re.fullmatch(r"[a-z]+(?:_[a-z]+)+", one.name)
        assert one.counter == one.name.endswith("_total")
        assert set(one.labels) < set(table.LABELS)
        assert one.help.endswith(".")


def test_a_file_is_of_rows_with_help_and_type_and_is_read_as_it_was_meant() -> None:
    rows = [ROW, Sample("unit_restarts_total", ("docker.service",), 3.0), Sample("look_timestamp_seconds", (), 1.8e9)]
    text = table.text(rows, "gerda.gelre")
    assert "# TYPE werkplaats_unit_restarts_total counter\n" in text
    assert "# TYPE werkplaats_disk_used_ratio gauge\n" in text
    assert sorted(written.read(text, "gerda.gelre")) == sorted(rows)


@pytest.mark.parametrize(
    "wrong",
    [
        Sample("cases", (), 13.0),
        Sample("disk_used_ratio", (), 0.5),
        Sample("disk_used_ratio", ("/var", "/tmp"), 0.5),
        Sample("release_info", ("gerda", 'x"} 1\nwerkplaats_cases 13'), 1.0),
        Sample("release_info", ("gerda", ""), 1.0),
        Sample("release_info", ("gerda", 129 * "a"), 1.0),
        Sample("release_info", ("gerda", "3 gevallen in 7031"), 1.0),
    ],
)
def test_what_is_not_of_the_table_is_not_written(wrong: Sample) -> None:
    assert table.text([wrong, ROW], "n.a") == table.text([ROW], "n.a")
