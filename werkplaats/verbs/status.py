"""Show every station: server, engine, gateway, certificate days, release, last session.

Changes nothing. Of servers that another operator runs only what is published is shown.
Exit code 1 when one is not well, also when its certificate has less than a month left, and when the publication is
refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from base import errors
from werkplaats.operations.look import status
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--json`."""
    common.network_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Ask and print."""
    network = named.find(given)
    for sentence in named.left(network):
        print(f"note: {sentence}", file=sys.stderr)
    certificates = status.certificates(network)
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        found = status.read(network, remotes, unreachable, certificates)
    if given.json:
        common.print_json([dataclasses.asdict(one) | {"good": one.good} for one in found])
    else:
        print("\n".join(status.lines(found)))
    if certificates.wrong:
        what = "the publication changes nothing" if certificates.days else "no certificate is known"
        print(f"{what}: {certificates.wrong}", file=sys.stderr)
    return errors.DONE if all(one.good for one in found) and not certificates.wrong else errors.FOUND
