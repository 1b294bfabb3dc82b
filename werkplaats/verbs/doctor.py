"""Look whether this machine can make sandbox servers or, with a network, whether its servers can carry a station.

`werkplaats doctor` looks at this machine and mends what is missing for sandboxes: it asks first, or takes --yes. A
server of your own needs less. Blast radius: this machine (packages, engine, one sysctl). Every sandbox server must be
regarded as root on it: it holds all capabilities but four.

`werkplaats doctor NETWORK` examines the servers that you run, before anything is placed: what a station would find
there, what would be placed, what would be in whose way, what the owner must decide. It changes nothing, on no machine.

`werkplaats doctor NETWORK --here ORGANISATION` is for the server itself: where the inventory says nothing of that
organisation it writes there that this machine is its server (it asks first, or takes --yes), and then examines.
Blast radius: one line of that file.

Exit code 1 when something stands in the way or is to be decided, 5 when a server could not be examined.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from base import errors
from network_topology import names
from werkplaats.operations import host
from werkplaats.operations.home import networks
from werkplaats.operations.offered import examine, paper
from werkplaats.operations.offered.findings import Severity
from werkplaats.operations.reach import inventory
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--here`, `--yes`, `--json`."""
    network = parser.add_argument("network", metavar="NETWORK", nargs="?", help="examine its servers, not this machine")
    common.complete_networks(network)
    common.only_argument(parser)
    parser.add_argument(
        "--here", metavar="ORGANISATION", help="say in the inventory that this machine is the server of this one"
    )
    common.yes_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Examine the servers of a network, or this machine."""
    if given.network:
        return _servers(given)
    for option in ("only", "here"):
        if getattr(given, option):
            what = f"--{option} is about a network, and none is named"
            raise errors.UsageError(what, "name one: werkplaats doctor NETWORK")
    return _this_machine(given)


def _servers(given: argparse.Namespace) -> int:
    network = named.find(given)
    if given.here:
        _say_here(network, given.here, yes=given.yes)
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


def _say_here(network: networks.Network, organisation: str, *, yes: bool) -> None:
    """Have the inventory say that this machine is a server. Raises UsageError, RefusedError."""
    named.require(network, [organisation])
    if network.made_here:
        raise errors.RefusedError(
            f"the servers of {network.name} are made on this machine, and none of them is this machine",
            f"name the network itself: {names.defined(network.name)}",
        )
    path = network.inventory / "servers.yml"
    for server in inventory.read(path) if path.exists() else ():
        if server.organisation == organisation and server.here:
            print(f"{path} says already that {organisation} is here", file=sys.stderr)
            return
        if server.organisation == organisation:
            raise errors.RefusedError(
                f"{path} says that {organisation} is reached at {server.host}",
                f"where this machine is that server, write `here: true` there in place of {inventory.ELSEWHERE}",
            )
        if server.here:
            raise errors.RefusedError(
                f"{path} says that this machine is the server of {server.organisation}",
                f"take that entry out, or write there how {server.organisation} is reached",
            )
    line = inventory.line(organisation, inventory.said_here())
    print(f"  would write in {path}: {line.strip()}", file=sys.stderr)
    common.confirm("write this?", yes=yes)
    inventory.say(path, line)


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
    print("note: all this is what sandboxes need; a server of your own is examined by `werkplaats doctor NETWORK`")
