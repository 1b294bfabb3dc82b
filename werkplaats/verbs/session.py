"""Run one acceptance session, proposed by a station of this operator, and show what came out.

Reads no data of anybody: the inputs follow from the session's number. Exit code 1 when the session did not succeed.
"""

from __future__ import annotations

import argparse

from base import errors
from werkplaats.operations.look import verify
from werkplaats.verbs import common, named

LONGEST_SECONDS = 620.0
"""A station gives a session up after 600."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, who proposes, how long it lasts; `--json`."""
    common.network_argument(parser)
    parser.add_argument(
        "--proposer", metavar="ORGANISATION", help="whose station proposes (default: a computing party)"
    )
    parser.add_argument(
        "--rounds", type=int, default=0, metavar="N", help="extra rounds of multiplication, to last longer"
    )
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Propose, wait, print."""
    network = named.find(given)
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        able = [
            o for o in (*network.compiled.computing, *remotes.servers) if o in remotes.servers and o not in unreachable
        ]
        proposer = given.proposer or next(iter(able), None)
        if proposer not in able:
            reason = unreachable.get(str(proposer), "this operator runs no server of it")
            raise errors.UsageError(f"{proposer or network.name} cannot propose a session: {reason}")
        options = ("--rounds", str(given.rounds)) if given.rounds else ()
        told, verdict = verify.session(network, remotes, proposer, *options, seconds=LONGEST_SECONDS)
    if given.json:
        common.print_json({"good": verdict.good, "reason": verdict.reason, "session": told})
    else:
        print(f"session proposed by {proposer}: {verdict.reason or 'the sum is right'}")
        for key, value in told.items():
            print(f"  {key}: {value}")
    return errors.DONE if verdict.good else errors.FOUND
