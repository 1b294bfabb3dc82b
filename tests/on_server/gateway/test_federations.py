"""Federations on a gateway: trust and peers beside those of the home network, and what is wrong with one ends at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from on_server.gateway import files, loaded, master, own, places
from publication import profile
from tests.harness import pki

HOME, OTHER, FEDERATION = "oost.sandbox", "west.sandbox", "kring.sandbox"
Compiled = dict[str, bytes]


class Country:
    """The CAs of two regions and of their federation."""

    def __init__(self) -> None:
        self.home, self.other = pki.Authority(HOME), pki.Authority(OTHER)
        self.federation = pki.Authority(FEDERATION, tier=profile.FEDERATION)

    def compiled(self, peers: Mapping[str, bytes] | None = None) -> Compiled:
        """What the role places at a station of the east: `peers` is file → content, of either network."""
        crossed = self.federation.cross(self.other)
        return {
            "base.cfg": b"global\n",
            f"networks/{HOME}/certificate.pem": profile.as_pem(self.home.certificate),
            f"networks/{HOME}/ca.pem": self.home.pem.encode(),
            f"networks/{HOME}/crl.pem": self.home.crl().encode(),
            f"networks/{HOME}/statement.json": b'{"serial": 1}\n',
            f"networks/{FEDERATION}/home": f"{HOME}\n".encode(),
            f"networks/{FEDERATION}/ca.pem": self.federation.pem.encode() + profile.as_pem(crossed),
            f"networks/{FEDERATION}/crl.pem": (self.federation.crl() + self.other.crl()).encode(),
            **(peers or {}),
        }

    def inputs(self, peers: Mapping[str, bytes] | None = None) -> files.Inputs:
        return files.Inputs(self.compiled(peers), frozenset(), b"key\n")


@pytest.fixture
def country() -> Country:
    return Country()


def test_the_home_network_trusts_what_federations_add_after_its_own(country: Country) -> None:
    inputs = country.inputs()
    made = files.assemble(inputs)
    for name in ("ca.pem", "crl.pem"):
        own_part, added = (inputs.compiled[f"networks/{one}/{name}"] for one in (HOME, FEDERATION))
        assert made[f"networks/{HOME}/{name}"] == own_part + added
        assert made[f"networks/{FEDERATION}/{name}"] == added
    assert made[f"networks/{FEDERATION}/home"] == f"{HOME}\n".encode()
    assert f"networks/{FEDERATION}/station.pem" not in made
    twice = {name.replace(FEDERATION, "elders.sandbox"): content for name, content in inputs.compiled.items()}
    both = inputs._replace(compiled={**inputs.compiled, **twice})
    assert files.assemble(both)[f"networks/{HOME}/ca.pem"] == made[f"networks/{HOME}/ca.pem"], "once"


def test_a_peer_of_both_networks_has_the_directions_of_both_each_once(country: Country) -> None:
    """At home it may only call here; in the federation it computes, and is called."""
    peer = f"{HOME}.ggd"
    made = files.assemble(
        country.inputs(
            {
                f"networks/{HOME}/peers/{peer}/from.cfg": f"backend from.{peer}\n    # home\n".encode(),
                f"networks/{HOME}/peers/{peer}/names.map": b"home\n",
                f"networks/{FEDERATION}/peers/{peer}/from.cfg": f"backend from.{peer}\n    # elsewhere\n".encode(),
                f"networks/{FEDERATION}/peers/{peer}/to.cfg": f"listen to.{peer}\n".encode(),
                f"networks/{FEDERATION}/peers/{peer}/names.map": b"elsewhere\n",
            }
        )
    )
    config = made["haproxy.cfg"]
    assert files.outbound_peers(config) == files.peers(config) == {peer}
    assert config.count(b"backend from.") == 1
    assert b"# home" in config
    assert made["peers.map"] == b"home\n"
    cut = files.assemble(
        country.inputs({f"networks/{FEDERATION}/peers/{peer}/to.cfg": b"listen"})._replace(cuts=frozenset({peer}))
    )
    assert b"listen" not in cut["haproxy.cfg"]


def test_every_serial_of_a_peer_that_is_met_in_two_networks_is_known(tmp_path: Path) -> None:
    for network, serial in ((HOME, "aa"), (FEDERATION, "bb")):
        (tmp_path / f"networks/{network}/peers/{HOME}.ggd").mkdir(parents=True)
        (tmp_path / f"networks/{network}/peers/{HOME}.ggd/serial").write_text(f"{serial}\n")
    assert files.serials(tmp_path) == {f"{HOME}.ggd": {"aa", "bb"}}


def test_the_lists_of_a_federation_are_signed_by_its_ca_and_by_those_that_it_certified(country: Country) -> None:
    compiled = country.compiled()
    lists, authorities = (compiled[f"networks/{FEDERATION}/{name}"] for name in ("crl.pem", "ca.pem"))
    assert {one.network for one in files.read_crls(lists, authorities, FEDERATION)} == {FEDERATION, OTHER}
    strange = pki.Authority(OTHER).crl().encode()
    with pytest.raises(files.GatewayError, match="is not signed by a CA of that network"):
        files.read_crls(lists + strange, authorities, FEDERATION)


@pytest.fixture
def generation(country: Country, tmp_path: Path) -> Path:
    put(tmp_path, files.assemble(country.inputs()))
    return tmp_path


def put(folder: Path, made: Mapping[str, bytes]) -> None:
    for name, content in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


BROKEN = {
    "a list that is none": (f"networks/{FEDERATION}/crl.pem", b"none\n"),
    "no list": (f"networks/{FEDERATION}/crl.pem", None),
    "a key among the CAs": (f"networks/{FEDERATION}/ca.pem", pki.key_pem(pki.Authority(FEDERATION).key)),
    "a home that is none": (f"networks/{FEDERATION}/home", b"../../etc\n"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_with_a_federation_ends_at_it(
    country: Country, generation: Path, what: str, tmp_path: Path
) -> None:
    name, content = BROKEN[what]
    compiled = {k: v for k, v in country.compiled().items() if k != name} | ({name: content} if content else {})
    given = files.Inputs(compiled, frozenset(), b"key\n")
    kept, refused = own.sound(given, generation)
    assert len(refused) == 1
    assert refused[0].endswith("what was loaded of it stays"), refused
    before = {name: v for name, v in country.inputs().compiled.items() if FEDERATION not in name}
    assert {name for name in kept.compiled if FEDERATION not in name} == {*before}
    assert kept.compiled[f"networks/{FEDERATION}/home"] == f"{HOME}\n".encode()
    kept, refused = own.sound(given, tmp_path / "nothing")
    assert kept.federations == []
    assert refused[0].endswith("it is left out"), refused


def test_a_federation_whose_home_network_is_gone_is_left_out(country: Country, generation: Path) -> None:
    gone = {name: v for name, v in country.compiled().items() if f"networks/{HOME}/" not in name}
    kept, refused = own.sound(files.Inputs(gone, frozenset(), b"key\n"), generation)
    assert kept.networks == []
    assert "goes by the gateway of a network that this server is not in" in refused[0]
    files.assemble(kept)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The peers of which `end_gone` ends what runs, of these two."""
    found: list[str] = []
    peers = (f"{HOME}.ggd", f"{OTHER}.ggd")
    monkeypatch.setattr(loaded, "_peers", lambda _: {*peers})
    monkeypatch.setattr(master, "end", lambda ends, **_: found.extend(filter(ends, peers)))
    return iter([found])


@pytest.mark.parametrize(("by", "gone"), [("home", f"{HOME}.ggd"), ("other", f"{OTHER}.ggd"), ("federation", None)])
def test_a_ca_ends_links_of_its_own_stations_and_of_no_others(
    country: Country, tmp_path: Path, ended: Iterator[list[str]], by: str, gone: str | None
) -> None:
    """Gains: another region's CA, or the federation's, lists a serial number of a station here, and its links end."""
    getattr(country, by).revoked = [0xAA]
    put(tmp_path / "generation", files.assemble(country.inputs()))
    paths = places.Paths(tmp_path)
    paths.run.mkdir(parents=True)
    paths.serials.write_text(f'{{"{HOME}.ggd": ["aa"], "{OTHER}.ggd": ["aa"]}}')
    loaded.end_gone(paths, None, tmp_path / "generation")
    assert next(ended) == ([gone] if gone else [])
