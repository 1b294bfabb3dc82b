"""Bring stations to another release while sessions go on: start, status, pause, resume, abort, rollback.

start       look at every station, show the waves, then go wave after wave: drain, replace, try a session, next
status      where each station is, what stopped it and what to do, and who is behind
pause       have it stop after the wave that it is at
resume      go on from what servers run, after a pause, a failure or a kill
abort       end it where it stands; stations that moved stay, and old and new compute together
rollback    bring who moved back to the release before, also half-way

Blast radius: the stations that this operator runs (start with --only: those named). A station runs nothing that its
operator did not accept. Whatever stops an upgrade pauses it; nothing is left half-made.
Exit code 3 when something keeps it from beginning, 5 when it paused.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys
from collections.abc import Mapping
from typing import Any

from base import errors
from stacks.engine import install
from werkplaats.operations import progress
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import begin, behind, drain, machine, preflight, servers, stations
from werkplaats.operations.upgrade.state import Phase, Step, Store, Upgrade
from werkplaats.verbs import common, named

_HELP = {
    "start": "bring stations to a release",
    "status": "where each station is",
    "pause": "stop after the wave that it is at",
    "resume": "go on",
    "abort": "end it where it stands",
    "rollback": "go back to the release before",
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
        if name in ("start", "rollback"):
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
                    return _show_plan(given, begin.Planned(upgrade, (), failures))
            else:
                planned = _planned(given, network, remotes, before)
                if planned.failures or given.dry_run:
                    return _show_plan(given, planned)
                if not given.json:
                    _print_plan(planned)
                upgrade = planned.upgrade
            question = f"bring {len(upgrade.stations)} stations of {network.name} to {upgrade.goal}?"
            if upgrade.phase is not Phase.DONE:
                common.confirm(question, yes=given.yes)
                upgrade = _work(network, remotes, store, reporter, upgrade)
    return _ended(given, upgrade, reporter)


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


def _work(
    network: networks.Network, remotes: remote.Remotes, store: Store, reporter: progress.Progress, upgrade: Upgrade
) -> Upgrade:
    with reporter.phase("upgrade") as say:
        mover = _mover(network, remotes, upgrade, say)
        return machine.Machine(network, remotes, store, mover, say).run(upgrade)


def _mover(network: networks.Network, remotes: remote.Remotes, upgrade: Upgrade, say: progress.Say) -> machine.Mover:
    seconds = upgrade.drain_seconds
    if upgrade.to is None and upgrade.back:
        return servers.Back(remotes, seconds, say, {one: at.brought for one, at in upgrade.stations.items()})
    if upgrade.to is None:
        return servers.Packages(remotes, seconds, say)
    engine = install.ensure(say)
    return stations.Stations(network, remotes, engine, upgrade.to, upgrade.earlier, seconds, say)


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
    code = _ended(given, upgrade, None)
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
        found = behind.look(network, remotes, reached)
        published = hand_over.applicable(network, remotes, [], looking=True).publication
    runs = preflight.running(seen)
    late = behind.sentences(published, found, datetime.date.today()) if published else []
    if given.json:
        common.print_json({
            "network": network.name,
            "upgrade": _document(upgrade),
            "images": runs,
            "away": away,
            "releases": [dataclasses.asdict(one) for one in found],
            "behind": late,
        })  # fmt: skip
        return _code(upgrade)
    lines = _lines(upgrade, runs, away) if upgrade else [f"{network.name}: no upgrade was begun from here"]
    for line in (*lines, *(f"behind: {one}" for one in late)):
        print(line)
    return _code(upgrade)


def _code(upgrade: Upgrade | None) -> int:
    return errors.FOUND if upgrade and upgrade.failure else errors.DONE


def _lines(upgrade: Upgrade, runs: Mapping[str, str], away: Mapping[str, str]) -> list[str]:
    which = f"upgrade {upgrade.number} {'back to' if upgrade.back else 'to'} {upgrade.goal}"
    found = [f"{upgrade.network}: {which}: {upgrade.phase}, since {upgrade.changed}"]
    for number, wave in enumerate(upgrade.waves, 1):
        for one in wave:
            at = upgrade.stations[one]
            there = "cannot be reached" if one in away else "moved" if _is_there(upgrade, one, runs) else at.step
            took = f", {at.seconds:.1f} s" if at.seconds is not None and there == "moved" else ""
            found.append(f"  wave {number:<3} {one:<24} {there}{took}")
    found.append(f"  sessions over old and new came out right up to wave {upgrade.tried}")
    if upgrade.failure:
        found.append(f"stopped: {upgrade.failure.line(upgrade.network)}")
    if not upgrade.phase.over:
        found.append(f"next: {machine.ways_on(upgrade)}")
    return found


def _is_there(upgrade: Upgrade, organisation: str, runs: Mapping[str, str]) -> bool:
    """By what its server runs, where that was looked at; else by what is kept."""
    if upgrade.to and organisation in runs:
        return runs[organisation] == upgrade.to.image_id
    return upgrade.stations[organisation].step is Step.MOVED


def _document(upgrade: Upgrade | None) -> dict[str, Any] | None:
    if upgrade is None:
        return None
    remedy = upgrade.failure.remedy(upgrade.network) if upgrade.failure else ""
    return {**upgrade.model_dump(mode="json"), "remedy": remedy}


def _show_plan(given: argparse.Namespace, planned: begin.Planned) -> int:
    upgrade = planned.upgrade
    failures = [one.line(upgrade.network) for one in planned.failures]
    if given.json:
        common.print_json({
            "upgrade": _document(upgrade),
            "seconds": [round(one, 1) for one in planned.seconds],
            "brings": planned.brings,
            "failures": [one.model_dump(mode="json") for one in planned.failures],
        })  # fmt: skip
    else:
        _print_plan(planned)
        for line in failures:
            print(f"refused: {line}")
        if failures:
            print("nothing was changed")
    return errors.REFUSED if failures else errors.DONE


def _print_plan(planned: begin.Planned) -> None:
    upgrade = planned.upgrade
    earlier = f" from {upgrade.earlier.release}" if upgrade.earlier else ""
    first = len(upgrade.waves) - len(
        planned.seconds
    )  # those before it moved already, in the upgrade that it goes on with
    moving = upgrade.waves[first:]
    what = "stations move" if upgrade.to else "servers move"
    print(f"{upgrade.network}: {sum(map(len, moving))} {what}{earlier} to {upgrade.goal}")
    for number, (wave, seconds) in enumerate(zip(moving, planned.seconds, strict=True), first + 1):
        print(f"  wave {number:<3} about {seconds:4.0f} s: {', '.join(wave)}")
    for organisation, lines in planned.brings.items():
        for one in lines:
            print(f"  {organisation}: {one}")


def _ended(given: argparse.Namespace, upgrade: Upgrade, reporter: progress.Progress | None) -> int:
    seconds = round(reporter.seconds, 1) if reporter else 0.0
    if given.json:
        common.print_json({"upgrade": _document(upgrade), "seconds": seconds})
    elif not upgrade.stations:
        everybody = "every station has" if upgrade.to else "no server lacks"
        print(f"{upgrade.network}: {everybody} {upgrade.goal}; nothing to do")
    else:
        for line in _lines(upgrade, {}, {}):
            print(line)
    return errors.DONE if upgrade.phase.over else errors.HALF_WAY
