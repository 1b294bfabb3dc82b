"""Check a network's definition and its questions: every violation at once, with place, reason and remedy.

Reads files only; no server is asked. Exit code 1 when an error was found, 0 with warnings only, 2 for a network that
is not defined.
"""

from __future__ import annotations

import argparse
import dataclasses

from base import errors
from network_topology import check, violation
from werkplaats.operations.home import networks
from werkplaats.verbs import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, or all of them; `--json`."""
    parser.add_argument("network", metavar="NETWORK", nargs="?", help="name of the network (default: all)")
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Check one network or all that the home has."""
    places = networks.home(given.home)
    names = (
        [given.network]
        if given.network is not None
        else sorted(p.parent.name for p in places.networks.glob("*/network.yml"))
    )
    if not names:
        raise errors.UsageError(f"{places.networks} has no network", "write one as <network>/network.yml")
    known = networks.known()
    found = {name: check.network(name, places.networks, known) for name in names}
    if given.json:
        common.print_json({name: [_plain(one) for one in outcome.violations] for name, outcome in found.items()})
    else:
        _print(found)
    return errors.FOUND if any(outcome.errors for outcome in found.values()) else errors.DONE


def _plain(one: violation.Violation) -> dict[str, object]:
    return dataclasses.asdict(one) | {"path": str(one.path)}


def _print(found: dict[str, check.Outcome]) -> None:
    for name, outcome in found.items():
        for one in outcome.violations:
            print(one)
        wrong = len(outcome.errors)
        warnings = len(outcome.violations) - wrong
        print(f"{name}: {wrong or 'no'} errors, {warnings or 'no'} warnings")
