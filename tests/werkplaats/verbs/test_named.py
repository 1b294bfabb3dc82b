"""Whose server a verb may be about, and what is said of one of which the organisation left."""

from __future__ import annotations

from pathlib import Path

import pytest

from base import errors
from tests.harness import sandboxes
from werkplaats.operations.home import networks
from werkplaats.verbs import named

SERVER = '{host: 192.0.2.1, host_key: "SHA256:' + "A" * 43 + '"}'


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> networks.Network:
    """The network `los`, whose operator runs the servers of `ggd` and of `apotheek`, which is none of it any more."""
    made = sandboxes.sandbox(tmp_path, "los")
    monkeypatch.setenv("XDG_STATE_HOME", str(made.state))
    inventory = made.home / "inventories" / "los" / "servers.yml"
    inventory.parent.mkdir(parents=True)
    inventory.write_text(f"ggd: {SERVER}\napotheek: {SERVER}\n")
    return networks.find("los", made.home)


def test_a_server_of_an_organisation_that_left_is_named_with_the_way_to_take_it_off(network: networks.Network) -> None:
    assert [server.organisation for server in network.servers] == ["ggd"]
    (sentence,) = named.left(network)
    assert sentence.startswith("apotheek is in servers.yml and no organisation of los any more")
    assert "werkplaats destroy los --only apotheek" in sentence


def test_only_destroy_may_be_about_a_server_of_an_organisation_that_left(network: networks.Network) -> None:
    named.require(network, ["ggd", "apotheek"], "apotheek")
    with pytest.raises(errors.UsageError, match="los has no organisation 'apotheek'"):
        named.require(network, ["apotheek"])


def test_the_connections_of_destroy_have_it_too(network: networks.Network) -> None:
    assert set(network.remotes().servers) == {"ggd"}
    assert set(network.remotes(*network.left).servers) == {"ggd", "apotheek"}
