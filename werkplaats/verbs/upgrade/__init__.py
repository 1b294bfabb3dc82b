"""Bring stations to another release while sessions go on: start, status, pause, resume, abort, rollback, due.

start       look at every station, show the waves, then go wave after wave: drain, replace, try a session, next
status      where each station is, what stopped it and what to do, who is behind, and what may be done by itself when
pause       have it stop after the wave that it is at
resume      go on from what servers run, after a pause, a failure or a kill
abort       end it where it stands; stations that moved stay, and old and new compute together
rollback    bring who moved back to the release before, also half-way
due         do what the operator said yes to beforehand, in servers.yml: accept and start, where a window is open now

Blast radius: the stations that this operator runs (start with --only: those named). A station runs nothing that its
operator did not accept. Whatever stops an upgrade pauses it; nothing is left half-made.
Exit code 3 when something keeps it from beginning, or waits for a person, 5 when it paused.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys

from base import canonical, errors
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed, others
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import begin, behind, drain, machine, preflight, standing
from werkplaats.operations.upgrade.state import Phase, Store, Upgrade
from werkplaats.verbs import common, named
from werkplaats.verbs.upgrade import due, told, working

_HELP = {
    "start": "bring stations to a release",
    "status": "where each station is",
    "pause": "stop after the wave that it is at",
    "resume": "go on",
    "abort": "end it where it stands",
    "rollback": "go back to the release before",
    "due": "do what was said yes to beforehand",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """A step, and what it needs."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, text in _HELP.items():
        step = steps.add_parser(name, help=text)
        common.network_argument(step)
        common.json_argument(step)
        if name in ("start", "resume", "abort", "rollback"):
            common.yes_argument(step)
        if name in ("start", "rollback", "due"):
            step.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
        if name == "start":
            common.only_argument(step)
            goal = step.add_mutually_exclusive_group(required=True)
            goal.add_argument(
                "--to", metavar="VERSION", help="stations move to this release, as the definition names it"
            )
            goal.add_argument(
                "--servers", action="store_true", help="servers get newer packages: HAProxy, Debian's, the engine's"
            )
            step.add_argument("--canary", metavar="ORGANISATION", default="", help="who moves first (a volunteer)")
            many, at_once = begin.Options.group, "how many move at once (%(default)s)"
            step.add_argument("--group", type=int, default=many, metavar="N", help=at_once)
            step.add_argument(
                "--drain-seconds",
                type=int,
                default=begin.DRAIN_SECONDS,
                metavar="N",
                help="how long sessions are waited for (%(default)s)",
            )


def run(given: argparse.Namespace) -> int:
    """Take the step that was named."""
    network = named.find(given)
    store = Store(network.vault)
    match given.step:
        case "status":
            return _status(given, network, store)
        case "pause":
            return _pause(network, store)
        case "due":
            return due.run(given, network, store)
        case _:
            return _change(given, network, store)


def _change(given: argparse.Namespace, network: networks.Network, store: Store) -> int:
    reporter = progress.Progress(quiet=given.json)
    with network.vault.lock(f"upgrade {given.step}") as lock:
        if lock.taken_over:
            reporter.say(lock.taken_over)
        before = store.load()
        with network.remotes() as remotes:
            if given.step == "abort":
                return _abort(given, store, remotes, _begun(network, before))
            if given.step == "resume":
                upgrade = _begun(network, before)
                if upgrade.phase.over:
                    raise errors.RefusedError(f"the last upgrade of {network.name} is {upgrade.phase}", "start another")
                if failures := begin.again(network, remotes, upgrade):
                    return told.show_plan(given, begin.Planned(upgrade, (), failures))
            else:
                planned = _planned(given, network, remotes, before)
                if planned.failures or given.dry_run:
                    return told.show_plan(given, planned)
                if not given.json:
                    told.print_plan(planned)
                upgrade = planned.upgrade
            question = f"bring {len(upgrade.stations)} stations of {network.name} to {upgrade.goal}?"
            if upgrade.phase is not Phase.DONE:
                common.confirm(question, yes=given.yes)
                upgrade = working.work(network, remotes, store, reporter, upgrade)
    return told.ended(given, upgrade, reporter)


def _planned(
    given: argparse.Namespace, network: networks.Network, remotes: remote.Remotes, before: Upgrade | None
) -> begin.Planned:
    if given.step == "rollback":
        return begin.back(network, remotes, before)
    if not given.dry_run:
        machine.require_over(before)
    options = begin.Options(given.only, given.canary, given.group, given.drain_seconds)
    if given.servers:
        return begin.plan_servers(network, remotes, options, before)
    return begin.plan(network, remotes, given.to, options, before)


def _begun(network: networks.Network, before: Upgrade | None) -> Upgrade:
    if before is None:
        raise errors.UsageError(f"no upgrade of {network.name} was begun from here", "begin with upgrade start")
    return before


def _abort(given: argparse.Namespace, store: Store, remotes: remote.Remotes, upgrade: Upgrade) -> int:
    if upgrade.phase.over:
        raise errors.RefusedError(f"the last upgrade of {upgrade.network} is {upgrade.phase}", "there is none to abort")
    common.confirm(f"end the upgrade to {upgrade.goal} where it stands?", yes=given.yes)
    unreachable = remotes.probe()
    there = [one for one in upgrade.stations if one in remotes.servers and one not in unreachable]
    drain.Drain(remotes, lambda _: None).end(there)
    store.goes_on()
    upgrade = store.save(upgrade.now(Phase.ABORTED))
    code = told.ended(given, upgrade, None)
    seen, _ = observed.observe(remotes, there)
    halted = [one for one, image in preflight.running(seen).items() if not image]
    for one in halted:
        print(f"{one}: its station does not run whole; werkplaats up {upgrade.network} mends that", file=sys.stderr)
    return errors.HALF_WAY if halted else code


def _pause(network: networks.Network, store: Store) -> int:
    upgrade = _begun(network, store.load())
    if upgrade.phase.over:
        raise errors.RefusedError(f"the last upgrade of {network.name} is {upgrade.phase}", "there is none to pause")
    store.ask_to_pause()
    print(f"{network.name}: stops after the wave that it is at; werkplaats upgrade resume {network.name} goes on")
    return errors.DONE


def _status(given: argparse.Namespace, network: networks.Network, store: Store) -> int:
    upgrade = store.load()
    with network.remotes() as remotes:
        away = remotes.probe()
        reached = [one for one in remotes.servers if one not in away]
        seen, _ = observed.observe(remotes, reached)
        found = behind.runs(network, others.look(network, remotes, reached))
        ahead = standing.look(network, remotes, standing.rules(network), canonical.now(), looking=True)
        published = ahead.applicable.publication
    runs = preflight.running(seen)
    late = behind.sentences(published, found, datetime.date.today()) if published else []
    if given.json:
        common.print_json({
            "network": network.name,
            "upgrade": told.document(upgrade),
            "images": runs,
            "away": away,
            "releases": [dataclasses.asdict(one) for one in found],
            "behind": late,
            "beforehand": due.document(ahead.decisions),
        })  # fmt: skip
        return _code(upgrade)
    lines = told.lines(upgrade, runs, away) if upgrade else [f"{network.name}: no upgrade was begun from here"]
    for line in (*lines, *(f"behind: {one}" for one in late), *due.lines(ahead.decisions)):
        print(line)
    return _code(upgrade)


def _code(upgrade: Upgrade | None) -> int:
    return errors.FOUND if upgrade and upgrade.failure else errors.DONE
