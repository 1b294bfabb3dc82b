"""Show every station: server, engine, gateway, certificate days, release, last session; and what has to be done now.

Changes nothing. Of servers that another operator runs, or that are not reached, what is published is shown, and what
agents tell yours over the mesh: whether they answer, when they were heard last, which release they run, and whether
they go by what was accepted here. While an upgrade goes on: who has not moved, until when that may be, what it blocks.
Of a federation it shows each member: its publication, as far as that lies here, whether its root holders said yes, and
until when it computes with the others where an upgrade that ends parts it from them.
With --calendar everything that ends is shown instead: certificates, gateway keys, revocation list, CA, agreements,
DPIA, questions, the last day of an upgrade, and the allowances of the servers that this operator runs; with who has to
do what, and from when on.
With --watch it looks again and again until Ctrl-C, writes what changed with the time, and ends with the exit code of
the last look; with --json each look is one line.
Exit code 1 when a station is not well, also when little of a certificate's life is left, when something has ended, and
when the publication is refused.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

from base import canonical, errors, files
from werkplaats.operations.coordinator import steps
from werkplaats.operations.home import networks
from werkplaats.operations.look import calendar, members, others, status, watch
from werkplaats.operations.upgrade import behind
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, which of both, and how it is written."""
    common.network_argument(parser)
    parser.add_argument("--calendar", action="store_true", help="show everything that ends, and who has to do what")
    parser.add_argument("--ics", type=Path, metavar="FILE", help="write that calendar for people's agendas (RFC 5545)")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=int,
        const=watch.SECONDS,
        metavar="SECONDS",
        help=f"look again and again, every {watch.SECONDS} seconds where nothing is said, and show what changed",
    )
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Ask and print."""
    network = networks.look_at(given.network, given.home)
    if isinstance(network, networks.Federation):
        return _federation(given, network)
    for sentence in named.left(network):
        print(f"note: {sentence}", file=sys.stderr)
    if given.watch is not None:
        return _watch(given, network)
    found, certificates, ends = _look(network)
    now = canonical.now()
    if given.ics:
        from werkplaats.operations.look import agenda  # here: who asks for no agenda waits for no library

        files.write_atomically(given.ics, agenda.text(network.name, ends, now), mode=0o644)
    if given.json:
        common.print_json([one.document(now) for one in ends] if given.calendar else _stations(found))
    else:
        shown = ends if given.calendar else calendar.now_to_do(ends, now)
        print("\n".join([*(() if given.calendar else status.lines(found)), *(one.line(now) for one in shown)]))
    wrong = _wrong(network, certificates)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return _code(found, wrong, ends)


def _look(
    network: networks.Network,
) -> tuple[list[status.StationStatus], status.Certificates, list[calendar.End]]:
    """Every station, what is published, and everything that ends."""
    certificates = status.certificates(network)
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        found = status.read(network, remotes, unreachable, certificates)
        found = others.marked(network, remotes, found, certificates.published)
    found = behind.marked(found, certificates.published, datetime.date.today())
    return found, certificates, _ends(network, certificates, found)


def _stations(found: list[status.StationStatus]) -> list[dict[str, Any]]:
    return [one.document() for one in found]


def _wrong(network: networks.Network, certificates: status.Certificates) -> list[str]:
    """What is wrong with what is published, or was not."""
    what = "no change is made by the publication" if certificates.published else "no certificate is known"
    if certificates.wrong:
        return [f"{what}: {certificates.wrong}"]
    late = steps.unpublished(network, certificates.published)
    return [late] if late else []


def _code(found: list[status.StationStatus], wrong: list[str], ends: list[calendar.End]) -> int:
    over = any(one.state(canonical.now()) == calendar.ENDED for one in ends)
    return errors.DONE if all(one.good for one in found) and not wrong and not over else errors.FOUND


def _watch(given: argparse.Namespace, network: networks.Network) -> int:
    if given.calendar or given.ics:
        raise errors.UsageError("--watch looks at stations", "leave out --calendar and --ics")
    if not watch.LEAST <= given.watch <= watch.LONGEST:
        raise errors.UsageError(f"--watch {given.watch}: give {watch.LEAST} to {watch.LONGEST} seconds")

    def look() -> watch.Look:
        found, certificates, ends = _look(network)
        wrong = _wrong(network, certificates)
        todo = [one.line(canonical.now()) for one in calendar.now_to_do(ends, canonical.now())]
        lines = {one.organisation: tuple(status.lines([one])) for one in found}
        return watch.Look({**lines, "": (*wrong, *todo)}, _stations(found), _code(found, wrong, ends))

    return watch.watch(look, given.watch, lambda line: print(line, flush=True), programs=given.json)


def _federation(given: argparse.Namespace, federation: networks.Federation) -> int:
    if given.watch is not None:
        members_named = ", ".join(federation.compiled.members)
        raise errors.UsageError(f"{federation.name} is watched by its members", f"name one: {members_named}")
    if given.calendar or given.ics:
        raise errors.UsageError(
            f"{federation.name} has no calendar of its own", f"name a member: {', '.join(federation.compiled.members)}"
        )
    found = members.read(federation)
    if given.json:
        common.print_json([one.document() for one in found])
    else:
        print("\n".join(members.lines(found)))
    return errors.DONE if all(one.good for one in found) else errors.FOUND


def _ends(
    network: networks.Network, certificates: status.Certificates, found: list[status.StationStatus]
) -> list[calendar.End]:
    published = certificates.published
    # One that is over is left out of what is defined here, and may be published still.
    questions = {**(published.questions if published else {}), **network.questions}
    allowed = {one.organisation: one.allowances for one in found}
    return calendar.of(network.name, network.definition, published, questions, allowed)
