from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from network_topology import load, model
from network_topology.compiling import compile as compiler
from werkplaats.operations.home import places
from werkplaats.operations.look import agreement, verify
from werkplaats.operations.reach import remote

DEFINITION = load.find("proeftuin", places.EXAMPLES)
NETWORK = compiler.compile_network(DEFINITION)


class NoRemotes:
    """No server answers anything."""

    def ask_all(self, organisations: Any, *_: str, **__: Any) -> dict[str, Any]:
        assert not list(organisations)
        return {}


def links(unreachable: dict[str, str]) -> list[verify.Verdict]:
    network = SimpleNamespace(compiled=NETWORK, name="proeftuin")
    return verify._links(cast("Any", network), cast("Any", NoRemotes()), [], unreachable, agreement.Agreed({}, None))


def test_a_link_of_a_server_that_was_not_reached_is_bad_and_those_of_others_are_not_looked_at() -> None:
    found = links({"ggd": "is off"})
    assert {verdict.name for verdict in found} == {
        f"{link.source} → {link.target}" for link in NETWORK.links if link.source == "ggd"
    }
    assert found
    assert all(verdict.reason == "its server was not reached: is off" for verdict in found)
    assert links({}) == []


class Links:
    """A server that called every peer: it worked, and each told the digest of its definition."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told

    def ask_all(self, organisations: Any, *_: str, **__: Any) -> dict[str, Any]:
        rows = [
            {"peer": f"proeftuin.{o}", "ok": True, "why": "", "definition": self.told.get(o, NETWORK.digest)}
            for o in NETWORK.stations
        ]
        return {o: remote.Done(json.dumps({"links": rows})) for o in organisations}


def told_by_peers(told: dict[str, Any], *, published: model.Definition = DEFINITION) -> dict[str, str]:
    """What is wrong with each link of ggd, which accepted the definition."""
    network = cast("Any", SimpleNamespace(compiled=NETWORK, name="proeftuin"))
    view = cast("Any", SimpleNamespace(definition=DEFINITION, digest=NETWORK.digest))
    agreed = agreement.Agreed(
        {"ggd": view}, cast("Any", SimpleNamespace(network="proeftuin", number=7, definition=published))
    )
    found = verify._links(network, cast("Any", Links(told)), ["ggd"], {}, agreed)
    assert found
    return {verdict.name: verdict.reason for verdict in found if not verdict.good}


def test_a_peer_that_goes_by_another_definition_is_named_with_what_its_operator_does() -> None:
    """The coordinator shows one member another definition: agents told it of each other, and nobody compared."""
    assert told_by_peers({}) == {}
    other = "sha256:" + "0" * 64
    (found,) = told_by_peers({"ziekenhuis": other}).items()
    assert found[0] == "ggd → ziekenhuis"
    assert found[1] == (
        f"the agent of ziekenhuis goes by definition {other}, and ggd accepted {NETWORK.digest}: what differs is not "
        "known here; the operator of ziekenhuis (Ziekenhuis Proeftuin) reads publication 7, and runs "
        "werkplaats accept proeftuin --only ziekenhuis and werkplaats up proeftuin --only ziekenhuis"
    )


def test_what_differs_is_told_where_the_peer_accepted_what_is_published() -> None:
    newer = DEFINITION.model_copy(update={"title": "Another", "release": "1.0.0"})
    (found,) = told_by_peers({"ziekenhuis": compiler.digest(newer)}, published=newer).values()
    assert ": there, the title is Another instead of " in found
    assert "the release is 1.0.0 instead of dev; the operator of ggd (GGD Proeftuin) reads publication 7" in found
    assert "--only ziekenhuis" not in found


def test_who_tells_neither_what_is_published_nor_a_definition_is_bad() -> None:
    newer = DEFINITION.model_copy(update={"title": "Another"})
    (found,) = told_by_peers({"ziekenhuis": "sha256:" + "0" * 64}, published=newer).values()
    assert "--only ggd, and the operator of ziekenhuis" in found
    assert "tells no definition; the operator of ziek" in told_by_peers({"ziekenhuis": None})["ggd → ziekenhuis"]
