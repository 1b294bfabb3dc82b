"""A place on a server where an account that is not root's can come, with an agent that knows one question."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.accepted import statement
from tests.on_server.station_command import agents
from tests.on_server.station_command.agents import Agent, done
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import Small


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def question(tmp_path: Path) -> dict[str, Any]:
    """The question `griep` as four stations got it."""
    return questions.document(Small.make(tmp_path).networks("n.a").find("n"), at_most="daily")


def delivered(*documents: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """What an agent answers about questions."""
    rows = []
    for document in documents:
        shown = {key: document[key] for key in ("network", "question", "purpose", "analysis")}
        row = {**shown, "digest": statement.digest(document), "state": "waits", "until": None, "problem": ""}
        rows.append({**row, "document": document, **changes})
    return done(questions=rows)


@pytest.fixture
def agent(place: Path, question: dict[str, Any]) -> Iterator[Agent]:
    answers = {"questions": delivered(question), "allowances": done()}
    made = Agent(place / "agent.sock", answers)
    yield made
    made.close()


@pytest.fixture
def allowances(place: Path) -> Path:
    """The steward's folder."""
    folder = place / "allowances"
    folder.mkdir(mode=0o750)
    os.chown(folder, agents.STEWARD, os.getgid())
    return folder
