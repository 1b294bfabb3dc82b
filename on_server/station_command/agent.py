"""Asks this organisation's agent over its control socket: one line of JSON there, lines of JSON back."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from on_server.follow import places

SOCKET = "/run/werkplaats/control/agent.sock"
DRAINING = "draining"
"""Beside the socket: until when an agent drains, in seconds since 1970."""
LONGEST_SAID, LONGEST_LINE = 200, 64 * 1024 * 1024
"""Bytes of that, and of one line of an agent, at most: its container can write anything in either."""
DONE, FOUND, WRONG_USE, REFUSED, FAILED = range(5)
SILENCE = 7200.0
WAIT, AGAIN = 120.0, 1.0
"""Seconds that an agent is waited for which is being replaced, and between two times that it is asked."""
Line = dict[str, Any]
Tell = Callable[[Line], None]


class StationError(Exception):
    """The text is what people read, `code` the exit code. Below it: WrongUseError, RefusedError, AgentAwayError."""

    code = FAILED


class WrongUseError(StationError):
    """Something is named that does not exist, or cannot be read."""

    code = WRONG_USE


class RefusedError(StationError):
    """This is not to be done, by this account or with these words."""

    code = REFUSED


class AgentAwayError(StationError):
    """The agent cannot be asked; the text says what to look at."""


def ask(path: str, request: Mapping[str, Any], tell: Tell) -> Line:
    """The agent's last line, with `exit`; events before it go to `tell`. Raises AgentAwayError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(SILENCE)
    try:
        with connection, connection.makefile("rwb") as stream:
            connection.connect(path)
            stream.write(json.dumps({key: value for key, value in request.items() if value is not None}).encode())
            stream.write(b"\n")
            stream.flush()
            while text := stream.readline(LONGEST_LINE):
                line: Line = json.loads(text)
                if line.pop("done", False):
                    return {"exit": FAILED, **line}
                tell(line)
    except PermissionError as error:
        raise AgentAwayError(f"{path}: you are not in group station-control; ask this server's operator") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AgentAwayError(f"{path}: the agent does not answer; `docker ps` shows whether it runs") from error
    raise AgentAwayError(f"{path}: the agent stopped while it was asked; see `journalctl CONTAINER_NAME=station-agent`")


def ask_patiently(path: str, request: Mapping[str, Any], tell: Tell) -> Line:
    """The same of an agent that may be about to be replaced: of the next one then. Raises AgentAwayError.

    Not of a session that all accepted already.
    """
    until, heard = time.monotonic() + WAIT, set[str]()

    def hear(line: Line) -> None:
        heard.add(str(line.get("event")))
        tell(line)

    while True:
        try:
            answer = ask(path, request, hear)
            if "drains" not in answer or time.monotonic() > until:
                return answer
        except AgentAwayError:
            if "accepted" in heard or not _is_replaced(path) or time.monotonic() > until:
                raise
            answer = {}
        if "waits" not in heard:
            hear({"event": "waits", "for": sorted(answer.get("drains", ["this station"]))})
        time.sleep(AGAIN)


def _is_replaced(path: str) -> bool:
    """Whether an agent that is away said before that another one will come, and its time for that is not over."""
    try:
        left = float(json.loads(places.read(Path(path).with_name(DRAINING), LONGEST_SAID))["until"]) - time.time()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return left > 0


def questions(path: str, network: str | None = None) -> list[Line]:
    """The questions that were delivered here, of one network or of all. Raises StationError."""
    return _questions(path, network)[0]


def _questions(path: str, network: str | None) -> tuple[list[Line], list[str]]:
    """The questions, and why nothing is computed in some network."""
    answer = ask(path, {"verb": "questions"}, lambda _: None)
    if "error" in answer:
        raise StationError(str(answer["error"]))
    rows: list[Line] = answer["questions"]
    problems: dict[str, str] = answer.get("problems", {})
    asked = [row for row in rows if network in (None, row["network"])]
    return asked, [f"{name}: {why}" for name, why in sorted(problems.items()) if network in (None, name)]


def question(path: str, name: str, network: str | None = None) -> Line:
    """The one question of a name. Raises StationError."""
    rows, problems = _questions(path, network)
    found = [row for row in rows if row["question"] == name]
    if not found:
        known = ", ".join(sorted({row["question"] for row in rows})) or "(none)"
        why = "; ".join([f"no question {name!r} was delivered to this station; known are {known}", *problems])
        raise WrongUseError(why)
    if len(found) > 1:
        raise WrongUseError(f"{name!r} is in {len(found)} networks; add --network {' or '.join(_networks(found))}")
    return found[0]


def _networks(rows: list[Line]) -> list[str]:
    return sorted(row["network"] for row in rows)
