"""Who operates which server. Privacy is counted per operator: whoever has root on a server can read what is on it."""

from collections.abc import Iterable, Sequence

from network_topology import model


def operator_of(definition: model.Definition, slug: str) -> str:
    """The slug of the organisation or processor that operates an organisation's server.

    An organisation that operates its own server and the same organisation as coordinator, or as operator of
    another's server, are one operator.
    """
    stated = definition.organisations[slug].operator
    if stated == model.COORDINATOR:
        return definition.coordinator
    return slug if stated in (None, model.ITSELF) else stated


def name_of(definition: model.Definition, operator: str) -> str:
    """An operator's name as people know it."""
    card = definition.organisations.get(operator) or definition.processors.get(operator)
    return card.name if card else operator


def threshold(parties: Sequence[str]) -> int:
    """How many of these computing parties together still learn nothing: (m-1)/2 of m."""
    return max(0, (len(parties) - 1) // 2)


def computing_per_operator(definition: model.Definition, parties: Iterable[str]) -> dict[str, list[str]]:
    """These computing parties by operator; who has most of them comes first. Unknown parties count for none."""
    known = (slug for slug in dict.fromkeys(parties) if slug in definition.organisations)
    return grouped((operator_of(definition, slug), slug) for slug in known)


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The second of each pair by the first; the one with most of them comes first."""
    held: dict[str, list[str]] = {}
    for one, other in pairs:
        held.setdefault(one, []).append(other)
    return dict(sorted(held.items(), key=lambda item: (-len(item[1]), item[0])))
