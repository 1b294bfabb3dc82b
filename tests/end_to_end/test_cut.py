"""A computing party is revoked while stations run, leaves, and comes back: the others stay in their network.

One story at running servers, in order: each test goes on where the one before it ended.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.conftest import ONLY_COMPUTES, up_step_by_step
from tests.harness import going, sandboxes

pytestmark = pytest.mark.servers
GONE = "thuiszorg"
OTHERS = ("ggd", "ziekenhuis", "huisartsen")
MEMBER = "apotheek"
AT_ONCE = 5.0
"""Seconds: well before anything is looked at by itself again; two busy processors need more than one of them."""


def address(network: sandboxes.Sandbox, organisation: str) -> str:
    return network.on(organisation, "hostname", "-I").stdout.split()[0]


def status(network: sandboxes.Sandbox, organisation: str) -> dict[str, Any]:
    """What the agent of a station tells of the network, once it answers and its computer runs."""
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while True:
        done = network.on(organisation, "station", "status", "--json")
        told: dict[str, Any] = json.loads(done.stdout or "{}")
        if told.get("computer") and network.name in told["networks"]:
            found: dict[str, Any] = told["networks"][network.name]
            assert done.returncode == (1 if found["problem"] else 0), done.stdout
            return found
        assert time.monotonic() < deadline, done.stdout + done.stderr


def journal(network: sandboxes.Sandbox, organisation: str, word: str) -> list[tuple[float, str]]:
    """The agent's lines with a word: seconds since 1970, and the text."""
    command = ("journalctl", "CONTAINER_NAME=station-agent", "--output", "json", "--no-pager")
    rows = [json.loads(line) for line in network.on(organisation, *command).stdout.splitlines()]
    found = [(int(row["__REALTIME_TIMESTAMP"]) / 1e6, str(row["MESSAGE"])) for row in rows]
    return [row for row in found if word in row[1]]


def running(network: sandboxes.Sandbox, organisation: str) -> bool:
    return bool(status(network, organisation)["sessions"])


def long_session(apart: Apart) -> subprocess.Popen[str]:
    """A session that goes on for minutes, once it runs at all computing parties."""
    network = apart.network
    words = ("station", "session", "--rounds", "1000000", "--json")
    config = network.vault / "run" / "ssh_config"
    session = subprocess.Popen(
        ["ssh", "-F", str(config), "-o", "ControlPath=none", "ggd", "sudo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while not all(running(one, who) for one, who in ((network, "ggd"), (network, "ziekenhuis"), (apart.own, GONE))):
        assert time.monotonic() < deadline, "the session does not begin"
    going.gives_way(network, ("ggd", "ziekenhuis"))
    going.gives_way(apart.own, (GONE,))
    return session


WATCH = """
import os, subprocess, sys, time
def held():
    shown = subprocess.run(["ss", "-HOtnp", "state", "established", "dst", sys.argv[1]], capture_output=True, text=True)
    return "haproxy" in shown.stdout
before = os.stat(sys.argv[2]).st_ctime
assert held()
print("watching", flush=True)
while held():
    pass
ended = time.time()
while os.stat(sys.argv[2]).st_ctime == before:
    time.sleep(0.05)
print(ended, os.stat(sys.argv[2]).st_ctime)
"""


@dataclasses.dataclass(frozen=True)
class Apart:
    """A network of two operators, each with a home and a vault: `network` is the coordinator's, too."""

    network: sandboxes.Sandbox
    own: sandboxes.Sandbox
    """Of who operates the computing party that goes, and a member."""

    def fetch(self) -> None:
        """Have the own home the newest publication."""
        shutil.rmtree(self.own.home / "publications")
        shutil.copytree(self.network.home / "publications", self.own.home / "publications")


@pytest.fixture(scope="module")
def apart(los: sandboxes.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Apart:
    """The network `los`, and from now on a home and vault for the operator of `thuiszorg` and `apotheek` alone."""
    folder = tmp_path_factory.mktemp("own")
    own = dataclasses.replace(los, home=folder / "home", state=folder / "state")
    shutil.copytree(los.home, own.home)
    shutil.copytree(los.home, folder / "before")
    servers = yaml.safe_load(inventory(los).read_text())
    for one, its in ((los, servers.keys() - {GONE, MEMBER}), (own, {GONE, MEMBER})):
        inventory(one).write_text(yaml.safe_dump({name: servers[name] for name in its}))
        one.run("status")  # which says how its servers are reached
    return Apart(los, own)


def inventory(network: sandboxes.Sandbox) -> Path:
    return network.home / "inventories" / network.name / "servers.yml"


def edit(network: sandboxes.Sandbox, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the definition as its author does."""
    definition = yaml.safe_load(network.definition.read_text())
    change(definition)
    network.definition.write_text(yaml.safe_dump(definition, sort_keys=False))


def watch(network: sandboxes.Sandbox, organisations: Iterable[str], there: str) -> dict[str, subprocess.Popen[str]]:
    """On each server see when its gateway's last connection with an address ends, and since when the view lies there.

    The agent ends what it holds, and the gateway's reload, which comes after that, the rest. Another that had its view
    before may have ended the session, and the link with it.
    """
    found, view = {}, f"/etc/werkplaats/networks.d/{network.name}/network.json"
    for one in organisations:
        words = ["ssh", "-F", str(network.vault / "run" / "ssh_config"), "-o", "ControlPath=none", one]
        command = f"sudo python3 -c '{WATCH}' {there} {view}"
        found[one] = subprocess.Popen([*words, command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started = found[one].stdout
        assert started is not None
        assert started.readline() == "watching\n"
    return found


def test_a_revoked_computing_party_is_cut_off_and_the_others_stay_in_the_network(
    apart: Apart, note: Callable[[str], None]
) -> None:
    """With the view refused as a whole, all agents kept the revoked key, and were in no network after a restart."""
    network = apart.network
    there = address(apart.own, GONE)
    session = long_session(apart)
    network.wait_for_links(OTHERS, there)

    edit(network, lambda definition: definition["organisations"].pop(MEMBER))
    revoked = network.run("trust revoke", GONE, "--reason", "keyCompromise", "--yes").stdout
    assert revoked.startswith(f"{GONE}: its certificate is revoked: keyCompromise\npublication 2 is in ")
    ends = watch(network, OTHERS, there)
    up = network.run("up", "--yes", expect=None)
    for one, watched in ends.items():
        ended, seen = map(float, watched.communicate(timeout=60)[0].split())
        note(f"a computing party was revoked: {one} had no link with it {ended - seen:.3f} s after the view lay there")
        assert ended - seen < AT_ONCE  # less than nothing where another had told it before
    assert not network.standing(OTHERS, there)

    assert f"applies by itself: ggd:\n  the identity of {GONE} was withdrawn" in up.stdout
    assert "waits: " not in up.stdout
    waits = f"waits, and no session runs meanwhile: {GONE} has no certificate yet, or no longer"
    for question in (sandboxes.QUESTION, ONLY_COMPUTES):
        assert f"question {question} {waits}" in up.stderr

    out, err = session.communicate(timeout=60)
    assert session.returncode == 4, out + err
    assert f"{network.name}.{GONE}" in out
    gone = f"station-left network={network.name} station={network.name}.{GONE}"
    # Whoever has the new view first ends the session, and tells the other.
    first = min(at for one in ("ggd", "ziekenhuis") for at, _ in journal(network, one, gone))
    for one in ("ggd", "ziekenhuis"):
        # Before it where the gateway had ended the connection by then.
        ended = max(at for at, _ in journal(network, one, "session-ended"))
        note(
            f"a computing party was revoked: {one} ended the running session {ended - first:.3f} s after the first view"
        )
        assert ended - first < 1.0

    for one in OTHERS:
        assert network.on(one, "docker", "restart", "station-agent").returncode == 0
    for one in OTHERS:
        told = status(network, one)
        assert told["cut"] == [GONE]
        assert told["problem"].startswith(f"cannot compute: {GONE} is cut")
        assert f"{network.name}.{GONE}" not in told["peers"]
        assert f"{network.name}.{MEMBER}" not in told["peers"]
    refused = network.on("ggd", "station", "session")
    assert refused.returncode == 2
    assert f"cannot compute: {GONE} is cut" in refused.stderr
    links = json.loads(network.on("ggd", "station", "links", "--json").stdout)["links"]
    assert {(row["peer"], row["ok"]) for row in links} >= {(f"{network.name}.ziekenhuis", True)}
    assert not network.standing(OTHERS, there)


def test_whoever_is_out_reads_why_in_what_its_own_operator_runs(apart: Apart) -> None:
    """`up` invited it to accept, and then to ask a certificate, and `status` called its station well."""
    own = apart.own
    apart.fetch()
    revoked, left = (
        "its certificate is withdrawn by publication 2",
        f"no station of {own.name} any more by publication 2",
    )
    plan = json.loads(own.run("plan", "--json").stdout)
    assert plan["waiting"] == []
    for organisation, why in ((GONE, revoked), (MEMBER, left)):
        (planned,) = [line for line in plan["configuration"] if line.startswith(f"{organisation}: ")]
        assert why in planned
    told = json.loads(own.run("up", "--yes", "--json", expect=5).stdout)
    assert told["waiting"] == {}
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}
    shown = {one["organisation"]: one for one in json.loads(own.run("status", "--json", expect=1).stdout)}
    for organisation, why in ((GONE, revoked), (MEMBER, left)):
        assert why in told["left_out"][organisation]
        assert why in shown[organisation]["out"]
        links = json.loads(own.on(organisation, "station", "links", "--json").stdout)["links"]
        # Those two still have each other's keys: nobody who is out takes anything of what is published since.
        found = {row["peer"].rpartition(".")[2]: row["ok"] for row in links}
        assert found.keys() & set(OTHERS) == {"ggd", "ziekenhuis"}
        assert not any(found[one] for one in ("ggd", "ziekenhuis"))


def test_another_takes_its_place_after_everybody_accepts_and_the_stewards_allow_anew(apart: Apart) -> None:
    network = apart.network

    def without(definition: dict[str, Any]) -> None:
        cards = definition["organisations"]
        del cards[GONE]
        cards["ziekenhuis"]["name"] = "Ziekenhuis onder een andere naam"
        host = cards["ggd"]["gateway"]["name"].replace("ggd", "huisartsen")
        gateway = {"name": host, "port": 8443, "egress": cards["huisartsen"].pop("egress")}
        cards["huisartsen"] |= {"operator": "itself", "gateway": gateway}
        definition["computing"] = ["ggd", "ziekenhuis", "huisartsen"]

    edit(network, without)
    published = network.run("trust publish")
    assert f"{sandboxes.QUESTION}.yml" in published.stderr, "a question that names who left is left out, and it says so"
    told = network.run("accept", "--yes").stdout
    assert "Huisartsengroep Proeftuin (huisartsen) becomes a computing party and sees results" in told
    assert "Thuiszorg Proeftuin (thuiszorg) leaves" in told
    assert "ziekenhuis: its name is Ziekenhuis onder een andere naam instead of Ziekenhuis Proeftuin" in told
    up = json.loads(network.run("up", "--yes", "--json").stdout)
    assert up["verified"]
    assert up["questions"] == {ONLY_COMPUTES: {"waits": sorted(OTHERS)}}
    assert {one.rpartition(".")[2] for one in up["session"]["contributors"]} == set(OTHERS)
    for one in OTHERS:
        found = status(network, one)
        assert (found["cut"], found["problem"]) == ([], "")
    for one in OTHERS:
        (row,) = json.loads(network.person("steward", one, "questions", ONLY_COMPUTES, "--json").stdout)["questions"]
        network.person("steward", one, "allow", ONLY_COMPUTES, "--digest", row["digest"])
        network.bring(one, "meldingen.csv", b"postcode4\n" + b"7001\n" * 12, ONLY_COMPUTES)
    assert "7001" in network.person("scientist", "ggd", "propose", ONLY_COMPUTES).stdout


def test_who_left_takes_the_station_off_its_server_and_comes_back_with_new_keys(apart: Apart) -> None:
    network, own = apart.network, apart.own
    own.definition.write_text(network.definition.read_text())
    noted = own.run("status").stderr
    for organisation in (GONE, MEMBER):
        assert f"{organisation} is in servers.yml and no organisation of {own.name} any more" in noted
    told = own.run("destroy", "--yes", "--name", own.name, "--only", GONE).stdout
    assert told == f"kept: {GONE}:/var/lib/werkplaats\n{own.name} is gone from {GONE}\n"
    assert "station-" not in own.on(GONE, "docker", "ps", "--all").stdout
    assert "station-agent" in own.on(MEMBER, "docker", "ps").stdout
    own.on(GONE, "rm", "/var/lib/werkplaats/state/statement.key")

    before = own.home.with_name("before")
    shutil.copytree(before / "networks", network.home / "networks", dirs_exist_ok=True)
    shutil.copyfile(before / "inventories" / network.name / "servers.yml", inventory(network))
    network.run("trust publish")
    back = up_step_by_step(network)
    assert back["verified"]
    assert f"WARNING: the statement key of {GONE} is another one than was accepted" in back["accepted"]


def test_a_hold_is_in_force_within_seconds_where_servers_are_reached_and_is_taken_back_with_the_same_keys(
    apart: Apart, note: Callable[[str], None]
) -> None:
    network, there = apart.network, address(apart.own, GONE)
    before = network.on("ggd", "cat", f"/etc/werkplaats/accepted/{network.name}.json").stdout
    session = long_session(apart)
    network.wait_for_links(OTHERS, there)
    began = time.monotonic()
    told = network.run("trust revoke", GONE, "--reason", "certificateHold", "--now", "--yes").stdout
    took = time.monotonic() - began
    assert not network.standing(OTHERS, there)
    note(f"an organisation was put on hold with --now: no link with it at {len(OTHERS) + 1} servers after {took:.1f} s")
    out, err = session.communicate(timeout=60)
    assert session.returncode == 4, out + err
    (line,) = [line for line in told.splitlines() if line.startswith("in force at ")]
    assert all(one in line for one in (*OTHERS, MEMBER))
    assert f"out: {GONE}: its certificate is withdrawn by publication" in told
    assert status(network, "ggd")["cut"] == [GONE]
    assert network.run("trust enforce").stdout.startswith("in force at ")
    up = network.run("up", "--yes", "--json", expect=5)
    assert "its certificate is withdrawn" in json.loads(up.stdout)["left_out"][GONE]

    assert f"{GONE}: its keys are certified again" in network.run("trust reinstate", GONE).stdout
    waits = json.loads(network.run("up", "--yes", "--json", expect=3).stdout)["waiting"]
    assert any(f"the keys of {GONE} are pinned" in text for text in waits["ggd"])
    network.run("accept", "--yes")
    assert json.loads(network.run("up", "--yes", "--json").stdout)["verified"]
    after = network.on("ggd", "cat", f"/etc/werkplaats/accepted/{network.name}.json").stdout
    assert json.loads(after)["statement_keys"] == json.loads(before)["statement_keys"]


def test_whoever_looks_at_a_server_s_engine_sees_name_and_release(los: sandboxes.Sandbox) -> None:
    shown = los.on("ggd", "docker", "ps", "--format", '{{.Names}} {{.Label "org.opencontainers.image.version"}}').stdout
    assert sorted(shown.splitlines()) == ["station-agent dev", "station-computer dev"]
    images = los.on("ggd", "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout
    assert "werkplaats/station:dev" in images.splitlines()
