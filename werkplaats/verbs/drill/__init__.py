"""Drills: have an incident come about on the servers of a sandbox, to train who mends it; time it, and score it.

drill NETWORK                          how far the drill is that goes on, or of what there are drills
drill NETWORK INCIDENT | --surprise    cause it, or one that nobody tells; --seed N draws the same again
drill NETWORK --hint                   the next hint, from vague to literal; each costs points
drill NETWORK --answer INCIDENT:TARGET what you say that it is; a wrong one costs points
drill NETWORK --rang                   whom the runbook has you ring does what it asks of them
drill NETWORK --done                   look whether all is well, score it, write the certificate
drill NETWORK --end                    put everything right and end it, also after a kill

In between work as ever, by `incident diagnose` and `incident run`. Blast radius: sessions of that sandbox, until it is
mended; any other network is refused. What is caused is written down first, so that --end always knows what to undo.
"""

from __future__ import annotations

import argparse
import secrets

from base import errors
from werkplaats.verbs import common

SEEDS = 2**31
STEPS = ("surprise", "hint", "answer", "rang", "done", "end")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, and one thing to do."""
    common.network_argument(parser)
    named = parser.add_argument("incident", nargs="?", metavar="INCIDENT", help="cause this one, and tell which")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--surprise", action="store_true", help="cause one that the seed picks, and do not tell which")
    answer.add_argument("--hint", action="store_true", help="give the next hint")
    said = answer.add_argument("--answer", metavar="INCIDENT[:TARGET]", help="say what it is; of a link FROM:TO")
    answer.add_argument("--rang", action="store_true", help="you rang whom the runbook names")
    answer.add_argument("--done", action="store_true", help="say that all is well again")
    answer.add_argument("--end", action="store_true", help="put everything right, and end the drill")
    parser.add_argument("--target", metavar="ORGANISATION", help="cause it there, and tell so; of a link FROM:TO")
    parser.add_argument("--seed", type=int, metavar="N", help="draw as this number did before (default: any)")
    parser.add_argument("--sign", metavar="KEY", help="with --done: sign the record with this key of ssh")
    common.json_argument(parser)

    def complete(**_: object) -> list[str]:
        from runbooks.drills import causes  # here: only a shell that completes asks for it

        return causes.incidents()

    for one in (named, said):
        one.completer = complete  # type: ignore[attr-defined]  # as argcomplete asks for it


def run(given: argparse.Namespace) -> int:
    """Do one of them."""
    from werkplaats.verbs.drill import does  # here: `--help` waits for no library

    begins = bool(given.incident or given.surprise)
    step = next((one for one in STEPS if getattr(given, one)), "")
    if given.incident and step:
        raise errors.UsageError(f"INCIDENT begins a drill, and --{step} is of another kind", "leave one of them out")
    if not begins and (given.target or given.seed is not None):
        raise errors.UsageError("--target and --seed are of a drill that begins", "name an INCIDENT, or --surprise")
    if given.surprise and given.target:
        raise errors.UsageError("a surprise tells no target", "leave --target out")
    if given.sign and step != "done":
        raise errors.UsageError("--sign signs what --done came to", "add --done, or leave --sign out")
    if given.seed is None:
        given.seed = secrets.randbelow(SEEDS)
    return does.run(given, "begin" if begins else step or "status")
