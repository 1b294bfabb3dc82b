"""Who operates which server. Privacy is counted per operator: whoever has root on a server can read what is on it."""

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


def threshold(definition: model.Definition) -> int:
    """How many computing parties together still learn nothing: (m-1)/2 of m."""
    return max(0, (len(definition.computing) - 1) // 2)


def computing_per_operator(definition: model.Definition) -> dict[str, list[str]]:
    """The computing parties by operator; the operator with most of them comes first. Unknown parties count for none."""
    held: dict[str, list[str]] = {}
    for slug in dict.fromkeys(definition.computing):
        if slug in definition.organisations:
            held.setdefault(operator_of(definition, slug), []).append(slug)
    return dict(sorted(held.items(), key=lambda item: (-len(item[1]), item[0])))
