"""Why an engine cannot carry a station, and what of one is its owner's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from on_server import engine
from tests.plugins.filter import facts

INFO = {"version": "28", "security": ["seccomp"], "snapshotter": "", "swarm": False}
IDLE = {"info": None, "active": False, "enabled": False}


def there(**changes: Any) -> dict[str, Any]:
    return facts.engine(**changes)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (there(unreadable="why"), "daemon.json cannot be read (why); correct it"),
        (there(snap=True), "is a snap"),
        (there(daemon="", lacks=["docker.io"], excluding={"podman-docker": ["docker.io"]}), "podman-docker"),
        (there(known=False), "unmask"),
        (there(info={}), "does not answer"),
        (there(**IDLE, flags=["DOCKER_OPTS=-D"]), "systemctl enable --now docker"),
        (there(enabled=False, containers=[["web", "running", "x", ""]]), "systemctl enable docker"),
        (there(info=INFO | {"security": ["userns"]}), "userns-remap"),
        (there(info=None, active=False, settings={"userns-remap": "default"}), "userns-remap"),
        (there(info=INFO | {"security": ["rootless"]}), "rootless"),
        (there(info=INFO | {"snapshotter": "io.containerd.snapshotter.v1"}), "snapshotter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_engine_that_cannot_carry_a_station_is_refused_with_the_way_out(found: dict[str, Any], said: str) -> None:
    [fault] = engine.faults(found, ours=True)
    assert said in "; ".join(fault)


@pytest.mark.parametrize(
    "found",
    [
        there(daemon="", lacks=["docker.io", "docker-cli"], **IDLE),
        there(daemon="", lacks=["docker.io", "docker-cli"], **IDLE, settings={"bip": "10.0.0.1/24"}),
        there(containers=[["web", "running", "x", ""]], networks=["web"], info=INFO | {"swarm": True}),
        there(excluding={"docker-ce": ["docker.io"]}),
        there(**IDLE),
        there(enabled=False),
        there(**IDLE, marked=True, settings={"bridge": "none"}),
    ],
    ids=["none", "settings before an engine", "busy", "docker-ce", "unused", "asked something", "ours"],
)
def test_an_engine_that_can_is_not_refused(found: dict[str, Any]) -> None:
    assert engine.faults(found, ours=True) == []


OWNER_S = "the engine is the owner's here"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            there(daemon="", lacks=["docker.io", "docker-cli"], info=None),
            "it has no docker.io and no docker-cli; install",
        ),
        (there(lacks=["docker-cli"]), "it has no docker-cli; install it"),
        (there(info=None, active=False), "does not run; `systemctl enable --now docker`"),
        (there(enabled=False), "not started at boot; `systemctl enable docker`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_engine_that_its_owner_sets_is_there_and_runs(found: dict[str, Any], said: str) -> None:
    """Else each of these would be ours to bring, to start, or to say."""
    [fault] = engine.faults(found, ours=False)
    assert said in "; ".join(fault)
    assert fault[1].endswith(OWNER_S)
    assert engine.faults(found, ours=True) == []


def test_an_engine_of_the_owner_s_in_order_is_not_refused() -> None:
    assert engine.faults(there(), ours=False) == []


def test_only_what_is_installed_and_excludes_a_wanted_package_of_any_version_is_in_the_way() -> None:
    said = (
        "ii |docker-ce|docker (<< 1.5~), docker-engine, docker.io, \n"
        "rc |podman-docker|docker.io, \n"
        "ii |containerd|, docker.io (<< 1.12)\n"
    )
    assert engine._excluding(said, ["docker.io", "docker-cli"]) == {"docker-ce": ["docker.io"]}


def test_what_programs_say_is_read_and_what_is_ours_or_built_in_is_nobody_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SETTINGS", tmp_path / "daemon.json")
    monkeypatch.setattr(engine, "FLAGS", tmp_path / "flags")
    engine.SETTINGS.write_text('{"icc": false}')
    engine.FLAGS.write_text("# nothing\n\nDOCKER_OPTS=-D\n")
    said = {
        "engine_unit": "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nDropInPaths=/a.conf "
        f"{engine.OURS}\n",
        "containers": "web\trunning\tnginx:1\t80/tcp\nstation-agent\trunning\tx\t\n",
        "networks": "bridge\nshop\n",
        "engine_info": json.dumps({"ServerVersion": "28", "SecurityOptions": ["name=seccomp,profile=builtin"]}),
    }
    found = engine.read(said, ["docker.io"])
    assert found["containers"] == [["web", "running", "nginx:1", "80/tcp"]]
    assert found["networks"] == ["shop"]
    assert (found["marked"], found["drop_ins"], found["flags"]) == (True, ["/a.conf"], ["DOCKER_OPTS=-D"])
    assert (found["settings"], found["unreadable"]) == ({"icc": False}, "")
    assert found["info"] == INFO
    for answer in ("", "[", "[]", "{}", "[" * 100_000):
        assert engine.read(said | {"engine_info": answer}, [])["info"] == {}


@pytest.mark.parametrize("text", ["no JSON", "[]", "[" * 100_000, '{"icc": false,}'], ids=lambda text: text[:16])
def test_an_owner_s_file_that_is_no_object_is_told_as_unreadable(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SETTINGS", tmp_path / "daemon.json")
    engine.SETTINGS.write_text(text)
    found = engine.read({}, [])
    assert (bool(found["unreadable"]), found["settings"]) == (True, {})
