"""What README and guides say holds: commands parse, paths and messages exist, lists are complete."""

from __future__ import annotations

import argparse
import ast
import datetime
import functools
import importlib.util
import ipaddress
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from base import errors
from network_topology import check, context, names
from on_server.station_command import account
from on_server.station_command import cli as station
from tests.docs import documents
from tests.station_image.runtime.data import test_records
from werkplaats import cli
from werkplaats.operations.home import places
from werkplaats.operations.reach import inventory
from werkplaats.operations.upgrade import failure

ROOT = documents.ROOT
VERBS = (
    "doctor",
    "check",
    "join",
    "plan",
    "accept",
    "up",
    "verify",
    "status",
    "map",
    "inventory",
    "destroy",
    "session",
    "rehearse",
    "upgrade",
    "trust",
    "release",
    "package",
    "backup",
    "incident",
    "drill",
    "completion",
)
RUN_AS = re.compile(r"python3? -m ([\w.]+\w)")
INVENTORIES = sorted((ROOT / "inventories").glob("*/servers.yml"))
# Programs, and one line of a file, that a sentence shows as they are typed or written.
TYPED = {"werkplaats", "station", "station-cut", "python", "ssh-keygen", "journalctl", "function", "eval", "<kind>"}
OF_THE_READER = {"inventories", "docs"}  # a reader's own folder has them too, with files that are not here
# Lines of a demo in the order in which they come: verified, what may be done next, and the question that was rehearsed.
DEMO_ENDS = (f"{names.twin('proeftuin')}: verified: ", "next: ", "griep-hotspots: ")
DOCUMENTATION = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


@functools.cache
def whole() -> argparse.ArgumentParser:
    """The command line of `werkplaats` with all verbs, which takes longer to make than to parse a line."""
    return cli.parser()


def parsed(words: tuple[str, ...], parser: argparse.ArgumentParser | None = None) -> argparse.Namespace | None:
    """What a program makes of a command line, `werkplaats` unless told; None for one that only asks for help."""
    try:
        return (parser or whole()).parse_args(words[1:])
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
    assert outcome.definition or outcome.federation, f"{name} is none of the networks that come with the project"
    named = [*getattr(given, "only", ()), getattr(given, "organisation", None), getattr(given, "proposer", None)]
    organisations = outcome.definition.organisations if outcome.definition else {}
    assert {one for one in named if one} <= {*organisations}


@pytest.mark.parametrize("command", documents.commands("station"), ids=str)
def test_every_station_command_in_a_document_is_one(command: documents.Command) -> None:
    parsed(command.words, station._parser())


@pytest.mark.parametrize(
    ("guide", "person"), [("stewards.md", "steward"), ("steward.nl.md", "steward"), ("scientists.md", "scientist")]
)
def test_a_guide_for_people_shows_every_command_of_their_account_and_no_other(guide: str, person: str) -> None:
    shown = {command.words[1] for command in documents.commands("station") if command.document.name == guide}
    assert shown == set(account.VERBS[person])


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
        if program == "station" and words:
            assert words[0] in station_verbs(), code


def station_verbs() -> set[str]:
    """What the command of a server knows."""
    (verbs,) = [one for one in station._parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return set(verbs.choices)


@functools.cache
def targets() -> set[str]:
    """What `make` by itself lists."""
    listed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^\s+make ([\w-]+)\t", listed, re.MULTILINE))


def test_every_make_command_in_a_document_is_a_target_that_make_lists() -> None:
    found = documents.commands("make")
    assert {"demo", "test", "clean"} <= {word for command in found for word in command.words[1:]}
    for command in found:
        assert set(command.words[1:]) <= targets(), str(command)


def test_make_lists_every_target_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert targets() == set(phony.split())


def test_every_module_that_is_to_be_run_is_there() -> None:
    """`python -m NAME` in a page, a message or a comment, where the name is of this project."""
    named = {name for file in kept() for name in RUN_AS.findall((ROOT / file).read_text(errors="replace"))}
    ours = {name for name in named if name.split(".")[0] in folders()}
    assert len(ours) > 3
    assert {name for name in ours if importlib.util.find_spec(name) is None} == set()


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: Path) -> None:
    missing = [target for target in documents.links(document) if not (document.parent / target).exists()]
    assert not missing


def test_the_readme_is_short() -> None:
    assert len(documents.README.read_text().splitlines()) <= 150


def test_the_site_has_every_guide_and_no_other() -> None:
    """The site's own list; `make docs` itself fails on a link that leads nowhere."""
    listed = re.findall(r"<([\w.-]+)>$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(["changelog", *(guide.name.removesuffix(".md") for guide in documents.GUIDES)])


def test_every_guide_is_reached_from_the_readme() -> None:
    assert {f"docs/{guide.name}" for guide in documents.GUIDES} <= set(documents.links(documents.README))


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_every_path_of_the_repository_that_is_named_exists(document: Path) -> None:
    ours = folders() - OF_THE_READER
    named = [code for code in documents.inline(document) if code.split("/")[0] in ours and "/" in code]
    missing = [code for code in named if not re.search(r"[<…]", code) and not (ROOT / code.partition("::")[0]).exists()]
    assert not missing


@functools.cache
def kept() -> list[str]:
    """The files that git keeps."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]


def folders() -> set[str]:
    """The top-level folders that git keeps."""
    return {path.split("/")[0] for path in kept() if "/" in path}


def test_every_page_that_code_or_a_page_names_is_in_the_repository() -> None:
    """A comment that sends its reader to a page which nobody has explains nothing."""
    missing = []
    for name in kept():
        file = ROOT / name
        pages = set(re.findall(r"[\w./-]*\w\.md\b", file.read_text(errors="replace")))
        places = (ROOT, file.parent, ROOT / "docs")
        missing += [f"{name}: {page}" for page in pages if not any((place / page).exists() for place in places)]
    assert not missing


def test_the_map_of_folders_names_every_folder_and_no_other() -> None:
    rows = documents.table(documents.README, "Where things are in this repository")
    assert {row[0].strip("`/") for row in rows} == folders()


def test_the_rooms_of_the_runtime_are_told_as_their_contract_has_them() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["station_image.runtime"]
    ]
    told = " → ".join(", ".join(f"`{room.strip()}`" for room in layer.split("|")) for layer in layers)
    assert told in (ROOT / "docs" / "how-it-works.md").read_text().splitlines()


def test_the_table_of_exit_codes_is_that_of_the_errors() -> None:
    codes = {errors.DONE, errors.FOUND, errors.WRONG_USE, errors.REFUSED, errors.TAKEN_BACK, errors.HALF_WAY}
    assert {int(row[0]) for row in documents.table(ROOT / "docs" / "operators.md", "Exit codes")} == codes


def test_the_verbs_are_the_ones_that_operators_know() -> None:
    assert cli.VERBS == VERBS
    told = re.findall(r"`(\w+)(?: \w+)?`", (ROOT / "CHANGELOG.md").read_text())
    assert set(VERBS) <= set(told)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_starts_with_a_sentence_and_says_what_it_may_change(verb: str) -> None:
    actions = next(a for a in whole()._actions if isinstance(a, argparse._SubParsersAction))
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


@functools.cache
def literals() -> str:
    """Every text that our programs hold, one a line: what a message can be made of."""
    found: list[str] = []
    for name in kept():
        path = ROOT / name
        if name.startswith(("tests/", "docs/")):
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


def test_every_message_in_a_sentence_can_be_said_by_a_program() -> None:
    """What stands in backticks and has three words or more is typed, is shown in a table above, or is a message."""
    told = {row[1].strip("`") for row in documents.table(ROOT / "docs" / "scientists.md", "Mistakes in CSV files")}
    others = [guide for guide in documents.DOCUMENTS if guide.name != "troubleshooting.md"]
    quoted = {code for guide in others for code in documents.inline(guide) if len(code.split()) > 2} - told
    said = literals()
    messages = {code for code in quoted if code.split()[0] not in TYPED}
    assert len(messages) > 2
    assert {code for code in messages if any(piece.strip() not in said for piece in code.split("…"))} == set()


def test_the_table_of_mistakes_in_files_is_what_a_station_says() -> None:
    """Each sentence is said of a file that the station's own tests bring, and none of theirs is left out."""
    said = [sentence for _, sentences in test_records.MISTAKES.values() for sentence in sentences]
    rows = documents.table(ROOT / "docs" / "scientists.md", "Mistakes in CSV files")
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


def test_every_function_that_the_guide_names_in_a_file_is_there() -> None:
    text = (documents.ROOT / "docs" / "how-it-works.md").read_text()
    named = re.findall(r"((?:`\w+`(?:, | and )?)+) in ((?:`[\w/]+\.py`(?: and )?)+)", text)
    assert len(named) > 10, "the guide names functions as `function` in `file.py`"
    for functions, where in named:
        for place in re.findall(r"`([\w/]+\.py)`", where):
            source = (documents.ROOT / place).read_text()
            for function in re.findall(r"`(\w+)`", functions):
                defined = rf"^\s*((async )?def|class) {function}\b|^[A-Z_, ]*\b{function}\b[A-Z_, ]* ="
                assert re.search(defined, source, re.MULTILINE), f"{place} has no {function}"


def test_the_codes_of_an_upgrade_are_told_as_they_are_in_the_code() -> None:
    rows = documents.table(ROOT / "docs" / "upgrades.md", "When it stops")
    assert [row[0].strip("`") for row in rows] == [code.value for code in failure.Code]
