from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from network_topology import model
from on_server import removed
from on_server.metrics import main
from plugins.filter import monitoring
from tests.roles import grammar, rendered
from tests.roles.test_rendered import PEOPLE, whole

ROOT = Path(__file__).resolve().parents[3]
RECEIVER = "https://alarm.gelre.example/in?key=abc"
SETTINGS = {"every": 30, "exporter": True, "address": "192.0.2.7", "port": 9101, "tell": RECEIVER}
UNITS = "/etc/systemd/system"
NONE: dict[str, Any] = {"units": {}, "packages": {}}


def files(settings: dict[str, Any]) -> dict[str, str]:
    """What the roles place on a server of which the inventory says this."""
    definition = model.Definition.model_validate(whole())
    [station] = rendered.stations(definition, PEOPLE, "een").values()
    return rendered.server_files({**station, **({"monitoring": settings} if settings else {})})


def test_a_server_tells_and_serves_as_the_inventory_says() -> None:
    placed = files(SETTINGS)
    assert grammar.faults(placed) == []
    assert json.loads(placed[str(main.Places().settings)]) == {"station": "anywhere.een", "tell": RECEIVER}
    assert "OnUnitActiveSec=30s" in placed[f"{UNITS}/{main.TIMER}"]
    assert "--web.listen-address=192.0.2.7:9101 " in placed[f"{UNITS}/{main.EXPORTER}"]
    service = placed[f"{UNITS}/{main.SERVICE}"]
    assert "PrivateNetwork=false\n" in service
    assert RECEIVER not in "".join(text for path, text in placed.items() if path != str(main.Places().settings))
    assert str(main.Places().textfile.parent) == monitoring.TEXTFILES


def test_who_tells_nobody_has_no_network_and_who_has_an_exporter_gets_none() -> None:
    placed = files({**SETTINGS, "tell": "", "exporter": False})
    assert "PrivateNetwork=true\nPrivateTmp=true" in placed[f"{UNITS}/{main.SERVICE}"]
    assert "RestrictAddressFamilies=AF_UNIX\n" in placed[f"{UNITS}/{main.SERVICE}"]
    assert f"{UNITS}/{main.EXPORTER}" not in placed


def test_what_is_computed_and_on_what_is_out_of_the_reach_of_what_tells() -> None:
    """Whatever is told, it is nothing of these."""
    lines = files(SETTINGS)[f"{UNITS}/{main.SERVICE}"].splitlines()
    closed = {word for line in lines if line.startswith("InaccessiblePaths=") for word in line[18:].split()}
    for name in ("data", "state", "allowances", "register", "relayed"):
        assert f"-/var/lib/werkplaats/{name}" in closed
    assert "CapabilityBoundingSet=" in lines


def test_an_address_of_ip_6_is_written_as_an_address_with_a_port_is() -> None:
    assert monitoring.monitoring_variables({**SETTINGS, "address": "2001:db8::7"})["listen"] == "[2001:db8::7]:9101"


def test_a_server_of_which_it_says_nothing_gets_nothing_and_loses_what_it_had() -> None:
    assert not [path for path in files({}) if "metrics" in path and "/usr/local/" not in path]
    here = {*monitoring.monitoring_absent({})}
    assert {f"{UNITS}/{name}" for name in (main.TIMER, main.SERVICE, main.EXPORTER)} <= here
    assert str(main.Places().textfile) in here
    had = {"units": {main.TIMER: {"known": True}, main.EXPORTER: {"known": True}}, "packages": {}}
    commands = monitoring.monitoring_commands({}, had)
    assert [["systemctl", "stop", name] for name in (main.TIMER, main.EXPORTER)] == commands[:2]
    assert monitoring.monitoring_commands({}, NONE) == []


def test_debian_s_own_unit_starts_at_no_boot_since_it_listens_everywhere() -> None:
    never = ["systemctl", "disable", monitoring.OWNER_S]
    there: dict[str, Any] = {"units": {}, "packages": {monitoring.PACKAGE: "1"}}
    assert monitoring.monitoring_commands(SETTINGS, NONE) == [never]
    assert monitoring.monitoring_commands(SETTINGS, there) == []
    assert monitoring.monitoring_commands(SETTINGS, {**there, "units": {monitoring.OWNER_S: {"enabled": True}}}) == [
        never
    ]


def test_an_exporter_of_the_owner_s_is_left_alone_and_told() -> None:
    theirs = {"units": {monitoring.OWNER_S: {"active": True}}, "packages": {}}
    [fault] = monitoring.monitoring_faults(SETTINGS, theirs)
    assert "exporter: false" in fault
    assert monitoring.monitoring_faults({**SETTINGS, "exporter": False}, theirs) == []
    assert monitoring.monitoring_faults(SETTINGS, NONE) == []


@pytest.mark.parametrize("changes", [{"address": "0.0.0"}, {"address": "localhost"}, {"mail": "root"}], ids=str)
def test_other_settings_than_the_inventory_has_are_refused(changes: dict[str, Any]) -> None:
    makes = monitoring.monitoring_variables if "address" in changes else monitoring.monitoring_files
    with pytest.raises(AnsibleFilterError, match="monitoring: "):
        makes({**SETTINGS, **changes}, *(() if "address" in changes else ("n.a",)))


def test_a_station_that_leaves_takes_what_tells_of_it_along() -> None:
    templates = (ROOT / "roles/monitoring/templates/etc/systemd/system").iterdir()
    assert {path.name.removesuffix(".j2") for path in templates} <= {*removed.UNITS}
    assert main.Places().textfile in removed.FILES
