"""The steward's yes and no: a file per question, that nobody but the steward's own account writes.

The agent sees the folder read-only. An allowance holds the whole question, so that a later difference has a name.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from on_server import disk
from on_server.station_command import agent
from on_server.station_command.agent import AgentAwayError, Line, RefusedError, StationError, Tell, WrongUseError
from on_server.station_command.words import say

AT_MOST = ("unlimited", "hourly", "daily", "weekly", "monthly")
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
ONLY_THE_STEWARD = "only the steward's own account allows and refuses; log in as steward on this server"


def digest(document: Mapping[str, Any]) -> str:
    """What the agent compares with, computed here from the question itself: SHA-256 of its canonical JSON."""
    import hashlib  # here, since loading it costs as much as most of what this program is asked

    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def folder() -> Path:
    """Where allowances lie; tests have them elsewhere."""
    return Path(os.environ.get("STATION_ALLOWANCES", "/var/lib/werkplaats/allowances"))


def check_steward() -> None:
    """Raise RefusedError unless this is the account that the folder belongs to: the steward's. Root is nobody's."""
    try:
        owner = folder().stat().st_uid
    except OSError as error:
        raise StationError(f"{folder()}: there are no allowances on this server; run `werkplaats up`") from error
    if owner == 0 or not os.getuid() == os.geteuid() == owner:
        raise RefusedError(ONLY_THE_STEWARD)


def earlier(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The question as it was allowed, None where it was not, or is not this account's to read."""
    try:
        content = json.loads(_path(row["network"], row["question"]).read_text())
        document: Mapping[str, Any] = dict(content["question"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return document


def allow(options: argparse.Namespace, _: Tell) -> Line:
    """`station allow NAME --digest D`: write the allowance, then have it entered in the register."""
    check_steward()
    row = agent.question(options.socket, options.name, options.network)
    document = row["document"]
    found = digest(document)
    if not found == options.digest == row["digest"]:
        raise RefusedError(
            f"the question is another one than you looked at: its digest is {found}; "
            f"read it again with `station questions {options.name}`"
        )
    until, at_most = _until(document, options.until), _at_most(document, options.at_most)
    path = _path(document["network"], document["question"])
    named = {"digest": found, "until": until, "at_most": at_most}
    _write(path, {"question": document, **named, "allowed": int(time.time())})
    answer = {"network": document["network"], "question": document["question"], **named}
    return {"exit": agent.DONE, **answer, **_entered(options)}


def refuse(options: argparse.Namespace, _: Tell) -> Line:
    """`station refuse NAME`: take the allowance away; that needs no agent, and no question that is still delivered."""
    check_steward()
    networks = [options.network] if options.network else _allowed_in(options.name)
    withdrawn = []
    for network in networks:
        try:
            _path(network, options.name).unlink()
        except FileNotFoundError:
            continue
        withdrawn.append(network)
    if withdrawn:
        disk.sync_folder(folder())
    left = sorted(path.stem for path in folder().glob("*~*.json"))
    answer = {"question": options.name, "withdrawn": withdrawn, "allowed": left}
    return {"exit": agent.DONE, **answer, **_entered(options)}


def show_allow(answer: Line, _: argparse.Namespace) -> None:
    """Print what is allowed now."""
    often = "as often as wanted" if answer["at_most"] == "unlimited" else f"at most {answer['at_most']}"
    say(f"{answer['question']} in {answer['network']} is allowed until {answer['until']}, {often}")
    say(f"  digest {answer['digest']}")
    _show_entered(answer)


def show_refuse(answer: Line, _: argparse.Namespace) -> None:
    """Print what was taken away."""
    for network in answer["withdrawn"]:
        say(f"{answer['question']} in {network} is no longer allowed: the next session is refused")
    if not answer["withdrawn"]:
        allowed = ", ".join(name.replace("~", "/") for name in answer["allowed"]) or "nothing"
        say(f"{answer['question']} was not allowed; allowed here is {allowed}")
    _show_entered(answer)


def _until(document: Mapping[str, Any], given: str | None) -> str:
    term = datetime.date.fromisoformat(document["until"])
    try:
        until = datetime.date.fromisoformat(given) if given else term
    except ValueError as error:
        raise WrongUseError(f"--until {given}: a date such as {term}") from error
    if until > term:
        raise RefusedError(f"--until {until}: the question itself ends on {term}; allow it until then or earlier")
    if until < datetime.datetime.now(datetime.UTC).date():
        raise RefusedError(f"{until} is past, so nothing would be allowed; the question itself ends on {term}")
    return str(until)


def _at_most(document: Mapping[str, Any], given: str | None) -> str:
    agreed: str = document["at_most"]
    if given and AT_MOST.index(given) < AT_MOST.index(agreed):
        raise RefusedError(f"--at-most {given}: the question is agreed {agreed}; allow it so or more rarely")
    return given or agreed


def _path(network: str, name: str) -> Path:
    if not NAME.fullmatch(network) or not NAME.fullmatch(name):
        raise WrongUseError("names of networks and questions are lower-case letters, digits, points and dashes")
    return folder() / f"{network}~{name}.json"


def _allowed_in(name: str) -> list[str]:
    return sorted(path.name.partition("~")[0] for path in folder().glob("*~*.json") if path.stem.endswith(f"~{name}"))


def _write(path: Path, content: Line) -> None:
    """Whole or not at all, also over a power cut; the folder's set-group-id bit lets the agent read it."""
    disk.write(path, json.dumps(content, indent=1, ensure_ascii=False).encode(), 0o640)
    disk.sync_folder(path.parent)


def _entered(options: argparse.Namespace) -> Line:
    """Have the agent enter it in the register; without an agent it holds all the same, from the next session on."""
    try:
        answer = agent.ask(options.socket, {"verb": "allowances"}, lambda _: None)
    except AgentAwayError as error:
        return {"exit": agent.FOUND, "unregistered": str(error)}
    return {"unregistered": str(answer["error"]), "exit": agent.FOUND} if "error" in answer else {"unregistered": ""}


def _show_entered(answer: Line) -> None:
    if answer["unregistered"]:
        say(f"  it holds, and is not in the register yet: {answer['unregistered']}; then give the command again")
