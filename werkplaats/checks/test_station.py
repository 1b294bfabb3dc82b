"""The station: the two containers are what was reviewed, and see nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks import parts


@pytest.fixture(params=parts.PARTS, ids=lambda part: part.name)
def part(request: pytest.FixtureRequest) -> parts.Part:
    """Agent and computer in turn."""
    found: parts.Part = request.param
    return found


@pytest.fixture(scope="module")
def containers(host: Any) -> dict[str, Any]:
    """What the engine says of the containers that it has, by name."""
    asked = host.run("docker inspect " + " ".join(f"station-{part.name}" for part in parts.PARTS))
    return {container["Name"].removeprefix("/"): container for container in json.loads(asked.stdout or "[]")}


@pytest.fixture
def container(containers: dict[str, Any], part: parts.Part) -> dict[str, Any]:
    """What the engine says of the container of one part."""
    assert f"station-{part.name}" in containers, f"the engine has no container station-{part.name}"
    found: dict[str, Any] = containers[f"station-{part.name}"]
    return found


def test_it_runs_the_reviewed_image(container: dict[str, Any], station: dict[str, Any]) -> None:
    assert container["State"]["Running"], f"the container is {container['State']['Status']}"
    assert container["Image"] == station["image"]["id"], "it runs another image than was accepted"


def test_it_has_no_network_no_rights_and_a_read_only_file_system(container: dict[str, Any], part: parts.Part) -> None:
    settings = container["HostConfig"]
    assert settings["NetworkMode"] == "none"
    assert settings["ReadonlyRootfs"]
    assert settings["CapDrop"] == ["ALL"]
    assert not settings["CapAdd"]
    assert not settings["Privileged"]
    assert "no-new-privileges" in settings["SecurityOpt"]
    assert container["Config"]["User"] == f"{part.user}:{parts.GROUP}"


def test_it_mounts_only_its_own_folders(container: dict[str, Any], part: parts.Part) -> None:
    mounts = {(m["Source"], m["Destination"], not m["RW"]) for m in container["Mounts"]}
    assert mounts == {(m.source, m.target, m.read_only) for m in part.mounts}
