from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from network_topology import model
from on_server import removed
from on_server.backup import main
from plugins.filter import station_backup
from tests.roles import grammar, rendered
from tests.roles.test_rendered import PEOPLE, whole

ROOT = Path(__file__).resolve().parents[3]
RECIPIENT = f"age1{58 * 'q'}"
SETTINGS = {"to": "/srv/backup/station", "recipients": [RECIPIENT], "every": 6, "keep": 30, "data": True}
UNITS = "/etc/systemd/system"


def files(settings: dict[str, Any]) -> dict[str, str]:
    """What the roles place on a server of which the inventory says this."""
    definition = model.Definition.model_validate(whole())
    [station] = rendered.stations(definition, PEOPLE, "een").values()
    return rendered.server_files({**station, **({"backup": settings} if settings else {})})


def test_a_server_gets_settings_recipients_and_units_where_the_inventory_says_so() -> None:
    placed = files(SETTINGS)
    assert grammar.faults(placed) == []
    settings = json.loads(placed["/etc/werkplaats/backup/settings.json"])
    assert settings == {"to": "/srv/backup/station", "every": 6, "keep": 30, "data": True, "station": "anywhere.een"}
    assert placed["/etc/werkplaats/backup/recipients"] == f"{RECIPIENT}\n"
    assert "OnUnitActiveSec=6h" in placed[f"{UNITS}/{main.TIMER}"]
    assert "ReadWritePaths=-/srv/backup/station\n" in placed[f"{UNITS}/{main.SERVICE}"]


def test_a_server_of_which_it_says_nothing_gets_nothing_and_loses_what_it_had() -> None:
    assert not [path for path in files({}) if "backup" in path and "/usr/local/" not in path]
    here = {*station_backup.backup_absent({})}
    assert {f"{UNITS}/{main.TIMER}", f"{UNITS}/{main.SERVICE}", "/etc/werkplaats/backup/recipients"} <= here
    had = {"units": {main.TIMER: {"known": True}}}
    assert ["systemctl", "stop", main.TIMER] in station_backup.backup_commands({}, had)
    assert station_backup.backup_commands({}, {"units": {}}) == []
    assert station_backup.backup_commands(SETTINGS, had) == []


def test_only_the_own_folder_is_made() -> None:
    own = {**SETTINGS, "to": station_backup.OWN}
    assert [row["path"] for row in station_backup.backup_folders(SETTINGS)] == ["/etc/werkplaats/backup"]
    assert station_backup.OWN in [row["path"] for row in station_backup.backup_folders(own)]


@pytest.mark.parametrize("changes", [{"recipients": []}, {"owner": "root"}], ids=str)
def test_other_settings_than_the_inventory_has_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="one recipient at least"):
        station_backup.backup_files({**SETTINGS, **changes}, "n.a")


def test_a_station_that_leaves_takes_what_makes_its_backups_along_and_leaves_them() -> None:
    templates = (ROOT / "roles/station_backup/templates/etc/systemd/system").iterdir()
    assert {path.name.removesuffix(".j2") for path in templates} <= {*removed.UNITS}
    assert "/usr/local/sbin/station-backup" in {*map(str, removed.FILES)}
    assert not [path for path in removed.FILES if str(path).startswith("/var/backups")]
