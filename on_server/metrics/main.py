"""The program `station-metrics`: what monitoring is told of this server and its station.

station-metrics run     look, write it for node exporter, and tell the operator's receiver what began and what ended
station-metrics show    look, and print it
station-metrics timer   have the timer run, and node exporter where it is ours; prints one JSON line
station-metrics rules   print the alert rules for Prometheus
station-metrics console print the page of all stations for Prometheus, a console template

How is in /etc/werkplaats/metrics/settings.json, which the role `monitoring` writes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from on_server import disk, programs
from on_server.backup import main as backup
from on_server.follow import places
from on_server.metrics import alerts, console, looked, table, telling
from on_server.metrics.table import Sample

TIMER, SERVICE, EXPORTER = "station-metrics.timer", "station-metrics.service", "station-exporter.service"


class Places(NamedTuple):
    """Where everything lies; tests have another root."""

    root: Path = Path("/")

    @property
    def settings(self) -> Path:
        """What the operator's inventory says: the station, and the receiver, which only root reads."""
        return self.root / "etc/werkplaats/metrics/settings.json"

    @property
    def textfile(self) -> Path:
        """Where Debian's node exporter looks."""
        return self.root / "var/lib/prometheus/node-exporter/werkplaats.prom"

    @property
    def memory(self) -> Path:
        """What was told."""
        return self.root / "var/lib/station-metrics/told.json"

    @property
    def unit(self) -> Path:
        """Our node exporter."""
        return self.root / "etc/systemd/system" / EXPORTER

    @property
    def started(self) -> Path:
        """As what it was started."""
        return self.root / "run/station-exporter.digest"


def settings(where: Places) -> dict[str, Any]:
    """What the inventory says. Raises OSError, ValueError."""
    found = json.loads(where.settings.read_bytes())
    return {"station": str(found["station"]), "tell": str(found.get("tell", ""))}


def look(where: Places) -> list[Sample]:
    """All samples."""
    return looked.samples(places.Paths(where.root), backup.Places(where.root))


def run(where: Places, found: list[Sample]) -> None:
    """Write the file, whole; then tell. Raises TellError."""
    own = settings(where)
    disk.write(where.textfile, table.text(found, own["station"]).encode())
    if own["tell"]:
        telling.tell(where.memory, found, own["station"], time.time(), telling.webhook(own["tell"]))


def timer(where: Places) -> None:
    """Have what runs by itself run, by the units that lie on disk."""
    said = []
    if not programs.active(TIMER):
        programs.run("systemctl", "start", TIMER)
        said.append("the timer of metrics was started")
    if where.unit.exists():
        digest = hashlib.sha256(where.unit.read_bytes()).hexdigest()
        before = where.started.read_text() if where.started.exists() else ""
        if digest != before or not programs.active(EXPORTER):
            programs.run("systemctl", "restart", EXPORTER)
            disk.write(where.started, digest.encode())
            said.append("node exporter was started")
    programs.tell(bool(said), "; ".join(said) or "what tells monitoring runs", waits=False)


def main() -> int:
    """Run one verb."""
    where, verb = Places(), dict(enumerate(sys.argv)).get(1, "")
    if verb == "run":
        try:
            run(where, look(where))
        except (OSError, ValueError, KeyError, telling.TellError) as error:
            sys.stderr.write(f"station-metrics: {error}\n")
            return 1
    elif verb == "show":
        sys.stdout.write(table.text(look(where), settings(where)["station"]))
    elif verb == "timer":
        timer(where)
    elif verb == "rules":
        sys.stdout.write(alerts.rules())
    elif verb == "console":
        sys.stdout.write(console.page())
    else:
        sys.stderr.write("station-metrics: run, show, timer, rules or console\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
