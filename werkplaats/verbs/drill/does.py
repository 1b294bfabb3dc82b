"""What each step of a drill does, and what is printed of it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from base import errors
from network_topology import names
from runbooks.drills import causes, certificate, place, score, training
from runbooks.drills import drill as drills
from runbooks.drills.drill import Drill
from runbooks.framework import diagnosis, found, looking, record, report, running
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.look import verify
from werkplaats.verbs import common, named

SESSION_SECONDS = 60.0
"""In which a session is to work again after everything else is well."""
Said = tuple[int, list[str]]
"""An exit code, and lines for people."""
GIVEN = "points are taken off for hints, wrong answers and runbooks, and for what comes late"


def run(given: argparse.Namespace, step: str) -> int:
    """Do it, print what it came to and how far the drill is."""
    network = named.find(given)
    _require_sandbox(network)
    folder = network.vault.folder / record.FOLDER
    code, lines = STEPS[step](given, network, folder)
    if given.json:
        common.print_json({**document(folder, network.name), "said": lines})
    else:
        print("\n".join(lines))
    return code


def _require_sandbox(network: networks.Network) -> None:
    """Raise RefusedError for what is no sandbox, or of which there are no servers."""
    if not network.made_here:
        twin = names.twin(network.name)
        raise errors.RefusedError(
            f"{network.name} is no sandbox: a drill has servers fail, and people may need these",
            f"train on its twin: werkplaats up {twin}, then werkplaats drill {twin} --surprise",
        )
    if not (network.inventory / "servers.yml").exists():
        raise errors.RefusedError(f"{network.name} has no servers yet", f"werkplaats up {network.name}")


@contextlib.contextmanager
def _ground(given: argparse.Namespace, network: networks.Network, folder: Path) -> Iterator[drills.Ground]:
    reporter = progress.Progress(quiet=given.json)
    with network.remotes() as remotes:

        def look() -> list[diagnosis.Found]:
            what = looking.look(network, remotes, found.every(), reporter.say)
            return diagnosis.diagnose(what, found.every())

        def session() -> str:
            why = [""]

            def works() -> bool:
                why[0] = verify.sessions(network, remotes.servers, lambda one: (remotes, one))[1].reason
                return not why[0]

            return "" if running.until(works, SESSION_SECONDS) else why[0]

        at = place.Servers(network, remotes)
        yield drills.Ground(network.name, folder, at, look, session, network.vault.lock, reporter.say)


def document(folder: Path, network: str) -> dict[str, Any]:
    """How far it is, for programs: nothing in it that the trainee is to find out."""
    drill = drills.current(folder, network)
    if drill is None:
        return {"network": network, "goes_on": False, "drills": causes.incidents()}
    told = training.now(folder, drill)
    return {
        "network": network,
        "goes_on": True,
        "id": drill.record.id,
        "seed": drill.seed,
        "caused": drill.caused is not None,
        "incident": drill.cause.incident if drill.known("incident") else "",
        "subject": drill.subject if drill.known("subject") else "",
        "seconds": told.seconds,
        "points": told.points,
        "costs": [f"{points}: {what}" for what, points in told.costs],
    }


def begin(given: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """Cause it, and tell what to do first."""
    target = tuple((given.target or "").split(":")) if given.target else ()
    drawn = drills.draw(place.own(network), _computing(network), given.seed, given.incident or "", target)
    with _ground(given, network, folder) as ground:
        drill = drills.begin(ground, drawn)
    what = f"{drill.cause.incident}: {found.find(drill.cause.incident).title}" if given.incident else "something"
    where = f", at {given.target}" if target else ""
    return errors.DONE, [
        f"{what} was caused in {network.name}{where}, drawn by the seed {drill.seed}",
        f"first: werkplaats incident diagnose {network.name}",
        f"then say what it is: {drill.again} --answer INCIDENT:TARGET",
        f"and mend it by its runbook, until you can say: {drill.again} --done",
        f"{drill.again} --hint helps, and costs points; {drill.again} --end puts everything right; {GIVEN}",
    ]


def _computing(network: networks.Network) -> list[str]:
    """Who computes on a server that was made here."""
    own = place.own(network)
    return [one for one in network.compiled.computes if one in own]


def status(_: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """How far it is."""
    told = document(folder, network.name)
    if not told["goes_on"]:
        return errors.DONE, [f"no drill goes on in {network.name}; there are drills of: {', '.join(told['drills'])}"]
    if not told["caused"]:
        return errors.DONE, [
            f"{told['id']} was interrupted while its incident was being caused: werkplaats drill {network.name} --end"
        ]
    of = f" of {told['subject']}" if told["subject"] else ""
    moments = [f"{what} {'not yet' if at is None else f'after {at} s'}" for what, at in told["seconds"].items()]
    return errors.DONE, [
        f"{told['id']}: {told['incident'] or 'an incident'}{of}, drawn by the seed {told['seed']}",
        ", ".join(moments),
        f"{told['points']} of {score.FULL} points; taken off: {'; '.join(told['costs']) or 'nothing'}",
    ]


def hint(_: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """The next one."""
    return errors.DONE, [training.hint(folder, network.name)]


def answer(given: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """Whether it is right."""
    if training.answer(folder, network.name, given.answer):
        return errors.DONE, [f"{given.answer}: that is right"]
    return errors.FOUND, [f"{given.answer}: that is not it, and costs {score.WRONG_ANSWER} points"]


def rang(given: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """What those say who were rung."""
    with _ground(given, network, folder) as ground:
        if training.rang(ground):
            return errors.DONE, ["they say: it is done. Run the same runbook again"]
    return errors.FOUND, ["they say: there is nothing that we can do about that; its runbook asks nothing of us"]


def done(given: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """What it came to, with the certificate."""
    with _ground(given, network, folder) as ground:
        drill, why = training.done(ground)
    if why:
        return errors.FOUND, [why]
    return errors.DONE, _certified(drill, network, folder, given.sign)


def _certified(drill: Drill, network: networks.Network, folder: Path, key: str | None) -> list[str]:
    """Write the certificate, sign its record where that is asked, and return what it says."""
    others, where = record.every(folder), network.vault.folder / certificate.FOLDER
    paths = certificate.write(where, drill, others, report.signed(drill.record))
    if key:
        report.sign(drill.record, Path(key))
        certificate.write(where, drill, others, report.signed(drill.record))
    kept = f"keep both elsewhere too: werkplaats destroy {network.name} takes them with it"
    return [paths[0].read_text(), *(f"{path} is written" for path in paths), kept]


def end(given: argparse.Namespace, network: networks.Network, folder: Path) -> Said:
    """Everything is right, or what is not."""
    with _ground(given, network, folder) as ground:
        told, left = drills.end(ground)
    lines = [f"{told.id} is over; what was caused is undone"]
    drill = drills.of(told)
    if drill and drill.scored:
        lines += _certified(drill, network, folder, None)
    if left:
        return errors.FOUND, [*lines, f"still wrong: {left}; werkplaats incident diagnose {network.name}"]
    return errors.DONE, [*lines, f"{network.name}: diagnosis finds nothing"]


STEPS: dict[str, Callable[[argparse.Namespace, networks.Network, Path], Said]] = {
    "begin": begin,
    "status": status,
    "hint": hint,
    "answer": answer,
    "rang": rang,
    "done": done,
    "end": end,
}
