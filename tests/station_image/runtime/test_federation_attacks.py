"""Two regions and their federation, and who tries to get from one into another; each attack works without its defence.

Stations are views in memory: `west.a`, `west.b`, `west.c` and the same of `oost`. Each is in its own region and in
`kring`, in which `west.a`, `oost.a` and `oost.b` compute.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from network_topology import names
from publication import profile
from station_image.runtime.accepted import statement
from station_image.runtime.accepted.gateway import Gateway
from station_image.runtime.accepted.networks import Network, Networks
from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import bundle, plan
from station_image.runtime.data import seal
from station_image.runtime.wire import hello
from station_image.runtime.wire.proxy import Identity
from tests.harness import pki
from tests.station_image.runtime.neighbours import HEAD, PRIVATE, pair
from tests.station_image.runtime.views import certificate, gateway

KRING = "kring"
STATIONS = [f"{region}.{organisation}" for region in ("west", "oost") for organisation in "abc"]
COMPUTING = {"west": ["west.a", "west.b", "west.c"], "oost": ["oost.a", "oost.b", "oost.c"]}
COMPUTING[KRING] = ["west.a", "oost.a", "oost.b"]
REQUEST = {"kind": "status"}


class Country:
    """What each station has in its networks.d; keys and gateways are its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = {name: StatementKey(Ed25519PrivateKey.generate()) for name in STATIONS}
        self.gateways = {}
        for name, key in self.keys.items():
            region, organisation = name.split(".")
            self.gateways[name] = gateway(region, organisation, key, certificate(name))
            for network in (region, KRING):
                self.write(name, network)

    def write(self, name: str, network: str, **changes: Any) -> None:
        """The view of a network at a station; `stations` and others may be changed."""
        folder = self.folder / name / network
        folder.mkdir(parents=True, exist_ok=True)
        own = [one for one in STATIONS if network in (KRING, one.partition(".")[0])]
        content = {
            "network": network,
            "definition": "sha256:0",
            "release": "dev",
            "coordinator": own[0],
            "threshold": 1,
            "accepted": {},
            "self": name,
            "computing": COMPUTING[network],
            "stations": self.rows(own),
        }
        host = {"gateway_uid": 7, "agent_uid": 5001, "computer_uid": 5002}
        (folder.parent / "host.json").write_text(json.dumps(host))
        (folder / "gateway.json").write_text(json.dumps(self.gateways[name].document))
        (folder / "network.json").write_text(json.dumps({**content, **changes}))

    def rows(self, stations: list[str]) -> dict[str, Any]:
        return {
            one: {
                "organisation": one.rpartition(".")[2],
                "contributes": True,
                "inbound": True,
                "statement_key": base64.b64encode(self.keys[one].public).decode(),
                "gateway_serial": 1,
            }
            for one in stations
        }

    def networks(self, name: str) -> Networks:
        return Networks(self.folder / name)

    def network(self, name: str, network: str = KRING) -> Network:
        return self.networks(name).find(network)

    def calls(self, caller: Network, key: StatementKey, station: str, seen: Identity) -> tuple[Any, Any]:
        """What both ends come to when a station is called by whoever its gateway says to have seen."""

        async def meet() -> list[Any]:
            ours, theirs = pair()

            async def ended(side: Any, wire: Any) -> Any:
                try:
                    return await side
                finally:
                    wire.close()

            calling = ended(hello.call(ours, key, caller, station, REQUEST), ours)
            accepting = ended(hello.accept(theirs, self.keys[station], self.networks(station), seen), theirs)
            return list(await asyncio.gather(calling, accepting, return_exceptions=True))

        called, accepted = asyncio.run(meet())
        return called, accepted

    def made(self, station: str, network: str = KRING, **changes: Any) -> plan.Plan:
        """A plan as a station makes it by its own definition, then changed without its checks."""
        here = self.network(station, network)
        usual: dict[str, Any] = {"session": "ab" * 16, "contributors": sorted(here.stations), "results": [station]}
        usual |= {"minimum_cell": 0, "minimum_contributors": 3, "intake": 5, "deadline": 60}
        made = dataclasses.replace(plan.make(here, "acceptance_sum/1", {"rounds": 1}, **usual), **changes)
        keys = {one: statement.key_digest(self.keys[one].public) for one in made.participants}
        return dataclasses.replace(made, statement_keys=keys)


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return Country(tmp_path)


def test_stations_of_both_regions_meet_in_the_federation(country: Country) -> None:
    seen = Identity("oost.a", country.gateways["oost.a"].fingerprint)
    called, accepted = country.calls(country.network("oost.a"), country.keys["oost.a"], "west.a", seen)
    assert called is None
    assert (accepted.peer, accepted.network.name) == ("oost.a", KRING)
    for name in COMPUTING[KRING]:
        plan.check(country.made("west.a"), country.network(name))


# The root of the federation, which OpenSSL trusts (tests/publication/federations/test_federated.py)


def minted(country: Country, folder: Path) -> tuple[Network, Gateway]:
    """A server of whoever holds the federation's CA: a certificate with the name of oost.a, on keys of its own."""
    own = ec.generate_private_key(ec.SECP256R1())
    authority = pki.Authority(KRING, tier=profile.FEDERATION)
    made: x509.Certificate = authority.station("a", own.public_key(), subject=names.subject("oost", "a"))
    thief = StatementKey(Ed25519PrivateKey.generate())
    shown = gateway("oost", "a", thief, made)
    country.keys["thief"] = thief
    place = folder / "thief" / KRING
    place.mkdir(parents=True)
    (place / "gateway.json").write_text(json.dumps(shown.document))
    return dataclasses.replace(country.network("oost.a"), folder=place), shown


def test_a_station_that_the_federation_s_root_minted_is_refused_by_the_statement_key(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: the federation's CA plays any station of any region in all sessions of the federation."""
    monkeypatch.setattr(Network, "own_gateway", lambda self: _shown(self))  # an attacker asks nobody who signed it
    caller, shown = minted(country, tmp_path)
    seen = Identity("oost.a", shown.fingerprint)
    called, accepted = country.calls(caller, country.keys["thief"], "west.a", seen)
    assert "oost.a did not sign with its pinned statement key" in str(called)
    assert isinstance(accepted, hello.HelloError)
    monkeypatch.setattr(hello, "_verify", lambda *_: None)
    called, accepted = country.calls(caller, country.keys["thief"], "west.a", seen)
    assert "a key that its pinned statement key did not sign" in str(called)
    monkeypatch.setattr(Gateway, "require", lambda *_: None)
    called, accepted = country.calls(caller, country.keys["thief"], "west.a", seen)
    assert (called, accepted.peer, accepted.network.name) == (None, "oost.a", KRING), "by certificates alone"


def _shown(network: Network) -> Gateway:
    return Gateway.read(json.loads((network.folder / "gateway.json").read_text()))


# A member of one region in the session of the other


def test_a_member_of_one_region_is_not_heard_in_the_network_of_the_other(country: Country) -> None:
    """It has a good certificate, and every station there knows its keys: of the federation."""
    seen = Identity("oost.a", country.gateways["oost.a"].fingerprint)
    caller = dataclasses.replace(country.network("oost.a"), name="west")
    called, _ = country.calls(caller, country.keys["oost.a"], "west.a", seen)
    assert "oost.a is not in the accepted definition of west" in str(called)
    country.write("west.a", "west", stations=country.rows(STATIONS))
    called, accepted = country.calls(caller, country.keys["oost.a"], "west.a", seen)
    assert (called, accepted.peer, accepted.network.name) == (None, "oost.a", "west"), "where all known are in it"


@pytest.mark.parametrize("part", ["contributors", "results", "proposer"])
def test_a_member_of_one_region_has_no_part_in_a_session_of_the_other(country: Country, part: str) -> None:
    """Gains: a region's outcome, or one more contributor that takes its own figures off."""
    with_it = {"contributors": sorted([*COMPUTING["west"], "oost.a"]), "results": ["oost.a"], "proposer": "oost.a"}
    proposed = country.made("west.a", "west", **{part: with_it[part]})
    with pytest.raises(RefusedError, match=r"oost\.a is not in the definition that this station accepted"):
        plan.check(proposed, country.network("west.b", "west"))
    country.write("west.b", "west", stations=country.rows(STATIONS))
    plan.check(proposed, country.network("west.b", "west"))


# A contributor as computing party


def test_a_contributor_is_no_computing_party_whoever_proposes_it(country: Country) -> None:
    """Gains: with a second share of every input it reads them, where one more of its region computes."""
    wanted = ["west.a", "west.c", "oost.b"]
    proposed = country.made("west.a", computing=wanted)
    for name in ("west.b", "oost.a", "oost.b"):
        network = country.network(name)
        with pytest.raises(RefusedError, match="computing: not as in the definition that this station accepted"):
            plan.check(proposed, network)
        plan.check(proposed, dataclasses.replace(network, computing=tuple(proposed.computing)))


def test_a_contributor_answers_for_no_computing_party(country: Country) -> None:
    """Before a share leaves a contributor: who computes is who answered, each with the key that is pinned for it."""
    agreed = country.made("west.a")
    private = next(iter(PRIVATE.values()))

    def answered(signers: dict[str, str], agreed: plan.Plan = agreed) -> dict[str, Any]:
        signature, public = country.keys["west.a"].sign(statement.PLAN, agreed.content), seal.public(private)
        rows = {
            party: bundle.sign_answer(country.keys[signer], agreed.digest, party, "", HEAD, public)
            for party, signer in signers.items()
        }
        return {"plan": agreed.content, "signature": signature, "answers": rows}

    network = country.network("west.b")
    itself = {party: party for party in COMPUTING[KRING]}
    bundle.parse(answered(itself), network)
    added = {**itself, "west.c": "west.c"}
    added.pop("oost.b")
    with pytest.raises(RefusedError, match="answers: not one of each computing party that the plan names"):
        bundle.parse(answered(added), network)
    other = country.made("west.a", computing=[*added])
    bundle.parse(answered(added, other), network)
    with pytest.raises(RefusedError, match="computing: not as in the definition that this station accepted"):
        plan.check(other, network)  # whatever is brought is held to this too
    posing = {**itself, "oost.b": "west.c"}
    with pytest.raises(RefusedError, match=r"oost\.b did not sign this with its pinned statement key"):
        bundle.parse(answered(posing), network)


# A federation that shows two regions two definitions


def other_party(country: Country, name: str) -> None:
    country.write(name, KRING, computing=["west.a", "oost.a", "oost.c"])


def fewer(country: Country, name: str) -> None:
    country.write(name, KRING, stations=country.rows([one for one in STATIONS if one != "west.c"]))


def another_key(country: Country, name: str) -> None:
    known, country.keys["west.c"] = country.keys["west.c"], StatementKey(Ed25519PrivateKey.generate())
    country.write(name, KRING)
    country.keys["west.c"] = known


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (other_party, "computing: not as in the definition that this station accepted"),
        (fewer, "west.c is not in the definition that this station accepted"),
        (another_key, "statement_keys: west.c has another key in the definition that was accepted here"),
    ],
)
def test_two_regions_that_were_shown_two_definitions_compute_nothing_together(
    country: Country, shown: Callable[[Country, str], None], said: str
) -> None:
    """Gains: who computes, or contributes, is for one region somebody else than the other one accepted."""
    shown(country, "oost.a")
    proposed = country.made("west.a")
    with pytest.raises(RefusedError, match=said):
        plan.check(proposed, country.network("oost.a"))
    plan.check(proposed, country.network("oost.b"))
    country.write("oost.a", KRING)
    plan.check(proposed, country.network("oost.a"))  # where it went by what the proposer was shown
