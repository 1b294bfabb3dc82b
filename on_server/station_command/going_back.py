"""A register that went back, here or at another station: what is gone, what the steward says or agrees to.

What the steward says lies as a file in the folder that only the steward's own account writes, like an allowance.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from on_server import disk
from on_server.station_command import agent, allowing
from on_server.station_command.agent import Line, RefusedError, StationError, Tell, WrongUseError
from on_server.station_command.words import plain, say

SAID = "went-back.said"
STATEMENT = ("network", "station", "entries", "last", "lost", "reason", "moment")
"""The fields of what a station says, of which the digest is made."""
LONGEST_REASON = 200


def went_back(options: argparse.Namespace, tell: Tell) -> Line:
    """`station went-back`: look; with `--reason` say that this station went back to where its register is now."""
    if options.reason is None:
        return _asked(options, tell, {"verb": "back"})
    allowing.check_steward()
    reason = plain(options.reason)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise WrongUseError(f"--reason: one to {LONGEST_REASON} characters; the stewards of the others read it")
    now = _asked(options, tell, {"verb": "back"})
    if not now["lost"] and not now["problem"] and any(row["waits_for"] for row in now["own"]):
        raise RefusedError("this station said so already, and waits for the others; `station went-back` shows for whom")
    _write(SAID, {"entries": now["entries"], "last": now["last"], "reason": reason, "at": time.time()})
    return _asked(options, tell, {"verb": "go_back"})


def agree(options: argparse.Namespace, tell: Tell) -> Line:
    """`station agree ORGANISATION --digest D`: agree that its register went back, as it was read."""
    allowing.check_steward()
    rows = [
        row
        for row in _asked(options, tell, {"verb": "back"})["others"]
        if options.name in (row["organisation"], row["station"]) and options.network in (None, row["network"])
    ]
    if len(rows) != 1:
        where = "says so in several networks; add --network" if rows else "says nothing of the kind"
        raise WrongUseError(f"{options.name} {where}; `station went-back` shows who does")
    [row] = rows
    found = digest(row)
    if not found == options.digest == row["statement"]:
        raise RefusedError(
            f"{options.name} says something else than you looked at: its digest is {found}; "
            "read it again with `station went-back`"
        )
    if not all(allowing.NAME.fullmatch(row[part]) for part in ("network", "station")):
        raise StationError("an answer that cannot be read: no names of a network and a station")
    _write(f"{row['network']}.{row['station']}.agreed", {"statement": found, "agreed": int(time.time())})
    return _asked(options, tell, {"verb": "agree", "network": row["network"], "station": row["station"]})


def digest(row: Line) -> str:
    """The digest of what a station says, made here from what is shown."""
    return allowing.digest({name: row[name] for name in STATEMENT})


def show_went_back(answer: Line, _: argparse.Namespace) -> None:
    """Print how the own register stands with the others, and theirs with this station."""
    say(
        f"this station's register has {answer['entries']} entries"
        + (" that can be relied on" * bool(answer["problem"]))
    )
    if answer["problem"]:
        say(f"NOT SOUND: {answer['problem']}")
    if lost := answer["lost"]:
        say(_lost(lost))
        say("  it was put back from a snapshot or a backup, and may have forgotten what it answered")
    if lost or answer["problem"]:
        say('to go on from here: station went-back --reason "WHY" (only as steward); then')
        say("  - the stewards of all other computing parties agree, each on its own server")
        say("  - this station takes back what they remember of results, and each question is allowed anew here")
    for row in answer["own"]:
        waits = ", ".join(row["waits_for"])
        say(f"{row['network']}: this station says that it went back to entry {row['entries']} on "
            f"{_moment(row['moment'])}: {plain(row['reason'])}")  # fmt: skip
        say(f"  waits for the stewards of {waits}" if waits else "  all others agreed")
        say(f"  digest {digest(row)}")
    for row in answer["others"]:
        _show_other(row)
    if not (lost or answer["problem"] or answer["own"] or answer["others"]):
        say("no station here or in its networks went back")


def show_agree(answer: Line, _: argparse.Namespace) -> None:
    """Print what was agreed to."""
    say(f"agreed that {answer['station']} went back in its register; what is remembered here stays remembered")


def _lost(lost: Line) -> str:
    """What says that this station went back: an entry that somebody showed, or who put a backup back here."""
    when = _moment(lost["at"])
    if not lost["entries"]:
        return f"a backup was put back on this server on {when}:"
    return f"entry {lost['entries']} is not there, which this station signed on {when} and {plain(lost['by'])} showed:"


def _show_other(row: Line) -> None:
    say(f"{row['network']}: {row['organisation']} says that its register went back to entry {row['entries']} on "
        f"{_moment(row['moment'])}: {plain(row['reason'])}")  # fmt: skip
    if row["lost"]:
        say(f"  it had been at entry {row['lost']} at least, it says itself")
    for gone in row["gone"]:
        say(f"  gone from it, and entered here: session {plain(gone['session'])[:8]} of {plain(gone['question'])}, "
            f"{_moment(gone['at'])} (its entry {gone['told']} or earlier)")  # fmt: skip
    if row["times"]:
        say(f"  it was agreed here {row['times']} times that it went back: ask why it happens again"
            if row["times"] > 1 or not row["agreed"] else "  it was agreed here once")  # fmt: skip
    say(f"  digest {digest(row)}")
    if row["agreed"]:
        say(f"  agreed here on {_moment(row['agreed'])}")
    elif row["waits"]:
        say("  ring its steward up, and compare the digest; no question with it is answered here before you agree")
        say(f"  to agree to exactly this: station agree {row['organisation']} --digest {digest(row)}")


def _asked(options: argparse.Namespace, tell: Tell, request: dict[str, Any]) -> Line:
    answer = agent.ask(options.socket, request, tell)
    if "error" in answer:
        raise StationError(str(answer["error"]))
    return answer


def _write(name: str, content: Line) -> None:
    path = allowing.folder() / name
    disk.write(path, json.dumps(content, indent=1, ensure_ascii=False).encode(), 0o640)
    disk.sync_folder(path.parent)


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
