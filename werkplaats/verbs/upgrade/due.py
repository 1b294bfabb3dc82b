"""`upgrade due`: outside of windows it says when the next one is; in one it accepts and moves what was said yes to."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from base import canonical, errors
from network_topology import model
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import beforehand, begin, preflight, standing
from werkplaats.operations.upgrade.beforehand import Decision, Verdict
from werkplaats.operations.upgrade.failure import Failure
from werkplaats.operations.upgrade.state import Phase, Store, Upgrade
from werkplaats.verbs import common
from werkplaats.verbs.upgrade import told, working

_SAID: Mapping[Verdict, str] = {
    Verdict.MOVES: "its station may move now",
    Verdict.CLOSED: "its station moves in that window",
    Verdict.THERE: "its station runs the release that is published",
    Verdict.PERSON: "this waits for a person:",
}


@dataclasses.dataclass
class _Done:
    """What one run comes to. `stopped`: why the upgrade of before waits for a person."""

    decisions: Mapping[str, Decision]
    stopped: str = ""
    accepted: list[str] = dataclasses.field(default_factory=list)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    upgrade: Upgrade | None = None

    @property
    def code(self) -> int:
        """The exit code: a station of which somebody has to look never passes for one that is as it should be."""
        if self.upgrade and not self.upgrade.phase.over:
            return errors.HALF_WAY
        persons = any(one.verdict is Verdict.PERSON for one in self.decisions.values())
        return errors.REFUSED if persons or self.stopped or self.left_out or self.failures else errors.DONE


def run(given: argparse.Namespace, network: networks.Network, store: Store) -> int:
    """Do what is due now, by each rule of which a window is open; with `--dry-run` only look, at all of them."""
    rules, now = standing.rules(network), canonical.now()
    if not rules:
        raise errors.UsageError(
            f"{network.inventory / 'servers.yml'} has `upgrades` at no server, so nothing was said yes to beforehand",
            "write it there, as docs/upgrades.md tells, or stop the timer that runs this",
        )
    asked = rules if given.dry_run else {one: rule for one, rule in rules.items() if rule.open_at(now)}
    closed = {one: beforehand.timed(rule, now, Verdict.CLOSED) for one, rule in rules.items() if one not in asked}
    if not asked:
        return _ended(given, network, _Done(closed))
    reporter = progress.Progress(quiet=given.json)
    with network.vault.lock("upgrade due") as lock, network.remotes() as remotes:
        if lock.taken_over:
            reporter.say(lock.taken_over)
        before = store.load()
        found = standing.look(network, remotes, asked, now)
        done = _Done({**closed, **found.decisions}, standing.stopped(before, found.applicable.publication))
        if not (given.dry_run or done.stopped):
            _move(network, remotes, store, reporter, found, done, before)
    return _ended(given, network, done)


def _move(
    network: networks.Network,
    remotes: remote.Remotes,
    store: Store,
    reporter: progress.Progress,
    found: standing.Found,
    done: _Done,
    before: Upgrade | None,
) -> None:
    """Accept, and move; what came of it is kept in `done`."""
    published, at = found.applicable.publication, {one: found.decisions[one].at for one in found.of(Verdict.MOVES)}
    moves = [one for one, closes in at.items() if canonical.now() < closes]  # servers took their time to answer
    if published is None or not moves:
        return
    moves = _may(network, remotes, published.release, found, moves, done)
    accepting = [one for one in moves if found.decisions[one].accepts]
    done.left_out |= standing.say_yes(network, remotes, found, accepting)
    done.accepted = [one for one in accepting if one not in done.left_out]
    moves = [one for one in moves if one not in done.left_out]
    while moves:
        planned = begin.plan(network, remotes, published.release.release, begin.Options(only=moves), before)
        done.failures += planned.failures
        if not planned.failures:
            if planned.upgrade.phase is not Phase.DONE:
                closes = {one: at[one] for one in moves}
                done.upgrade = working.work(network, remotes, store, reporter, planned.upgrade, closes)
            return
        moves = _others(moves, planned.failures)


def _may(
    network: networks.Network,
    remotes: remote.Remotes,
    to: model.Release,
    found: standing.Found,
    moves: Sequence[str],
    done: _Done,
) -> list[str]:
    """Who may be moved now by all that can be looked at before a yes: nobody says it to what cannot come."""
    image, failures = preflight.image_of(to)
    if not failures:
        failures = preflight.look(network, remotes, moves, image.archive if image else None)[1]
        images = {one: release.image_id for one, release in found.runs.items() if one in moves}
        failures += preflight.formats(remotes, to, images, found.runs.values())
    done.failures += failures
    may = _others(moves, failures)
    now = found.from_one(may)
    for one in (one for one in may if one not in now):
        release = found.runs[one].release
        done.left_out[one] = f"its station runs {release}, and those of an earlier release move first: run it again"
    return now


def _others(moves: Sequence[str], failures: Sequence[Failure]) -> list[str]:
    """Those in whose way nothing is: none where something is in the way of all."""
    wrong = {one.organisation for one in failures}
    return [] if wrong - {*moves} else [one for one in moves if one not in wrong]


def _ended(given: argparse.Namespace, network: networks.Network, done: _Done) -> int:
    if given.json:
        common.print_json({
            "network": network.name,
            "beforehand": document(done.decisions),
            "stopped": done.stopped,
            "accepted": done.accepted,
            "left_out": done.left_out,
            "failures": [one.model_dump(mode="json") for one in done.failures],
            "upgrade": told.document(done.upgrade),
        })  # fmt: skip
        return done.code
    for line in lines(done.decisions):
        print(line)
    if done.stopped:
        print(f"the last upgrade of {network.name}: {done.stopped}: werkplaats upgrade status {network.name}")
    if done.accepted:
        print(f"accepted by a yes said beforehand: {', '.join(done.accepted)}")
    for organisation, why in done.left_out.items():
        print(f"left out: {organisation}: {why}")
    for one in done.failures:
        print(f"refused: {one.line(network.name)}")
    for line in told.lines(done.upgrade, {}, {}) if done.upgrade else ():
        print(line)
    return done.code


def lines(decisions: Mapping[str, Decision]) -> list[str]:
    """What was said beforehand, when, and what it comes to now, for people."""
    found = []
    for organisation, one in decisions.items():
        found.append(f"beforehand: {organisation}: {one.rule.words}; {one.window}; {_SAID[one.verdict]}")
        found += [f"  {why}" for why in one.why]
    return found


def document(decisions: Mapping[str, Decision]) -> dict[str, Any]:
    """The same for programs."""
    return {
        organisation: {
            "rule": one.rule.model_dump(mode="json"),
            "words": one.rule.words,
            "open": one.is_open,
            "closes" if one.is_open else "opens": canonical.stamp(one.at),
            "verdict": one.verdict,
            "accepts": one.accepts,
            "why": [*one.why],
        }
        for organisation, one in decisions.items()
    }
