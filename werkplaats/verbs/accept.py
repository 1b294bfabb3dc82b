"""Accept the published definition of a network on the servers that this operator runs.

Shows what would change, in words, and asks. Changes that add nothing (removals, revocations, fresher lists) apply by
themselves and need no acceptance. A publication of another CA than was accepted before is refused, unless `--authority`
has the fingerprint of that CA's key, as the coordinator told it by another way.
Blast radius: one small file on each server; nothing runs differently until `up`.
Exit code 5 when a server could not be reached, or was refused: what it has contradicts the publication.
"""

from __future__ import annotations

import argparse

from base import errors
from werkplaats.operations.bring_up import hand_over
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only`, `--authority`, `--yes`."""
    common.network_argument(parser)
    common.only_argument(parser)
    parser.add_argument("--authority", metavar="sha256:…", help="the CA's fingerprint, as the coordinator told it")
    common.yes_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Show, ask, accept."""
    network = named.find(given)
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        wanted = [o for o in given.only or remotes.servers if o in remotes.servers]
        for organisation in (o for o in wanted if o in unreachable):
            print(f"left out: {organisation}: {unreachable[organisation]}")
        applicable = hand_over.applicable(network, remotes, [o for o in wanted if o not in unreachable])
        waiting, published = applicable.waiting, applicable.publication
        for organisation, why in applicable.refused.items():
            if organisation not in waiting:
                print(f"left out: {organisation}: {why}")
        for organisation, changes in waiting.items():
            print(f"{organisation}:")
            for change in changes:
                print(f"  {change}")
        if published is None:
            raise errors.UsageError(f"{network.publication} has no publication", "fetch the coordinator's")
        hand_over.require_authority(network, applicable, given.authority)
        if not waiting:
            print(f"{network.name}: nothing waits for acceptance")
        else:
            common.confirm(f"accept this for {', '.join(waiting)}?", yes=given.yes)
            with network.vault.lock("accept"):
                hand_over.accept(network, remotes, published, waiting)
            print(f"accepted by {', '.join(waiting)}; run: werkplaats up {network.name}")
    left_out = unreachable.keys() | (applicable.refused.keys() - waiting.keys())
    return errors.HALF_WAY if left_out & set(wanted) else errors.DONE
