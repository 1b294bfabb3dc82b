"""A computing party is revoked while stations run: everybody else cuts it off, and stays in the network."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.conftest import Passing
from tests.harness import sandboxes

pytestmark = pytest.mark.servers
GONE = "thuiszorg"
OTHERS = ("ggd", "ziekenhuis", "huisartsen")
REVOKE = """
import sys
from werkplaats.operations.coordinator import approval, authority, ledger, revocation
from werkplaats.operations.home import networks
network = networks.find(sys.argv[1])
own = authority.open_or_found(network.vault, ledger.Records(network.inventory))
identity = approval.find(own.records, sys.argv[2])
revocation.revoke(own, identity.station_certificate.serial_number, "keyCompromise")
"""


def connections(network: sandboxes.Sandbox, organisation: str, address: str) -> list[str]:
    """Established connections of a server's gateway with an address."""
    done = network.on(organisation, "ss", "-HOtnp", "state", "established", "dst", address)
    return [line for line in done.stdout.splitlines() if "haproxy" in line]


def address(network: sandboxes.Sandbox, organisation: str) -> str:
    return network.on(organisation, "hostname", "-I").stdout.split()[0]


def status(network: sandboxes.Sandbox, organisation: str) -> dict[str, Any]:
    """What the agent of a station tells of the network, once it answers and its computer runs."""
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while True:
        done = network.on(organisation, "station", "status", "--json")
        told: dict[str, Any] = json.loads(done.stdout or "{}")
        if told.get("computer") and network.name in told["networks"]:
            found: dict[str, Any] = told["networks"][network.name]
            assert done.returncode == (1 if found["problem"] else 0), done.stdout
            return found
        assert time.monotonic() < deadline, done.stdout + done.stderr


def journal(network: sandboxes.Sandbox, organisation: str, word: str) -> list[tuple[float, str]]:
    """The agent's lines with a word: seconds since 1970, and the text."""
    command = ("journalctl", "CONTAINER_NAME=station-agent", "--output", "json", "--no-pager")
    rows = [json.loads(line) for line in network.on(organisation, *command).stdout.splitlines()]
    found = [(int(row["__REALTIME_TIMESTAMP"]) / 1e6, str(row["MESSAGE"])) for row in rows]
    return [row for row in found if word in row[1]]


def running(network: sandboxes.Sandbox, organisation: str) -> bool:
    return bool(status(network, organisation)["sessions"])


def test_a_revoked_computing_party_is_cut_off_and_the_others_stay_in_the_network(
    weg: Passing, note: Callable[[str], None]
) -> None:
    """With the view refused as a whole, all agents kept the revoked key, and were in no network after a restart."""
    network = weg.network
    there = address(network, GONE)
    words = ("station", "session", "--rounds", "1000000", "--json")
    config = network.vault / "run" / "ssh_config"
    session = subprocess.Popen(
        ["ssh", "-F", str(config), "-o", "ControlPath=none", "ggd", "sudo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while not all(running(network, one) for one in ("ggd", "ziekenhuis", GONE)):
        assert time.monotonic() < deadline, "the session does not begin"
    assert all(connections(network, one, there) for one in OTHERS)

    revoke = [sys.executable, "-c", REVOKE, network.name, GONE]
    subprocess.run(revoke, cwd=sandboxes.ROOT, env=network.environment, check=True)
    network.run("trust publish")
    only = [word for one in OTHERS for word in ("--only", one)]
    network.run("up", "--yes", *only, expect=None)
    assert [connections(network, one, there) for one in OTHERS] == [[], [], []]

    out, err = session.communicate(timeout=60)
    assert session.returncode == 4, out + err
    assert f"{network.name}.{GONE}" in out
    gone = f"station-left network={network.name} station={network.name}.{GONE}"
    # Whoever has the new view first ends the session, and tells the other.
    first = min(at for one in ("ggd", "ziekenhuis") for at, _ in journal(network, one, gone))
    for one in ("ggd", "ziekenhuis"):
        # Before it where the gateway had ended the connection by then.
        ended = max(at for at, _ in journal(network, one, "session-ended"))
        note(
            f"a computing party was revoked: {one} ended the running session {ended - first:.3f} s after the first view"
        )
        assert ended - first < 1.0

    for one in OTHERS:
        assert network.on(one, "docker", "restart", "station-agent").returncode == 0
    for one in OTHERS:
        told = status(network, one)
        assert told["cut"] == [GONE]
        assert told["problem"].startswith(f"cannot compute: {GONE} is cut")
        assert f"{network.name}.{GONE}" not in told["peers"]
    refused = network.on("ggd", "station", "session")
    assert refused.returncode == 2
    assert f"cannot compute: {GONE} is cut" in refused.stderr
    links = json.loads(network.on("ggd", "station", "links", "--json").stdout)["links"]
    assert {(row["peer"], row["ok"]) for row in links} >= {(f"{network.name}.ziekenhuis", True)}
    assert [connections(network, one, there) for one in OTHERS] == [[], [], []]


def test_whoever_looks_at_a_server_s_engine_sees_name_and_release(weg: Passing) -> None:
    shown = weg.network.on(
        "ggd", "docker", "ps", "--format", '{{.Names}} {{.Label "org.opencontainers.image.version"}}'
    ).stdout
    assert sorted(shown.splitlines()) == ["station-agent dev", "station-computer dev"]
    images = weg.network.on("ggd", "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout
    assert "werkplaats/station:dev" in images.splitlines()
