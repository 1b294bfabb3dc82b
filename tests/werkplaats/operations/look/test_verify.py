from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from network_topology import load
from network_topology.compiling import compile as compiler
from werkplaats.operations.home import places
from werkplaats.operations.look import verify

NETWORK = compiler.compile_network(load.find("proeftuin", places.EXAMPLES))


class NoRemotes:
    """No server answers anything."""

    def ask_all(self, organisations: Any, *_: str, **__: Any) -> dict[str, Any]:
        assert not list(organisations)
        return {}


def links(unreachable: dict[str, str]) -> list[verify.Verdict]:
    network = SimpleNamespace(compiled=NETWORK, name="proeftuin")
    return verify._links(cast("Any", network), cast("Any", NoRemotes()), [], unreachable)


def test_a_link_of_a_server_that_was_not_reached_is_bad_and_those_of_others_are_not_looked_at() -> None:
    found = links({"ggd": "is off"})
    assert {verdict.name for verdict in found} == {
        f"{link.source} → {link.target}" for link in NETWORK.links if link.source == "ggd"
    }
    assert found
    assert all(verdict.reason == "its server was not reached: is off" for verdict in found)
    assert links({}) == []
