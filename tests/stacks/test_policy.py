"""The policy refuses every way in which a station could get more than it may have."""

from __future__ import annotations

from typing import Any

import pytest

from stacks import parts, policy

MOUNT = parts.PARTS[1].mounts[0]
GOOD: dict[str, Any] = {
    "image": "sha256:" + "a" * 64,
    "capabilities": {"drops": ["ALL"]},
    "networkMode": "none",
    "readOnly": True,
    "securityOpts": ["no-new-privileges"],
    "user": "5002:5000",
    "mounts": [{"source": MOUNT.source, "target": MOUNT.target, "readOnly": MOUNT.read_only}],
}


def test_a_station_as_we_declare_it_breaks_no_rule() -> None:
    assert policy.violations(GOOD) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image": "station:latest"}, "never a tag"),
        ({"image": ""}, "never a tag"),
        ({"privileged": True}, "never privileged"),
        ({"capabilities": {"drops": ["ALL"], "adds": ["NET_ADMIN"]}}, "gets no capabilities"),
        ({"capabilities": {"drops": ["NET_RAW"]}}, "drops all capabilities"),
        ({"networkMode": "host"}, "has no network"),
        ({"networkMode": None}, "has no network"),
        ({"networksAdvanced": [{"name": "bridge"}]}, "has no network"),
        ({"ports": [{"internal": 80}]}, "publishes no port"),
        ({"publishAllPorts": True}, "publishes no port"),
        ({"readOnly": False}, "read-only"),
        ({"securityOpts": []}, "gains no privileges"),
        ({"volumes": [{"hostPath": "/", "containerPath": "/host"}]}, "by `mounts` only"),
        ({"devices": [{"hostPath": "/dev/kvm"}]}, "sees no device"),
        ({"pidMode": "host"}, "no other process"),
        ({"mounts": [{"source": "/", "target": "/host", "readOnly": True}]}, "mounts only the folders"),
        ({"mounts": [{"source": "/var/run/docker.sock", "target": "/d", "readOnly": True}]}, "mounts only the folders"),
        ({"user": "0:0"}, "does not run as root"),
        ({"user": ""}, "does not run as root"),
    ],
)
def test_each_rule_refuses_its_own_way_out(change: dict[str, Any], told: str) -> None:
    found = policy.violations(GOOD | change)
    assert any(told in sentence for sentence in found), found


def test_a_folder_that_is_mounted_read_only_is_not_given_to_write() -> None:
    peers = parts.PARTS[0].mounts[0]
    asked = [{"source": peers.source, "target": peers.target, "readOnly": False}]
    assert policy.violations(GOOD | {"mounts": asked})
