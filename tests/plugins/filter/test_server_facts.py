"""What of a role's packages a server lacks, and why its engine cannot carry a station."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.filter import server_facts as facts_filter
from plugins.modules import server_facts as module
from tests.plugins.filter.facts import engine, facts

RUNS = {"docker.service": {"known": True, "active": True, "enabled": True}}
IDLE = {"docker.service": {"known": True, "active": False, "enabled": False}}
INFO = {"security": ["seccomp"], "snapshotter": "", "swarm": False}


def test_only_what_a_server_lacks_is_installed() -> None:
    there = facts(packages={"haproxy": "3.0"})
    assert facts_filter.lacking(there, ["haproxy"]) == {}
    assert facts_filter.lacking(there, []) == {}
    assert facts_filter.lacking(there, ["haproxy", "openssl"]) == {"names": ["openssl"], "released": []}


def test_what_an_earlier_version_held_back_is_released_and_what_the_owner_holds_is_not() -> None:
    ours = ["runc", "haproxy"]
    both = facts(packages={"haproxy": "3.0"}, held=["nano", *ours])
    assert facts_filter.lacking(both, ["haproxy"], ours) == {"names": [], "released": ours}
    one = facts(packages={"haproxy": "3.0"}, held=["haproxy"])
    assert facts_filter.lacking(one, ["haproxy"], ours) == {}


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (facts(daemon_json={"unreadable": "why"}), "daemon.json cannot be read (why); correct it"),
        (facts(engine=engine(snap=True)), "is a snap"),
        (
            facts(engine=engine(daemon="", lacks=["docker.io"], excluding={"podman-docker": ["docker.io"]})),
            "podman-docker",
        ),
        (facts(units={}, engine=engine()), "unmask"),
        (facts(units=RUNS, engine=engine(info={})), "does not answer"),
        (facts(units=IDLE, engine=engine(info=None, flags=["DOCKER_OPTS=-D"])), "systemctl enable --now docker"),
        (facts(units=IDLE, engine=engine(containers=["web"])), "systemctl enable docker"),
        (facts(units=RUNS, engine=engine(info=INFO | {"security": ["userns"]})), "userns-remap"),
        (facts(units=RUNS, engine=engine(info=INFO | {"snapshotter": "io.containerd.snapshotter.v1"})), "snapshotter"),
        (facts(units=RUNS, engine=engine(group="root")), "of group root"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_engine_that_cannot_carry_a_station_is_refused_with_the_way_out(server: dict[str, Any], said: str) -> None:
    [sentence] = facts_filter.engine_faults(server)
    assert said in sentence


@pytest.mark.parametrize(
    "server",
    [
        facts(),
        facts(daemon_json={"bip": "10.0.0.1/24"}),
        facts(units=RUNS, engine=engine(containers=["web"], networks=["web"], info=INFO | {"swarm": True})),
        facts(units=RUNS, engine=engine(excluding={"docker-ce": ["docker.io"]})),
        facts(units=IDLE, engine=engine(info=None)),
        facts(units=IDLE, engine=engine()),
        facts(units=IDLE, engine=engine(marked=True), daemon_json={"bridge": "none"}),
        facts(units=RUNS, engine=engine(group="root"), login="root"),
    ],
    ids=["none", "settings before an engine", "busy", "docker-ce", "unused", "asked something", "ours", "root"],
)
def test_an_engine_that_can_is_not_refused(server: dict[str, Any]) -> None:
    assert facts_filter.engine_faults(server) == []


def test_only_what_is_installed_and_excludes_a_wanted_package_of_any_version_is_in_the_way() -> None:
    said = (
        "ii |docker-ce|docker (<< 1.5~), docker-engine, docker.io, \n"
        "rc |podman-docker|docker.io, \n"
        "ii |containerd|, docker.io (<< 1.12)\n"
    )
    assert module.excluding(said, ["docker.io", "docker-cli"]) == {"docker-ce": ["docker.io"]}
