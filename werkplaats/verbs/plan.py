"""Show what `up` would change: servers, what is on them, stations, questions. Changes nothing.

A server that cannot be reached is named, and the rest is shown (exit code 5).
With --steps it shows how the network comes from what is published to what its definition says now, and asks no server:
the steps in order, who does each, what it waits for, and what becomes of sessions. A change that needs more than one
publication is shown with each definition in between, and --write writes those. Exit code 1 where sessions stop for it.
Of a federation it shows the same: what its members publish, what it publishes itself, and in which order.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias, get_args

from base import errors, files
from network_topology.steps import federated, listed
from werkplaats.operations import progress
from werkplaats.operations.bring_up import planning
from werkplaats.operations.coordinator import federating
from werkplaats.operations.home import networks
from werkplaats.verbs import common, named

Plan: TypeAlias = listed.Plan | federated.Plan


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--json`; and the steps of a change, from where and how."""
    common.network_argument(parser)
    common.only_argument(parser)
    parser.add_argument("--steps", action="store_true", help="show the steps to what the definition says now, in order")
    parser.add_argument(
        "--from",
        dest="against",
        type=Path,
        metavar="FILE",
        help="with --steps: from this definition, not the published one",
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        choices=get_args(listed.Beside),
        help="with --steps: what else changes, another CA (of which the key was stolen) or holders; may be repeated",
    )
    parser.add_argument(
        "--at-once", action="store_true", help="with --steps: in one publication, also where sessions stop for it"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="with --steps: write each definition in between there"
    )
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Look and print."""
    if given.steps:
        return _steps(given, named.look_at(given) if not given.only else named.find(given))
    network = named.find(given)
    if given.against or given.also or given.at_once or given.write:
        raise errors.UsageError("--from, --also, --at-once and --write are about steps", "add --steps")
    reporter = progress.Progress(quiet=given.json)
    for sentence in (*network.warnings, *named.left(network), *named.owners(network, given.only)):
        reporter.say(f"note: {sentence}")
    plan = planning.plan(network, given.only, reporter)
    if given.json:
        common.print_json(plan.as_dict())
    else:
        for section, lines in plan.sections():
            print(f"{section}:")
            for line in lines or ["nothing changes"]:
                print(f"  {line}")
    return errors.HALF_WAY if plan.left_out else errors.DONE


def _ahead(given: argparse.Namespace, network: networks.Network | networks.Federation) -> Plan:
    if isinstance(network, networks.Network):
        return planning.ahead(network, given.against, given.also, given.at_once)
    if given.also:
        raise errors.UsageError("--also is about a regional network", "name one of the members")
    published = federating.as_published(network.name, given.home)
    return planning.ahead_together(network, published, given.against, given.at_once)


def _steps(given: argparse.Namespace, network: networks.Network | networks.Federation) -> int:
    if given.only:
        raise errors.UsageError("--steps is about a whole network", "leave out --only")
    plan = _ahead(given, network)
    between = {f"{network.name}-{number}.yml": one for number, one in enumerate(plan.definitions[:-1], start=1)}
    if given.write:
        given.write.mkdir(parents=True, exist_ok=True)
        for name, definition in between.items():
            files.write_atomically(given.write / name, listed.as_yaml(definition).encode(), mode=0o644)
    if given.json:
        common.print_json(plan.as_dict())
    else:
        _print(network.name, plan)
        for name in between if given.write else ():
            print(f"wrote {given.write / name}")
    stops = plan.before is not None and not all(one.possible for one in plan.steps)
    return errors.FOUND if stops else errors.DONE


def _print(network: str, plan: Plan) -> None:
    if not plan.steps:
        print(f"{network}: what is published is what the definition says; no steps")
    for step in plan.steps:
        after = f", after {', '.join(map(str, step.after))}" if step.after else ""
        print(f"{step.number}. {step.who}{after}: {step.what}")
        if step.sessions != listed.NONE:
            print(f"     sessions: {step.sessions}")
        for command in step.run:
            print(f"     {command}")
    for number, changes in enumerate(plan.differences, start=1):
        print(f"definition {number} of {len(plan.definitions)}:")
        for change in changes:
            print(f"  {change.text}" + ("" if change.adds else " (applies by itself)"))
