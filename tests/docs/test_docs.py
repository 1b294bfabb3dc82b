"""What README and guides say holds: commands parse, paths and messages exist, lists are complete."""

from __future__ import annotations

import argparse
import ast
import datetime
import ipaddress
import re
import subprocess
from pathlib import Path

import pytest

from base import errors
from network_topology import check, context, names
from station_image.host.station_command import account
from station_image.host.station_command import cli as station
from tests.docs import documents
from tests.station_image.runtime import test_records
from werkplaats import cli
from werkplaats.operations.home import places
from werkplaats.operations.reach import inventory

ROOT = documents.ROOT
VERBS = (
    "doctor",
    "check",
    "plan",
    "accept",
    "up",
    "verify",
    "status",
    "map",
    "destroy",
    "session",
    "rehearse",
    "trust",
    "completion",
)
INVENTORIES = sorted((ROOT / "inventories").glob("*/servers.yml"))
MADE_HERE = {"build", ".venv"}  # by running things; ignored by git
OF_THE_READER = {"inventories", "docs"}  # a reader's own folder has them too, with files that are not here
# Lines of a demo in the order in which they come: verified, what may be done next, and the question that was rehearsed.
DEMO_ENDS = (f"{names.twin('proeftuin')}: verified: ", "next: ", "griep-hotspots: ")
DOCUMENTATION = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def parsed(words: tuple[str, ...], parser: argparse.ArgumentParser | None = None) -> argparse.Namespace | None:
    """What a program makes of a command line, `werkplaats` unless told; None for one that only asks for help."""
    try:
        return (parser or cli.parser()).parse_args(words[1:])
    except SystemExit as end:
        if end.code:
            pytest.fail(f"`{' '.join(words)}` is refused as wrong use")
        return None


@pytest.mark.parametrize("command", documents.commands("werkplaats"), ids=str)
def test_every_werkplaats_command_in_a_document_is_one(command: documents.Command) -> None:
    given = parsed(command.words)
    name = getattr(given, "network", None)
    if name is None:
        return
    outcome = check.network(name, places.EXAMPLES, context.shipped(datetime.date.today()))
    assert outcome.definition, f"{name} is none of the networks that come with the project"
    named = [*getattr(given, "only", ()), getattr(given, "organisation", None), getattr(given, "proposer", None)]
    assert {one for one in named if one} <= set(outcome.definition.organisations)


@pytest.mark.parametrize("command", documents.commands("station"), ids=str)
def test_every_station_command_in_a_document_is_one(command: documents.Command) -> None:
    parsed(command.words, station._parser())


@pytest.mark.parametrize(("guide", "accounts"), [("people.md", set(account.VERBS)), ("steward.nl.md", {"steward"})])
def test_a_guide_for_people_shows_every_command_of_their_accounts_and_no_other(guide: str, accounts: set[str]) -> None:
    shown = {command.words[1] for command in documents.commands("station") if command.document.name == guide}
    assert shown == {verb for name in accounts for verb in account.VERBS[name]}


def test_every_verb_is_shown_in_a_document() -> None:
    given = [parsed(command.words) for command in documents.commands("werkplaats")]
    assert {one.verb for one in given if one} == set(VERBS)


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_sentence_names_a_verb(document: Path) -> None:
    for code in documents.inline(document):
        program, *words = code.split()
        if program == "werkplaats" and words:
            assert words[0] in cli.VERBS, code
        if program == "make" and words:
            assert words[0] in targets(), code


def targets() -> set[str]:
    """What `make` by itself lists."""
    listed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^\s+make (\w+)\t", listed, re.MULTILINE))


def test_every_make_command_in_a_document_is_a_target_that_make_lists() -> None:
    found = documents.commands("make")
    assert {"demo", "test", "clean"} <= {word for command in found for word in command.words[1:]}
    for command in found:
        assert set(command.words[1:]) <= targets(), str(command)


def test_make_lists_every_target_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert targets() == set(phony.split())


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: Path) -> None:
    missing = [target for target in documents.links(document) if not (document.parent / target).exists()]
    assert not missing


def test_every_guide_is_reached_from_the_readme() -> None:
    assert {f"docs/{guide.name}" for guide in documents.GUIDES} <= set(documents.links(documents.README))


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_every_path_of_the_repository_that_is_named_exists(document: Path) -> None:
    ours = folders() - OF_THE_READER
    named = [code for code in documents.inline(document) if code.split("/")[0] in ours and "/" in code]
    missing = [code for code in named if not re.search(r"[<…]", code) and not (ROOT / code).exists()]
    assert not missing


def folders() -> set[str]:
    """The top-level folders that git keeps."""
    kept = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    return {path.split("/")[0] for path in kept.splitlines() if "/" in path}


def test_the_map_of_folders_names_every_folder_and_no_other() -> None:
    rows = documents.table(documents.README, "Where things are in this repository")
    assert {row[0].strip("`/") for row in rows} == folders()


def test_the_table_of_exit_codes_is_that_of_the_errors() -> None:
    codes = {errors.DONE, errors.FOUND, errors.WRONG_USE, errors.REFUSED, errors.TAKEN_BACK, errors.HALF_WAY}
    assert {int(row[0]) for row in documents.table(documents.README, "Exit codes")} == codes


def test_the_verbs_are_the_ones_that_operators_know() -> None:
    assert cli.VERBS == VERBS
    told = re.findall(r"`(\w+)(?: \w+)?`", (ROOT / "CHANGELOG.md").read_text())
    assert set(VERBS) <= set(told)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_starts_with_a_sentence_and_says_what_it_may_change(verb: str) -> None:
    actions = next(a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    text = str(actions.choices[verb].description)
    first, _, rest = text.partition("\n")
    assert re.fullmatch(r"[A-Z][^\n]+\.", first), first
    assert len(rest.split()) > 5, f"{verb}: the help says nothing but its title"
    if "--yes" in actions.choices[verb].format_usage():
        assert "Blast radius: " in rest


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.parent.name)
def test_an_example_inventory_reads_and_names_organisations_of_its_network(path: Path) -> None:
    definition = check.network(path.parent.name, places.EXAMPLES, context.shipped(datetime.date.today())).definition
    servers = inventory.read(path)
    assert definition
    assert servers
    assert {server.organisation for server in servers} <= set(definition.stations)
    for server in servers:
        assert re.fullmatch(inventory.FINGERPRINT, server.host_key)
        assert server.host.endswith(".example") or any(
            ipaddress.ip_address(server.host) in net for net in DOCUMENTATION
        )


def test_there_is_an_example_inventory_that_a_document_points_to() -> None:
    pointed = {(guide.parent / target).resolve() for guide in documents.GUIDES for target in documents.links(guide)}
    assert pointed & set(INVENTORIES)


def literals() -> str:
    """Every text that our programs hold, one a line: what a message can be made of."""
    found: list[str] = []
    kept = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    for name in kept.splitlines():
        path = ROOT / name
        if name.startswith(("tests/", "docs/")) or not path.is_file():
            continue
        if name.endswith(".py"):
            nodes = ast.walk(ast.parse(path.read_text()))
            found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        elif name.startswith(("roles/", "scripts/", "playbooks/")):
            found.append(path.read_text(errors="replace"))
    return "\n".join(" ".join(text.split(" ")) for text in found)


def test_every_message_in_the_table_of_troubles_can_be_said_by_a_program() -> None:
    guide = ROOT / "docs" / "troubleshooting.md"
    headings = re.findall(r"^## (.+)$", guide.read_text(), re.MULTILINE)
    seen = [row[0] for heading in headings for row in documents.table(guide, heading)]
    messages = [cell.strip("`") for cell in seen if re.fullmatch(r"`[^`]+`", cell)]
    assert len(messages) > 40
    said = literals()
    unsaid = {m: piece for m in messages for piece in m.split("…") if piece.strip() and piece not in said}
    assert not unsaid


def test_the_table_of_mistakes_in_files_is_what_a_station_says() -> None:
    """Each sentence is said of a file that the station's own tests bring, and none of theirs is left out."""
    said = [sentence for _, sentences in test_records.MISTAKES.values() for sentence in sentences]
    rows = documents.table(ROOT / "docs" / "people.md", "Mistakes in CSV files")
    told = [row[1].strip("`") for row in rows]
    patterns = {sentence: re.compile(".+".join(map(re.escape, sentence.split("…")))) for sentence in told}
    unsaid = [text for text, pattern in patterns.items() if not any(pattern.search(one) for one in said)]
    untold = [one for one in said if not any(pattern.search(one) for pattern in patterns.values())]
    assert (unsaid, untold) == ([], [])


def test_the_readme_shows_how_a_demo_ends() -> None:
    shown = documents.demo()
    places = [next(n for n, line in enumerate(shown) if line.startswith(start)) for start in DEMO_ENDS]
    assert places == sorted(places)
    assert "exactly these were planted" in shown[-1]
