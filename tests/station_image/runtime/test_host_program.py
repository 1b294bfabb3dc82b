"""The `station` program as people meet it: help, wrong use, an agent that is away."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "station_image" / "host" / "station"


def station(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True, check=False)


def against(tmp_path: Path, lines: list[dict[str, Any]], *words: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """Run it against an agent that answers `lines`; returns also what the agent was asked."""
    path, asked = tmp_path / "agent.sock", []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                asked.append(json.loads(stream.readline()))
                for line in lines:
                    stream.write(json.dumps(line).encode() + b"\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = station(*words, "--socket", str(path))
        thread.join(5)
    return done, asked[0]


def test_help_names_every_verb() -> None:
    said = station("--help").stdout
    assert all(verb in said for verb in ("status", "session", "links"))


@pytest.mark.parametrize("words", [(), ("onbekend",), ("session", "--rounds", "veel")])
def test_wrong_use_ends_with_two(words: tuple[str, ...]) -> None:
    assert station(*words).returncode == 2


def test_an_agent_that_is_away_is_a_sentence_and_four(tmp_path: Path) -> None:
    done = station("status", "--socket", str(tmp_path / "none.sock"))
    assert done.returncode == 4
    assert "the agent does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_agent_that_stops_while_it_is_asked_is_a_sentence_and_four(tmp_path: Path) -> None:
    done, _ = against(tmp_path, [{"event": "proposed", "session": "x", "contributors": ["n.a"]}], "session")
    assert done.returncode == 4
    assert "stopped while it was asked" in done.stderr
    assert "session x proposed" in done.stdout


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_agents_exit_code_is_the_programs(tmp_path: Path, code: int) -> None:
    done, asked = against(tmp_path, [{"done": True, "exit": code, "links": []}], "links", "--json")
    assert done.returncode == code
    assert json.loads(done.stdout) == {"exit": code, "links": []}
    assert asked == {"verb": "links"}


def test_options_become_the_request(tmp_path: Path) -> None:
    words = ("session", "--network", "n", "--rounds", "7", "--intake", "3", "--results-to", "a", "--results-to", "b")
    _, asked = against(tmp_path, [{"done": True, "exit": 2, "error": "x"}], *words)
    assert asked == {
        "verb": "session",
        "network": "n",
        "analysis": "acceptance_sum/1",
        "parameters": {"rounds": 7},
        "intake": 3,
        "results": ["a", "b"],
    }


def test_a_session_is_told_in_lines_for_people(tmp_path: Path) -> None:
    last = {"done": True, "exit": 1, "session": "s", "outcome": "done", "left_out": {"n.d": "nothing of it arrived"}}
    last |= {"contributors": ["n.a"], "milliseconds": 5, "result": {"correct": True, "sum": 7}}
    events = [{"event": "accepted", "by": ["n.a"]}, {"event": "computing", "party": "n.a", "contributors": 1}]
    done, _ = against(tmp_path, [*events, last], "session")
    assert done.returncode == 1
    for said in ("accepted by n.a", "left out: n.d: nothing of it arrived", "sum 7, as it must be", "done in 5 ms"):
        assert said in done.stdout


def test_it_imports_nothing_but_the_standard_library() -> None:
    code = "import runpy, sys; before = set(sys.modules); runpy.run_path(sys.argv[1], run_name='x'); "
    code += (
        "print(sorted(name for name in set(sys.modules) - before if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(PROGRAM)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
