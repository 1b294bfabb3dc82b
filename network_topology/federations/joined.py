"""A federation and the cards of who takes part, in the shape of a network: what gateways and stations are made from."""

from collections.abc import Mapping

from network_topology import model, names, operators
from network_topology.federations.resolved import Resolved


def joined(resolved: Resolved) -> model.Joined:
    """The federation as its stations are given it, of members whose definitions are known.

    Raises ValueError where a server is operated by somebody of whom no agreement is known.
    """
    federation, operated = resolved.federation, _operators(resolved)
    return model.Joined(
        network=federation.network,
        kind=federation.kind,
        title=federation.title,
        illustrative=federation.illustrative,
        technique=federation.technique,
        personal_data=federation.personal_data,
        computing=federation.computing,
        computing_alternates=federation.computing_alternates,
        dpia=federation.dpia,
        publication_url=federation.publication_url,
        signatures=federation.signatures,
        coordinator=federation.coordinator,
        roots={slug: one.root for slug, one in sorted(federation.members.items())},
        organisations={
            reference: card.model_copy(
                update={"operator": model.ITSELF if operated[reference] == reference else operated[reference]}
            )
            for reference, card in resolved.stations.items()
        }
        | _coordinator(resolved),
        processors=_processors(resolved, operated),
    )


def _coordinator(resolved: Resolved) -> dict[str, model.Organisation]:
    """The card of the coordinator, where that takes part with no station."""
    reference = resolved.federation.coordinator
    card = resolved.card(reference)
    if card is None or reference in resolved.stations:
        return {}
    without = {"role": "coordinator_only", "operator": None, "gateway": None, "egress": ()}
    return {reference: card.model_copy(update=without)}


def _operators(resolved: Resolved) -> dict[str, str]:
    """Station → who operates it, by reference: one that several regions know is the first of these for all of them."""
    first: dict[str, str] = {}
    for own in (True, False):  # an organisation that takes part with its own server stands for itself
        for reference in resolved.stations:
            network, operator = resolved.operator(reference)
            if (names.reference(network.network, operator) == reference) is own:
                first.setdefault(resolved.operated_by[reference], names.reference(network.network, operator))
    return {reference: first[resolved.operated_by[reference]] for reference in resolved.stations}


def _processors(resolved: Resolved, operated: Mapping[str, str]) -> dict[str, model.Processor]:
    """Who operates servers and takes part with none, by reference."""
    found = {}
    for reference, operator in sorted(operated.items()):
        if operator in operated or operator in found:
            continue
        region, _, slug = operator.partition("/")
        network = resolved.members[region]
        known = network.processors.get(slug) or network.organisations.get(slug)
        agreement = (known.agreement if known else None) or resolved.federation.agreement
        if agreement is None:
            raise ValueError(f"{reference} is operated by {operator}, of which no agreement is known")
        found[operator] = model.Processor(name=operators.name_of(network, slug), agreement=agreement)
    return found
