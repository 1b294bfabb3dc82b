"""Rehearse a question in a sandbox: synthetic records, stewards who allow it, and what comes out.

Shows what each organisation sees alone, in a federation each region, what they see together, and what stays hidden.
Acts through the accounts of steward and scientist, and refuses a network that is not a sandbox. Exit code 1 when the
answer is not what was planted.
"""

from __future__ import annotations

import argparse
import dataclasses

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.rehearsal import rehearse
from werkplaats.verbs import common, named

SEED = 20261124


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, the question, the seed; `--json`."""
    common.network_argument(parser)
    parser.add_argument("--question", metavar="NAME", help="which question (default: the first on hotspots)")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same records (%(default)s)")
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Rehearse, print the contrast."""
    network = named.find_or_twin(given)
    name = rehearse.question(network, given.question)
    reporter = progress.Progress(quiet=given.json)
    with reporter.phase("rehearsal") as say:
        contrast = rehearse.run(network, name, given.seed, say)
    if given.json:
        common.print_json({"question": name, "good": contrast.good, **dataclasses.asdict(contrast)})
    else:
        _print(network, name, contrast)
    return errors.DONE if contrast.good else errors.FOUND


def _print(network: rehearse.Asked, name: str, contrast: rehearse.Contrast) -> None:
    minimum = network.questions[name].minimum_cell
    print(f"\n{name}: areas with at least {minimum} cases")
    width = max(map(len, contrast.alone))
    for organisation, areas in contrast.alone.items():
        print(f"  {organisation:<{width}}  alone sees {', '.join(areas) or 'none'}")
    print(f"  together ({contrast.contributors} organisations):")
    for one in contrast.together:
        rate = f", {one['rate_per_10000']} per 10,000 inhabitants" if "rate_per_10000" in one else ""
        print(f"    {one['area']}: {one['cases']} cases{rate}")
    for station, why in contrast.left_out.items():
        print(f"  left out: {station}: {why}")
    print(f"  {contrast.suppressed} other areas stay hidden, their numbers are known to nobody")
    verdict = "exactly these were planted" if contrast.good else f"PLANTED WERE {', '.join(contrast.planted)}"
    print(f"  {verdict}; records of no person left any server")
