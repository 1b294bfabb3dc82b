"""Addresses printed from the numbers that they stand for: what a definition wrote is never handed on as it came.

They end up in rules of nftables and in the configuration of gateways.
"""

import ipaddress
from collections.abc import Iterable

from network_topology import model


def printed(definition: model.Definition) -> model.Definition:
    """The same definition, every address in it written anew. Raises ValueError at what is none."""
    cards = {slug: _card(card) for slug, card in definition.organisations.items()}
    return definition.model_copy(update={"organisations": cards}).placed(definition.places)


def _card(card: model.Organisation) -> model.Organisation:
    gateway = card.gateway and card.gateway.model_copy(
        update={"egress": _ranges(card.gateway.egress), "addresses": _addresses(card.gateway.addresses)}
    )
    return card.model_copy(update={"egress": _ranges(card.egress), "gateway": gateway})


def _ranges(texts: Iterable[str]) -> tuple[str, ...]:
    found = [ipaddress.ip_network(text) for text in texts]
    return tuple(str(type(one)((int(one.network_address), one.prefixlen))) for one in found)


def _addresses(texts: Iterable[str]) -> tuple[str, ...]:
    found = [ipaddress.ip_address(text) for text in texts]
    return tuple(str(type(one)(int(one))) for one in found)
