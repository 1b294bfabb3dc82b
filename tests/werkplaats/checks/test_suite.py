"""The suite of checks, run in this process on servers that a function stands in for."""

from __future__ import annotations

import ast
import json
import subprocess
import threading
from pathlib import Path

import pytest

from werkplaats.checks import suite
from werkplaats.operations.reach import servers


@pytest.fixture
def expected(tmp_path: Path) -> Path:
    """Two stations in no network: what is asked about networks is good as it is."""
    path = tmp_path / "expected.json"
    path.write_text(json.dumps({name: {"networks": [], "image": {"id": "sha256:1"}} for name in ("een", "twee")}))
    return path


def nothing(_: str) -> tuple[int, bytes, bytes]:
    """A server on which every program ends with an error."""
    return 1, b"", b"no such thing"


def gone(_: str) -> tuple[int, bytes, bytes]:
    """A server that went away."""
    raise servers.UnreachableError("twee: it ended the connection")


def here(line: str) -> tuple[int, bytes, bytes]:
    """This machine, without its programs but for `date`: its clock is right."""
    known = line if line.startswith("date ") else "false"
    done = subprocess.run(["sh", "-c", known], capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_there_is_one_verdict_for_each_check_of_each_server(expected: Path) -> None:
    found = suite.run({"een": nothing, "twee": nothing}, expected)
    names = {one: sorted(v.name for v in found if v.organisation == one) for one in ("een", "twee")}
    assert len(found) == len({(v.organisation, v.name) for v in found}), "a check has two verdicts"
    assert names["een"] == names["twee"]
    assert {"agent: it runs the reviewed image", "the firewall has our own table"} <= set(names["een"])
    checks = {
        node.name.removeprefix("test_").replace("_", " ")
        for path in Path(suite.__file__).parent.glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert {name.rpartition(": ")[2] for name in names["een"]} == checks, "a check was not run"


def test_a_server_that_went_away_is_the_reason_and_the_other_is_judged_by_itself(expected: Path) -> None:
    found = {(v.organisation, v.name): v.reason for v in suite.run({"een": here, "twee": gone}, expected)}
    clock = "the clock is right to a few seconds"
    assert found["een", clock] == ""
    assert found["twee", clock] == "twee: it ended the connection"
    assert "ended the connection" not in "".join(reason for (one, _), reason in found.items() if one == "een")


def test_all_servers_are_asked_at_once_and_each_is_judged_by_its_own_answer(expected: Path) -> None:
    together = threading.Barrier(2)

    def answers(code: int) -> suite.Ask:
        def ask(line: str) -> tuple[int, bytes, bytes]:
            if line.startswith("nft "):
                together.wait(timeout=20)
                return code, b"", b""
            return nothing(line)

        return ask

    found = suite.run({"een": answers(1), "twee": answers(0)}, expected)
    bad = {v.organisation: bool(v.reason) for v in found if v.name == "the firewall has our own table"}
    assert bad == {"een": True, "twee": False}


def test_a_reason_is_one_line_that_says_what_is_wrong(expected: Path) -> None:
    found = {v.name: v.reason for v in suite.run({"een": nothing}, expected)}
    assert found["agent: it runs the reviewed image"] == "the engine has no container station-agent"
    assert all("\n" not in reason and len(reason) <= 300 for reason in found.values())


def test_a_skipped_check_is_good(expected: Path) -> None:
    settings = {"een": {"networks": [], "image": {}, "managed": {"firewall": False}}}
    expected.write_text(json.dumps(settings))
    found = {v.name: v.reason for v in suite.run({"een": nothing}, expected)}
    assert found["the firewall has our own table"] == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("test_broken.py", "import no_such_module_at_all", "no_such_module_at_all"),
        ("conftest.py", "raise ValueError('broken')", "pytest ended with"),
    ],
)
def test_a_suite_that_cannot_be_collected_is_an_error_and_no_verdict(
    tmp_path: Path, expected: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text("def pytest_addoption(parser):\n    parser.addoption('--expected')\n")
    (folder / name).write_text(text)
    monkeypatch.setattr(suite, "__file__", str(folder / "suite.py"))
    with pytest.raises(RuntimeError, match=said):
        suite.run({"een": nothing}, expected)


def test_who_interrupts_the_checks_ends_them(expected: Path) -> None:
    def interrupted(_: str) -> tuple[int, bytes, bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        suite.run({"een": interrupted}, expected)
