"""Bring a network up, or mend it: servers, configuration, image, stations, and a joint computation to verify it.

Blast radius: the servers that this operator runs (with --only: those named). What is as it should be is left alone, so
an interrupted run is simply run again. Changes that an operator has not accepted wait, and are named.
Exit code 5 when a server was left out, 3 when a certificate or acceptance is waited for, 1 when verification found
something.
The twin of a federation is brought up with the sandboxes of its members, and all steps of it: `--all-steps`.
"""

from __future__ import annotations

import argparse
import dataclasses

from base import errors
from network_topology.compiling import compile as compiler
from network_topology.federations.compiled import CompiledFederation
from stacks import drive
from werkplaats.operations import host, progress
from werkplaats.operations.bring_up import together, up
from werkplaats.operations.home import networks
from werkplaats.operations.look import verify
from werkplaats.operations.upgrade import machine
from werkplaats.operations.upgrade.state import Store
from werkplaats.verbs import common, named
from werkplaats.verbs import verify as verify_verb


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network and how far to go."""
    common.network_argument(parser)
    common.only_argument(parser)
    common.yes_argument(parser)
    parser.add_argument(
        "--all-steps",
        action="store_true",
        help="also do the coordinator's steps (request, approve, publish) and accept; only of a network made here",
    )
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Show what the network is, ask, bring it up, say what was done and what to do next."""
    network = named.find_or_twin(given)
    if isinstance(network, networks.Federation):
        return _together(given, network)
    if given.all_steps and not network.made_here:
        raise errors.RefusedError(
            f"--all-steps approves, revokes and accepts unseen, and the servers of {network.name} are not made here",
            f"take the steps: werkplaats trust request {network.name}, and what it says next",
        )
    reporter = progress.Progress(quiet=given.json)
    owners = named.owners(network, given.only)
    for sentence in (*network.warnings, *named.left(network), *owners, *network.compiled.privacy):
        reporter.say(f"note: {sentence}")
    if network.made_here:
        _require_host()
    common.confirm(f"bring {network.name} up ({len(network.compiled.stations)} organisations)?", yes=given.yes)
    outcome = bring(network, up.Options(given.only, given.all_steps), reporter)
    if given.json:
        common.print_json(_document(network, outcome, reporter))
    else:
        print_outcome(network, outcome, reporter)
    return outcome.exit_code


def bring(network: networks.Network, options: up.Options, reporter: progress.Progress) -> up.Outcome:
    """One run, which nobody else may have meanwhile. Raises LockedError."""
    with network.vault.lock("up") as lock:
        if lock.taken_over:
            reporter.say(lock.taken_over)
        before = Store(network.vault).load()
        if note := machine.unfinished(before):
            reporter.say(f"note: {note}")
        machine.cut_off(network, before)
        return up.Run(network, options, reporter)()


def _together(given: argparse.Namespace, federation: networks.Federation) -> int:
    """The same of the twin of a federation: its members' sandboxes, their network and their trust."""
    if given.only or not given.all_steps:
        raise errors.UsageError(
            f"{federation.name} goes as a whole, and with all steps at once: one person plays all parts in it",
            f"werkplaats up {federation.name} --all-steps; for one of its members name that",
        )
    reporter, compiled = progress.Progress(quiet=given.json), federation.compiled
    for sentence in (*federation.warnings, *compiled.privacy):
        reporter.say(f"note: {sentence}")
    _require_host()
    how = f"{len(compiled.stations)} organisations of {', '.join(compiled.members)}"
    common.confirm(f"bring {federation.name} up ({how}), with these members as a whole?", yes=given.yes)
    outcome = together.bring_up(federation, reporter)
    regions = {slug: _document(one.network, one.outcome, one.reporter) for slug, one in outcome.runs.items()}
    if given.json:
        common.print_json({
            "network": federation.name,
            "verified": outcome.report.good,
            "seconds": round(reporter.seconds, 2),
            "regions": regions,
            "left_out": outcome.left_out,
            **verify_verb.document(outcome.report),
        })  # fmt: skip
        return outcome.exit_code
    for one in outcome.runs.values():
        print_outcome(one.network, one.outcome, one.reporter)
    print()
    verify_verb.print_report(federation.name, outcome.report)
    _print_session(compiled, outcome.report)
    for organisation, why in outcome.left_out.items():
        print(f"left out: {organisation}: {why}; when that is mended run the same command again")
    print(f"time: {reporter.seconds:.1f} s")
    print(f"next: werkplaats status {federation.name} | rehearse {federation.name} | destroy {federation.name}")
    return outcome.exit_code


def _require_host() -> None:
    if missing := [finding for finding in host.examine() if not finding.good]:
        raise errors.RefusedError("; ".join(f"{one.seen}: {one.remedy}" for one in missing), "run: werkplaats doctor")


def _document(network: networks.Network, outcome: up.Outcome, reporter: progress.Progress) -> dict[str, object]:
    return {
        "network": network.name,
        "verified": bool(outcome.report and outcome.report.good),
        "seconds": round(reporter.seconds, 2),
        "phases": {name: round(seconds, 2) for name, seconds in reporter.phases.items()},
        "changes": {
            "servers": drive.to_json(outcome.servers),
            "configured": outcome.configured,
            "stations": drive.to_json(outcome.stations),
        },
        "left_out": outcome.left_out,
        "waiting": outcome.waiting,
        "applies": outcome.applies,
        "questions": outcome.questions,
        "federations": outcome.federations,
        "found": [dataclasses.asdict(v) for v in outcome.report.faults()] if outcome.report else [],
        "session": dict(outcome.report.session) if outcome.report else {},
    }


def print_outcome(network: networks.Network, outcome: up.Outcome, reporter: progress.Progress) -> None:
    """What a run did and found, for people."""
    print()
    if outcome.report:
        verify_verb.print_report(network.name, outcome.report)
        _print_session(network.compiled, outcome.report)
    print(
        f"changed: servers {drive.summary(outcome.servers)}; configuration {sum(outcome.configured.values())} tasks; "
        f"stations {drive.summary(outcome.stations)}"
    )
    print("time: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in reporter.phases.items()), end="")
    print(f"; in all {reporter.seconds:.1f} s (phases overlap)")
    for organisation, why in outcome.left_out.items():
        print(f"left out: {organisation}: {why}; when that is mended run: werkplaats up {network.name}")
    for organisation, changes in outcome.applies.items():
        print(f"applies by itself: {organisation}:", *changes, sep="\n  ")
    for organisation, changes in outcome.waiting.items():
        print(f"waits: {organisation}:", *changes, sep="\n  ")
    for name, rows in outcome.federations.items():
        for organisation, sentences in rows.items():
            print(f"{name}: {organisation or network.name}:", *sentences, sep="\n  ")
    for name, states in outcome.questions.items():
        print(f"question {name}: " + "; ".join(f"{_STATES[state]} {', '.join(o)}" for state, o in states.items()))
    print(f"next: werkplaats status {network.name} | map {network.name} | destroy {network.name}")


# How a question stands at an organisation, as its own station says → in a sentence about several.
_STATES = {
    "allowed": "allowed by",
    "waits": "waits for the steward of",
    "changed": "is another one than was allowed, and waits for the steward of",
    "ended": "is over at",
}


def _print_session(compiled: compiler.CompiledNetwork | CompiledFederation, report: verify.Report) -> None:
    if not (session := report.session):
        return
    organisations = {one.id: organisation for organisation, one in compiled.stations.items()}
    told = session.get("computing", [compiled.stations[one].id for one in compiled.computing])
    parties = ", ".join(organisations.get(party, party) for party in told)
    print(f"acceptance: {len(session.get('contributors', ()))} organisations contributed, {parties} computed")
    for name, value in dict(session.get("result", {})).items():
        print(f"  {name}: {value}")
