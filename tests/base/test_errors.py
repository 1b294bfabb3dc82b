"""The tree of errors: what its drawing says is what there is, and how each kind is told to a person."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import base
import network_topology
import publication
import stacks
import station_image.builder
import werkplaats
from base import errors
from network_topology import violation
from werkplaats import cli
from werkplaats.operations import progress

LINE = re.compile(r"^    (?P<indent>[│ ]*)(?:[├└]── )?(?P<name>[A-Za-z_.]*Error) +(?P<code>\d)?(?: {2}|(?<= ))")


def drawn() -> dict[str, tuple[str, int]]:
    """Name of each error in the drawing → the one that it hangs under, and its exit code."""
    above: list[tuple[str, int]] = []
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if told := LINE.match(line):
            depth = 0 if told["name"] == "WerkplaatsError" else len(told["indent"]) // 4 + 1
            del above[depth:]
            code = int(told["code"]) if told["code"] else above[-1][1]
            found[told["name"]] = (above[-1][0] if above else "", code)
            above.append((told["name"], code))
    return found


def name(kind: type[BaseException]) -> str:
    module = kind.__module__
    return kind.__name__ if module == errors.__name__ else f"{module.rpartition('.')[2]}.{kind.__name__}"


def below(kind: type[errors.WerkplaatsError]) -> Iterator[type[errors.WerkplaatsError]]:
    yield kind
    for one in kind.__subclasses__():
        if not one.__module__.startswith("tests."):
            yield from below(one)


def test_the_drawing_is_the_tree() -> None:
    for package in (base, network_topology, publication, stacks, station_image.builder, werkplaats):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.rpartition(".")[2].startswith(("__main__", "test_", "conftest")):
                importlib.import_module(module.name)
    assert drawn() == {
        name(kind): ("" if kind is errors.WerkplaatsError else name(kind.__mro__[1]), kind.exit_code)
        for kind in below(errors.WerkplaatsError)
    }


@pytest.mark.parametrize(
    ("error", "told", "code"),
    [
        (errors.RefusedError("this", "do that"), "werkplaats check: this; do that\n", errors.REFUSED),
        (errors.HalfWayError("this"), "werkplaats check: this\n", errors.HALF_WAY),
        (errors.UnmetError("no disk"), "werkplaats check: no disk\nrun the same command again\n", errors.HALF_WAY),
        (
            violation.DefinitionError(
                [
                    violation.Violation(Path("a.yml"), 2, 1, "second", "mend it"),
                    violation.Violation(Path("a.yml"), 1, 1, "first", "mend it"),
                ]
            ),
            "a.yml:1:1 error: first; mend it\na.yml:2:1 error: second; mend it\n",
            errors.FOUND,
        ),
        (
            violation.UnknownNetworkError([violation.Violation(Path("a"), 0, 0, "none", "write it")]),
            "a error: none; write it\n",
            errors.WRONG_USE,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_says_itself_how_it_is_told_and_how_the_command_ends(
    error: errors.WerkplaatsError,
    told: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(_: object) -> int:
        raise error

    monkeypatch.setattr("werkplaats.verbs.check.run", stop)
    assert cli.main(["check"]) == code
    assert capsys.readouterr() == ("", told)


def test_what_others_wrote_cannot_command_a_terminal() -> None:
    wrote = "é\x1b]0;x\x07\r\x9b2J\u202eb\ud800\nc"
    shown = "é\N{REPLACEMENT CHARACTER}]0;x" + "\N{REPLACEMENT CHARACTER}" * 3 + "2J\N{REPLACEMENT CHARACTER}b"
    shown += "\N{REPLACEMENT CHARACTER}\nc"
    assert errors.WerkplaatsError(wrote).in_words("up") == f"up: {shown}"
    assert errors.UnmetError(wrote).in_words("up") == f"up: {shown}\nrun the same command again"
    stream = io.StringIO()
    progress.Progress(stream).say(wrote, "phase")
    assert stream.getvalue().endswith(f" {shown}\n")
