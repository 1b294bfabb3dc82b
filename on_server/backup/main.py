"""The program `station-backup`: backups of this station, by its timer, and what there is to tell of them.

station-backup run     make one (what station-backup.service does)
station-backup timer   have the timer run, and make the first one by these settings; prints one JSON line
station-backup tell    when the last good one was, and what is wrong, as JSON

Where to, how often and to whom is in /etc/werkplaats/backup, which the role `station_backup` writes. A backup that
cannot be made changes nothing of those that are there, and is told.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from on_server import disk, programs
from on_server.backup import taken, written

TIMER, SERVICE = "station-backup.timer", "station-backup.service"
LATE, GRACE = 2, 3600
"""So many intervals without a good one, and so many seconds more, are too long."""
WAIT = 120.0


class Places(NamedTuple):
    """Where everything lies; tests have another root."""

    root: Path = Path("/")

    @property
    def settings(self) -> Path:
        """What the operator's inventory says."""
        return self.root / "etc/werkplaats/backup/settings.json"

    @property
    def recipients(self) -> Path:
        """To whom, one a line."""
        return self.root / "etc/werkplaats/backup/recipients"

    @property
    def told(self) -> Path:
        """What came of it."""
        return self.root / "var/lib/station-backup/told.json"


def run(places: Places) -> bool:
    """Make a backup; returns whether there is one more. What came of it is kept in any case."""
    places.told.parent.mkdir(mode=0o755, exist_ok=True)
    with disk.locked(places.told.with_name("lock"), WAIT):
        before, found = _before(places), dict[str, Any]()
        try:
            settings = json.loads(places.settings.read_bytes())
            good = written.write(places.root, settings, places.recipients)
            found = {"good": {**good, "by": _by(places)}, "fault": ""}
        except Exception as error:  # an agent chose what it takes: whatever it stops for is told, as for all others
            found = {"good": before.get("good"), "fault": _why(error)}
        disk.write(places.told, json.dumps({**found, "at": int(time.time())}).encode())
        disk.sync_folder(places.told.parent)
    return not found["fault"]


def tell(places: Places) -> dict[str, Any]:
    """`good`: the last good one, `ago` its seconds, `every` hours; `faults` are sentences, none where all is well."""
    try:
        every = int(json.loads(places.settings.read_bytes())["every"])
    except (OSError, ValueError, KeyError, TypeError):
        return {"good": None, "ago": None, "every": None, "faults": ["its settings are not there: werkplaats up"]}
    before = _before(places)
    good, faults = before.get("good"), [before["fault"]] if before.get("fault") else []
    ago = max(0, int(time.time()) - good["made"]) if good else None
    if not good or ago is None:
        faults = faults or ["none was made yet"]
    elif good["made"] > time.time() + GRACE:
        faults = [*faults, "the last good one is dated in the future: look at this server's clock, and make one anew"]
    elif ago > LATE * every * 3600 + GRACE:
        faults = [*faults, f"the last good one is {ago // 3600} hours old, and one is due every {every}"]
    return {"good": good, "ago": ago, "every": every, "faults": faults}


def line(told: dict[str, Any]) -> str:
    """When the last good one was, in words."""
    good, ago = told["good"], told["ago"]
    if not good:
        return "no backup was made yet"
    made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(good["made"]))
    unit, many = next((unit, ago // size) for unit, size in UNITS if ago >= 2 * size or size == 1)
    return (f"last backup {many} {unit} ago, of {made} UTC: up to entry {good['entries']} of the register, "
            f"{'with' if good['data'] else 'without'} data, {good['bytes'] // 1024} kB")  # fmt: skip


def shown(places: Places | None = None) -> str:
    """What people of the organisation are told; "" where this server makes no backups."""
    where = places or Places()
    if not _before(where):  # nor where who asks may not read it
        return ""
    told = tell(where)
    return "; ".join([line(told), *(f"problem: {one}" for one in told["faults"])])


UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def timer(places: Places) -> None:
    """Have the timer run, and a first backup made where none was made to these people yet."""
    late = not programs.active(TIMER)
    if late:
        programs.run("systemctl", "start", TIMER)
    said = ["the timer of backups was started"] * late
    if (_before(places).get("good") or {}).get("by") != _by(places):
        # Where it fails `status` says why: a store that is away for a moment keeps no station from coming up.
        done = subprocess.run(("systemctl", "start", SERVICE), check=False, capture_output=True)
        said.append("the first backup was made" if done.returncode == 0 else "the first backup could not be made")
    programs.tell(bool(said), "; ".join(said) or "the timer of backups runs", waits=False)


def _by(places: Places) -> str:
    """The settings and recipients by which a backup is made."""
    return hashlib.sha256(places.settings.read_bytes() + places.recipients.read_bytes()).hexdigest()


def _before(places: Places) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(places.told.read_bytes())
        return dict(found) if isinstance(found, dict) else {}
    return {}


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, taken.TakeError) else repr(error)


def main() -> int:
    """Run one verb."""
    places, verb = Places(), dict(enumerate(sys.argv)).get(1, "")
    if verb == "run":
        good = run(places)
        if not good:
            sys.stderr.write(f"station-backup: {_before(places)['fault']}\n")
        return 0 if good else 1
    if verb == "timer":
        timer(places)
        return 0
    if verb == "tell":
        sys.stdout.write(json.dumps(tell(places)) + "\n")
        return 0
    sys.stderr.write("station-backup: run, timer or tell\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
