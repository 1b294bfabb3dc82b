"""The gateway: what runs is what lies on disk, its key is its own, nothing is about to lapse."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from station_image.runtime.base import contract
from werkplaats.checks import lapse

GATEWAY = "/etc/werkplaats/gateway"


def test_the_gateway_runs_with_the_files_that_lie_on_disk(host: Any) -> None:
    assert host.service("werkplaats-gateway").is_running
    assert host.run("gateway-reload --check").rc == 0, "the gateway has not loaded what lies on disk; run `up`"


def test_only_the_gateway_can_read_the_private_key(host: Any) -> None:
    modes = host.check_output(f"find {GATEWAY} -name '*.pem' -perm /o+rwx").split()
    assert not modes, f"others can read {modes}"


def test_it_listens_only_where_it_has_an_inbound_port(host: Any, station: dict[str, Any]) -> None:
    # By the account: the owner may have an HAProxy too.
    ours = f" uid:{host.user(contract.GATEWAY_USER).uid} "
    rows = [row.split() for row in host.check_output("ss -Hltne").splitlines() if ours in row]
    listening = {int(row[3].rpartition(":")[2]) for row in rows}
    ports = {n["gateway"]["port"] for n in station["networks"] if n["gateway"]}
    assert ports <= listening, f"nothing listens at TCP {ports - listening}; see `journalctl -u werkplaats-gateway`"
    assert listening <= ports, f"it listens at TCP {listening - ports}, which the network does not say; run `up`"


def test_certificates_and_revocation_lists_are_not_about_to_lapse(host: Any, station: dict[str, Any]) -> None:
    """Those that the gateway loaded: what was published since is of no use before it lies there."""
    for network in (one for one in station["networks"] if "home" not in one):  # a federation's end at that federation
        asked = host.run(shlex.join(lapse.command(network["network"])))
        ends = lapse.read(asked.stdout)
        assert None not in (ends.certificate, ends.revocations), "the gateway has loaded none; run `up`"
        assert not ends.wrong, "; ".join(ends.wrong)


def test_every_peer_has_its_socket(host: Any, station: dict[str, Any]) -> None:
    sockets = set(host.check_output("ls /run/werkplaats/peers").split())
    wanted = {f"{p['id']}.sock" for n in station["networks"] for p in n["peers"] if p["outbound"]}
    cut = {f"{name}.sock" for name in host.check_output("ls /etc/werkplaats/cut.d").split()}
    if missing := wanted - cut - sockets:
        pytest.fail(f"no socket for {sorted(missing)}")


def test_every_peer_that_it_calls_is_found_by_name(host: Any, station: dict[str, Any]) -> None:
    home = [network for network in station["networks"] if "home" not in network]  # a federation ends at itself
    called = [peer for network in home for peer in network["peers"] if peer["outbound"]]
    names = sorted({peer["address"] for peer in called})
    asked = host.run(f"for name in {shlex.join(names)}; do getent ahosts $name >/dev/null || echo $name; done")
    if unknown := asked.stdout.split():
        pytest.fail(f"no name server and no line of /etc/hosts knows {', '.join(unknown)}: ask who keeps your DNS")
