"""Ansible's inventory as Ansible itself reads it: what the roles are given, and no text of others as a template."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from werkplaats.operations.bring_up import ansible_inventory
from werkplaats.operations.reach import here, remote
from werkplaats.operations.reach.servers import Server

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
        Server("ggd", "192.0.2.7", "SHA256:x", user="root", port=2222, key=Path("/keys/ggd")),
        Server("zorg", "station.zorg.example", "SHA256:y"),
    ]
    return remote.Remotes(servers, tmp_path / "ssh", tmp_path / "een map" / "ssh_config")


def read(folder: Path, text: str) -> dict[str, Any]:
    """The hosts as Ansible's plugin for inventories in YAML reads them."""
    (folder / "servers.yml").write_text(text)
    whole = DataLoader().load_from_file(str(folder / "servers.yml"), trusted_as_template=True)
    hosts: dict[str, Any] = whole["all"]["hosts"]
    return hosts


def ssh(arguments: str, name: str) -> dict[str, str]:
    """What OpenSSH makes of a server of the inventory."""
    command = ["ssh", "-G", *shlex.split(arguments), name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {key: value for key, _, value in (line.partition(" ") for line in reversed(lines))}


def test_a_server_is_reached_as_the_operator_s_inventory_says(remotes: remote.Remotes, tmp_path: Path) -> None:
    hosts = read(tmp_path, ansible_inventory.text(remotes, {"ggd": STATION, "zorg": STATION}))
    assert not [name for host in hosts.values() for name in host if name in ("ansible_host", "ansible_user")]
    found = {}
    for name, host in hosts.items():
        assert shlex.split(host["ansible_ssh_common_args"]) == ["-F", str(remotes.config)]
        for called in (name, host["engine_host"]):
            found[called] = ssh(host["ansible_ssh_common_args"], called)
    logins = {name: (one["hostname"], one["port"], one["user"]) for name, one in found.items()}
    ggd, zorg = ("192.0.2.7", "2222", "root"), ("station.zorg.example", "22", "beheer")
    assert logins == {"ggd": ggd, "ggd.engine": ggd, "zorg": zorg, "zorg.engine": zorg}
    assert found["ggd"]["identityfile"] == "/keys/ggd"
    assert "/keys/ggd" not in found["zorg"].values()
    for one in found.values():
        assert one["stricthostkeychecking"] == "true"
        assert one["userknownhostsfile"] == str(remotes.known_hosts)


@pytest.mark.parametrize("is_root", [True, False])
def test_a_server_that_is_here_is_logged_in_to_by_nobody_and_its_roles_are_told_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_root: bool
) -> None:
    monkeypatch.setattr(here, "_is_root", lambda: is_root)
    server = Server("ggd", "", "", user="root", here=True)
    remotes = remote.Remotes([server], tmp_path / "ssh", tmp_path / "ssh_config")
    host = read(tmp_path, ansible_inventory.text(remotes, {"ggd": STATION}))["ggd"]
    words = shlex.split(host.pop("ansible_python_interpreter"))
    assert words[:2] == (["/usr/bin/env", "-i"] if is_root else ["sudo", "-n"])
    assert {"SUDO_USER=root", "SUDO_UID=0"} <= set(words)
    assert words[-1] == "/usr/bin/python3"
    assert (host.pop("ansible_connection"), list(host)) == ("local", ["station"])


def test_a_station_arrives_as_it_is(remotes: remote.Remotes, tmp_path: Path) -> None:
    text = ansible_inventory.text(remotes, {"ggd": STATION, "zorg": STATION})
    hosts = read(tmp_path, text)
    as_read = STATION | {"firewall": [{"port": 8443, "addresses": ["192.0.2.1/32"], "purpose": "yes"}]}
    assert [host["station"] for host in hosts.values()] == [as_read, as_read]
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
