"""Whose the engine is, and so whose settings it has."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from plugins.filter import container_engine as engine
from tests.harness import sandboxes
from tests.plugins.filter import facts

_DEFAULTS = yaml.safe_load((sandboxes.ROOT / "roles/container_engine/defaults/main.yml").read_text())
OURS = _DEFAULTS["container_engine_settings"]
BEFORE = _DEFAULTS["container_engine_settings_before"] | OURS  # as the role gives it
RUNS = {"active": True, "enabled": True}
LIES = {"active": False, "enabled": False}


def there(unit: Any = RUNS, daemon_json: Any = None, **changes: Any) -> dict[str, Any]:
    return facts.facts(engine=facts.engine(settings=daemon_json or {}, **unit, **changes))


@pytest.mark.parametrize(
    "server",
    [
        facts.facts(),
        there(LIES, info=None),
        there({"active": True, "enabled": False}),
        there(marked=True, daemon_json=OURS),
        there(marked=True, daemon_json=BEFORE),
        there(marked=True, daemon_json=OURS | {"live-restore": False}),
    ],
    ids=["none", "unused", "asked something", "ours", "of an earlier version", "edited"],
)
def test_an_engine_that_serves_the_station_alone_has_our_settings(server: dict[str, Any]) -> None:
    assert engine.engine_settings(server, OURS, BEFORE) == OURS
    assert not {engine.SETTINGS, engine.DROP_IN} & set(engine.engine_without(server, BEFORE))
    assert engine.engine_absent(server, BEFORE) == [engine.MEMBERS]
    assert len(engine.engine_links(server, BEFORE)) == 1


@pytest.mark.parametrize(
    "server",
    [
        there(),
        there(LIES, info=None, daemon_json={"bip": "10.0.0.1/24"}),
        there(LIES, info=None, flags=['DOCKER_OPTS="--bip 10.0.0.1/24"']),
        there(LIES, info=None, drop_ins=["/etc/systemd/system/docker.service.d/override.conf"]),
        # What an owner says that we say too is the owner's where we never said anything.
        there(LIES, info=None, daemon_json={"live-restore": True}),
    ],
    ids=["runs", "settings", "flags", "drop-in", "one of ours"],
)
def test_an_engine_of_the_owner_s_is_left_as_it_is(server: dict[str, Any]) -> None:
    assert {engine.SETTINGS, engine.DROP_IN} <= set(engine.engine_without(server, BEFORE))
    assert engine.engine_absent(server, BEFORE) == [engine.MEMBERS]
    assert engine.engine_links(server, BEFORE) == []


@pytest.mark.parametrize(
    "more", [{"containers": [["web", "running", "x", ""]]}, {"networks": ["web_default"]}, {"info": {"swarm": True}}]
)
def test_an_engine_that_its_owner_began_to_use_gets_rid_of_our_settings(more: dict[str, Any]) -> None:
    server = there(marked=True, daemon_json=OURS, **more)
    assert engine.engine_absent(server, BEFORE) == [engine.MEMBERS, engine.DROP_IN, engine.SETTINGS]
    assert {engine.SETTINGS, engine.DROP_IN} <= set(engine.engine_without(server, BEFORE))


def test_of_a_file_that_was_merged_what_the_owner_said_stays() -> None:
    server = there(marked=True, daemon_json=BEFORE | {"data-root": "/srv/docker"})
    assert engine.engine_settings(server, OURS, BEFORE) == {"data-root": "/srv/docker"}
    assert engine.SETTINGS not in engine.engine_without(server, BEFORE)
    assert engine.engine_absent(server, BEFORE) == [engine.MEMBERS, engine.DROP_IN]


def test_an_owner_s_file_is_there_before_the_engine_and_is_the_owner_s() -> None:
    server = facts.facts(engine=facts.NO_ENGINE | {"settings": {"data-root": "/srv/docker"}})
    assert engine.SETTINGS in engine.engine_without(server, BEFORE)
    assert len(engine.engine_links(server, BEFORE)) == 1, "nobody else starts it at boot"


def test_of_an_engine_that_is_the_owner_s_to_set_nothing_is_placed_and_what_was_ours_of_it_goes() -> None:
    """Also of one that nobody uses but the station."""
    for found in (facts.engine(owner_s=True, enabled=False), facts.engine(owner_s=True, marked=True, settings=OURS)):
        server = facts.facts(engine=found)
        assert {engine.SETTINGS, engine.DROP_IN} <= set(engine.engine_without(server, BEFORE))
        assert engine.engine_links(server, BEFORE) == []
    assert engine.engine_absent(server, BEFORE) == [engine.MEMBERS, engine.DROP_IN, engine.SETTINGS]


def test_a_limit_of_the_journal_is_placed_only_where_that_is_ours() -> None:
    assert engine.journal_absent({"journal": True}) == []
    [path] = engine.journal_absent({"journal": False})
    templates = sandboxes.ROOT / "roles/container_engine/templates"
    assert (templates / f"{path.lstrip('/')}.j2").exists()
