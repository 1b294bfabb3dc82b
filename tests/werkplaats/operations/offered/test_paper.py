"""The text that is mailed to an owner: it fits, and what it says would be placed is what the roles place."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from on_server import accounts, drop_in
from plugins.filter import baseline, server_facts
from tests.werkplaats.operations.offered import offers
from werkplaats.operations.offered import packages, paper
from werkplaats.operations.offered import sheet as sheets

ROLES = Path(__file__).resolve().parents[4] / "roles"
OFFERED = [offers.examined(one) for one in (offers.GOOD, offers.HARDENED, offers.changed(*offers.HOPELESS))]


def test_every_line_fits_in_a_mail_and_is_plain_text() -> None:
    for one in OFFERED:
        for line in paper.lines(one):
            assert len(line) <= paper.WIDTH or " " not in line.strip()
            assert line.isprintable()


def test_the_verdict_comes_first_and_what_would_be_placed_only_where_something_would() -> None:
    for one in OFFERED:
        lines = paper.lines(one)
        assert lines[0] == f"gelre: {one.verdict}"
        assert ("`werkplaats up` would place:" in lines) is not one.verdict.startswith("no station")


def test_what_would_be_placed_is_what_the_roles_place() -> None:
    placed = dict(paper.placed(OFFERED[0].facts, OFFERED[0].wanted))
    templates = {f"/{path.relative_to(role / 'templates')}".removesuffix(".j2")
                 for role in ROLES.iterdir() for path in role.glob("templates/etc/**/*.j2")}  # fmt: skip
    for path in re.findall(r"/etc/\S+\.(?:conf|json)", placed["journal"] + " " + placed["engine"]):
        assert path in templates
    said = re.findall(r"[a-z-]+", re.sub(r"in /usr/local/s?bin|\band\b", "", placed["commands"]))
    assert sorted(said) == sorted(Path(path).name for path in baseline.COMMANDS)
    units = {
        Path(path).name.split(".")[0]
        for path in templates
        if path.startswith("/etc/systemd/system/") and ".d/" not in path
    }
    named = placed["services"].replace(" where servers.yml asks for them", "")
    assert set(re.split(r", |; | and ", named)) == units


def test_the_packages_are_those_that_the_roles_install() -> None:
    asked = " ".join(path.read_text() for path in ROLES.glob("*/tasks/main.yml"))
    asked += (ROLES.parent / "on_server/engine.py").read_text()  # which of an engine's are lacking
    asked += " ".join(baseline.baseline_packages({"container": True, "packages": {}}, {"firewall": True, "time": True}))
    for name in packages.PACKAGES:
        assert name in asked


def test_a_program_gets_the_same() -> None:
    document = json.loads(json.dumps(paper.document(OFFERED[2])))
    assert {row["severity"] for row in document["findings"]} == {"good", "tells", "decides", "stops"}
    assert document["verdict"] == OFFERED[2].verdict
    assert {row["port"] for row in document["firewall"]} == {22, 123, 443, 8443}


def test_the_sheet_says_of_each_part_all_that_our_roles_would_have_set() -> None:
    sheet = sheets.lines(OFFERED[0].facts, dataclasses.replace(OFFERED[0].wanted, owners=tuple(sheets.SHEETS)))
    assert [part for part, _ in sheet if part] == list(sheets.SHEETS) == list(server_facts.PARTS)
    text = "\n".join(line for _, line in sheet)
    for name in (*accounts.ABOUT, *accounts.GROUPS, accounts.CONTROL):
        assert f" {name}," in text
    for setting, value in drop_in.CLOSED.items():
        assert f"    {setting} {value}" in text
    for address in OFFERED[0].wanted.inbound[8443]:
        assert address in text


def test_what_is_the_owner_s_to_set_is_not_said_to_be_placed() -> None:
    needs = dataclasses.replace(OFFERED[0].wanted, owners=("sshd", "firewall"))
    placed = dict(paper.placed(OFFERED[0].facts, needs))
    assert {name for name, text in placed.items() if "yours to set" in text} == {"ssh", "firewall"}
    needs = dataclasses.replace(OFFERED[0].wanted, owners=("engine",))
    placed = dict(paper.placed(OFFERED[0].facts, needs))
    assert {name for name, text in placed.items() if "yours to set" in text} == {"engine", "your login"}
    assert placed["packages"].startswith("haproxy,"), "the engine's are its owner's to install"
