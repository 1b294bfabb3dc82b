"""Rules on who computes in a federation: from several regions, domains and operators, counted over all of them."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Callable, Iterator

from network_topology import context, operators
from network_topology.federations.model import FORM, Federation
from network_topology.federations.resolved import Resolved, listed, resolve
from network_topology.rules.rule import Finding, rule


@rule(
    "computing",
    "members",
    "organisations",
    why="a computing party is one of the organisations that take part",
    remedy=f"write {FORM}, and name it under its member too",
)
def computing_takes_part(federation: Federation, _: context.Context) -> Iterator[Finding]:
    taking_part = {*federation.organisations}
    for number, one in enumerate(federation.computing):
        if one not in taking_part:
            yield Finding(("computing", number), f"{one!r} does not take part")


@rule(
    "computing",
    "members",
    why="the others call a computing party",
    remedy="have the region give it a gateway, or name another computing party",
    outside=True,
)
def computing_is_reached(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    for number, one in enumerate(federation.computing):
        card = resolved.card(one)
        if card is not None and card.gateway is None:
            yield Finding(("computing", number), f"computing party {one!r} has no gateway")


@rule(
    "computing",
    "members",
    why="what is asked of several regions is not computed by one of them",
    remedy="choose computing parties from as many regions as there are, up to one for each",
    outside=True,
)
def computing_regions(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    held = _held(resolved, lambda network, _: resolved.members[network].region or network)
    regions = {one.region or slug for slug, one in resolved.members.items()}
    if held and len(held) < (wanted := min(sum(map(len, held.values())), len(regions))):
        text = f"the computing parties are from {listed(sorted(held), 'region')}, where {wanted} can be had"
        yield Finding(("computing",), text)


@rule(
    "computing",
    "members",
    why="organisations of one domain have one interest, and one umbrella that may tell them what to do",
    remedy="choose computing parties from different domains",
    outside=True,
)
def computing_domains(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    held = _held(resolved, lambda network, organisation: resolved.members[network].organisations[organisation].domain)
    for domain, parties in held.items():
        if len(parties) > resolved.threshold >= 1:
            text = (
                f"{len(parties)} computing parties ({', '.join(parties)}) are from one domain ({domain}), where the "
                f"threshold is {resolved.threshold}"
            )
            yield Finding(("computing",), text)


@rule(
    "computing",
    "members",
    "personal_data",
    why="secret sharing protects inputs only while no single operator runs more than the threshold, over all regions",
    remedy="let each computing party operate its own server, or choose parties with different operators",
    outside=True,
)
def computing_operators(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    for operator, parties in resolved.computing_per_operator().items():
        if len(parties) > resolved.threshold >= 1:
            text = (
                f"{resolved.operator_names[operator]} operates {len(parties)} computing parties ({', '.join(parties)}) "
                f"and so could read every input by itself, where the threshold is {resolved.threshold}"
            )
            yield Finding(("computing",), text, severity="error" if federation.personal_data else "warning")


def _held(resolved: Resolved, what: Callable[[str, str], str]) -> dict[str, list[str]]:
    """The computing parties that are known by something that each has; who has most of them comes first."""
    known = [one for one in dict.fromkeys(resolved.federation.computing) if resolved.card(one) is not None]
    return operators.grouped((what(*one.split("/")), one) for one in known)
