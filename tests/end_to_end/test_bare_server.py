"""A hospital's own server joins a running network: by host name and host key, step by step, each by who takes it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacks import parts
from tests.harness import sandboxes, servers

pytestmark = pytest.mark.servers
HOST = "station.verpleeghuis.example"
OWNERS_FILES = ("/etc/nftables.conf", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/10-ziekenhuis.conf")
JOINING = """\
  verpleeghuis:
    name: Verpleeghuis Proeftuin
    domain: nursing_care
    operator: itself
    egress: [192.0.2.5/32]
    agreement: {kind: gvo, signed: 2026-03-01}
"""
HOURS_TODAY = 10  # what one station takes an administrator now, from the field


@pytest.fixture
def bare(toets: sandboxes.Sandbox, tmp_path: Path) -> Iterator[servers.Server]:
    """The server, known by a name of its own; at the end it is gone and the network is as it was."""
    subnet = json.loads((toets.vault / "addresses.json").read_text())["subnet"]
    address = subnet.replace("0/24", "200")
    hosts, definition = Path("/etc/hosts"), toets.definition.read_text()
    before = hosts.read_text()
    hosts.write_text(f"{before}{address} {HOST}\n")
    container = f"{toets.name}.verpleeghuis"
    try:
        yield servers.boot(container, tmp_path, toets.name, bare=True, address=address)
    finally:
        hosts.write_text(before)
        servers.docker("rm", "--force", "--volumes", container)
        toets.definition.write_text(definition)
        (toets.vault / "inventory" / "given.yml").unlink(missing_ok=True)
        toets.up()


def owners(server: servers.Server) -> dict[str, str]:
    """What is the hospital's own: files, and the rules that the kernel has."""
    found = {path: server.tell(f"sudo cat {path}") for path in OWNERS_FILES}
    rules = server.tell("sudo nft --stateless list table inet ziekenhuis")
    return found | {"rules": rules}


def sessions_of_others_work(network: sandboxes.Sandbox, organisations: int) -> None:
    told = json.loads(network.run("session", "--json", expect=None).stdout)
    assert len(told["session"]["contributors"]) >= organisations, told


def test_a_bare_server_becomes_a_verified_station_and_keeps_what_is_its_owners(
    toets: sandboxes.Sandbox, bare: servers.Server, note: Callable[[str], None]
) -> None:
    began = time.monotonic()
    steps: list[str] = []  # what a person does
    bare.wait_for_login()
    before = owners(bare)
    assert bare.tell("dpkg-query --show docker.io haproxy 2>/dev/null | wc -l").strip() == "0"

    entry = {"verpleeghuis": {"host": HOST, "host_key": bare.host_key, "key": str(bare.key)}}
    (toets.vault / "inventory" / "given.yml").write_text(json.dumps(entry))
    steps.append("administrator: write host name and host key of the server in the inventory (3 minutes)")
    toets.definition.write_text(toets.definition.read_text() + JOINING)
    steps.append("coordinator: add the organisation to network.yml and have it reviewed (10 minutes)")

    prepared = json.loads(toets.run("up", "--yes", "--json", expect=3).stdout)
    steps.append("administrator: werkplaats up, which prepares the server (2 minutes)")
    assert set(prepared["waiting"]) == {"verpleeghuis"}
    sessions_of_others_work(toets, 4)

    asked = toets.run("trust request", "--only", "verpleeghuis").stdout
    fingerprint = re.search(r"verpleeghuis: (SHA256:\S+)", asked)
    assert fingerprint
    steps.append("administrator: werkplaats trust request; read the fingerprint to the coordinator (5 minutes)")
    wrong = toets.run("trust approve", "verpleeghuis", "--fingerprint", "SHA256:" + "A" * 43, expect=3)
    assert fingerprint[1] in wrong.stderr
    toets.run("trust approve", "verpleeghuis", "--fingerprint", fingerprint[1])
    toets.run("trust publish")
    steps.append("coordinator: werkplaats trust approve, trust publish (3 minutes)")

    # An adding definition that was not accepted is refused, and the sessions of the others go on.
    refused = json.loads(toets.run("up", "--yes", "--json", expect=3).stdout)
    assert set(refused["waiting"]) == {"ggd", "ziekenhuis", "thuiszorg", "huisartsen", "verpleeghuis"}
    assert all("erpleeghuis" in " ".join(changes) for changes in refused["waiting"].values())
    assert "verpleeghuis" not in toets.on("ggd", "cat", f"/etc/werkplaats/networks.d/{toets.name}/network.json").stdout
    sessions_of_others_work(toets, 4)

    toets.run("accept", "--yes")
    steps.append("each operator: werkplaats accept, having read what changes (5 minutes)")
    told = json.loads(toets.run("up", "--yes", "--json").stdout)
    steps.append("administrator: werkplaats up, which verifies by a joint computation (2 minutes)")
    assert told["verified"]
    changes = {(c["operation"], c["name"]) for c in told["changes"]["stations"]}
    assert changes == {("create", f"verpleeghuis-{part.name}") for part in parts.PARTS}
    assert f"{toets.name}.verpleeghuis" in told["session"]["contributors"]

    assert owners(bare) == before
    assert "ok installed" in bare.tell("dpkg-query --show --showformat='${Status}' haproxy")
    minutes = sum(int(number) for number in re.findall(r"\((\d+) minutes\)", "\n".join(steps)))
    for step in steps:
        note(f"a bare server becomes a station: {step}")
    machine = (time.monotonic() - began) / 60
    note(
        f"a bare server becomes a station: {minutes} minutes of people's time and {machine:.1f} minutes of the "
        f"machine's, against about {HOURS_TODAY} hours that it takes an administrator today"
    )
