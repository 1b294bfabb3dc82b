"""Addresses of sandbox servers stay theirs, and keys are made once."""

from __future__ import annotations

import ipaddress
import stat
from pathlib import Path

import pytest

from stacks.servers import seeds


def test_an_address_once_given_stays_when_organisations_come_and_go(tmp_path: Path) -> None:
    record = tmp_path / "addresses.json"
    subnet, first = seeds.addresses(record, ["gelre", "sensire"], [])
    again, second = seeds.addresses(record, ["aafje", "sensire"], ["198.18.1.0/24"])
    assert again == subnet
    assert second["sensire"] == first["sensire"]
    assert len(set(second.values())) == len(second)


def test_a_subnet_that_the_engine_uses_already_is_left_alone(tmp_path: Path) -> None:
    subnet, _ = seeds.addresses(tmp_path / "a.json", ["gelre"], ["198.18.0.0/24", "172.17.0.0/16"])
    assert ipaddress.IPv4Network(subnet).subnet_of(ipaddress.IPv4Network("198.18.0.0/15"))
    assert subnet != "198.18.0.0/24"


def test_a_subnet_that_another_network_got_meanwhile_is_not_kept(tmp_path: Path) -> None:
    record = tmp_path / "a.json"
    lost, _ = seeds.addresses(record, ["gelre"], [])
    subnet, given = seeds.addresses(record, ["gelre"], [lost])
    assert subnet != lost
    assert ipaddress.ip_address(given["gelre"]) in ipaddress.ip_network(subnet)
    assert seeds.addresses(record, ["gelre"], [lost]) == (subnet, given)


def test_when_no_subnet_is_left_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(seeds.SeedError, match="werkplaats destroy"):
        seeds.addresses(tmp_path / "a.json", ["gelre"], ["198.18.0.0/15"])


def test_twenty_five_organisations_fit_in_one_subnet(tmp_path: Path) -> None:
    subnet, given = seeds.addresses(tmp_path / "a.json", [f"org-{n}" for n in range(25)], [])
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network(subnet) for address in given.values())


def test_a_host_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = seeds.seed(tmp_path / "gelre", "ssh-ed25519 AAAA operator")
    key = tmp_path / "gelre" / "ssh_host_ed25519_key"
    before = key.read_bytes()
    assert seeds.seed(tmp_path / "gelre", "ssh-ed25519 AAAA operator") == first
    assert key.read_bytes() == before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert first.startswith("SHA256:")


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", "[" * 100_000, '{"subnet": 1}', '{"subnet": "198.18.0.0/24", "addresses": []}'),
        '{"subnet": "198.18.0.0/24", "addresses": {"gelre": "192.0.2.1"}}',
    ],
    ids=lambda text: text[:70],
)
def test_a_record_that_is_none_is_said_with_what_to_do(tmp_path: Path, text: str) -> None:
    record = tmp_path / "a.json"
    record.write_text(text)
    for read in (lambda: seeds.addresses(record, ["gelre"], []), lambda: seeds.holds(record, [])):
        with pytest.raises(seeds.SeedError, match=r"a\.json: .* remove it"):
            read()
    assert record.read_text() == text
