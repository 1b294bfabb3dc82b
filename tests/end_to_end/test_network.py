"""A network from its definition to a joint computation, through the command, as its users do it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from station_image.builder import making
from tests.harness import fuzzing, sandboxes

pytestmark = pytest.mark.servers
ORGANISATIONS = {"ggd", "ziekenhuis", "thuiszorg", "huisartsen"}


def test_every_organisation_contributes_to_the_joint_computation(toets: sandboxes.Sandbox) -> None:
    told = json.loads(toets.run("session", "--json").stdout)
    assert told["good"]
    assert {name.rsplit(".", 1)[-1] for name in told["session"]["contributors"]} == ORGANISATIONS


def test_a_second_up_changes_nothing(toets: sandboxes.Sandbox, note: Callable[[str], None]) -> None:
    told = toets.up()
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert told["verified"]
    phases = ", ".join(f"{name} {seconds} s" for name, seconds in told["phases"].items())
    note(f"`up` again with nothing changed: {told['seconds']} s ({phases}; they overlap)")


def test_a_plan_of_a_network_that_is_as_it_should_be_has_no_change(toets: sandboxes.Sandbox) -> None:
    plan = json.loads(toets.run("plan", "--json").stdout)
    nothing = ("servers", "waiting", "applies", "configuration", "stations", "questions")
    assert plan == {**{section: [] for section in nothing}, "left_out": {}}


def test_verify_looks_at_every_compiled_link_and_every_server(toets: sandboxes.Sandbox) -> None:
    told = json.loads(toets.run("verify", "--json").stdout)
    assert told["good"], [v for v in told["verdicts"] if not v["good"]]
    links = {v["name"] for v in told["verdicts"] if v["kind"] == "link"}
    assert len(links) == 9  # 3 computing parties both ways, and 1 contributor to each of them
    assert {v["subject"] for v in told["verdicts"] if v["kind"] == "check"} == ORGANISATIONS
    assert [set(organisations) for organisations in told["accepted"].values()] == [ORGANISATIONS]


def test_status_shows_every_station_well(toets: sandboxes.Sandbox) -> None:
    told = json.loads(toets.run("status", "--json").stdout)
    assert {one["organisation"] for one in told} == ORGANISATIONS
    assert all(
        one["good"] and one["certificate_days"] > 170 and one["list_days"] > 80 and one["release"] == "dev"
        for one in told
    ), told
    (digest,) = {one["accepted"] for one in told}
    assert list(json.loads(toets.run("verify", "--json").stdout)["accepted"]) == [digest], "what organisations compare"


def test_plain_docker_ps_on_a_server_shows_name_digest_and_release(toets: sandboxes.Sandbox) -> None:
    told = toets.on("ggd", "docker", "ps").stdout
    pinned = toets.on("ggd", "docker", "inspect", "--format", "{{.Image}}", "station-agent").stdout
    assert pinned.startswith("sha256:")
    for part in ("agent", "computer"):
        [line] = [line for line in told.splitlines() if line.endswith(f" station-{part}")]
        assert f' {pinned.removeprefix("sha256:")[:12]}   "{making.started_as("dev")} ' in line


def test_the_map_is_a_picture_with_every_organisation(toets: sandboxes.Sandbox) -> None:
    picture = toets.run("map").stdout
    ElementTree.fromstring(picture)  # noqa: S314 - we drew it
    for name in ("GGD Proeftuin", "Ziekenhuis Proeftuin", "Thuiszorg Proeftuin", "Huisartsengroep Proeftuin"):
        assert name in picture


def test_a_second_up_at_the_same_time_is_refused_and_told_who_holds_the_lock(toets: sandboxes.Sandbox) -> None:
    first = toets.start("up", toets.name, "--yes", "--all-steps", "--json")
    lock = toets.vault / "lock"
    while first.poll() is None and not lock.read_text().strip():
        pass
    second = toets.run("up", "--yes", "--all-steps", expect=3)
    assert f"is locked by process {first.pid}" in second.stderr
    assert "since" in second.stderr
    out, err = first.communicate(timeout=300)
    assert first.returncode == 0, out + err


@pytest.mark.parametrize("command", [("rm", "--force"), ("stop",)], ids=" ".join)
def test_a_container_removed_or_stopped_behind_its_back_is_made_again_and_nothing_else_is(
    toets: sandboxes.Sandbox, command: tuple[str, ...]
) -> None:
    assert toets.on("ziekenhuis", "docker", *command, "station-computer").returncode == 0
    told = toets.up()
    assert [(c["operation"], c["name"]) for c in told["changes"]["stations"]] == [("create", "ziekenhuis-computer")]
    assert told["verified"]


KEEPER = "werkplaats-firewall-kept"
"""Puts the table back by itself, each minute: here a minute begins anew, so that `up` comes first."""
DRIFT = {
    "a file of the gateway is edited": "sed --in-place '1i # by hand' /etc/werkplaats/gateway/compiled/base.cfg",
    "a file lies where nobody placed it": "touch /etc/werkplaats/gateway/compiled/more.cfg",
    "the firewall's table is gone": (
        f"systemctl start {KEEPER}.service && systemctl restart {KEEPER}.timer && nft delete table inet werkplaats"
    ),
    "the folder of the statement key is open to others": "chmod 0755 /var/lib/werkplaats/state",
    # A follower that looks meanwhile has the gateway load what lies there, which starts it: not before `up` is done.
    "the gateway does not run": (
        "systemctl start werkplaats-follow.service && systemctl restart werkplaats-follow.timer"
        " && systemctl stop werkplaats-gateway"
    ),
}


@pytest.mark.parametrize("command", fuzzing.cases(DRIFT.values(), 2), ids=DRIFT)
def test_what_was_changed_on_a_server_behind_its_back_is_put_right_there_only(
    toets: sandboxes.Sandbox, command: str
) -> None:
    assert toets.on("thuiszorg", "sh", "-c", command).returncode == 0
    told = toets.up()
    assert set(told["changes"]["configured"]) == {"thuiszorg"}
    assert told["verified"]


@pytest.fixture
def edited(toets: sandboxes.Sandbox) -> Iterator[tuple[str, str]]:
    """A server on which somebody edited a file, and that file; at the end it is as it was."""
    path, kept = "/etc/werkplaats/gateway/compiled/base.cfg", "/root/base.cfg"
    assert toets.on("thuiszorg", "cp", "--archive", path, kept).returncode == 0
    assert toets.on("thuiszorg", "sed", "--in-place", "1i # by hand", path).returncode == 0
    yield "thuiszorg", path
    assert toets.on("thuiszorg", "mv", "--force", kept, path).returncode == 0


def by_hand(inventory: Path) -> list[str]:
    """What Ansible says that it would change, run as its users run it."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "--inventory", str(inventory)]
    command += ["--check", "--diff", "playbooks/site.yml"]
    done = subprocess.run(command, cwd=sandboxes.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split(":")[0] for line in done.stdout.splitlines() if line.endswith(" tasks")} == ORGANISATIONS
    return [line for line in done.stdout.splitlines() if not line.endswith(" tasks")]


def test_ansible_by_hand_sees_nothing_to_do_after_up_and_then_exactly_what_somebody_edited(
    toets: sandboxes.Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    inventory = tmp_path / "servers.yml"
    toets.run("inventory", "--output", str(inventory))
    assert by_hand(inventory) == []
    organisation, path = request.getfixturevalue("edited")
    first, *differences = by_hand(inventory)
    assert first.startswith(f"{organisation}: tls_mesh: ")
    assert first.endswith(f": changed: {path}")
    assert [line for line in differences if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")] == ["-# by hand"]


@pytest.fixture
def no_authority(toets: sandboxes.Sandbox, tmp_path: Path) -> Iterator[None]:
    """The CA's keys and the passphrase are not in the vault of whoever brings up, as at an operator that joins."""
    away = [*toets.vault.glob("ca-*.key"), toets.vault / "passphrase"]
    assert len(away) > 1
    for path in away:
        shutil.move(path, tmp_path / path.name)
    yield
    for path in away:
        shutil.move(tmp_path / path.name, path)
    assert toets.up()["verified"]


@pytest.mark.usefixtures("no_authority")
def test_one_server_is_mended_without_the_ca_and_the_others_are_not_touched(toets: sandboxes.Sandbox) -> None:
    settings = "/etc/werkplaats/gateway/compiled/base.cfg"
    for organisation in ("ggd", "thuiszorg"):
        assert toets.on(organisation, "sed", "--in-place", "1i # edited by hand", settings).returncode == 0
    assert toets.on("ggd", "docker", "rm", "--force", "station-computer").returncode == 0
    told = json.loads(toets.run("up", "--only", "ggd", "--yes", "--json").stdout)
    assert told["verified"]
    assert told["changes"]["servers"] == []
    assert set(told["changes"]["configured"]) == {"ggd"}
    assert [(c["operation"], c["name"]) for c in told["changes"]["stations"]] == [("create", "ggd-computer")]
    assert "edited by hand" not in toets.on("ggd", "cat", settings).stdout
    assert "edited by hand" in toets.on("thuiszorg", "cat", settings).stdout


def test_a_station_renews_its_gateway_key_and_goes_on_with_the_one_before_until_it_is_certified(
    toets: sandboxes.Sandbox,
) -> None:
    identity = "/etc/werkplaats/identity"
    serial = json.loads(toets.on("ziekenhuis", "cat", f"{identity}/statement.json").stdout)["serial"]
    told = toets.run("trust renew-key", "ziekenhuis").stdout
    assert told.startswith(f"ziekenhuis: gateway key {serial + 1}, which its statement key signed\n")
    assert json.loads(toets.run("up", "--yes", "--json").stdout)["verified"], "it goes on with the key before"
    assert toets.on("ziekenhuis", "systemctl", "restart", "werkplaats-gateway").returncode == 0
    toets.works_again()
    published = toets.run("trust publish").stdout
    assert "ziekenhuis: its new gateway key, signed by its statement key, is certified, good until " in published
    up = json.loads(toets.run("up", "--yes", "--json").stdout)
    assert (up["verified"], up["waiting"]) == (True, {})
    assert toets.on("ziekenhuis", "test", "-e", f"{identity}/key-before.pem").returncode == 1
    view = json.loads(toets.on("ggd", "cat", f"/etc/werkplaats/networks.d/{toets.name}/network.json").stdout)
    assert view["stations"][f"{toets.name}.ziekenhuis"]["gateway_serial"] == serial + 1
    assert toets.up()["changes"] == {"servers": [], "configured": {}, "stations": []}


def test_a_station_changes_its_gateway_key_and_nobody_has_to_accept_anything(toets: sandboxes.Sandbox) -> None:
    identity = "/etc/werkplaats/identity"
    before = toets.on("ziekenhuis", "cat", f"{identity}/statement.pub").stdout
    first = json.loads(toets.on("ziekenhuis", "cat", f"{identity}/statement.json").stdout)["serial"]
    assert toets.on("ziekenhuis", "rm", f"{identity}/key.pem", f"{identity}/request.pem").returncode == 0
    refused = toets.run("up", "--yes", "--only", "ziekenhuis", "--json", expect=None)
    assert refused.returncode == 5, refused
    assert "is not of the key in identity/ of this server" in refused.stdout + refused.stderr
    assert toets.on("ziekenhuis", "systemctl", "start", "werkplaats-follow").returncode, "its follower meets it too"
    assert json.loads(toets.run("session", "--json").stdout)["good"], "the gateway goes on with what it had"
    refused = toets.run("up", "--yes", "--only", "ziekenhuis", "--json", expect=None)
    assert "WARNING: the identity of ziekenhuis in publication" in refused.stdout + refused.stderr
    told = toets.up()
    assert told["verified"]
    assert toets.on("ziekenhuis", "cat", f"{identity}/statement.pub").stdout == before
    serial = json.loads(toets.on("ziekenhuis", "cat", f"{identity}/statement.json").stdout)["serial"]
    assert serial == first + 1
    view = json.loads(toets.on("ggd", "cat", f"/etc/werkplaats/networks.d/{toets.name}/network.json").stdout)
    assert view["stations"][f"{toets.name}.ziekenhuis"]["gateway_serial"] == serial
    assert toets.up()["changes"] == {"servers": [], "configured": {}, "stations": []}
