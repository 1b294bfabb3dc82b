"""Verify a network: the checks on every server, every compiled link, and a real joint computation.

Changes nothing. A server that cannot be reached is named and the rest is verified. Exit code 1 when something is found.
Of a federation it looks at what its stations do with each other: the links of those that this operator reaches, in all
regional networks of which the servers are in the inventory, and a joint computation over all regions.
Whose servers others operate it names: of these it looks at the calls of your stations, and no further.
"""

from __future__ import annotations

import argparse
import dataclasses

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.bring_up import together, up
from werkplaats.operations.home import networks
from werkplaats.operations.look import verify
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--json`."""
    common.network_argument(parser)
    common.only_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Verify and print what was found."""
    network, reporter = named.look_at(given), progress.Progress(quiet=given.json)
    if isinstance(network, networks.Federation):
        if given.only:
            raise errors.UsageError(f"{network.name} is verified as a whole", "leave --only out")
        report = together.verify_federation(network, reporter)
    else:
        report = up.verify_network(network, reporter, only=given.only)
    if given.json:
        common.print_json(document(report) | {"not_looked_at": _unseen(network)})
    else:
        print_report(network.name, report)
        for digest, organisations in report.accepted.items():
            print(f"accepted: {digest} by {', '.join(organisations)}")
        if unseen := _unseen(network):
            print(f"not looked at: the servers of {', '.join(unseen)}, which others operate; calls to them are")
    return errors.DONE if report.good else errors.FOUND


def _unseen(network: networks.Network | networks.Federation) -> list[str]:
    """Whose server nobody here looks at: of a federation each member looks at its own."""
    if isinstance(network, networks.Federation):
        return []
    own = {server.organisation for server in network.servers}
    return [organisation for organisation in network.compiled.stations if organisation not in own]


def document(report: verify.Report) -> dict[str, object]:
    """The verdicts and what was computed, as `--json` shows them."""
    verdicts = [dataclasses.asdict(verdict) | {"good": verdict.good} for verdict in report.verdicts]
    return {
        "good": report.good,
        "verdicts": verdicts,
        "session": dict(report.session),
        "accepted": dict(report.accepted),
    }


def print_report(name: str, report: verify.Report) -> None:
    """The verdicts that are not good, then one line."""
    for verdict in report.faults():
        print(f"NOT {verdict.kind} {verdict.subject}: {verdict.name}: {verdict.reason}")
    counts = {kind: [v for v in report.verdicts if v.kind == kind] for kind in ("check", "link", "session")}
    told = ", ".join(
        f"{sum(v.good for v in found)} of {len(found)} {kind}s good" for kind, found in counts.items() if found
    )
    print(f"{name}: {'verified' if report.good else 'NOT verified'}: {told}")
