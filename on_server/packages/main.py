"""Looks which newer packages this server has, and brings some in steps, each of which may be run again after a kill.

server-packages look [--refresh]             what there is, as JSON; --refresh has apt fetch its lists first
server-packages told                         what the last look found
server-packages boot                         which start of the system this is
server-packages timer                        have one look each day; prints one JSON line
server-packages fetch PART NAME=VERSION...   have their files here, and those of before; no package is changed
server-packages bring PART NAME=VERSION...   install them, and have the service run them; back where it does not come up
server-packages back PART NAME=VERSION...    the versions before these, where it is these that the last `bring` brought

PART is gateway, engine or rest. One line of JSON is printed; exit code 1 where it says `what` is in the way.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from on_server import disk, programs
from on_server.packages import apt, kept, look, services
from on_server.packages.error import PackageError

LOCK = Path("/run/werkplaats-packages.lock")
TIMER = "werkplaats-packages.timer"
LOCK_SECONDS = 840.0
RUNNING = look.FOLDER / "engine" / look.RUNNING
PARTS = ("gateway", "engine", "rest")
HAVE_BACK = ("gateway", "engine")
Pairs = Mapping[str, str]
Facts = dict[str, Any]


def fetch(part: str, pairs: Pairs) -> Facts:
    """Have all files here that the part needs, and say which of before cannot be had. Raises PackageError."""
    if not pairs:
        return {"message": "nothing is to be brought", "no_way_back": {}}
    plan = kept.fetch(part, pairs, back=part in HAVE_BACK)
    if part == "gateway":
        services.judge_gateway(kept.debs(part, pairs)["haproxy"])
    return {"message": f"{', '.join(pairs)} lies here", "no_way_back": dict(plan.missing)}


def bring(part: str, pairs: Pairs) -> Facts:
    """Install what is not yet, and have it run; where it does not come up, back. Raises PackageError."""
    facts = fetch(part, pairs)
    running, plan = _judge(part), kept.read(part)
    along = plan.along if plan and pairs else {}
    if pairs:
        kept.brings(part)
    try:
        return facts | _change(part, {**pairs, **along}, running)
    except PackageError as problem:
        if part in HAVE_BACK and pairs and problem.state == "half_way":
            _take_back(part, running, problem)
        raise


def back(part: str, pairs: Pairs) -> Facts:
    """Install the versions of before these, from the files that were kept, and have them run. Raises PackageError.

    What an upgrade before that brought stays: its fixes are no part of what is taken back.
    """
    plan = kept.read(part)
    if plan is None or part not in HAVE_BACK:
        raise PackageError(f"nothing is kept of {part} from before an upgrade", "bring another version")
    last = plan.after if plan.brought else {}
    if last != pairs:
        raise PackageError(
            f"the last that was brought of {part} is {_named(last)}, and {_named(pairs)} is to be taken back",
            "bring another version",
        )
    if plan.missing:
        raise PackageError(
            f"there is no way back of {part}: {'; '.join(plan.missing.values())}",
            f"put that .deb in {apt.ARCHIVES}, and bring the new one again",
        )
    return _change(part, plan.before, _judge(part), back=True)


def _judge(part: str) -> services.Containers:
    """What runs in the engine, as it was before the first change: who was cut off in the middle finds it here."""
    if part != "engine":
        return None
    boot = look.boot()
    said = look.remembered(RUNNING)
    if said.get("boot") == boot:
        return dict(said["running"])
    running = services.judge_engine()
    if running is not None:
        RUNNING.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        disk.write(RUNNING, json.dumps({"boot": boot, "running": running}).encode())
    return running


def _change(part: str, pairs: Pairs, running: services.Containers, *, back: bool = False) -> Facts:
    """Install what is not yet and have it run. A PackageError from the first change on is `half_way`."""
    behind = _install(kept.debs(part, pairs), pairs, back=back)
    try:
        message = services.take_engine(running) if part == "engine" else services.take_gateway()
        ended = services.ended(running)
        if part == "engine":
            RUNNING.unlink(missing_ok=True)
    except PackageError as problem:
        raise PackageError(problem.what, problem.remedy, "half_way") from problem
    return {"brought": behind, "message": message, "went_on": sorted(set(running or ()) - set(ended)), "ended": ended}


def _install(files: Mapping[str, Path], pairs: Pairs, *, back: bool) -> list[str]:
    """Install what is not yet, or is not newer than that by now; returns what was. Raises PackageError."""
    there = before = apt.installed()
    apt.require_whole(there, files)
    try:
        if apt.mend(there, files):
            there = apt.installed()
        other = {name: one.version for name, one in there.items() if one.version != pairs.get(name)}
        absent = [name for name in pairs if name in other or name not in there]
        behind = [one for one in absent if back or one not in other or apt.newer(pairs[one], other[one])]
        if behind:
            apt.bring([files[name] for name in behind], back=back)
    except PackageError as problem:
        state = "refused" if apt.installed() == before else "half_way"
        raise PackageError(problem.what, problem.remedy, state) from problem
    return behind


def _take_back(part: str, running: services.Containers, why: PackageError) -> None:
    """Go back because the new one does not come up; always raises PackageError, which says how that ended."""
    plan = kept.read(part)
    if plan is None or plan.missing:
        raise PackageError(f"{why.what}; the package of before is not here", why.remedy, "half_way") from why
    try:
        lost = _change(part, plan.before, running, back=True)["ended"]
    except PackageError as problem:
        raise PackageError(f"{why.what}; and going back failed: {problem.what}", problem.remedy, "half_way") from why
    told = f"; {', '.join(lost)} ended meanwhile" if lost else ""
    raise PackageError(f"{why.what}; {_named(plan.before)} was put back{told}", why.remedy, "taken_back") from why


def _named(pairs: Pairs) -> str:
    return ", ".join(f"{name} {version}" for name, version in pairs.items()) or "nothing"


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One at a time: who was cut off may still be at it here. Raises PackageError."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(disk.locked(LOCK, LOCK_SECONDS))
        except TimeoutError:
            raise PackageError("another upgrade of packages runs here", f"wait for it: `fuser -v {LOCK}`") from None
        yield


STEPS: dict[str, Callable[[str, Pairs], Facts]] = {"fetch": fetch, "bring": bring, "back": back}


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="server-packages", description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("look").add_argument("--refresh", action="store_true")
    verbs.add_parser("told")
    verbs.add_parser("boot")
    verbs.add_parser("timer")
    for verb in STEPS:
        step = verbs.add_parser(verb)
        step.add_argument("part", choices=PARTS)
        step.add_argument("pairs", nargs="*", metavar="NAME=VERSION")
    return parser.parse_args(words)


def _timer() -> None:
    late = not programs.active(TIMER)
    if late:
        programs.run("systemctl", "start", TIMER)
    programs.tell(late, "the timer that looks for newer packages was started" if late else "the timer runs")


def _do(given: argparse.Namespace) -> Facts:
    """What is asked, alone; after a change the server looks, so that what is told is true."""
    with alone():
        if given.verb == "look":
            return look.look(refresh=given.refresh)
        said = STEPS[given.verb](given.part, dict(pair.split("=", 1) for pair in given.pairs))
        if given.verb != "fetch":
            look.look()
        return said


def main() -> int:
    """Run the program."""
    given = _arguments(sys.argv[1:])
    os.umask(0o022)
    if given.verb == "timer":
        _timer()
        return 0
    if given.verb == "boot":
        sys.stdout.write(f"{look.boot()}\n")
        return 0
    code = 0
    try:
        said = look.remembered() if given.verb == "told" else _do(given)
    except PackageError as problem:
        said, code = {"what": problem.what, "remedy": problem.remedy, "state": problem.state}, 1
    sys.stdout.write(json.dumps(said) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
