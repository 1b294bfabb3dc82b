"""Look whether this machine can make sandbox servers or, with a network, whether its servers can carry a station.

`werkplaats doctor` looks at this machine and mends what is missing: it asks first, or takes --yes. Blast radius: this
machine (packages, engine, one sysctl). Every sandbox server must be regarded as root on it: it holds all capabilities
but four.

`werkplaats doctor NETWORK` examines the servers that you run, before anything is placed: what a station would find
there, what would be placed, what would be in whose way, what the owner must decide. It changes nothing, on no machine.
Exit code 1 when something stands in the way or is to be decided, 5 when a server could not be examined.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from base import errors
from werkplaats.operations import host
from werkplaats.operations.offered import examine, paper
from werkplaats.operations.offered.findings import Severity
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--yes`, `--json`."""
    network = parser.add_argument("network", metavar="NETWORK", nargs="?", help="examine its servers, not this machine")
    common.complete_networks(network)
    common.only_argument(parser)
    common.yes_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Examine the servers of a network, or this machine."""
    if given.network:
        return _servers(given)
    if given.only:
        raise errors.UsageError("--only limits a network, and none is named", "name one: werkplaats doctor NETWORK")
    return _this_machine(given)


def _servers(given: argparse.Namespace) -> int:
    network = named.find(given)
    with network.remotes() as remotes:
        wanted = [o for o in remotes.servers if not given.only or o in given.only]
        lost = {o: why for o, why in remotes.probe().items() if o in wanted}
        found, unread = examine.examine(network, remotes, [o for o in wanted if o not in lost])
    lost |= unread
    if given.json:
        common.print_json({"servers": {o: paper.document(one) for o, one in found.items()}, "left_out": lost})
    else:
        print("\n\n".join("\n".join(paper.lines(one)) for one in found.values()))
        for organisation, why in lost.items():
            print(f"{organisation}: not examined: {why}", file=sys.stderr)
    if lost:
        return errors.HALF_WAY
    good = not any(one.of(Severity.STOPS) or one.of(Severity.DECIDES) for one in found.values())
    return errors.DONE if good else errors.FOUND


def _this_machine(given: argparse.Namespace) -> int:
    """Examine, offer to mend, examine again."""
    findings = host.examine()
    mendable = [finding for finding in findings if finding.mend]
    if mendable and not given.json and (given.yes or sys.stdin.isatty()):
        for finding in mendable:
            print(f"  would do: {finding.remedy}", file=sys.stderr)
        common.confirm("do this on this machine?", yes=given.yes)
        findings = host.mend(lambda text: print(f"  mending: {text}", file=sys.stderr, flush=True))
    if given.json:
        common.print_json([{k: v for k, v in dataclasses.asdict(f).items() if k != "mend"} for f in findings])
    else:
        _print(findings)
    return errors.DONE if all(finding.good for finding in findings) else errors.FOUND


def _print(findings: list[host.Finding]) -> None:
    for finding in findings:
        print(f"{'ok ' if finding.good else 'NOT'}  {finding.name:<9} {finding.seen}")
        if not finding.good:
            print(f"     {'':<9} remedy: {finding.remedy}")
    print("note: regard each sandbox server as root on this machine; run networks that you trust, nothing else")
