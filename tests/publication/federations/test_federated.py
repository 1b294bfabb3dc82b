"""The publication of a federation, and what its cross-certificates do for OpenSSL: each rule, and the attack on it."""

from __future__ import annotations

import subprocess
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from base import canonical, errors
from network_topology import load, names
from network_topology.federations.model import Federation
from publication import profile, reading, verified
from publication.federations import federated
from tests.harness import pki
from tests.harness.coordinator import NETWORKS
from tests.publication import publications

NAME, SALLAND, TWENTE = "kansrijke-start-oost", "salland-united", "twente-volledig"
Files = dict[str, bytes]


def example() -> Federation:
    found = load.read_what_can_be(NETWORKS / NAME / "network.yml").definition
    assert isinstance(found, Federation)
    return found


class Kansrijk:
    """A federation of two regions with all keys in hand."""

    def __init__(self) -> None:
        self.own = pki.Authority(NAME, tier=profile.FEDERATION)
        self.regions = {name: pki.Authority(name) for name in (SALLAND, TWENTE)}
        key = profile.key_of(self.own.certificate)
        self.maker = publications.Maker(NAME, (key,), releases=[])
        self.definition = example()

    def files(self, **changed: bytes) -> Files:
        crossed = {name: profile.as_pem(self.own.cross(one)) for name, one in self.regions.items()}
        made = {
            "definition.json": canonical.dump(verified.document(self.definition)),
            "ca.pem": self.own.pem.encode(),
            "crl.pem": self.own.crl().encode(),
            **{f"members/{name}.pem": content for name, content in crossed.items()},
        }
        return made | {name.replace("__", "/").replace("_", "."): content for name, content in changed.items()}

    def read(self, files: Files) -> federated.Federated:
        relayed = self.maker.relayed(files, held=self.maker.in_force({}))
        whole, _ = reading.read(relayed.get, publications.PLACE, NAME)
        return federated.verify(whole, canonical.now())


@pytest.fixture(scope="module")
def kansrijk() -> Kansrijk:
    return Kansrijk()


def test_it_says_whose_cas_are_certified(kansrijk: Kansrijk) -> None:
    made = kansrijk.read(kansrijk.files())
    assert made.crossed.keys() == {SALLAND, TWENTE}
    assert verified.document(made.definition) == verified.document(kansrijk.definition)
    assert made.lineage == {made.root}


def of(member: str, certificate: x509.Certificate) -> Files:
    return {f"members/{member}.pem": profile.as_pem(certificate)}


def stranger() -> ec.EllipticCurvePublicKey:
    return ec.generate_private_key(ec.SECP256R1()).public_key()


ODD: dict[str, tuple[Callable[[Kansrijk], Files], str]] = {
    "of nobody": (
        lambda k: of("gerda", k.own.cross(pki.Authority("gerda"))),
        f"gerda.pem is of gerda, which is no member of {NAME}",
    ),
    "of another region": (
        lambda k: of(SALLAND, k.own.cross(k.regions[TWENTE])),
        "OU=twente-volledig,O=Datawerkplaats,C=NL, not CN=CA-1,OU=salland-united",
    ),
    "with that name": (
        lambda k: of(SALLAND, k.own.cross(k.regions[TWENTE], name=k.regions[SALLAND].name, network=SALLAND)),
        f"has the key of the CA of {SALLAND}",
    ),
    "with another region's names": (
        lambda k: of(SALLAND, k.own.cross(k.regions[SALLAND], network=TWENTE)),
        "has another NameConstraints than this network gives",
    ),
    "without constraints": (
        lambda k: of(SALLAND, k.own.cross(k.regions[SALLAND], without=x509.NameConstraints)),
        "has too many or too few extensions",
    ),
    "for ever": (
        lambda k: of(SALLAND, k.own.cross(k.regions[SALLAND], days=4000)),
        "is valid for longer than 1826 days",
    ),
    "by itself": (lambda k: of(SALLAND, k.regions[SALLAND].certificate), "which is none of its CAs"),
    "by another of that name": (
        lambda k: of(SALLAND, pki.Authority(NAME, tier=profile.FEDERATION).cross(k.regions[SALLAND])),
        "has another AuthorityKeyIdentifier than this network gives",
    ),
    "a station": (
        lambda k: of(SALLAND, k.own.station("ggd", stranger())),
        "is not the certificate of a CA of salland-united",
    ),
    "no certificate": (lambda _: {f"members/{SALLAND}.pem": b"-"}, "is no certificate of a CA"),
    "a key beside it": (
        lambda k: {f"members/{SALLAND}.pem": pki.key_pem(k.own.key) + profile.as_pem(k.own.cross(k.regions[SALLAND]))},
        "it has something beside the certificate",
    ),
    "its CA that of a region": (
        lambda k: {"ca.pem": pki.Authority(NAME, key=k.own.key).pem.encode()},
        f"names CN=CA-1,OU={NAME},O=Datawerkplaats,C=NL, not CN=federation-CA-1",
    ),
    "its CA unconstrained": (
        lambda k: {
            "ca.pem": pki.Authority(NAME, key=k.own.key, tier=profile.FEDERATION, constrained=False).pem.encode()
        },
        "has too many or too few extensions",
    ),
    "another CA": (
        lambda _: _another_ca(),
        "which the root holders did not sign for",
    ),
    "a list that ended": (
        lambda k: {"crl.pem": k.own.crl(issued=pki.now() - 100 * pki.DAY).encode()},
        "was in force until",
    ),
    "a regional definition": (
        lambda _: {"definition.json": canonical.dump(verified.document(load.find("proeftuin", NETWORKS)))},
        "is not a definition",
    ),
    "a definition that breaks a rule": (
        lambda k: {"definition.json": canonical.dump({**verified.document(k.definition), "members": {}})},
        "no regional network is a member",
    ),
    "of another name": (
        lambda k: {"definition.json": canonical.dump({**verified.document(k.definition), "network": "nederland"})},
        "is of nederland, not of",
    ),
    "an identity": (lambda _: {"identities/ggd.json": b"{}"}, "and only the coordinator may name it"),
    "a release": (lambda _: {"releases/1.0.json": b"{}"}, "and only the release holders may name it"),
}


def _another_ca() -> Files:
    other = pki.Authority(NAME, tier=profile.FEDERATION)
    return {"ca.pem": other.pem.encode(), "crl.pem": other.crl().encode()}


@pytest.mark.parametrize("what", ODD)
def test_what_a_coordinator_of_a_federation_must_not_publish_is_refused_and_named(
    kansrijk: Kansrijk, what: str
) -> None:
    change, said = ODD[what]
    with pytest.raises(errors.RefusedError) as told:
        kansrijk.read(kansrijk.files() | change(kansrijk))
    assert said in str(told.value)


def test_what_was_revoked_is_published_no_more(kansrijk: Kansrijk) -> None:
    crossed = kansrijk.own.cross(kansrijk.regions[SALLAND])
    kansrijk.own.revoked = [crossed.serial_number]
    files = kansrijk.files() | of(SALLAND, crossed)
    kansrijk.own.revoked = []
    with pytest.raises(errors.PublicationError, match=f"{SALLAND}.pem was revoked"):
        kansrijk.read(files)


def test_a_region_and_a_federation_are_not_taken_for_each_other(kansrijk: Kansrijk) -> None:
    relayed = kansrijk.maker.relayed(kansrijk.files())
    with pytest.raises(errors.PublicationError, match="the publication of a federation, not a regional network's"):
        publications.verified_of(relayed, NAME)
    regional = publications.Maker(NAME, kansrijk.maker.authorities)
    whole, _ = reading.read(regional.relayed({"definition.json": b"{}"}).get, publications.PLACE, NAME)
    with pytest.raises(errors.PublicationError, match="the publication of a regional network, not a federation's"):
        federated.verify(whole, canonical.now())


def test_fewer_root_holders_than_the_definition_says_are_refused(kansrijk: Kansrijk) -> None:
    alone = publications.Maker(NAME, kansrijk.maker.authorities, releases=[], threshold=1)
    whole, _ = reading.read(alone.relayed(kansrijk.files()).get, publications.PLACE, NAME)
    with pytest.raises(errors.PublicationError, match="1 of the root holders must sign by its metadata, and 2 by"):
        federated.verify(whole, canonical.now())


class Verifier:
    """A gateway of Twente as OpenSSL sees it: its own CA, the federation's, and what that made for the other region.

    Nobody sends a cross-certificate, so none of a federation is ever taken for a station's own.
    """

    def __init__(self, kansrijk: Kansrijk, folder: Path) -> None:
        self.folder, self.of = folder, kansrijk
        self.crossed = kansrijk.own.cross(kansrijk.regions[SALLAND])

    def says(
        self,
        certificate: x509.Certificate,
        lists: Mapping[str, str] = types.MappingProxyType({}),
        between: Sequence[x509.Certificate] = (),
        instead: Sequence[x509.Certificate] = (),
    ) -> str:
        """What `openssl verify` says, "" where it takes it; `lists`: who, with another list than one in force.

        `instead`: what the gateway trusts in place of these three.
        """
        own, home, other = self.of.own, self.of.regions[TWENTE], self.of.regions[SALLAND]
        in_force = {"own": home.crl(), "federation": own.crl(), "other": other.crl(), **lists}
        trusted = instead or (home.certificate, own.certificate, self.crossed)
        files = {
            "trusted": b"".join(map(profile.as_pem, trusted)),
            "lists": "".join(in_force.values()).encode(),
            "one": profile.as_pem(certificate),
            "between": b"".join(map(profile.as_pem, between)),
        }
        for name, content in files.items():
            (self.folder / f"{name}.pem").write_bytes(content)
        words = ["-CAfile", "trusted.pem", "-CRLfile", "lists.pem", *(("-untrusted", "between.pem") if between else ())]
        strict = ["openssl", "verify", "-x509_strict", "-crl_check_all", "-no-CApath", "-no-CAstore"]
        done = subprocess.run(
            [*strict, *words, "one.pem"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture
def verifier(kansrijk: Kansrijk, tmp_path: Path) -> Verifier:
    return Verifier(kansrijk, tmp_path)


def test_a_station_of_another_region_is_let_in_through_the_federation(verifier: Verifier) -> None:
    for name, region in verifier.of.regions.items():
        assert verifier.says(region.station("ggd", stranger())) == "", name


def test_a_list_of_the_federation_or_of_another_region_that_ended_ends_at_that_network(verifier: Verifier) -> None:
    own, other = (verifier.of.regions[name].station("ggd", stranger()) for name in (TWENTE, SALLAND))
    for who, by in (("federation", verifier.of.own), ("other", verifier.of.regions[SALLAND])):
        ended = {who: by.crl(issued=pki.now() - 100 * pki.DAY)}
        assert verifier.says(own, ended) == ""
        assert "CRL has expired" in verifier.says(other, ended)
        assert verifier.says(own, {who: ""}) == ""
        assert "unable to get certificate CRL" in verifier.says(other, {who: ""})


def test_a_revoked_cross_certificate_refuses_the_region_elsewhere_and_nobody_else(verifier: Verifier) -> None:
    own, other = (verifier.of.regions[name].station("ggd", stranger()) for name in (TWENTE, SALLAND))
    verifier.of.own.revoked = [verifier.crossed.serial_number]
    lists = {"federation": verifier.of.own.crl()}
    verifier.of.own.revoked = []
    assert verifier.says(own, lists) == ""
    assert "certificate revoked" in verifier.says(other, lists)


def test_a_ca_of_a_region_names_no_station_of_another_one_through_the_federation(verifier: Verifier) -> None:
    """Gains: it plays stations of its neighbours; without constraints the federation would hand that on."""
    salland, home, own = (verifier.of.regions[SALLAND], verifier.of.regions[TWENTE], verifier.of.own)
    made = salland.station("ggd", stranger(), subject=names.subject(TWENTE, "mst"))
    assert "permitted subtree violation" in verifier.says(made)
    without = own.cross(salland, without=x509.NameConstraints)
    assert verifier.says(made, instead=(home.certificate, own.certificate, without)) == ""


def test_a_ca_of_a_region_names_no_station_of_another_one_in_its_own_region_either(verifier: Verifier) -> None:
    salland = verifier.of.regions[SALLAND]
    made = salland.station("ggd", stranger(), subject=names.subject(TWENTE, "mst"))
    assert "permitted subtree violation" in verifier.says(made, instead=(salland.certificate,))
    unconstrained = pki.Authority(SALLAND, key=salland.key, constrained=False)
    assert verifier.says(made, instead=(unconstrained.certificate,)) == ""


@pytest.mark.parametrize("name", [SALLAND, TWENTE])
def test_a_ca_that_the_federation_made_up_in_a_region_s_name_is_taken_from_no_peer(
    verifier: Verifier, name: str
) -> None:
    """Gains: it plays stations of that region. The list of that name is of another key, and nobody can send another."""
    posing = pki.Authority(name)
    made = posing.station("ggd", stranger())
    crossed = verifier.of.own.cross(posing)
    assert "unable to get certificate CRL" in verifier.says(made, between=(crossed,))
    lists = {"other" if name == SALLAND else "own": posing.crl()}
    assert verifier.says(made, lists, (crossed,)) == "", "where its own list could be sent"


def test_what_the_federation_signs_itself_has_another_issuer_than_any_station(verifier: Verifier) -> None:
    """OpenSSL lets it in; a gateway looks up issuer and subject, and no map has an issuer that is a federation."""
    made = verifier.of.own.station("ggd", stranger(), subject=names.subject(TWENTE, "mst"))
    issuers = {one.certificate.subject for one in verifier.of.regions.values()}
    assert made.issuer not in issuers
