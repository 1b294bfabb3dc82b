"""What the operator's inventory adds to what the definition says of a server."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from base import errors
from network_topology import model
from network_topology.compiling import compile as compiler
from plugins.filter import baseline
from tests.roles.test_rendered import whole
from werkplaats.operations.bring_up import hostvars
from werkplaats.operations.reach import inventory
from werkplaats.operations.reach.servers import Server

IMAGE = {"id": "", "archive": ""}
ENTRY = f'een: {{host: een.example, host_key: "SHA256:{43 * "A"}", seen_from: %s}}\n'


def rules(server: Server) -> list[str]:
    """Of the firewall on the server."""
    network = compiler.compile_network(model.Definition.model_validate(whole()))
    made: dict[str, Any] = hostvars._server(network.stations["een"], [], IMAGE, server)
    return baseline.firewall_rules(made["firewall"])


def test_callers_behind_a_router_that_translates_addresses_are_let_in() -> None:
    """SNAT, or a load balancer: whoever calls arrives from the one address of that router, and was dropped."""
    server = Server("een", "een.example", "")
    behind = dataclasses.replace(server, seen_from=("198.51.100.7/32",))
    assert "198.51.100.7" not in "".join(rules(server))
    (let_in,) = (one for one in rules(behind) if one.endswith("} accept"))
    assert "198.51.100.7/32" in let_in
    assert "192.0.2.7/32" in let_in, "whom the definition names stays"


def test_a_gateway_is_told_from_where_peers_arrive_beside_from_where_they_call() -> None:
    """Behind a router that translates all come from there, and each may be the one who does."""
    station = compiler.compile_network(model.Definition.model_validate(whole())).stations["een"]
    entry = {"network": "anywhere", "peers": [dataclasses.asdict(peer) for peer in station.peers]}

    def ranges(*seen_from: str) -> set[tuple[str, ...]]:
        server = Server("een", "een.example", "", seen_from=seen_from)
        made: dict[str, Any] = hostvars._server(station, [entry], IMAGE, server)
        return {tuple(peer["egress"]) for peer in made["networks"][0]["peers"]}

    assert ranges() == {("192.0.2.7/32",), ("192.0.2.8/32",)}
    assert ranges("198.51.100.7/32") == {(one, "198.51.100.7/32") for one in ("192.0.2.7/32", "192.0.2.8/32")}


def read(path: Path, ranges: str) -> Server:
    path.write_text(ENTRY % ranges)
    (server,) = inventory.read(path)
    return server


def test_the_inventory_says_from_where_they_arrive(tmp_path: Path) -> None:
    server = read(tmp_path / "servers.yml", "[198.51.100.7, 2001:db8::/64]")
    assert server.seen_from == ("198.51.100.7/32", "2001:db8::/64")
    inventory.write(tmp_path / "again.yml", [server])
    assert inventory.read(tmp_path / "again.yml") == (server,)


@pytest.mark.parametrize("ranges", ["[0.0.0.0/0]", '["::/0"]', "[router.example]", '["fe80::1%eth0"]', "everybody"])
def test_what_is_no_range_or_everybody_is_refused_with_its_place(tmp_path: Path, ranges: str) -> None:
    with pytest.raises(errors.UsageError, match=r"servers\.yml.*seen_from"):
        read(tmp_path / "servers.yml", ranges)


def test_the_inventory_says_how_often_is_looked_for_what_is_published(tmp_path: Path) -> None:
    server = Server("een", "een.example", f"SHA256:{43 * 'A'}")
    network = compiler.compile_network(model.Definition.model_validate(whole()))
    for every in (None, 60):
        asked = dataclasses.replace(server, follower_every=every)
        inventory.write(tmp_path / "servers.yml", [asked])
        assert inventory.read(tmp_path / "servers.yml") == (asked,)
        assert hostvars._server(network.stations["een"], [], IMAGE, asked).get("follower_every") == every


@pytest.mark.parametrize("every", ["4", "86401", "often"])
def test_an_interval_that_is_none_is_refused_with_its_place(tmp_path: Path, every: str) -> None:
    (tmp_path / "servers.yml").write_text((ENTRY % "[]").replace("seen_from: []", f"follower_every: {every}"))
    with pytest.raises(errors.UsageError, match=r"servers\.yml.*follower_every"):
        inventory.read(tmp_path / "servers.yml")


BACKUP = f'een: {{host: een.example, host_key: "SHA256:{43 * "A"}", backup: {{recipients: [age1{58 * "q"}]%s}}}}\n'


def test_what_an_operator_may_say_of_a_server_that_is_made_here_is_written_again() -> None:
    """All fields but those that the sandbox itself gives it: a new one is forgotten by no `up`."""
    given = {"here", "host", "host_key", "user", "port", "jump", "key", "people"}
    assert {*inventory.SAID} == inventory.Entry.model_fields.keys() - given


SAYS = """een:
  host: een.example
  host_key: "SHA256:%s"
  seen_from: [198.51.100.7/32]
  follower_every: 60
  updates_within: 3
  upgrades: {releases: patch, signed_by: ["sha256:%s"], days: [monday], between: "02:00-04:00", zone: Europe/Amsterdam}
  backup: {recipients: [age1%s]}
  monitoring: {every: 60}
  managed: {firewall: false}
"""


def test_all_that_it_says_is_there_again_after_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "servers.yml").write_text(SAYS % (43 * "A", 64 * "a", 58 * "q"))
    (server,) = inventory.read(tmp_path / "servers.yml")
    assert all(getattr(server, name) for name in inventory.SAID)
    inventory.write(tmp_path / "again.yml", [server])
    assert inventory.read(tmp_path / "again.yml") == (server,)


def test_the_inventory_says_that_a_station_is_backed_up_and_its_server_is_told(tmp_path: Path) -> None:
    (tmp_path / "servers.yml").write_text(BACKUP % ", every: 6")
    (server,) = inventory.read(tmp_path / "servers.yml")
    network = compiler.compile_network(model.Definition.model_validate(whole()))
    made: dict[str, Any] = hostvars._server(network.stations["een"], [], IMAGE, server)
    usual = {"to": "/var/backups/werkplaats", "keep": 14, "data": False}
    assert made["backup"] == {"recipients": [f"age1{58 * 'q'}"], "every": 6, **usual}
    assert "backup" not in hostvars._server(network.stations["een"], [], IMAGE, Server("een", "een.example", ""))
    inventory.write(tmp_path / "again.yml", [server])
    assert inventory.read(tmp_path / "again.yml") == (server,)


@pytest.mark.parametrize(
    "wrong",
    [
        *(", every: 0", ", every: 200", ', every: "6"', ", keep: 1", ", data: ja", ", weekly: true"),
        *(", to: relative", ", to: /", ", to: /etc/werkplaats", ", to: /srv", ", to: /srv/../etc", ', to: "/srv/a b"'),
        *(', to: "/srv/%h"', ", to: /srv/.hidden", ', to: "/srv/a\\nExecStart=/bin/sh"', ", to: /var/lib/werkplaats"),
    ],
)
def test_a_backup_that_cannot_be_is_refused_with_its_place(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "servers.yml").write_text(BACKUP % wrong)
    with pytest.raises(errors.UsageError, match=r"servers\.yml.*een\.backup"):
        inventory.read(tmp_path / "servers.yml")


@pytest.mark.parametrize(
    "recipient", ["age1", "ssh-ed25519 AAAA", f"AGE-SECRET-KEY-1{58 * 'Q'}", f"age1{58 * 'b'}", ""]
)
def test_a_recipient_that_is_no_public_key_of_age_is_refused(tmp_path: Path, recipient: str) -> None:
    """A secret key in an inventory would be on every server that it is brought to."""
    text = (BACKUP % "").replace(f"age1{58 * 'q'}", f'"{recipient}"')
    (tmp_path / "servers.yml").write_text(text)
    with pytest.raises(errors.UsageError, match=r"servers\.yml.*een\.backup\.recipients"):
        inventory.read(tmp_path / "servers.yml")


MONITORING = f'een: {{host: een.example, host_key: "SHA256:{43 * "A"}", monitoring: {{%s}}}}\n'


def test_the_inventory_says_that_a_server_tells_of_its_station(tmp_path: Path) -> None:
    (tmp_path / "servers.yml").write_text(MONITORING % 'tell: "https://alarm.gelre.example/in?key=a1"')
    (server,) = inventory.read(tmp_path / "servers.yml")
    network = compiler.compile_network(model.Definition.model_validate(whole()))
    made: dict[str, Any] = hostvars._server(network.stations["een"], [], IMAGE, server)
    usual = {"every": 60, "exporter": True, "address": "127.0.0.1", "port": 9100}
    assert made["monitoring"] == {**usual, "tell": "https://alarm.gelre.example/in?key=a1"}
    assert "monitoring" not in hostvars._server(network.stations["een"], [], IMAGE, Server("een", "een.example", ""))
    inventory.write(tmp_path / "again.yml", [server])
    assert inventory.read(tmp_path / "again.yml") == (server,)


@pytest.mark.parametrize(
    "wrong",
    [
        *("every: 5", "every: 3600", 'every: "60"', "exporter: ja", "port: 80", "port: 65536", "mail: root"),
        *("address: 0.0.0.0", 'address: "::"', "address: 224.0.0.1", "address: een.example", 'address: "fe80::1%eth0"'),
        *('tell: "http://alarm.example/"', 'tell: "https://a:b@alarm.example/"', 'tell: "https://alarm.example"'),
        *('tell: "https://alarm.example/a b"', 'tell: "file:///etc/passwd"', 'tell: "https://alarm.example/\\n"'),
    ],
)
def test_what_no_server_can_tell_so_is_refused_with_its_place(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "servers.yml").write_text(MONITORING % wrong)
    with pytest.raises(errors.UsageError, match=r"servers\.yml.*een\.monitoring"):
        inventory.read(tmp_path / "servers.yml")
