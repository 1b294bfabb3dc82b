"""What `station` prints of the station itself, of sessions while they run, of results, files and the register."""

from __future__ import annotations

import argparse
import time

from on_server.backup import main as backups
from on_server.follow import places, telling
from on_server.station_command.agent import Line
from on_server.station_command.words import outline, plain, say, table

RESULTS = "/var/lib/werkplaats/data/out"


def progress(line: Line) -> None:
    """Print one event while the agent works."""
    event = line.get("event")
    if event == "proposed":
        say(f"session {line['session']} proposed; contributors: {', '.join(line['contributors'])}")
    elif event == "passed":
        say(f"{', '.join(line['computing'])} do not compute this: {line['why']}")
    elif event == "waits":
        say(f"waits for {', '.join(line['for'])}, which is being upgraded")
    elif event == "accepted":
        say(f"accepted by {', '.join(line['by'])}")
    elif event == "link":
        say(f"{line['peer']}: {'ok' if line['ok'] else line['why']} ({line['milliseconds']} ms)")
    elif event == "contributor":
        say(f"{line['party']}: {line['station']} does not contribute: {line['reason']}")
    elif event == "computing":
        say(f"{line['party']}: computing with shares of {line['contributors']} contributors")


def show_status(answer: Line, _: argparse.Namespace) -> None:
    """Print networks and peers."""
    if answer["problem"]:
        say(f"problem: {answer['problem']}")
    if not answer["computer"]:
        say("problem: the computer does not run; `docker ps` shows why")
    if answer.get("draining"):
        say(f"no new session begins here for {answer['draining']} s: this station drains")
    register = answer.get("register", {})
    if register.get("problem"):
        say(f"problem: the register: {register['problem']}")
    if register.get("mended"):
        say(f"the register: something that was no entry was cut off; entry {register['mended']} says what")
    for line in telling.stopped(places.Paths()):
        say(f"problem: {plain(line)}")
    if kept := backups.shown():
        say(plain(kept))
    followed = telling.before(places.Paths())
    for name, row in answer["networks"].items():
        now = f"up {row['uptime']} s, {row['sessions']} sessions now"
        say(f"{name}: {row['station']}, release {row['release']}, {now}")
        if row.get("problem"):
            say(f"  {row['problem']}")
        for line in telling.lines(followed.get(name, {})):
            say(f"  {plain(line)}")
        last = row["last_session"]
        if last:
            say(f"  last session {last['session']}: {last['outcome']}{' on ' + last['root'] if last['root'] else ''}")
        for peer, seen in row["peers"].items():
            ago = "not seen since start" if seen["seconds_ago"] is None else f"seen {seen['seconds_ago']} s ago"
            say(f"  {peer}: {ago}{', polls' if seen['polls'] else ''}")


def show_drain(answer: Line, _: argparse.Namespace) -> None:
    """Print for how long nothing new begins, and what is waited for."""
    roles = ", ".join(f"{count} {role}" for role, count in answer["roles"].items() if count)
    running = f"{answer['sessions']} sessions go on{f' ({roles})' if roles else ''}"
    begins = f"no new session begins here for {answer['draining']} s" if answer["draining"] else "sessions begin here"
    say(f"{begins}; {running}")


def show_links(answer: Line, _: argparse.Namespace) -> None:
    """Print how many links are good; each was told before."""
    good = sum(row["ok"] for row in answer["links"])
    say(f"{good} of {len(answer['links'])} links ok")


def show_session(answer: Line, _: argparse.Namespace) -> None:
    """Print how a session without data ended."""
    if _failed(answer):
        return
    result = answer.get("result", {})
    if "correct" in result:
        say(f"sum {result['sum']}, {'as it must be' if result['correct'] else 'WRONG'}")
    say(f"done in {answer['milliseconds']} ms with {len(answer['contributors'])} contributors")


def show_propose(answer: Line, _: argparse.Namespace) -> None:
    """Print the result of an agreed question, and where it lies."""
    if _failed(answer):
        return
    for line in outline(answer.get("result", {})):
        say(line)
    say(f"done in {answer['milliseconds']} ms with {len(answer['contributors'])} contributors")
    say(f"the result lies in {RESULTS}/{answer['session']}/result.json")


def show_results(answer: Line, _: argparse.Namespace) -> None:
    """Print the list of results, or one of them."""
    if "result" not in answer:
        rows = [{**row, "at": _moment(row["at"])} for row in answer["results"]]
        for line in table(rows) if rows else ["no result lies here"]:
            say(line)
        return
    whole = answer["result"]
    about = {key: whole[key] for key in ("network", "question", "analysis", "session") if key in whole}
    for line in outline({**about, "contributors": whole.get("contributors", []), **whole.get("result", {})}):
        say(line)
    _left_out(whole)


def show_data(answer: Line, options: argparse.Namespace) -> None:
    """Print what a session would find in the files."""
    say(f"{options.name}: {answer['rows']} rows in the files for it")
    for sentence in (
        *answer.get("files", ()),
        *answer.get("repeated", ()),
        *answer["problems"],
        *answer.get("astray", ()),
    ):
        say(f"  {sentence}")
    say(f"  {len(answer['problems'])} problems: a session goes on without this organisation" if answer["problems"] else
        "  nothing keeps them from being used")  # fmt: skip


def show_register(answer: Line, _: argparse.Namespace) -> None:
    """Print whether the register is sound, and its last entries."""
    for entry in answer["entries"]:
        say(f"{entry['number']:>6}  {_moment(entry['at'])}  {_entry(entry)}")
    for about, times in answer.get("counted", {}).items():
        say(f"        today  {times} more that are only counted: {plain(about)}")
    say("the register is as this station wrote it" if answer["sound"] else f"NOT SOUND: {answer['problem']}")


def _entry(entry: Line) -> str:
    """One entry of the register in words."""
    kind, about = entry["kind"], f"{entry.get('question')}, session {str(entry.get('session'))[:8]}"
    if kind == "answer":
        said = "accepted" if entry["accepted"] else f"refused ({entry['reason']})"
        return f"{said} what {entry['proposer']} proposed: {about}"
    if kind == "run":
        end = f"{entry['outcome']}{' on ' + entry['root'] if entry['root'] else ''}"
        if entry["outcome"] != "done" and entry.get("counts"):
            end += ", it counts: somebody may have its result"
        return f"computed {about}: {end}, {len(entry['contributors'])} contributors"
    if kind == "allowances":
        allowed = ", ".join(f"{name} {digest[:8]}" for name, digest in entry["allowed"].items())
        return f"the steward allows {allowed or 'nothing'}"
    if kind == "counted":
        counted = ", ".join(f"{times} of {plain(about)}" for about, times in entry["counted"].items())
        return f"only counted on {entry['day']}: {counted}"
    if kind == "mended":
        rest = "the entry was completed" if entry["completed"] else "it was no entry"
        return f"a line that did not end: {entry['cut']} bytes at entry {entry['entry']} were cut off, {rest}"
    if kind in _BACK:
        return _BACK[kind].format(**{name: plain(value) for name, value in entry.items()})
    sentences = {
        "proposal": f"proposed {about}",
        "opening": f"from here on somebody may have the result of {about}",
        "repeated": f"rows of {entry.get('question')} that stand in two files were said to be right: they count twice",
        "contributed": f"contributed to {about}: shares to {entry.get('parties')} parties",
        "receipt": f"{entry.get('party')} says how it ended ({entry.get('outcome')}): {about}",
        "result": f"received the result of {about}, {len(entry.get('contributors', []))} contributors",
    }
    return sentences.get(kind, f"{plain(kind)}: {about}")


_BACK = {
    "lost": "{by} showed entry {entries} of this register, signed here, that is not there: this station went back",
    "went-back": "the steward says that this station went back to entry {entries}: {reason}",
    "granted": "the steward of {by} agreed that this station went back; {remembered} results were taken back",
    "told": "{station} says that its register went back to entry {entries}: {reason}",
    "agreed": "the steward agreed that {station} went back to entry {entries}; {sessions} sessions here are not in it",
}


def _failed(answer: Line) -> bool:
    """Say why a session failed, or who was left out of it; returns whether it failed."""
    if answer["outcome"] == "done":
        _left_out(answer)
        return False
    named = f" on {answer['root']}" if answer["root"] else ""
    say(f"session {answer['session']} failed{named}: {answer['reason']}")
    if counts := answer.get("counts"):
        say(f"it counts as asked at {', '.join(counts)}: somebody may have its result")
    return True


def _left_out(answer: Line) -> None:
    for station, why in answer.get("left_out", {}).items():
        say(f"left out: {station}: {why}")


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
