"""Incidents: which one fits what is seen, what to do about it, the steps of its runbook, and the record of it.

list       name every incident that there is a runbook for
show       print what one means, what to do, who decides and whom to inform; --nl in Dutch
diagnose   look at a network and name the incidents that fit, the likeliest first; exit code 1 when one does
run        print the steps of a runbook, and which of them are done already; --execute takes them
report     print the record of an incident, or write it as PDF; say whether it was altered

`diagnose`, and `run` without --execute, change nothing. Blast radius of `run --execute`: what its steps say, at the
target. What cannot be undone, or is somebody's choice, asks for the target's name to be typed; no option says yes to
that. An interrupted run is simply run again; --rollback takes back what was done.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from werkplaats.verbs import common
from werkplaats.verbs.incident import looks, records, runs


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action and what it needs."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    common.json_argument(actions.add_parser("list", help="name every incident"))
    shows = actions.add_parser("show", help="print what to know of one")
    _incident(shows)
    shows.add_argument("--nl", action="store_true", help="in Dutch")
    diagnoses = actions.add_parser("diagnose", help="look, and name what fits")
    common.network_argument(diagnoses)
    common.json_argument(diagnoses)
    diagnoses.add_argument("--keep", type=Path, metavar="FILE", help="write what was seen to a file, for who helps you")
    does = actions.add_parser("run", help="show the steps of a runbook, or take them")
    common.network_argument(does)
    _incident(does)
    does.add_argument("--target", metavar="ORGANISATION", help="whom it is about; of a link FROM:TO")
    does.add_argument("--execute", action="store_true", help="take the steps; without it they are only shown")
    does.add_argument("--reason", help="why, as it is to stand in the record; needed to execute")
    does.add_argument("--rollback", action="store_true", help="take back what the last run did, backwards")
    reports = actions.add_parser("report", help="print the record of an incident")
    common.network_argument(reports)
    reports.add_argument("id", nargs="?", metavar="ID", help="which record; without it they are listed")
    reports.add_argument("--pdf", type=Path, metavar="FILE", help="write it as PDF")
    reports.add_argument(
        "--sign", type=Path, metavar="KEY", help="sign it with this key of ssh, or its half in the agent"
    )
    reports.add_argument(
        "--allowed-signers",
        type=Path,
        metavar="FILE",
        help="whose signatures count, as ssh-keygen(1) has it",
    )
    common.json_argument(reports)


def _incident(parser: argparse.ArgumentParser) -> None:
    """The incident, of which a shell completes the name."""
    named = parser.add_argument("name", metavar="NAME", help="as `incident list` has it")

    def complete(**_: object) -> list[str]:
        from runbooks.framework import found  # here: only a shell that completes asks for it

        return found.names()

    named.completer = complete  # type: ignore[attr-defined]  # as argcomplete asks for it


ACTIONS = {
    "list": looks.every,
    "show": looks.show,
    "diagnose": looks.diagnose,
    "run": runs.run,
    "report": records.report,
}


def run(given: argparse.Namespace) -> int:
    """Do one of them."""
    return ACTIONS[given.action](given)
