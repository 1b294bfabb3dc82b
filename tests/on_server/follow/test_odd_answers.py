"""What a part that parses and was taken over may answer: anything. The root part ends its run, and tells of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from on_server.follow import main, parts, places, telling
from tests.harness.fuzzing import examples
from tests.on_server.follow.served import NETWORK, Served
from tests.publication import odd

TOLD = {
    "from": "/var/lib/werkplaats/publications/inbox/proeftuin",
    "number": 7,
    "published": "2026-03-01T10:00:00Z",
    "ends": "2026-04-01T10:00:00Z",
    "sources": {"/var/lib/werkplaats/relayed/proeftuin/gelre": "it is older"},
    "applies": ["gelre leaves"],
    "waits": ["slingeland joins"],
    "refused": "it is another root",
}
WORST = {
    "a nested number": {**TOLD, "number": odd.deep(900)},
    "a nested sentence": {**TOLD, "refused": odd.deep(900)},
    "a nested row": {**TOLD, "waits": odd.deep(900)},
    "a huge number": {**TOLD, "number": 10**4000},
    "no number": {**TOLD, "number": float("inf")},
    "a number for a sentence": {**TOLD, "refused": 5, "waits": 7, "sources": 9, "from": None},
    "rows for sources": {**TOLD, "sources": ["a"], "applies": {"a": 1}},
    "an endless sentence": {**TOLD, "refused": "a" * 10_000_000},
    "endlessly many": {**TOLD, "waits": ["gelre joins"] * 300_000},
    "endlessly many sources": {**TOLD, "sources": {f"/{number}": "why" for number in range(300_000)}},
    "what a terminal obeys": {**TOLD, "refused": "\x1b[2J", "waits": ["\x9b31m"], "sources": {"\r": "\u202e"}},
    "half a pair": {**TOLD, "refused": "\ud800", "waits": ["\udfff"], "sources": {"\ud800": "x"}},
}
LARGEST_ROW = 1024 * 1024


def require_told(server: Served, answer: bytes) -> None:
    """The run ends, nothing is placed, and whatever is told is plain, bounded, and can be told on."""
    server.paths.told.unlink(missing_ok=True)
    before = server.state()
    main.run(server.paths, lambda _: answer, server.reload)
    assert server.state() == before
    assert server.paths.told.stat().st_size <= LARGEST_ROW
    said = json.dumps(telling.before(server.paths), allow_nan=False)
    assert json.loads(said)[NETWORK].get("problem", "").isprintable()
    for line in telling.lines(server.told):
        assert line.isprintable(), ascii(line)


@pytest.mark.parametrize("name", WORST)
def test_what_is_told_is_plain_and_bounded(server: Served, name: str) -> None:
    """Gains: no run of the root part ends any more, so that no revocation comes; or a terminal of root's is written."""
    require_told(server, json.dumps({"networks": {NETWORK: WORST[name]}}).encode())


def test_an_honest_row_is_told_as_it_is(server: Served) -> None:
    require_told(server, json.dumps({"networks": {NETWORK: TOLD}}).encode())
    assert {field: server.told[field] for field in TOLD if field != "applies"} == {
        field: value for field, value in TOLD.items() if field != "applies"
    }


def parsed(text: str) -> int:
    """How a program ends that has the memory of the root part's unit: 0 where it read this, 7 where it refused."""
    code = (
        "import resource, sys; from on_server.follow import parts, places\n"
        "resource.setrlimit(resource.RLIMIT_AS, (512 * 2**20, 512 * 2**20))\n"
        "try: places.document(sys.stdin.buffer.read(parts.LARGEST_ANSWER + 1))\nexcept ValueError: sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=text.encode(), capture_output=True, check=False)
    assert done.returncode in (0, 7), done.stderr.decode()[-200:]
    return done.returncode


@pytest.mark.parametrize("piece", ["[],", '{"a":{}},', '"a",'])
def test_an_answer_of_very_many_values_takes_no_more_memory_than_the_unit_has(piece: str) -> None:
    """Gains: the kernel ends the root part in each run."""
    assert parsed('{"networks": [' + piece * (parts.LARGEST_ANSWER // len(piece) - 100) + "0]}") == 7


def test_the_largest_answer_that_is_read_fits_in_the_memory_that_the_unit_has() -> None:
    """As many values as may be, and the rest a text of which Python keeps each character in four bytes."""
    many = '{"a":{}},' * (places.MOST_VALUES // 4 - 10)
    rest = parts.LARGEST_ANSWER - len(many) - 100
    assert parsed('{"networks": [' + many + '"\\ud83d\\ude00' + "a" * rest + '"]}') == 0


@pytest.mark.fuzz
@examples(60)
@given(st.data())
def test_generated_answers_end_no_run(server: Served, data: st.DataObject) -> None:
    require_told(server, data.draw(odd.mutated({"networks": {NETWORK: TOLD}}).flatmap(odd.texts)))


@pytest.mark.fuzz
@examples(60)
@given(st.data())
def test_generated_places_end_no_run(server: Served, data: st.DataObject) -> None:
    """What is to be placed is odd: it is placed as an honest one would be, or the run says why not."""
    honest: dict[str, Any] = json.loads(server.ask(json.dumps(question(server)).encode()))
    place = honest["networks"][NETWORK]["place"]
    document = json.loads(place["accepted"])
    changed = data.draw(odd.mutated({**place, "accepted": document}))
    if isinstance(changed, dict) and isinstance(changed.get("accepted"), dict):
        changed["accepted"] = json.dumps(changed["accepted"])
    answer = {"networks": {NETWORK: {**TOLD, "place": changed}}}
    main.run(server.paths, lambda _: json.dumps(answer).encode(), server.reload)
    assert server.accepted()["definition"]["organisations"].keys() <= document["definition"]["organisations"].keys()
    assert server.accepted()["statement_keys"].items() <= document["statement_keys"].items()


def question(server: Served) -> dict[str, Any]:
    return {"networks": {NETWORK: main._question(server.paths, NETWORK)}}
