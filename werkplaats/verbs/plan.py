"""Show what `up` would change: servers, what is on them, stations, questions. Changes nothing.

A server that cannot be reached is named, and the rest is shown (exit code 5).
"""

from __future__ import annotations

import argparse

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.bring_up import planning
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--json`."""
    common.network_argument(parser)
    common.only_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Look and print."""
    network = named.find(given)
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
