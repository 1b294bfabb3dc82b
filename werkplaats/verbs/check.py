"""Check networks and their questions: every violation at once, with place, reason and remedy.

NETWORK is a name, or the path of a file: a definition, or a question beside one (for editors and commit hooks, which
name the files that changed). Reads files only; no server is asked. Exit code 1 when an error was found, 0 with warnings
only, 2 for what is not there.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from base import errors
from network_topology import check, context, violation
from werkplaats.operations.home import places
from werkplaats.verbs import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """The networks or files, or all networks; `--json`."""
    targets = parser.add_argument(
        "targets", metavar="NETWORK", nargs="*", help="name of a network, or path of a file (default: all)"
    )
    common.complete_networks(targets)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Check what was named, or all networks that the home has."""
    home = places.home(given.home)
    targets = given.targets or sorted(path.parent.name for path in home.networks.glob("*/network.yml"))
    if not targets:
        raise errors.UsageError(f"{home.networks} has no network", "write one as <network>/network.yml")
    known = places.known(home)
    found = {target: _check(target, home, known) for target in targets}
    if given.json:
        common.print_json({name: [_plain(one) for one in outcome.violations] for name, outcome in found.items()})
    else:
        _print(found)
    return errors.FOUND if any(outcome.errors for outcome in found.values()) else errors.DONE


def _check(target: str, home: places.Home, known: context.Context) -> check.Outcome:
    """Names of networks have neither slash nor ending: what has one is a path."""
    path = Path(target)
    if "/" not in target and path.suffix not in (".yml", ".yaml"):
        return check.network(target, home.networks, known)
    if not path.is_file():
        raise errors.UsageError(f"there is no file {target}", "name a network, or the path of a definition or question")
    return check.path(path.absolute(), known)


def _plain(one: violation.Violation) -> dict[str, object]:
    return dataclasses.asdict(one) | {"path": str(one.path)}


def _print(found: dict[str, check.Outcome]) -> None:
    for name, outcome in found.items():
        for one in outcome.violations:
            print(one)
        wrong = len(outcome.errors)
        warnings = len(outcome.violations) - wrong
        print(f"{name}: {wrong or 'no'} errors, {warnings or 'no'} warnings")
