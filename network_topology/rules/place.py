"""Rules on the place from which stations fetch the publication."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context, model, web
from network_topology.rules import gateways
from network_topology.rules.rule import Finding, rule

LONGEST = 200


@rule(
    "publication_url",
    why="servers of others fetch from it, so it is the whole address of a folder at a web server that they can reach",
    remedy="write it as in `publication_url: https://publicatie.ggd-nog.example/gerda/`, without a login, a query or "
    "%, or leave it out",
)
def publication_url(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    url = definition.publication_url
    if url is not None and (wrong := _wrong_with(url)):
        yield Finding(("publication_url",), f"'publication_url': {url[:LONGEST]!r} {wrong}")


def _wrong_with(url: str) -> str:
    """What is wrong with a place, or an empty text."""
    if len(url) > LONGEST:
        return f"is longer than {LONGEST} characters"
    place = web.place(url)
    if place is None:
        return "is no address of a folder with http or https"
    if not gateways.reachable(place.host):
        return f"is at {place.host!r}, which is no name in DNS and no address that others reach"
    return ""
