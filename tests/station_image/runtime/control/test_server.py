"""The control socket: who asked wrongly is told so, and an error of the agent is never told as theirs."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from station_image.runtime import agent
from station_image.runtime.base.folders import Folders
from station_image.runtime.control import requests
from station_image.runtime.control.server import Server
from station_image.runtime.control.verbs import VERBS
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import Small

FAILED = "this station's own agent failed ({}); `journalctl CONTAINER_NAME=station-agent` says where"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folders of station n.a, with its key."""
    small = Small.make(tmp_path / "views")
    root = tmp_path / "station"
    for name in ("allowances", "data/in", "data/out", "peers", "register", "state", "compute"):
        (root / name).mkdir(parents=True)
    (root / "networks.d").symlink_to(small.folder / "n.a")
    key = small.keys["n.a"]._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (root / "state" / "statement.key").write_bytes(key)
    (root / "state" / "statement.key").chmod(0o600)
    return root


@pytest.fixture
def computer(root: Path) -> Iterator[None]:
    """A computer that is there, and is asked nothing."""
    path = Folders(root).computer_socket
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.bind(str(path))
        line.listen()
        yield


@pytest.fixture
def server(root: Path) -> Server:
    return Server(agent.assemble(Folders(root)).desk)


def deliver(root: Path, **changes: Any) -> dict[str, Any]:
    """From now on n.a has this question."""
    network = agent.assemble(Folders(root)).networks.find("n")
    asked = questions.document(network, **changes)
    (root / "networks.d" / "n" / "questions.json").write_text(json.dumps({asked["question"]: asked}))
    return asked


def ask(server: Server, line: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    """All lines that come back."""

    async def run() -> list[dict[str, Any]]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        served = asyncio.create_task(
            server.serve(*await asyncio.open_unix_connection(sock=theirs, limit=requests.LONGEST_LINE))
        )
        writer.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        writer.write_eof()
        said = [json.loads(text) async for text in reader]
        await served
        writer.close()
        return said

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "a request that is not one line of JSON"),
        (b"\xff\n", "a request that is not one line of JSON"),
        (b"[" * 60000 + b"\n", "a request that is not one line of JSON"),
        (b'"status"\n', "a request that is not a JSON object"),
        (b"{" + b" " * requests.LONGEST_LINE + b"}\n", "a request longer than 65536 bytes"),
        ({"network": "n"}, "no verb ''; known are agree, allowances, back, data, "),
        ({"verb": "shell"}, "no verb 'shell'; known are agree, allowances, back, data, "),
        ({"verb": ["status"]}, "verb: not a text"),
        ({"verb": "status", "network": 5}, "network: not a text"),
        ({"verb": "session", "intake": "soon"}, "intake: not a whole number"),
        ({"verb": "session", "deadline": True}, "deadline: not a whole number"),
        ({"verb": "session", "parameters": [1]}, "parameters: not an object"),
        ({"verb": "session", "results": "n.a"}, "results: not a list of texts"),
        ({"verb": "session", "results": [{}]}, "results: not a list of texts"),
        ({"verb": "register", "last": "all"}, "last: not a whole number"),
        ({"verb": "data", "network": "m"}, "this station accepted no network 'm'"),
        ({"verb": "data", "question": "griep"}, "no question 'griep' in n; known are (none)"),
        ({"verb": "results", "session": "ab"}, "0 results have a session that begins with 'ab'"),
        ({"verb": "session", "analysis": "onbekend/1"}, "this release has no analysis 'onbekend/1'"),
        ({"verb": "session", "parameters": {"rounds": 0}}, "rounds"),
        ({"verb": "session", "results": ["niemand"]}, "niemand is not in the definition"),
    ],
)
def test_a_request_that_cannot_be_right_is_answered_by_what_is_wrong_with_it(
    server: Server, line: bytes | dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [answer] = ask(server, line)
    assert (answer["done"], answer["exit"]) == (True, 2)
    assert said in answer["error"]
    assert "task-failed" not in capsys.readouterr().out


def test_somebody_that_says_nothing_is_sent_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "LINE_WITHIN", 0.01)

    async def run() -> bytes:
        ours, theirs = socket.socketpair()
        reader, _ = await asyncio.open_unix_connection(sock=ours)
        await server.serve(*await asyncio.open_unix_connection(sock=theirs))
        return await reader.read()

    assert json.loads(asyncio.run(run())) == {"done": True, "exit": 2, "error": "no request came in 0.01 s"}


def test_what_a_newer_program_asks_besides_and_leaves_open_is_left_alone(server: Server) -> None:
    [answer] = ask(server, {"verb": "register", "last": None, "colour": {"red": 1}})
    assert answer == {"done": True, "exit": 0, "entries": [], "sound": True, "problem": "", "counted": {}}


ERRORS = [AttributeError, KeyError, TypeError, ValueError, TimeoutError, OSError, RuntimeError, AssertionError]


@pytest.mark.parametrize("kind", ERRORS)
def test_any_error_inside_a_verb_is_told_as_the_agents_own_without_its_text(
    server: Server, kind: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> dict[str, Any]:
        raise kind("value 12345")

    monkeypatch.setitem(VERBS, "status", broken)
    [answer] = ask(server, {"verb": "status"})
    assert answer == {"done": True, "exit": 4, "error": FAILED.format(kind.__name__)}
    noted = [line for line in capsys.readouterr().out.splitlines() if line.startswith("task-failed ")]
    assert len(noted) == 1
    assert f"kind={kind.__name__} place={__file__}:" in noted[0]
    assert "12345" not in noted[0]


def test_a_result_that_cannot_be_read_is_no_mistake_of_who_asks_for_it(server: Server, root: Path) -> None:
    (root / "data" / "out" / "ab").mkdir()
    (root / "data" / "out" / "ab" / "result.json").write_text("{")
    for request in ({"verb": "results"}, {"verb": "results", "session": "ab"}):
        [answer] = ask(server, request)
        assert answer == {"done": True, "exit": 4, "error": FAILED.format("JSONDecodeError")}


def test_a_question_of_a_form_that_the_agent_does_not_expect_is_named_and_is_no_mistake_of_who_asks(
    server: Server, root: Path
) -> None:
    asked = deliver(root, agreements=["none"])
    questions.allow(root / "allowances", asked)
    [answer] = ask(server, {"verb": "questions"})
    assert (answer["exit"], answer["questions"]) == (0, [])
    [answer] = ask(server, {"verb": "status"})
    assert "question 'griep': its agreements is no agreements by station; it waits" in answer["problem"]


def test_a_withdrawn_question_is_refused_at_home_before_anybody_is_asked(server: Server, root: Path) -> None:
    deliver(root)
    [answer] = ask(server, {"verb": "propose", "question": questions.NAME})
    assert (answer["exit"], answer["error"]) == (2, "allowance: the steward here does not allow griep")


def test_parties_that_cannot_be_reached_are_named_with_their_reasons(server: Server) -> None:
    proposed, answer = ask(server, {"verb": "session"})
    assert proposed["event"] == "proposed"
    assert answer["exit"] == 4
    away = "has no link with this station in this direction"
    assert answer["reasons"] == {"n.b": away, "n.c": away}


def test_a_steward_sees_how_each_question_stands_and_the_register_keeps_what_is_allowed(
    server: Server, root: Path
) -> None:
    asked = deliver(root)
    [before] = ask(server, {"verb": "questions"})
    assert [(row["state"], row["until"], row["document"]) for row in before["questions"]] == [("waits", None, asked)]
    questions.allow(root / "allowances", asked)
    [after] = ask(server, {"verb": "questions"})
    assert [(row["state"], row["until"], row["problem"]) for row in after["questions"]] == [
        ("allowed", "2098-01-01", "")
    ]
    assert ask(server, {"verb": "allowances"}) == [{"done": True, "exit": 0}]
    [told] = ask(server, {"verb": "register", "last": 1})
    assert told["entries"][0]["allowed"] == {f"n/{questions.NAME}": after["questions"][0]["digest"]}


def test_status_tells_of_every_peer_and_that_no_computer_runs(server: Server, root: Path) -> None:
    (root / "peers" / "n.b.sock").touch()
    [answer] = ask(server, {"verb": "status"})
    assert (answer["exit"], answer["computer"], answer["problem"]) == (1, False, "")
    row = answer["networks"]["n"]
    assert (row["station"], row["sessions"], row["last_session"], row["versions"]) == ("n.a", 0, None, [2, 3])
    nothing = {"seconds_ago": None, "polls": False}
    assert row["peers"] == {name: {**nothing, "outbound": name == "n.b"} for name in ("n.b", "n.c", "n.d")}


@pytest.mark.usefixtures("computer")
def test_status_and_a_proposal_say_who_is_cut(root: Path, server: Server) -> None:
    assert ask(server, {"verb": "status"})[-1]["exit"] == 0
    path = root / "networks.d" / "n" / "network.json"
    view = json.loads(path.read_text())
    del view["stations"]["n.c"]
    path.write_text(json.dumps({**view, "cut": {"n.c": {"organisation": "c"}}}))
    [status] = ask(server, {"verb": "status"})
    assert status["exit"] == 1
    assert status["networks"]["n"]["cut"] == ["c"]
    why = status["networks"]["n"]["problem"]
    assert why.startswith("cannot compute: c is cut, ")
    for wish in ({"verb": "propose", "question": "griep"}, {"verb": "session", "analysis": "acceptance_sum/1"}):
        assert ask(server, wish)[-1]["error"] == why
    assert ask(server, {"verb": "questions"})[-1]["problems"] == {"n": why}


@pytest.mark.usefixtures("computer")
def test_status_tells_of_a_register_that_is_unsound_or_was_mended(root: Path) -> None:
    """Status said well of a station that takes part in nothing any more."""
    for left, register in (
        ("{", {"problem": "", "mended": 1}),
        ("{}\n", {"problem": "line 1 is not as it was written", "mended": 0}),
    ):
        (root / "register" / "register.jsonl").write_text(left)
        [status] = ask(Server(agent.assemble(Folders(root)).desk), {"verb": "status"})
        assert (status["exit"], status["register"]) == (int(bool(register["problem"])), register)
