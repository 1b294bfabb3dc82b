"""What others wrote becomes a value in few places, each of which is known to say a sentence where it is none.

JSON that is nested a hundred thousand times is a RecursionError, and `[]` where an object was meant an AttributeError
or a TypeError lines further: whoever writes it ends the run of everybody where a reader was forgotten.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("base", "network_topology", "on_server", "plugins", "publication", "stacks", "station_image", "werkplaats")
READERS = {"json", "yaml", "pickle", "marshal", "tomllib", "plistlib"}
ALLOWED = {
    "base/values.py parsed": "the one place of the controller, and of who reads a publication",
    # What runs on a server or in a station imports nothing of ours.
    "on_server/backup/main.py run": "what the role placed; else no backup is made, and it is told why",
    "on_server/backup/main.py tell": "what the role placed; else it is told that it is not there",
    "on_server/backup/main.py _before": "what it wrote itself; whatever else it is counts as none",
    "on_server/backup/place.py _done": "what it wrote itself; whatever else it is counts as none",
    "on_server/backup/taken.py entries": "the agent's file; TakeError",
    "on_server/follow/instead.py main": "what it is asked by the controller, which wrote it",
    "on_server/metrics/looked.py _document": "what one of our programs printed; whatever else it is counts as nothing",
    "on_server/metrics/main.py settings": "what the role placed; else nothing is told, and the unit fails",
    "on_server/metrics/telling.py _before": "what it wrote itself; whatever else it is counts as none",
    "on_server/incident/look.py agent": "the agent's answer; another one counts as none",
    "on_server/incident/look.py main": "what it is asked by the controller, which wrote it",
    "on_server/engine.py _info": "what the engine says of itself; unreadable, it does not answer",
    "on_server/engine.py _settings": "an owner's file; what is no object is told as unreadable",
    "on_server/owned.py main": "what it is asked by the controller, which wrote it",
    "on_server/examine.py main": "what it is asked by the controller, which wrote it",
    "on_server/follow/places.py document": "the one place of the follower's root; ValueError",
    "on_server/gateway/loaded.py _statement": "what the role placed; GatewayError for what is no object",
    "on_server/gateway/loaded.py serials": "what it wrote itself; whatever else it is counts as none",
    "on_server/keys.py _seen": "says what to do about an accepted definition that is none",
    "on_server/keys.py _signed": "says what to do about a statement that is none",
    "on_server/station_command/agent.py _is_replaced": "what the agent wrote; whatever else it is says nothing",
    "on_server/packages/look.py remembered": "what it wrote itself; whatever else it is counts as none",
    "on_server/programs.py told": "what one of our programs printed; whatever else it is counts as nothing",
    "on_server/station_command/agent.py ask": "the agent's answer; another one is AgentAwayError",
    "on_server/station_command/allowing.py earlier": "an allowance; whatever else it is counts as none",
    "plugins/modules/server_part.py told": "what one of our programs printed; whatever else it is counts as nothing",
    "station_image/runtime/accepted/networks.py _read": "the accepted files; NetworkError for what is no object",
    "station_image/runtime/accepted/networks.py own_gateway": "what the gateway shows; NetworkError",
    "station_image/runtime/consent/allowances.py find": "an allowance; NotAllowedError for a damaged one",
    "station_image/runtime/consent/back.py agreed": "what the steward's program wrote; whatever else it is is no yes",
    "station_image/runtime/consent/back.py enter": "what the steward's program wrote; RefusedError for what is none",
    "station_image/runtime/consent/opened.py read": "its own file; unreadable, nothing is opened",
    "station_image/runtime/consent/opened.py _learnt": "what another station remembers; RefusedError",
    "station_image/runtime/consent/plan.py _completed": "parameters of a question that was read and written again",
    "station_image/runtime/consent/register.py _begin": "the line that it would add, as it wrote it",
    "station_image/runtime/consent/register.py _mark": "what a restore placed; else it is of now",
    "station_image/runtime/consent/register.py _measured": "its own file; RegisterError",
    "station_image/runtime/consent/register.py _written_head": "its own files; RegisterError",
    "station_image/runtime/consent/seen.py _read": "its own file; unreadable, nothing is computed",
    "station_image/runtime/control/requests.py parse": "a request over the socket; WrongUseError",
    "station_image/runtime/control/verbs.py _results": "results that the agent wrote itself, each as a whole",
    "station_image/runtime/data/repeats.py _all": "its own file; unreadable, people are asked again",
    "station_image/runtime/formats.py _formats": "words of who runs it; argparse says what is wrong with them",
    "station_image/runtime/releases/formats.py found": "its own file; FormatError",
    "station_image/runtime/releases/draining.py _lasts": "what the agent before wrote; else it says nothing",
    "station_image/runtime/session/results.py _open": "a computing party's account; ResultError",
    "station_image/runtime/wire/frames.py parse": "the one place of the wire; FrameError",
    "werkplaats/operations/join/beginning.py _says": "an author's file: texts of everything, to be compared",
    "werkplaats/operations/package/install.py _parsed": "the one place of the installer, which imports nothing of ours",
    # On the controller, and still not by `base.values`.
    "werkplaats/checks/conftest.py expected": "what the controller wrote for the checks that it starts",
    "werkplaats/checks/test_server.py told": "a check: what it cannot read, it found",
    "werkplaats/checks/test_station.py containers": "a check: what it cannot read, it found",
    "werkplaats/operations/bring_up/configure.py _follow": "what our callback tells of a play, text of servers in it",
}


def calls(text: str, names: set[str] = READERS) -> Iterator[str]:
    """The function around each call that makes values of text, by whatever name the module or function is imported."""
    tree = ast.parse(text)
    modules, functions = set[str](), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import(aliases):
                modules |= {one.asname or one.name for one in aliases if one.name.partition(".")[0] in names}
            case ast.ImportFrom(module, aliases) if module and module.partition(".")[0] in names:
                functions |= {one.asname or one.name for one in aliases if _loads(one.name)}
    yield from _calls(tree, "", modules, functions)


def _calls(node: ast.AST, inside: str, modules: set[str], functions: set[str]) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inside = node.name
    match node:
        case ast.Attribute(ast.Name(module), name) if module in modules and _loads(name):
            yield inside
        case ast.Name(name) if name in functions:
            yield inside
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, inside, modules, functions)


def _loads(name: str) -> bool:
    return ("load" in name.lower() and "er" not in name.lower()) or name in {"JSONDecoder", "Unpickler"}


def test_values_are_made_of_text_where_it_is_known_what_happens_to_what_is_none() -> None:
    found = {
        f"{path.relative_to(ROOT)} {function}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for function in calls(path.read_text())
    }
    assert sorted(found - {*ALLOWED}) == [], "let base.values.parsed make a value of it, or say here why not"
    assert sorted({*ALLOWED} - found) == [], "nothing is read there any more"


@pytest.mark.parametrize(
    "line",
    [
        "import json\njson.loads(a)",
        "import json as j\nj.load(a)",
        "from json import loads as read\nread(a)",
        "import json\nread = functools.partial(json.loads)",
        "import yaml\nyaml.unsafe_load_all(a)",
        "from yaml import safe_load\nsafe_load(a)",
        "import json\njson.JSONDecoder().decode(a)",
    ],
)
def test_a_reader_is_seen_by_whatever_name(line: str) -> None:
    assert [*calls(line)] == [""]
