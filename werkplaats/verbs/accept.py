"""Accept the published definition of a network on the servers that this operator runs.

Shows what would change, in words, and asks. Changes that add nothing (removals, revocations, fresher lists) apply by
themselves at the next `up`, and are shown too. The root that is accepted first, and a publication of another one than
was accepted before, are refused unless `--root` has its fingerprint, as one of the root holders told it by another way.
The digest that is printed is what two organisations compare: it covers all that was accepted.
Blast radius: one small file on each server; nothing runs differently until `up`.
A federation is accepted likewise, on servers of the regional networks that take part: `--only` names such a network, or
REGION/ORGANISATION. It is brought by `up` of that regional network, which no federation changes.
Exit code 5 when a server could not be reached, or was refused: what it has contradicts the publication.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from base import errors
from network_topology import names
from publication.federations import joint
from werkplaats.operations.bring_up import federations, hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote
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
    network = named.look_at(given)
    if isinstance(network, networks.Federation):
        return _federation(given, network)

    def look(remotes: remote.Remotes, reached: Sequence[str]) -> hand_over.Applicable:
        return hand_over.applicable(network, remotes, reached, root=given.root)

    code, told = _on_servers(given, network, network, given.only, look)
    if given.json:
        common.print_json(told)
    return code


def _federation(given: argparse.Namespace, federation: networks.Federation) -> int:
    """The same for a federation, on the servers of each regional network of it that this operator has."""
    regions = _regions(given, federation)
    published = federations.read(federation, given.root)
    codes, told = [], []
    try:
        for region, only in regions:
            look = functools.partial(_looked_at, federation, published, region)
            code, document = _on_servers(given, federation, region, only, look)
            codes.append(code)
            told.append({"region": region.name, **document})
    finally:
        if given.json:
            common.print_json({"network": federation.name, "regions": told})
    return max(codes)


def _looked_at(
    federation: networks.Federation,
    published: joint.Joint,
    region: networks.Network,
    remotes: remote.Remotes,
    reached: Sequence[str],
) -> hand_over.Applicable:
    return federations.look(federation, published, region, remotes, reached).found


def _regions(
    given: argparse.Namespace, federation: networks.Federation
) -> list[tuple[networks.Network, tuple[str, ...]]]:
    """The regional networks of which this operator has servers that take part, each with those that were named."""
    known = {*federation.definition.organisations, *federation.definition.members}
    if strangers := sorted({*given.only} - known):
        raise errors.UsageError(
            f"{federation.name} has no member or organisation {strangers[0]!r}",
            "name a regional network, or an organisation as REGION/ORGANISATION",
        )
    found = []
    for slug, region in federation.operated.items():
        servers = {server.organisation for server in region.servers}
        part = tuple(
            one for one in federation.definition.members[slug].organisations
            if one in servers
            if not given.only or slug in given.only or names.reference(slug, one) in given.only
        )  # fmt: skip
        if part:
            found.append((region, part))
    if not found:
        raise errors.UsageError(
            f"no server of this operator takes part in {federation.name}"
            + (f" as one of {', '.join(given.only)}" if given.only else ""),
            "servers stand in the inventory of their regional network",
        )
    return found


def _on_servers(
    given: argparse.Namespace,
    kept: networks.Kept,
    region: networks.Network,
    only: Sequence[str],
    look: Callable[[remote.Remotes, Sequence[str]], hand_over.Applicable],
) -> tuple[int, dict[str, Any]]:
    """Show, ask and accept on servers of a region; returns the exit code, and what `--json` shows."""
    with region.remotes() as remotes:
        unreachable = remotes.probe()
        wanted = [o for o in only or remotes.servers if o in remotes.servers]
        found = look(remotes, [o for o in wanted if o not in unreachable])
        refused = {o: why for o, why in found.refused.items() if o not in found.waiting}
        left_out = {o: why for o, why in unreachable.items() if o in wanted} | refused
        if not given.json:
            _show(found, left_out)
        if found.publication is None:
            raise errors.UsageError(f"{kept.publication} has no publication", "fetch the coordinator's")
        hand_over.require_root(kept, found, given.root)
        accepted, failed = list[str](), dict[str, str]()
        if found.waiting:
            if not given.json:
                print(f"digest of what is accepted: {found.digest}; other organisations that accept it have the same")
            common.confirm(f"accept this for {', '.join(found.waiting)}?", yes=given.yes)
            with _locks(kept, region):
                failed = hand_over.accept(kept, remotes, found, found.waiting)
            left_out |= failed
            accepted = [o for o in found.waiting if o not in failed]
    if not given.json and found.waiting:
        for organisation, why in failed.items():
            print(f"left out: {organisation}: {why}")
        print(f"accepted by {', '.join(accepted) or 'nobody'}; run: werkplaats up {region.name}")
    elif not given.json:
        print(f"{kept.name}: nothing waits for acceptance")
    told = {
        "network": kept.name,
        "digest": found.digest,
        "accepted": {o: found.waiting[o] for o in accepted},
        "applies": found.applies,
        "left_out": left_out,
    }
    return errors.HALF_WAY if left_out else errors.DONE, told


def _locks(kept: networks.Kept, region: networks.Network) -> contextlib.ExitStack:
    """What nobody else may do meanwhile: an `up` of the region writes what applies by itself in the same documents."""
    with contextlib.ExitStack() as held:
        held.enter_context(kept.vault.lock("accept"))
        if kept is not region:
            held.enter_context(region.vault.lock("accept"))
        return held.pop_all()


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
