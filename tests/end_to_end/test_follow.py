"""Stations follow by themselves: what is published lies in an inbox, and nobody runs anything but the server's timer.

One story at running servers, in order: each test goes on where the one before it ended.
"""

from __future__ import annotations

import io
import json
import shlex
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import going, sandboxes

pytestmark = pytest.mark.servers
ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")
GONE = "huisartsen"
COMPUTING = ("ggd", "ziekenhuis", "thuiszorg")
JOINS = "verloskundigen"
_JOINING = f"""
  {JOINS}:
    name: Verloskundigen Proeftuin
    domain: birth_care
    operator: itself
    egress: [192.0.2.9/32]
    agreement: {{kind: gvo, signed: 2026-02-10}}
"""
OTHERS = tuple(one for one in ORGANISATIONS if one != GONE)


def put(
    network: sandboxes.Sandbox,
    organisation: str,
    publication: Path | None = None,
    of: sandboxes.Sandbox | None = None,
) -> None:
    """Put the publication, or this copy of it, in the inbox of a server, as an administrator with a stick does.

    It may be that `of` another region in a federation.
    """
    of, packed = of or network, io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(publication or (of.vault / "publication").resolve(), arcname=".")
    folder = f"/var/lib/werkplaats/publications/inbox/{of.name}"
    tar = f"tar --no-same-owner --no-same-permissions -xC {folder}.new"
    line = f"rm -rf {folder}.new && mkdir {folder}.new && {tar} && rm -rf {folder} && mv -T {folder}.new {folder}"
    done = subprocess.run(
        ["ssh", "-F", str(network.vault / "run" / "ssh_config"), organisation, shlex.join(["sudo", "sh", "-c", line])],
        input=packed.getvalue(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done


def carried(network: sandboxes.Sandbox, folder: Path) -> Path:
    """The publication as git brings it to Windows, with `.git` and what desktops and sticks leave behind."""
    kept, brought = folder / "kept", folder / "brought"
    shutil.copytree((network.vault / "publication").resolve(), kept)
    who = ("-c", "user.name=x", "-c", "user.email=x@x.example", "-c", "init.defaultBranch=main")
    for words in (("init",), ("add", "."), ("commit", "-m", "publication")):
        subprocess.run(["git", *who, "-C", kept, *words], check=True, capture_output=True)
    subprocess.run(["git", "clone", "-c", "core.autocrlf=true", kept, brought], check=True, capture_output=True)
    for name in (".DS_Store", "desktop.ini", "targets/Thumbs.db", "System Volume Information/IndexerVolumeGuid"):
        (brought / name).parent.mkdir(exist_ok=True)
        (brought / name).write_bytes(b"\0x")
    return brought


def follow(network: sandboxes.Sandbox, *organisations: str) -> dict[str, dict[str, Any]]:
    """Have followers run now, as their timer does; organisation → what each tells."""
    found = {}
    for one in organisations:
        done = network.on(one, "systemctl", "start", "werkplaats-follow.service")
        told = network.on(one, "cat", "/var/lib/werkplaats/followed.json").stdout
        journal = network.on(one, "journalctl", "-u", "werkplaats-follow*", "-n", "30", "--no-pager").stdout
        assert done.returncode == 0, f"{told}\n{journal}"
        found[one] = json.loads(told)["networks"][network.name]
    return found


def status(network: sandboxes.Sandbox, organisation: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(network.on(organisation, "station", "status", "--json").stdout)
    found: dict[str, Any] = told["networks"][network.name]
    return found


def test_up_brings_the_first_publication_and_starts_the_timer(volg: sandboxes.Sandbox) -> None:
    newest = (volg.vault / "publication" / "metadata" / "timestamp.json").read_text()
    for one in ORGANISATIONS:
        kept = f"/etc/werkplaats/networks.d/{volg.name}/publication/metadata/timestamp.json"
        assert volg.on(one, "cat", kept).stdout == newest
        assert volg.on(one, "systemctl", "is-active", "werkplaats-follow.timer").stdout.strip() == "active"


def test_a_run_with_nothing_new_changes_nothing_and_costs_little(
    volg: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    told = follow(volg, *ORGANISATIONS)
    assert {row["applied"]["by"] for row in told.values()} == {"up"}, "what `up` placed is what the follower places"
    assert {row["refused"] for row in told.values()} == {""}
    follow(volg, "ggd")
    asked = ("systemctl", "show", "--property=InvocationID", "werkplaats-follow-read.service")
    before = volg.on("ggd", *asked).stdout
    measured = (
        "import resource, subprocess; subprocess.run(['/usr/local/sbin/werkplaats-follow'], check=True); "
        "r = resource.getrusage(resource.RUSAGE_CHILDREN); print(r.ru_utime + r.ru_stime, r.ru_maxrss / 1024)"
    )
    seconds, megabytes = map(float, volg.on("ggd", "python3", "-c", measured).stdout.split())
    assert volg.on("ggd", *asked).stdout == before != "", "the part that parses was started for nothing"
    note(f"a follow with nothing new: {seconds:.2f} s CPU, {megabytes:.0f} MB")


def test_a_second_up_after_followers_ran_changes_nothing(volg: sandboxes.Sandbox) -> None:
    told = volg.up()
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert told["verified"]


def test_a_question_comes_also_by_git_and_a_stick_and_waits_for_its_steward(
    volg: sandboxes.Sandbox, tmp_path: Path
) -> None:
    folder = volg.definition.parent / "questions"
    (known,) = folder.glob("*.yml")
    asked = yaml.safe_load(known.read_text())
    (folder / "griep-anders.yml").write_text(yaml.safe_dump({**asked, "purpose": "The same, asked anew"}))
    volg.run("trust publish")
    stick = carried(volg, tmp_path)
    assert b"\r\n" in next(stick.glob("targets/*.ca.pem")).read_bytes()
    for one in OTHERS:
        put(volg, one, stick if one == "ggd" else None)
    told = follow(volg, *OTHERS)
    assert {row["applied"]["by"] for row in told.values()} == {"werkplaats-follow"}
    assert told["ggd"]["applied"]["from"].startswith("/var/lib/werkplaats/publications/inbox/")
    rows = json.loads(volg.on("ggd", "station", "questions", "--json").stdout)["questions"]
    assert {row["question"]: row["state"] for row in rows}["griep-anders"] == "waits"


def test_one_joins_and_leaves_with_sessions_going_on_and_nothing_started_anew(
    volg: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    before, definition = going.started(volg, ORGANISATIONS), volg.definition.read_text()
    with going.Sessions(volg, "thuiszorg") as sessions:
        volg.definition.write_text(definition.rstrip() + _JOINING)
        begun = time.monotonic()
        joined = volg.up()
        note(f"one organisation joined four, with its server, in {time.monotonic() - begun:.1f} s")
        sessions.until(4)
    assert joined["verified"]
    assert f"{volg.name}.{JOINS}" in joined["session"]["contributors"]
    note(f"{sessions.good} sessions went on while it joined, and {len(sessions.failed)} failed")
    assert sessions.failed == []
    assert sessions.good > 3
    assert sessions.left_out <= {f"{volg.name}.{JOINS}"}
    address = volg.on(JOINS, "hostname", "-I").stdout.split()[0]
    volg.wait_for_links(COMPUTING, address)

    volg.definition.write_text(definition)
    volg.run("trust publish")
    for one in ORGANISATIONS:
        put(volg, one)
    with going.Sessions(volg, "thuiszorg") as sessions:
        told = follow(volg, *ORGANISATIONS)
        sessions.until(4)
    # One in which it takes part when the first computing party hears of it ends; all others go on, without it.
    assert len(sessions.failed) <= 1, sessions.failed
    assert all(f"{JOINS} left" in why for why in sessions.failed), sessions.failed
    assert sessions.good > 3
    assert sessions.left_out <= {f"{volg.name}.{JOINS}"}
    note(f"{sessions.good} sessions went on while it left, and {len(sessions.failed)} failed, in which it took part")
    assert {row["applied"]["by"] for row in told.values()} == {"werkplaats-follow"}
    assert not volg.standing(COMPUTING, address)
    assert all(JOINS not in str(status(volg, one)["peers"]) for one in ORGANISATIONS)
    kept = volg.on(JOINS, "ls", "/var/lib/werkplaats/state").stdout
    assert "statement.key" in kept, "who left has what is its own"
    volg.works_again()
    assert going.started(volg, ORGANISATIONS) == before


def test_who_is_revoked_is_cut_off_by_a_list_that_one_station_has_and_the_mesh_brings_to_the_others(
    volg: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    """The place of the publication is down for all but one; who is revoked passes on what was before."""
    address = volg.on(GONE, "hostname", "-I").stdout.split()[0]
    volg.wait_for_links(OTHERS, address)
    volg.run("trust revoke", GONE, "--reason", "keyCompromise", "--yes")
    first, others = OTHERS[0], OTHERS[1:]
    put(volg, first)
    for one in others:
        assert volg.on(one, "rm", "-rf", f"/var/lib/werkplaats/publications/inbox/{volg.name}").returncode == 0
    begun = time.monotonic()
    told = follow(volg, first)
    heard = f"/var/lib/werkplaats/relayed/{volg.name}/{volg.name}.{first}"
    for one in others:
        waiting = f"until test -e {heard}/metadata/timestamp.json; do sleep 0.1; done"
        assert volg.on(one, "timeout", "60", "sh", "-c", waiting).returncode == 0, f"{one} heard nothing"
    seconds = time.monotonic() - begun
    told |= follow(volg, *others)
    note(f"a revocation that one station had was heard by the two others {seconds:.1f} s after its follower began")
    note(f"three followers had it in force one after another after {time.monotonic() - begun:.1f} s")
    assert {told[one]["applied"]["from"] for one in others} == {heard}
    assert all(row["applied"]["applies"] for row in told.values())
    assert not volg.standing(OTHERS, address)
    assert all(GONE in str(status(volg, one)["cut"]) for one in OTHERS)


def test_what_adds_waits_and_is_told(volg: sandboxes.Sandbox) -> None:
    volg.definition.write_text(volg.definition.read_text().rstrip() + sandboxes.MEMBER)
    volg.run("trust publish")
    put(volg, "ggd")
    told = follow(volg, "ggd")["ggd"]
    assert any("Apotheek Proeftuin" in line for line in told["waits"]), told
    said = volg.on("ggd", "station", "status").stdout
    assert "waits for the operator's `werkplaats accept`: Apotheek Proeftuin" in said
    assert "was applied by werkplaats-follow at " in said
    assert "Apotheek Proeftuin" in volg.run("status", expect=None).stdout


def test_a_plan_finds_no_file_that_up_would_place_otherwise(volg: sandboxes.Sandbox) -> None:
    volg.definition.write_text(volg.definition.read_text().removesuffix(sandboxes.MEMBER) + "\n")
    volg.run("trust publish")
    put(volg, "ggd")
    assert follow(volg, "ggd")["ggd"]["waits"] == []
    plan = json.loads(volg.run("plan", "--only", "ggd", "--json", expect=None).stdout)
    assert plan["configuration"] == [], plan
