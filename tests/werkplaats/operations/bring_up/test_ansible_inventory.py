"""Ansible's inventory as Ansible itself reads it: what the roles are given, and no text of others as a template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from werkplaats.operations.bring_up import ansible_inventory
from werkplaats.operations.reach import remote

TEMPLATE = "{{ lookup('pipe', 'echo ran') }}"
STATION = {
    "organisation": "ggd",
    "networks": [{"network": "n", "certificate_pem": "-----BEGIN\nMII=\n-----END\n", "gateway": None, "peers": []}],
    "firewall": [{"port": 8443, "addresses": ("192.0.2.1/32",), "purpose": "yes"}],
    "name": TEMPLATE,
}


@pytest.fixture
def remotes(tmp_path: Path) -> remote.Remotes:
    servers = [
        remote.Server("ggd", "192.0.2.7", "SHA256:x", user="root", port=2222, key=Path("/keys/ggd")),
        remote.Server("zorg", "station.zorg.example", "SHA256:y"),
    ]
    return remote.Remotes(servers, tmp_path / "ssh")


def read(folder: Path, text: str) -> dict[str, Any]:
    """The hosts as Ansible's plugin for inventories in YAML reads them."""
    (folder / "servers.yml").write_text(text)
    whole = DataLoader().load_from_file(str(folder / "servers.yml"), trusted_as_template=True)
    hosts: dict[str, Any] = whole["all"]["hosts"]
    return hosts


def test_a_server_is_reached_as_the_operator_s_inventory_says(remotes: remote.Remotes, tmp_path: Path) -> None:
    hosts = read(tmp_path, ansible_inventory.text(remotes, {"ggd": STATION, "zorg": STATION}))
    logins = {name: (host["ansible_host"], host["ansible_port"], host["ansible_user"]) for name, host in hosts.items()}
    assert logins == {"ggd": ("192.0.2.7", 2222, "root"), "zorg": ("station.zorg.example", 22, "beheer")}
    assert hosts["ggd"]["ansible_ssh_private_key_file"] == "/keys/ggd"
    assert "ansible_ssh_private_key_file" not in hosts["zorg"]
    for host in hosts.values():
        assert "StrictHostKeyChecking=yes" in host["ansible_ssh_common_args"]
        assert f"UserKnownHostsFile={remotes.known_hosts}" in host["engine_ssh_args"]


def test_a_station_arrives_as_it_is_and_what_is_given_beside_it_too(remotes: remote.Remotes, tmp_path: Path) -> None:
    text = ansible_inventory.text(remotes, {"ggd": STATION, "zorg": STATION}, await_in="/somewhere")
    hosts = read(tmp_path, text)
    as_read = STATION | {"firewall": [{"port": 8443, "addresses": ["192.0.2.1/32"], "purpose": "yes"}]}
    assert [host["station"] for host in hosts.values()] == [as_read, as_read]
    assert {host["await_in"] for host in hosts.values()} == {"/somewhere"}
    assert "\n            MII=\n" in text, "a certificate is not readable"


def test_what_a_definition_says_runs_no_program_on_the_operator_s_machine(
    remotes: remote.Remotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name() -> Any:
        hosts = read(tmp_path, ansible_inventory.text(remotes, {"ggd": STATION}))
        return Templar(DataLoader()).template(hosts["ggd"]["station"])["name"]

    assert name() == TEMPLATE
    monkeypatch.setattr(ansible_inventory, "_Untrusted", dict)
    assert name() == "ran", "Ansible takes no text for a template any more: then this defence is not needed"
