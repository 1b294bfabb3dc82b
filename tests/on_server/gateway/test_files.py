"""What a gateway loads: cuts win, old revocation lists do not, and the digest tells what changed."""

from __future__ import annotations

import base64
import datetime
import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from on_server.gateway import files
from tests.harness import pki

NETWORK = "lijst.sandbox"


@pytest.fixture
def inputs() -> files.Inputs:
    folder = f"networks/{NETWORK}"
    compiled = {
        "base.cfg": b"global\n",
        f"{folder}/certificate.pem": b"certificate\n",
        f"{folder}/ca.pem": b"ca\n",
        f"{folder}/crl.pem": b"crl\n",
        f"{folder}/statement.json": b"{}\n",
        f"{folder}/inbound.cfg": b"frontend\n",
    }
    for peer in ("een", "twee"):
        compiled |= {
            f"{folder}/peers/{peer}/{name}": f"listen to.{peer}\n".encode() for name in ("to.cfg", "names.map")
        }
    return files.Inputs(compiled, frozenset(), b"key\n")


def test_a_cut_peer_is_in_no_section_and_in_no_map(inputs: files.Inputs) -> None:
    whole = files.assemble(inputs)
    cut = files.assemble(inputs._replace(cuts=frozenset({"een"})))
    for name in ("haproxy.cfg", "peers.map"):
        assert b"to.een" in whole[name]
        assert b"to.een" not in cut[name]
        assert b"to.twee" in cut[name]
    assert files.outbound_peers(cut["haproxy.cfg"]) == {"twee"}
    assert files.peers(cut["haproxy.cfg"] + b"\nbackend from.drie\n") == {"twee", "drie"}
    assert cut["cuts"] == b"een\n"


def test_from_where_a_cut_peer_calls_stays_known_and_who_is_in_no_range_is_one_where_all_are_known(
    inputs: files.Inputs,
) -> None:
    """Its machines can still call: counted each for itself, they would take all places."""
    folder = f"networks/{NETWORK}/peers"
    elsewhere = "networks/elders"
    federation = {"home": f"{NETWORK}\n".encode(), "ca.pem": b"", "crl.pem": b""}
    one = {f"{folder}/een/ranges": b"192.0.2.0/24\n"}
    both = one | {f"{folder}/twee/ranges": b"198.51.100.7/32\n", f"{elsewhere}/peers/een/ranges": b"192.0.3.0/24\n"}
    both |= {f"{elsewhere}/{name}": content for name, content in federation.items()}
    made = [
        files.assemble(inputs._replace(compiled={**inputs.compiled, **more}, cuts=cuts))["callers.map"].decode()
        for more in (one, both)
        for cuts in (frozenset[str](), frozenset({"een"}))
    ]
    assert made[0] == made[1] == "192.0.2.0/24 1@192.0.2.0/24\n"
    assert made[2] == made[3]
    assert made[2].splitlines() == [
        "0.0.0.0/0 1@elsewhere",
        "::/0 1@elsewhere",
        "192.0.2.0/24 1@192.0.2.0/24",
        "192.0.3.0/24 1@192.0.2.0/24",
        "198.51.100.7/32 1@198.51.100.7/32",
    ]


def test_of_a_peer_whose_folder_a_follower_took_away_no_range_is_left(inputs: files.Inputs) -> None:
    """Also where another declares the same one: it has the room of one then, and no `up` is needed for that."""
    folder = f"networks/{NETWORK}/peers"
    ranges = {f"{folder}/{peer}/ranges": b"192.0.2.0/24\n" for peer in ("een", "twee")}
    both = inputs._replace(compiled={**inputs.compiled, **ranges})
    left = {name: content for name, content in both.compiled.items() if not name.startswith(f"{folder}/twee/")}
    assert b"192.0.2.0/24 2@192.0.2.0/24\n" in files.assemble(both)["callers.map"]
    told = files.assemble(both._replace(compiled=left))["callers.map"].decode()
    assert told.splitlines() == ["0.0.0.0/0 1@elsewhere", "::/0 1@elsewhere", "192.0.2.0/24 1@192.0.2.0/24"]


def test_a_range_that_is_none_is_a_sentence(inputs: files.Inputs) -> None:
    wrong = {f"networks/{NETWORK}/peers/een/ranges": b"router.example\n"}
    with pytest.raises(files.GatewayError, match=r"from where a peer calls is no range .*router\.example.* run `up`"):
        files.assemble(inputs._replace(compiled={**inputs.compiled, **wrong}))


def test_the_general_part_comes_first(inputs: files.Inputs) -> None:
    assert files.assemble(inputs)["haproxy.cfg"].startswith(b"global\n")


@pytest.mark.parametrize("change", [{"key": b"other"}, {"cuts": frozenset({"een"})}, {"compiled": {"base.cfg": b"x"}}])
def test_everything_that_decides_what_is_loaded_is_in_the_digest(inputs: Any, change: dict[str, Any]) -> None:
    assert inputs._replace(**change).digest != inputs.digest
    assert inputs._replace(compiled=dict(reversed(inputs.compiled.items()))).digest == inputs.digest


def test_the_fingerprint_is_the_one_that_a_peer_s_gateway_sees(tmp_path: Path) -> None:
    party = pki.Party(pki.Authority(NETWORK), "een", tmp_path)
    der = party.certificate.public_bytes(serialization.Encoding.DER)
    seen = base64.b64encode(hashlib.sha256(der).digest()).decode()
    told = base64.b64decode(files.certificate(party.file.read_bytes()))
    assert base64.b64encode(hashlib.sha256(told).digest()).decode() == seen


@pytest.fixture
def authority(tmp_path: Path) -> pki.Authority:
    made = pki.Authority(NETWORK)
    (tmp_path / "ca.pem").write_text(made.pem)
    return made


def read(folder: Path, *lists: str) -> Any:
    return files.read_crls("".join(lists).encode(), (folder / "ca.pem").read_bytes(), NETWORK)


def test_a_list_with_an_older_number_or_time_is_refused(authority: pki.Authority, tmp_path: Path) -> None:
    hour = datetime.timedelta(hours=1)
    loaded = read(tmp_path, authority.crl(number=5))
    for crl in (authority.crl(number=4), authority.crl(number=6, issued=pki.now() - hour)):
        taken, refused = files.newest_crls(read(tmp_path, crl), loaded)
        assert taken == loaded[0].pem
        assert "is older than the loaded one, 5" in refused[0]
    newer = read(tmp_path, authority.crl(number=6))
    assert files.newest_crls(newer, loaded) == (newer[0].pem, [])
    assert files.newest_crls(loaded, loaded) == (loaded[0].pem, [])


def test_a_list_tells_the_serials_that_certificates_are_placed_with(authority: pki.Authority, tmp_path: Path) -> None:
    party = pki.Party(authority, "een", tmp_path)
    authority.revoked = [party.certificate.serial_number, 10]
    [crl] = read(tmp_path, authority.crl())
    assert crl.revoked == {f"{party.certificate.serial_number:x}", "a"}
    folder = tmp_path / "networks" / NETWORK / "peers" / "een"
    folder.mkdir(parents=True)
    (folder / "serial").write_text(f"{party.certificate.serial_number:x}\n")
    assert files.serials(tmp_path)["een"] <= crl.revoked


def test_a_new_generation_of_the_authority_begins_to_count_anew(tmp_path: Path) -> None:
    first, second = pki.Authority(NETWORK), pki.Authority(NETWORK, generation=2)
    (tmp_path / "ca.pem").write_text(first.pem + second.pem)
    loaded = read(tmp_path, first.crl(number=9))
    both = read(tmp_path, first.crl(number=9), second.crl(number=1))
    assert files.newest_crls(both, loaded)[1] == []


def test_a_list_that_somebody_else_signed_is_refused(authority: pki.Authority, tmp_path: Path) -> None:
    assert authority.number == 0
    with pytest.raises(files.GatewayError, match="not signed by a CA of that network"):
        read(tmp_path, pki.Authority(NETWORK).crl())
    with pytest.raises(files.GatewayError, match="holds no revocation list"):
        read(tmp_path, "")
