"""Whatever one server says, the others are looked at, and it is said of that one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from hypothesis import given

from tests.harness.fuzzing import examples
from tests.publication import odd
from werkplaats.operations.look import observed, station_says, status, verify
from werkplaats.operations.reach import remote
from werkplaats.operations.reach.servers import Server

ODD = ["no JSON", "null", "[0]", "{", '{"links": 3}', '{"networks": []}', '{"left_out": [1]}', "[" * 100_000]
ODD += ['{"networks": {"n": {"last_session": {"ended": 1e30, "outcome": "done"}}}}', '{"questions": [{}]}', "{}"]
ODD += ['{"networks": {"n": {"peers": [1]}}}', '{"networks": {"n": {"peers": {"twee": "x"}}}}']
GOOD = json.dumps({"id": "1", "name": "/station-agent", "state": "running", "image": "i"})


class Remotes:
    """Two servers; `een` says something else than the other."""

    servers: ClassVar = {name: Server(name, f"{name}.example", "") for name in ("een", "twee")}

    def __init__(self, said: str, exited: int = 0) -> None:
        self._said, self._exited = said, exited

    def ask(self, organisation: str, *command: str, **_: Any) -> remote.Done:
        good = GOOD if command[0] == "docker" else ""
        return remote.Done(self._said if organisation == "een" else good, "", self._exited)

    def ask_all(self, organisations: Any, *command: str) -> dict[str, Any]:
        return {o: self.ask(o, *command) for o in organisations}


@pytest.mark.parametrize("said", [*ODD, '{"name": 1}'], ids=lambda said: said[:40])
def test_an_engine_that_answers_oddly_loses_one_server(said: str) -> None:
    found, lost = observed.observe(cast("Any", Remotes(said)), ["een", "twee"])
    assert set(found) == {"twee"}
    assert "een: what its engine says of its containers cannot be read: " in lost["een"]


@pytest.mark.parametrize("said", ODD, ids=lambda said: said[:40])
def test_a_station_that_answers_oddly_is_not_well_and_the_others_are_seen(said: str) -> None:
    stations = {o: SimpleNamespace(operator=o) for o in ("een", "twee")}
    network = cast("Any", SimpleNamespace(name="n", compiled=SimpleNamespace(stations=stations)))
    een, twee = status.read(network, cast("Any", Remotes(said)), {}, status.Certificates({}, ""))
    assert "cannot be read" in een.agent
    assert twee.computer == "not there"
    assert status.lines([een, twee])


def test_every_set_of_computing_parties_computes_and_one_that_does_not_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sets = [("een", "twee", "drie"), ("een", "twee", "vier")]
    compiled = SimpleNamespace(computing=sets[0])
    asked: list[tuple[str, ...]] = []

    def ask(_: Remotes, __: str, *command: str, **___: Any) -> remote.Done:
        asked.append(command)
        good = command[-1] == "1"
        return remote.Done(json.dumps({"session": command[-1]}), "" if good else "vier is away", 0 if good else 4)

    monkeypatch.setattr(Remotes, "ask", ask)
    network = cast("Any", SimpleNamespace(name="n", compiled=compiled, definition=SimpleNamespace(sets=sets)))
    remotes = cast("Any", Remotes(""))
    document, verdict = verify.sessions(network, ["een"], lambda one: (remotes, one))
    assert document == {"session": "1"}
    assert verdict.reason == "computed by een, twee, vier: vier is away"
    sets.pop()
    assert verify.sessions(network, ["een"], lambda one: (remotes, one))[1].reason != ""
    assert [command[-2:] for command in asked] == [("--computing", "1"), ("--computing", "2"), ("n", "--json")]


@pytest.mark.parametrize("said", ODD, ids=lambda said: said[:40])
def test_a_session_of_which_nothing_can_be_read_is_not_good(said: str) -> None:
    network = cast("Any", SimpleNamespace(name="n"))
    document, verdict = verify.session(network, cast("Any", Remotes(said)), "een")
    assert document == {}
    assert verdict.reason == "what its station told cannot be read"


STATION = {
    "links": [{"peer": "twee", "ok": True, "why": "", "definition": "sha256:0"}],
    "networks": {
        "n": {
            "state": "joined",
            "peers": {"twee": {"seconds_ago": 3}},
            "last_session": {"ended": 1.0, "outcome": "done"},
        }
    },
    "questions": [{"network": "n", "question": "griep", "state": "open", "document": {}}],
    "contributors": ["twee"],
    "left_out": {"twee": "it did not answer"},
}


def test_the_sound_answer_is_read() -> None:
    assert station_says.document_of(remote.Done(json.dumps(STATION))) == STATION


@pytest.mark.fuzz
@examples(80)
@given(odd.mutated(STATION).flatmap(odd.texts))
def test_generated_answers_of_a_station_and_an_engine_are_that_servers(text: bytes) -> None:
    remotes = cast("Any", Remotes(text.decode(errors="replace")))
    stations = {o: SimpleNamespace(operator=o) for o in ("een", "twee")}
    network = cast("Any", SimpleNamespace(name="n", compiled=SimpleNamespace(stations=stations)))
    found, lost = observed.observe(remotes, ["een", "twee"])
    assert "twee" in found
    assert set(lost) <= {"een"}
    seen = status.read(network, remotes, {}, status.Certificates({}, ""))
    assert seen[1].computer == "not there"
    assert status.lines(seen)
    verify.session(network, remotes, "een")
