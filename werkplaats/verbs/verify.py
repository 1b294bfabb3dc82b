"""Verify a network: the checks on every server, every compiled link, and a real joint computation.

Changes nothing. A server that cannot be reached is named and the rest is verified. Exit code 1 when something is found.
"""

from __future__ import annotations

import argparse
import dataclasses

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.bring_up import up
from werkplaats.operations.look import verify
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--json`."""
    common.network_argument(parser)
    common.only_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Verify and print what was found."""
    network = named.find(given)
    report = up.verify_network(network, progress.Progress(quiet=given.json), only=given.only)
    if given.json:
        verdicts = [dataclasses.asdict(verdict) | {"good": verdict.good} for verdict in report.verdicts]
        document = {"good": report.good, "verdicts": verdicts, "session": dict(report.session)}
        common.print_json(document | {"accepted": dict(report.accepted)})
    else:
        print_report(network.name, report)
        for digest, organisations in report.accepted.items():
            print(f"accepted: {digest} by {', '.join(organisations)}")
    return errors.DONE if report.good else errors.FOUND


def print_report(name: str, report: verify.Report) -> None:
    """The verdicts that are not good, then one line."""
    for verdict in report.faults():
        print(f"NOT {verdict.kind} {verdict.subject}: {verdict.name}: {verdict.reason}")
    counts = {kind: [v for v in report.verdicts if v.kind == kind] for kind in ("check", "link", "session")}
    told = ", ".join(f"{sum(v.good for v in found)} of {len(found)} {kind}s good" for kind, found in counts.items())
    print(f"{name}: {'verified' if report.good else 'NOT verified'}: {told}")
