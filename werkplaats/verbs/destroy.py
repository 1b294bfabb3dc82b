"""Take a network down. A sandbox goes wholly: servers, volumes, keys. Elsewhere data folders stay, and are named.

Blast radius: everything that `up` made on the servers that this operator runs. On a network that is not a sandbox
the name must be typed in full, also with --yes. There --only takes one organisation's server out, also of one that left
the network.
The twin of a federation goes with the sandboxes of its members, all of them.
"""

from __future__ import annotations

import argparse
import sys

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.bring_up import teardown, together
from werkplaats.operations.home import networks
from werkplaats.verbs import common, named

_ONLY = "limit to the server of this organisation, which may have left the network; may be repeated"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--yes`, and the name once more."""
    common.network_argument(parser)
    parser.add_argument("--only", metavar="ORGANISATION", action="append", default=[], help=_ONLY)
    common.yes_argument(parser)
    parser.add_argument("--name", metavar="NETWORK", help="the network's name once more, for one that is not a sandbox")


def run(given: argparse.Namespace) -> int:
    """Ask, take down, say what stays."""
    network = networks.look_at(given.network, given.home)
    if isinstance(network, networks.Federation):
        return _together(given, network)
    named.require(network, given.only, *(server.organisation for server in network.left))
    if network.made_here and given.only:
        raise errors.UsageError(f"{network.name} is a sandbox, which goes as a whole", "leave --only out")
    if network.made_here:
        common.confirm(f"remove {network.name} with its servers, data and keys?", yes=given.yes)
    else:
        typed = given.name or (
            common.typed(f"type the name {network.name} to take it down: ") if sys.stdin.isatty() else ""
        )
        if typed != network.name:
            raise errors.RefusedError("the name was not typed, so nothing was changed", f"--name {network.name}")
    reporter = progress.Progress()
    with network.vault.lock("destroy"):
        result = teardown.destroy(network, reporter, given.only)
    for line in result.kept:
        print(f"kept: {line}")
    for organisation, why in result.left_out.items():
        print(f"left out: {organisation}: {why}; when that is mended run the same command again")
    gone = f"{network.name} is gone" + (f" from {', '.join(given.only)}" if given.only else "")
    print(f"{gone} as far as it was reached" if result.left_out else gone)
    return errors.HALF_WAY if result.left_out else errors.DONE


def _together(given: argparse.Namespace, federation: networks.Federation) -> int:
    """The same of the twin of a federation: it goes with the sandboxes of its members."""
    named.require_twin(federation)
    if given.only:
        raise errors.UsageError(f"{federation.name} is a sandbox, which goes as a whole", "leave --only out")
    members = ", ".join(federation.definition.members)
    common.confirm(f"remove {federation.name}, and {members} with their servers, data and keys?", yes=given.yes)
    together.destroy(federation, progress.Progress())
    print(f"{federation.name} is gone, and {members}")
    return errors.DONE
