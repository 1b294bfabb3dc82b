"""Run every benchmark, write build/bench.json and compare with what stood there: `make bench`.

`python -m tests.benchmarks topology` runs one of them; the rows of the others stay. A row's `floor` is what the same
work took in a prototype, or cannot be less than; null where nothing is known.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

RESULT = Path(__file__).resolve().parents[2] / "build" / "bench.json"
BENCHMARKS = ("topology", "intake", "session", "network")


def main() -> None:
    """Measure, compare, write."""
    before: dict[str, dict[str, Any]] = {}
    if RESULT.exists():
        before = {row["name"]: row for row in json.loads(RESULT.read_text())}
    rows = dict(before)
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        for row in importlib.import_module(f"tests.benchmarks.{name}").measure():
            rows[row["name"]] = row
            print(_line(row, before.get(row["name"])), flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(list(rows.values()), indent=2) + "\n")


def _line(row: dict[str, Any], before: dict[str, Any] | None) -> str:
    phases = ", ".join(f"{name} {value}" for name, value in row["phases"].items())
    change = f", {row['value'] / before['value']:.2f} of the run before" if before and before["value"] else ""
    floor = f", floor {row['floor']}" if row["floor"] is not None else ""
    return f"{row['name']}: {row['value']} {row['unit']}{floor}{change}" + (f" ({phases})" if phases else "")


if __name__ == "__main__":
    main()
