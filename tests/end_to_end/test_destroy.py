"""`destroy` leaves nothing that it made and touches nothing else."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from network_topology import names
from tests.end_to_end.conftest import Passing, everything
from tests.harness import sandboxes, servers

pytestmark = pytest.mark.servers


def test_destroy_leaves_nothing_of_a_sandbox_and_nothing_else_is_touched(
    toets: sandboxes.Sandbox, weg: Passing
) -> None:
    other = weg.network
    assert everything() != weg.before
    other.run("destroy", "--yes")
    assert everything() == weg.before
    assert not other.vault.exists()
    assert other.definition.exists()
    told = toets.up()
    assert told["verified"]
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}


def test_destroy_asks_and_without_an_answer_changes_nothing(toets: sandboxes.Sandbox) -> None:
    before = everything()
    refused = toets.run("destroy", expect=3)
    assert "nothing was changed" in refused.stderr
    assert everything() == before


@pytest.mark.parametrize("verb", ["up", "destroy"])
def test_a_sandbox_of_the_same_name_from_another_vault_is_refused_and_left_alone(
    toets: sandboxes.Sandbox, tmp_path: Path, verb: str
) -> None:
    other = dataclasses.replace(toets, state=tmp_path / "state")
    before = everything()
    refused = other.run(verb, "--yes", expect=3)
    assert str(toets.vault) in refused.stderr
    assert everything() == before


def maker_s_container(network: sandboxes.Sandbox, organisation: str) -> str:
    """The power switch of a server that a sandbox made and another network uses."""
    return f"{names.twin(network.name)}.{organisation}"


def when_reached(network: sandboxes.Sandbox, organisation: str) -> None:
    """Wait until a server that was started lets an administrator in."""
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while (done := network.on(organisation, "true")).returncode:
        assert time.monotonic() < deadline, done.stderr


def nothing_of_ours_is_left(network: sandboxes.Sandbox, organisation: str, *cut: str) -> None:
    """Nothing but who was cut there."""
    assert "station-" not in network.on(organisation, "docker", "ps", "--all").stdout
    ours = "find /etc/werkplaats /run/werkplaats /etc/systemd/system/werkplaats-* 2>/dev/null | sort"
    stays = ["/etc/werkplaats", "/etc/werkplaats/cut.d", *(f"/etc/werkplaats/cut.d/{peer}" for peer in cut)]
    assert network.on(organisation, "sh", "-c", ours).stdout.split() == (stays if cut else [])
    assert "werkplaats" not in network.on(organisation, "nft", "list", "tables").stdout


def test_on_servers_that_are_not_a_sandbox_data_folders_stay_and_one_that_is_off_is_named(
    los: sandboxes.Sandbox,
) -> None:
    refused = los.run("up", "--yes", "--all-steps", expect=3)
    assert "trust request" in refused.stderr
    assert json.loads(los.run("verify", "--json").stdout)["good"]
    peer = "los.thuiszorg"
    assert los.on("ggd", "station-cut", peer).returncode == 0
    # Of others, and told by others: what the follower has there goes.
    kept = "! -name followed.json ! -path '*/inbox/los*' ! -path '*/relayed*' ! -path '*/fetched*'"
    data = ("sh", "-c", f"find /var/lib/werkplaats {kept} | sort")
    before = los.on("ggd", *data).stdout
    refused = los.run("destroy", "--yes", expect=3)
    assert "name was not typed" in refused.stderr

    away = maker_s_container(los, "huisartsen")
    servers.docker("stop", away)
    told = los.run("destroy", "--yes", "--name", "los", expect=5).stdout
    assert "left out: huisartsen: cannot be reached" in told
    for organisation in ("ggd", "ziekenhuis", "thuiszorg"):
        assert f"kept: {organisation}:/var/lib/werkplaats" in told
        nothing_of_ours_is_left(los, organisation, *([peer] if organisation == "ggd" else []))
    assert f"kept: ggd:/etc/werkplaats/cut.d: {peer} cut off, also after the next up" in told
    assert los.on("ggd", *data).stdout == before
    left = (
        "ls -d /var/lib/werkplaats/fetched /var/lib/werkplaats/relayed /var/lib/werkplaats/followed.json "
        "/var/lib/werkplaats/publications/inbox/*"
    )
    assert los.on("ggd", "sh", "-c", left).stdout == ""

    servers.docker("start", away)
    when_reached(los, "huisartsen")
    assert "kept: huisartsen:/var/lib/werkplaats" in los.run("destroy", "--yes", "--name", "los").stdout
    nothing_of_ours_is_left(los, "huisartsen")
