"""Accept the published definition of a network on the servers that this operator runs.

Shows what would change, in words, and asks. Changes that add nothing (removals, revocations, fresher lists) apply by
themselves at the next `up`, and are shown too. The root that is accepted first, and a publication of another one than
was accepted before, are refused unless `--root` has its fingerprint, as one of the root holders told it by another way.
The digest that is printed is what two organisations compare: it covers all that was accepted.
Blast radius: one small file on each server; nothing runs differently until `up`.
Exit code 5 when a server could not be reached, or was refused: what it has contradicts the publication.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from base import errors
from werkplaats.operations.bring_up import hand_over
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--root`, `--yes`, `--json`."""
    common.network_argument(parser)
    common.only_argument(parser)
    parser.add_argument("--root", metavar="sha256:…", help="the root's fingerprint, as one of its holders told it")
    common.yes_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Show, ask, accept."""
    network = named.find(given)
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        wanted = [o for o in given.only or remotes.servers if o in remotes.servers]
        found = hand_over.applicable(network, remotes, [o for o in wanted if o not in unreachable], root=given.root)
        refused = {o: why for o, why in found.refused.items() if o not in found.waiting}
        left_out = {o: why for o, why in unreachable.items() if o in wanted} | refused
        if not given.json:
            _show(found, left_out)
        if found.publication is None:
            raise errors.UsageError(f"{network.publication} has no publication", "fetch the coordinator's")
        hand_over.require_root(network, found, given.root)
        accepted, failed = list[str](), dict[str, str]()
        if found.waiting:
            if not given.json:
                print(f"digest of what is accepted: {found.digest}; other organisations that accept it have the same")
            common.confirm(f"accept this for {', '.join(found.waiting)}?", yes=given.yes)
            with network.vault.lock("accept"):
                failed = hand_over.accept(network, remotes, found.publication, found.waiting)
            left_out |= failed
            accepted = [o for o in found.waiting if o not in failed]
    if given.json:
        common.print_json(
            {
                "network": network.name,
                "digest": found.digest,
                "accepted": {o: found.waiting[o] for o in accepted},
                "applies": found.applies,
                "left_out": left_out,
            }
        )
    elif found.waiting:
        for organisation, why in failed.items():
            print(f"left out: {organisation}: {why}")
        print(f"accepted by {', '.join(accepted) or 'nobody'}; run: werkplaats up {network.name}")
    else:
        print(f"{network.name}: nothing waits for acceptance")
    return errors.HALF_WAY if left_out else errors.DONE


def _show(found: hand_over.Applicable, left_out: Mapping[str, str]) -> None:
    for organisation, why in left_out.items():
        print(f"left out: {organisation}: {why}")
    for organisation in found.waiting.keys() & found.refused.keys() - found.other_root:
        print(f"{organisation}: {found.refused[organisation]}")
    for words, told in (("", found.waiting), ("applies by itself at the next up: ", found.applies)):
        for organisation, changes in told.items():
            print(f"{words}{organisation}:")
            for change in changes:
                print(f"  {change}")
