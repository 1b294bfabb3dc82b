"""The follower: takes the newest publication from where it can, and has what applies by itself in force here.

werkplaats-follow                   one run (this is what werkplaats-follow.service does every few minutes)
werkplaats-follow --bring NETWORK   keep the publication that the operator brings on standard input (`werkplaats up`);
                                    FEDERATION/MEMBER: that of another member of a federation
werkplaats-follow --timer           have the timer run; prints one JSON line
werkplaats-follow --stop WHY        apply nothing by itself any more, whatever is published; `up` and people still can
werkplaats-follow --start           follow again, at once
werkplaats-follow --tell            what it found and did, as JSON
werkplaats-follow --tell --again    the same, after one more look at what is here where the last one met a problem

A run of which nothing is new ends at once. Else the part that parses is started in a unit of its own, and what it
answers is placed once it keeps to the rules; what adds waits for the operator. Then a third unit looks at the place
that the definition names, and what it brings is read likewise. What was found is told in followed.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from on_server import disk, programs
from on_server.follow import fetching, parts, places, placing, seen, telling, texts
from on_server.follow.places import Paths

TIMER = Path("/etc/systemd/system") / telling.TIMER
Reload = Callable[[], str]


def reload() -> str:
    """Have the gateway load what lies on disk; returns why it did not, "" where it did."""
    done = subprocess.run(
        ["/usr/local/sbin/gateway-reload", "--if-needed"], check=False, capture_output=True, text=True
    )
    return "" if done.returncode == 0 else f"the gateway did not take all of it: {(done.stdout or done.stderr).strip()}"


def run(paths: Paths, ask: parts.Ask = parts.READER, reload: Reload = reload, fetch: parts.Ask = parts.FETCHER) -> bool:
    """One run; returns whether all went well. What was found is told in any case."""
    good = _run(paths, ask, reload)  # what is here already waits for no web server
    brought = not telling.stopped(paths) and fetching.fetch(paths, fetch)
    return _run(paths, ask, reload) if brought else good


def again(paths: Paths, ask: parts.Ask = parts.READER, reload: Reload = reload) -> None:
    """Look again at what is here where the last run met a problem: what was in its way may be gone since."""
    if any(row.get("problem") for row in telling.before(paths).values()):
        _run(paths, ask, reload)


def _run(paths: Paths, ask: parts.Ask, reload: Reload) -> bool:
    with places.lock(paths):
        if telling.stopped(paths):
            return True
        names = paths.names()
        regional = [name for name in names if not paths.home(name)]
        # By what is in place of its home network a federation is read, which holds up nothing of that one, nor of
        # another federation.
        apart = ([federation] for federation in names[len(regional) :])
        good = [_of(paths, some, names, ask, reload) for some in (regional, *apart)]
        paths.ran.touch()
        return all(good)


def _of(paths: Paths, some: Iterable[str], names: Iterable[str], ask: parts.Ask, reload: Reload) -> bool:
    """Follow some of the networks; returns whether all went well."""
    told = telling.before(paths)
    before = {name: seen.state(paths, name) for name in some}
    todo = [name for name in before if seen.news(paths, name) or told.get(name, {}).get("state") != before[name]]
    if todo:
        _follow(paths, {name: before[name] for name in todo}, told, ask, reload)
        telling.tell(paths, {name: told[name] for name in names if name in told})
    return not any(told[name]["problem"] for name in todo if name in told)


def _follow(paths: Paths, todo: Mapping[str, str], told: dict[str, Any], ask: parts.Ask, reload: Reload) -> None:
    """Follow each network of `todo`, of which the state is given that the part that parses is asked about."""
    answers, fault = parts.answers(ask, _questions(paths, todo))
    why = fault and f"the part that parses: {fault}"
    # Where an operator placed something meanwhile an answer is about what was before: the next run asks anew.
    same = [name for name, state in todo.items() if seen.state(paths, name) == state]
    for name in todo.keys() - {*same}:
        told.get(name, {}).pop("state", None)
    changed: dict[str, list[str]] = {}
    for name in same:
        answer, row = answers.get(name, {}), dict(told.get(name, {}))
        row |= {
            "at": telling.now(),
            "problem": why or ("" if answer else "of this network nothing could be asked, or nothing is answered"),
        }
        row |= {key: answer.get(key) for key in ("from", "number", "published", "ends", "sources", "waits", "refused")}
        row.pop("state", None)
        changed[name] = []
        try:
            refused = placing.keep_each(paths, name, answer, changed[name])
            if refused or answer.get("left"):
                # What is placed follows from what is kept: one that is not kept holds up nothing of the others.
                answer, fault = _as_kept(paths, name, ask)
                row["problem"] = "; ".join([*refused, *([fault] if fault else [])])
            placing.placed(paths, name, answer, changed[name])
        except parts.NO_ANSWER as error:
            row["problem"] = row["problem"] or f"what was read is not placed: {error}"
        if changed[name]:
            row["applied"] = {"by": "werkplaats-follow", "at": telling.now(),
                              **{field: answer.get(field) for field in ("number", "from", "applies")}}  # fmt: skip
        told[name] = row
    failed = reload()
    for name in same:
        told[name]["problem"] = told[name]["problem"] or failed
        if not told[name]["problem"]:
            told[name]["state"] = seen.state(paths, name)


def _as_kept(paths: Paths, network: str, ask: parts.Ask) -> tuple[dict[str, Any], str]:
    """What the part that parses answers of a federation by nothing but what is kept of it and its members."""
    asked = _question(paths, network)
    kept = {member: {**one, "sources": []} for member, one in asked["members"].items()}
    answers, fault = parts.answers(ask, {network: {**asked, "sources": [], "members": kept}})
    return answers.get(network, {}), fault


def _questions(paths: Paths, names: Iterable[str]) -> dict[str, Any]:
    asked = {}
    for name in names:
        # What lies here of one network is no good, and hides no other.
        with contextlib.suppress(*parts.NO_ANSWER):
            asked[name] = _question(paths, name)
    return asked


def _question(paths: Paths, network: str) -> dict[str, Any]:
    view = places.document((paths.networks / network / "network.json").read_text())
    accepted, keys = paths.accepted(network), paths.own_keys
    ca = paths.at(texts.authorities(network))
    asked = {
        "organisation": view["stations"][view["self"]]["organisation"],
        "accepted": accepted.read_text() if accepted.exists() else None,
        "keys": "".join(path.read_text() for path in keys) if all(path.exists() for path in keys) else "",
        "ca": ca.read_text() if ca.exists() else "",
        "kept": str(paths.kept(network)),
        "sources": [str(source) for source in paths.sources(network)],
    }
    if home := paths.home(network):
        found = {member: (kept, paths.sources(member)) for member, kept in paths.members(network).items()}
        found[home] = (paths.kept(home), [])
        asked["members"] = {
            member: {"kept": str(kept), "sources": [str(source) for source in sources]}
            for member, (kept, sources) in found.items()
        }
    return asked


def bring(paths: Paths, network: str, text: bytes) -> bool:
    """Keep what the operator brings; returns whether it is another one than was kept."""
    with places.lock(paths):
        given = places.document(text)
        if _older(paths, network, given["publication"]) or not placing.keep(paths, network, given["publication"]):
            return False
        if "/" in network:
            return True  # its federation's row tells what was applied of it
        told = telling.before(paths)
        row = {"by": "up", "at": telling.now(), "number": given["number"], "from": "its operator", "applies": []}
        told[network] = {"problem": "", **told.get(network, {}), "applied": row}
        telling.tell(paths, told)
        return True


def _older(paths: Paths, network: str, files: Mapping[str, str]) -> bool:
    """Whether this server has read a newer one of the same root since its operator did."""
    kept = places.texts(paths.kept(network))
    roots, given = map(_roots, (kept, files))
    same = bool(roots) and all(roots.get(name) == given[name] for name in given)  # a later one counts anew
    return same and seen.version(files[seen.NEWEST]) < seen.version(kept.get(seen.NEWEST, ""))


def _roots(files: Mapping[str, str]) -> dict[str, Any]:
    """The roots among files, as they were signed: the same one may be written in other bytes."""
    return {name: places.document(files[name]).get("signed") for name in filter(seen.is_root, files)}


def stop(paths: Paths, why: str) -> None:
    """Have no run change anything from now on; one that is under way ends first."""
    with places.lock(paths):
        disk.write(paths.stopped, json.dumps({"at": telling.now(), "why": why}).encode())


def main() -> int:
    """Run the program; exit code 1 when something could not be done."""
    parser = argparse.ArgumentParser(prog="werkplaats-follow", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bring", metavar="NETWORK")
    parser.add_argument("--timer", action="store_true")
    parser.add_argument("--tell", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--stop", metavar="WHY")
    parser.add_argument("--start", action="store_true")
    wants = parser.parse_args()
    os.umask(0o022)
    if wants.tell:
        if wants.again:
            again(Paths())
        sys.stdout.write(json.dumps(telling.document(Paths())) + "\n")
        return 0
    if wants.timer:
        active = telling.active_for()
        # One that runs goes on as it was begun, whatever its unit says since.
        late = active is None or time.time() - active < TIMER.stat().st_mtime
        if late:
            programs.run("systemctl", "restart", telling.TIMER)
        programs.tell(late, "the timer was started" if late else "the timer runs")
        return 0
    if wants.stop is not None:
        stop(Paths(), wants.stop)
        return 0
    if wants.start:
        Paths().stopped.unlink(missing_ok=True)
    if wants.bring:
        programs.tell(bring(Paths(), wants.bring, sys.stdin.buffer.read()), "the publication is kept")
        return 0
    return 0 if run(Paths()) else 1


if __name__ == "__main__":
    sys.exit(main())
