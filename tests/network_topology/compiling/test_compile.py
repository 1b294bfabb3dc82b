import base64
import ipaddress
import json
from pathlib import Path

import pytest

from network_topology import load, model, names
from network_topology.compiling import compile, compiled
from station_image.runtime.accepted.networks import Networks

NETWORKS = Path(load.__file__).with_name("networks")
PROEFTUIN = compile.compile_network(load.find("proeftuin.sandbox", NETWORKS))
SOUND = load.read(Path(__file__).parents[1] / "sound.yml")
GATEWAY = model.Gateway(name="mesh.ggz.example", port=8443, egress=("192.0.2.5/32",))
WITH_GATEWAY = SOUND.organisations["ggz"].model_copy(update={"gateway": GATEWAY, "egress": ()})
SETS = compile.compile_network(
    SOUND.model_copy(
        update={
            "organisations": {**SOUND.organisations, "ggz": WITH_GATEWAY},
            "computing_alternates": (("ggd", "ziekenhuis", "ggz"),),
        }
    )
)
KEYS = {slug: base64.b64encode(slug.encode().ljust(32)).decode() for slug in PROEFTUIN.stations}


def test_names_have_the_forms_that_certificates_freeze() -> None:
    station = PROEFTUIN.stations["ggd"]
    assert station.id == "proeftuin.sandbox.ggd"
    assert station.dns == "ggd.proeftuin.sandbox.datawerkplaats.internal"
    assert station.spiffe == "spiffe://proeftuin.sandbox.datawerkplaats.internal/station/ggd"
    assert station.subject == "CN=station-ggd,OU=proeftuin.sandbox,O=Datawerkplaats,C=NL"
    assert names.ca_subject("gerda", 1) == "CN=CA-1,OU=gerda,O=Datawerkplaats,C=NL"


def test_a_contributor_without_gateway_calls_and_is_not_called() -> None:
    contributor = PROEFTUIN.stations["huisartsen"]
    assert contributor.gateway is None
    assert contributor.party is None
    assert contributor.roles == ("contributor",)
    assert {(peer.organisation, peer.inbound, peer.outbound) for peer in contributor.peers} == {
        (slug, False, True) for slug in PROEFTUIN.computing
    }
    seen = {peer.organisation: peer for peer in PROEFTUIN.stations["ggd"].peers}["huisartsen"]
    assert (seen.address, seen.port, seen.inbound, seen.outbound) == (None, None, True, False)
    assert [row for row in contributor.firewall if row.direction == "in" and row.purpose == "mesh"] == []


def test_computing_parties_call_each_other_both_ways() -> None:
    assert PROEFTUIN.computing == ("ggd", "ziekenhuis", "thuiszorg")
    assert PROEFTUIN.threshold == 1
    assert [PROEFTUIN.stations[slug].party for slug in PROEFTUIN.computing] == [0, 1, 2]
    pairs = {(link.source, link.target) for link in PROEFTUIN.links if link.purpose == "compute"}
    assert pairs == {(one, other) for one in PROEFTUIN.computing for other in PROEFTUIN.computing if one != other}


def test_of_several_sets_each_calls_its_own_and_contributors_call_all_of_them() -> None:
    """thuiszorg and ggz are never in one set: each calls the other, as a contributor does."""
    network, view = SETS, compile.station_view(SETS, "ggd", dict.fromkeys(SETS.stations, "x"), {}, {})
    assert network.computes == ("ggd", "ziekenhuis", "thuiszorg", "ggz")
    calls = {(link.source, link.target): link.purpose for link in network.links}
    for parties in (network.computing, *network.computing_alternates):
        assert all(calls[one, other] == "compute" for one in parties for other in parties if one != other)
    assert calls["thuiszorg", "ggz"] == calls["ggz", "thuiszorg"] == "contribute"
    assert {target for source, target in calls if source == "huisartsen"} == {*network.computes}
    assert [network.stations[slug].party for slug in network.computes] == [0, 1, 2, None]
    assert "computing_party" in network.stations["ggz"].roles
    rows = network.stations["ggz"].firewall
    assert {row.counterpart for row in rows if (row.direction, row.purpose) == ("in", "mesh")} == {
        network.stations[slug].name for slug in ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")
    }
    ids = [network.stations[slug].id for slug in ("ggd", "ziekenhuis", "ggz")]
    assert (view["computing"][2], view["computing_alternates"]) == (network.stations["thuiszorg"].id, [ids])
    assert "computing_alternates" not in compile.station_view(PROEFTUIN, "ggd", KEYS, {}, {})


def test_privacy_is_said_of_every_set() -> None:
    names = [SETS.stations[slug].name for slug in ("ggd", "ziekenhuis", "ggz")]
    at = SETS.privacy.index(
        f"Another set may compute, and then every input of that session is shared over it: {names[0]}, {names[1]} and "
        f"{names[2]}."
    )
    assert SETS.privacy[at + 1].startswith("One of them alone learns nothing")
    assert SETS.privacy[at + 2].startswith("So at least 2 operators would have to work together, any of")
    assert SETS.privacy[-1] == "An input is safe only as long as this holds for every set that computes with it."


def test_contributors_do_not_know_each_other() -> None:
    twente = compile.compile_network(load.find("twente-volledig", NETWORKS))
    assert len(twente.stations) == 25
    for station in twente.stations.values():
        others = {peer.organisation for peer in station.peers}
        expected = set(twente.stations) if station.party is not None else set(twente.computing)
        assert others == expected - {station.organisation}


def test_a_coordinator_without_a_station_has_none() -> None:
    salland = compile.compile_network(load.find("salland-united", NETWORKS))
    assert salland.coordinator not in salland.stations
    assert salland.coordinator_name == "Samenwerkingsverband Salland United"
    keys = dict.fromkeys(salland.stations, "x")
    assert compile.station_view(salland, "carinova", keys, {}, {})["coordinator"] is None


def test_a_station_s_view_holds_every_station_since_a_contributor_checks_who_else_contributes() -> None:
    view = compile.station_view(PROEFTUIN, "huisartsen", KEYS, {"huisartsen": 3}, {"release": "sha256:1"})
    assert view["self"] == "proeftuin.sandbox.huisartsen"
    assert view["coordinator"] == "proeftuin.sandbox.ggd"
    assert view["definition"] == PROEFTUIN.digest
    assert view["accepted"] == {"release": "sha256:1"}
    assert (view["release"], view["threshold"]) == ("dev", 1)
    assert view["computing"] == [PROEFTUIN.stations[slug].id for slug in PROEFTUIN.computing]
    assert view["stations"]["proeftuin.sandbox.huisartsen"] == {
        "organisation": "huisartsen",
        "name": "Huisartsengroep Proeftuin",
        "operator": "coordinator",
        "contributes": True,
        "inbound": False,
        "statement_key": KEYS["huisartsen"],
        "gateway_serial": 3,
    }
    gerda = compile.compile_network(load.find("gerda", NETWORKS))
    known = compile.station_view(gerda, "ggnet", dict.fromkeys(gerda.stations, "x"), {}, {})["stations"]
    assert set(known) == {station.id for station in gerda.stations.values()}


def test_a_peer_without_a_statement_key_is_not_in_a_view_yet() -> None:
    some = {slug: key for slug, key in KEYS.items() if slug != "huisartsen"}
    told = compile.station_view(PROEFTUIN, "ggd", some, {}, {})
    assert "proeftuin.sandbox.huisartsen" not in told["stations"]
    assert told["cut"] == {"proeftuin.sandbox.huisartsen": {"organisation": "huisartsen"}}
    assert compile.station_view(PROEFTUIN, "ggd", KEYS, {}, {})["cut"] == {}
    with pytest.raises(LookupError, match="organisation 'huisartsen' has no statement key yet"):
        compile.station_view(PROEFTUIN, "huisartsen", some, {}, {})


def test_an_agent_takes_the_view_in_which_a_computing_party_is_cut(tmp_path: Path) -> None:
    """What is compiled and what the agent reads are one format: a cut must not be the one view that it refuses."""
    party = next(slug for slug in PROEFTUIN.computing if slug != "ggd")
    keys = {slug: base64.b64encode(slug.encode().ljust(32)).decode() for slug in PROEFTUIN.stations}
    del keys[party]
    folder = tmp_path / PROEFTUIN.network
    folder.mkdir()
    (folder / "network.json").write_text(json.dumps(compile.station_view(PROEFTUIN, "ggd", keys, {}, {})))
    assert f"cannot compute: {party} is cut" in Networks(tmp_path).find(PROEFTUIN.network).problem


def test_the_firewall_sheet_says_every_flow_with_its_owner() -> None:
    gerda = compile.compile_network(load.find("gerda", NETWORKS))
    rows = gerda.stations["yunio"].firewall
    assert [(row.direction, row.protocol, row.port, row.purpose) for row in rows] == [
        ("in", "tcp", 22, "ssh"),
        ("out", "tcp", 8443, "mesh"),
        ("out", "tcp", 8443, "mesh"),
        ("out", "tcp", 8443, "mesh"),
        ("out", "udp", 123, "ntp"),
        ("out", "tcp", 443, "packages"),
        ("out", "tcp", 443, "publication"),
    ]
    ssh = rows[0]
    assert ssh.counterpart == "GGD Noord- en Oost-Gelderland, operator of this server"
    assert ssh.addresses == ("192.0.2.7/32",), "only the operator's own range comes in"
    inbound = [row for row in gerda.stations["gelre"].firewall if row.direction == "in" and row.purpose == "mesh"]
    assert {address for row in inbound for address in row.addresses} == {
        "192.0.2.7/32", "192.0.2.22/32", "192.0.2.35/32", "192.0.2.41/32", "192.0.2.52/32", "192.0.2.63/32",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "port", "names", "addresses"),
    [
        ("https://publicatie.ggd.example/gerda/", 443, ("publicatie.ggd.example",), ()),
        ("http://192.0.2.80:8080", 8080, (), ("192.0.2.80",)),
        ("https://[2001:db8::80]/gerda", 443, (), ("2001:db8::80",)),
    ],
)
def test_the_firewall_sheet_says_where_the_publication_is_fetched(
    url: str, port: int, names: tuple[str, ...], addresses: tuple[str, ...]
) -> None:
    definition = load.find("gerda", NETWORKS).model_copy(update={"publication_url": url})
    (row,) = (
        row for row in compile.compile_network(definition).stations["yunio"].firewall if row.purpose == "publication"
    )
    assert (row.direction, row.port, row.names, row.addresses) == ("out", port, names, addresses)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://publicatie.ggd.example/gerda/", None),
        ("http://192.0.2.80/gerda/", None),
        ("http://198.18.7.1:8080/", "http://198.18.7.1:8080/"),
    ],
)
def test_a_twin_is_fetched_from_this_machine_or_from_nowhere(url: str, own: str | None) -> None:
    """The publication of the network is another root's: each server of a sandbox would ask for it, and refuse it."""
    definition = load.find("gerda", NETWORKS).model_copy(update={"publication_url": url})
    assert compile.sandbox_twin(definition).publication_url == own


def test_privacy_is_said_per_operator() -> None:
    said = " ".join(compile.compile_network(load.find("gerda", NETWORKS)).privacy)
    assert "One of them alone learns nothing from the shares; any 2 together could read every input." in said
    assert (
        "GGD Noord- en Oost-Gelderland operates the servers of Huisartsenorganisatie Oost-Gelderland and Yunio" in said
    )
    assert "So at least 2 operators would have to work together, any of" in said
    assert "whoever has root on this machine could read every input" in " ".join(PROEFTUIN.privacy)


def test_privacy_says_when_one_operator_suffices() -> None:
    definition = load.find("proeftuin.sandbox", NETWORKS)
    cards = dict(definition.organisations)
    cards["thuiszorg"] = cards["thuiszorg"].model_copy(update={"operator": "coordinator"})
    network = compile.compile_network(definition.model_copy(update={"organisations": cards}))
    assert "GGD Proeftuin alone could read every input: it operates 2 of the computing parties." in network.privacy


def test_every_range_in_a_twin_is_the_sandbox_s() -> None:
    for station in PROEFTUIN.stations.values():
        for row in station.firewall:
            for address in row.addresses:
                assert ipaddress.ip_network(address) == ipaddress.ip_network("198.18.0.0/15")


def test_what_is_compiled_cannot_be_changed() -> None:
    station: compiled.Station = PROEFTUIN.stations["ggd"]
    with pytest.raises(AttributeError):
        station.id = "other"  # type: ignore[misc]
