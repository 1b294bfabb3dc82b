"""A state that knows of nothing, and what its program made is there: a run would make it anew, and is refused."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi_docker as docker
import pytest

from stacks import checkpoint, drive, settled
from stacks.engine import install

STATE = '{"version": 3, "checkpoint": {"latest": %s}}'
KNOWS = STATE % '{"resources": [{"urn": "urn:pulumi:network::p::pulumi:pulumi:Stack::p-network"}]}'
NOTHING = STATE % "null"
DAMAGED = KNOWS[:30]
THERE = "proef.sandbox.ggd"


def stack(folder: Path, program: Any = None, engine: Any = None) -> drive.Stack:
    return drive.Stack(
        project="p",
        program=program,
        plan=lambda known: settled.Settled("plan", "", "", tuple(sorted(known)), ()),
        state=folder,
        engine=cast("Any", engine),
    )


def left(folder: Path, written: str | None, backup: str | None) -> None:
    file = checkpoint.path(folder, "p")
    file.parent.mkdir(parents=True)
    for path, content in ((file, written), (file.with_name(f"{file.name}.bak"), backup)):
        if content is not None:
            path.write_text(content)


@pytest.mark.parametrize(
    ("written", "backup"),
    [(None, None), (None, KNOWS), (NOTHING, KNOWS), (DAMAGED, None), (DAMAGED, DAMAGED), (DAMAGED, NOTHING)],
)
def test_a_state_that_knows_of_nothing_is_refused_where_something_is_there(
    tmp_path: Path, written: str | None, backup: str | None
) -> None:
    left(tmp_path, written, backup)
    with pytest.raises(drive.LostStateError, match=f"{THERE} already.*incident show pulumi-state-lost"):
        stack(tmp_path).require_known("servers of proef.sandbox", lambda: [THERE])


@pytest.mark.parametrize(("written", "backup"), [(KNOWS, None), (KNOWS, DAMAGED), (DAMAGED, KNOWS)])
def test_nobody_is_asked_what_is_there_where_the_state_knows_of_something(
    tmp_path: Path, written: str, backup: str | None
) -> None:
    left(tmp_path, written, backup)
    asked: list[str] = []
    stack(tmp_path).require_known("servers of proef.sandbox", lambda: asked.append("") or [THERE])  # type: ignore[func-returns-value]
    assert not asked


def test_a_first_run_is_not_refused(tmp_path: Path) -> None:
    stack(tmp_path).require_known("servers of proef.sandbox", list)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[tuple[str, list[bool]]]:
    """A container engine that makes nothing: its address, and whether the state knew of nothing at each time."""
    blank: list[bool] = []

    class Asked(http.server.BaseHTTPRequestHandler):
        def answer(self, code: int, content: bytes) -> None:
            self.send_response(code)
            self.send_header("Api-Version", "1.41")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer(200, b"{}")

        do_HEAD = do_GET  # noqa: N815 - the library's

        def do_POST(self) -> None:
            blank.append(checkpoint.blank(tmp_path, "p"))
            self.answer(500, b'{"message": "nothing is made here"}')

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}", blank
        server.shutdown()


@pytest.mark.slow
def test_when_the_first_thing_is_made_the_state_knows_of_something(
    tmp_path: Path, watching: tuple[str, list[bool]]
) -> None:
    """So a run that was killed there goes on, and is not taken for a lost state."""
    address, blank = watching

    def program(_: Any) -> None:
        own = pulumi.ResourceOptions(provider=docker.Provider("engine", host=address))
        docker.Volume("ggd-data", name="werkplaats-test-lost", opts=own)

    with pytest.raises(drive.DriveError, match="nothing is made here"):
        stack(tmp_path, program, install.ensure(print)).up(print)
    assert blank == [False]
