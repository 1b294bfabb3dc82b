"""Whether sessions go on while some stations are at one definition and others at the next.

A station proposes with the first of its sets of which nobody is cut, and a party that knows no such set says no, which
ends it: another set is tried only where somebody is away. So that first set has to be known at every other station.
"""

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from network_topology import context, model
from network_topology.steps import meanwhile

Parties = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class View:
    """What a station may go by: a definition, and who is cut there."""

    definition: model.Definition
    cut: frozenset[str] = frozenset()

    @property
    def usable(self) -> tuple[Parties, ...]:
        """Its sets of computing parties of which nobody is cut."""
        return tuple(one for one in self.definition.sets if not self.cut & {*one})


def views(before: model.Definition, after: model.Definition) -> tuple[View, ...]:
    """What stations may go by from when `after` is published until it is in force everywhere.

    One that has not heard of it goes by `before`, one whose operator has not accepted it by what that leaves.
    """
    gone = frozenset(before.organisations.keys() - after.stations.keys())
    return View(before), View(meanwhile.kept(before, after), gone), View(after, gone)


def ended(before: model.Definition, after: model.Definition, known: context.Context | None = None) -> str:
    """Why no session is sure to be possible between the two; "" where they go on all the time."""
    seen = views(before, after)
    if lacking := _without_set(seen):
        return lacking
    parties = {slug for one in seen for slug in one.usable[0]}
    others = sorted(parties & unheard(before, after).keys())
    if others:
        return f"calls of {', '.join(others)} come from where stations at the other definition do not let them in"
    if taken := [slug for slug, place in _taken(before, after) if slug in parties]:
        return f"the gateway of {', '.join(taken)} moves to where another one was"
    return _without_protocol(before, after, known)


def unheard(before: model.Definition, after: model.Definition) -> dict[str, tuple[str, ...]]:
    """Organisation → from where it calls, of those whose calls only stations at `after` let in, or only at `before`."""
    return {
        slug: new
        for slug in before.stations.keys() & after.stations.keys()
        if (old := ranges(before, slug)) != (new := ranges(after, slug))
        if not _within(old, new) and not _within(new, old)
    }


def ranges(definition: model.Definition, slug: str) -> tuple[str, ...]:
    """From where an organisation calls."""
    card = definition.organisations[slug]
    return card.gateway.egress if card.gateway else card.egress


def place(definition: model.Definition, slug: str) -> str:
    """Where the gateway of an organisation is called, `name:port`; "" where it has none."""
    card = definition.organisations.get(slug)
    return f"{card.gateway.name}:{card.gateway.port}" if card and card.gateway else ""


def moved(before: model.Definition, after: model.Definition) -> list[str]:
    """The organisations whose gateway is called at another place."""
    both = before.stations.keys() & after.stations.keys()
    return sorted(slug for slug in both if len({place(before, slug), place(after, slug), ""}) > 2)


def jumps(before: model.Definition, after: model.Definition) -> bool:
    """Whether the release changes in such a way that neither definition has stations run both."""
    return not _releases(before) & _releases(after)


def _releases(definition: model.Definition) -> set[str]:
    return {definition.release, definition.upgrading_from} - {""}


def _without_set(seen: Sequence[View]) -> str:
    for one in seen:
        if not one.usable:
            return f"of each set of computing parties somebody leaves ({', '.join(sorted(one.cut))})"
        first = one.usable[0]
        for other in seen:
            if first not in other.usable:
                theirs = other.usable[0] if other.usable else ()
                return f"some stations compute with {_named(first)} and others with {_named(theirs)} meanwhile"
    return ""


def _named(parties: Iterable[str]) -> str:
    return ", ".join(parties) or "nobody"


def _within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether each of the inner ranges lies in one of the outer ones."""
    return all(any(_inside(one, other) for other in outer) for one in inner)


def _inside(one: str, other: str) -> bool:
    inner, outer = (ipaddress.ip_network(text, strict=False) for text in (one, other))
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _taken(before: model.Definition, after: model.Definition) -> Iterator[tuple[str, str]]:
    """Organisations that stay and get the place of another one's gateway, and that place."""
    places = {place(before, slug): slug for slug in before.organisations}
    for slug in moved(before, after):
        if places.get(place(after, slug), slug) != slug:
            yield slug, place(after, slug)


def _without_protocol(before: model.Definition, after: model.Definition, known: context.Context | None) -> str:
    spoken = known.releases if known else {}
    running = sorted(_releases(before) | _releases(after))
    for number, one in enumerate(running):
        for other in running[:number]:
            if one in spoken and other in spoken and not spoken[one] & spoken[other]:
                return f"releases {other} and {one} have no session protocol in common"
    return ""
