"""The sandbox twin of a network: the same organisations and roles, on servers that were made on this machine."""

import ipaddress

from network_topology import model, names, web

# RFC 2544 keeps this range for tests of devices: no organisation has such an address.
SANDBOX_RANGE = "198.18.0.0/15"


def sandbox_twin(definition: model.Definition) -> model.Definition:
    """The twin: other network name, gateway names and addresses; ports, roles and operators as defined.

    It remembers the places of the definition that it follows from. The twin of a twin is that twin.
    """
    if names.is_sandbox(definition.network):
        return definition
    network = names.twin(definition.network)
    organisations = {
        slug: organisation.model_copy(update=_moved(network, slug, organisation))
        for slug, organisation in definition.organisations.items()
    }
    own = _own_place(definition.publication_url)
    return definition.model_copy(update={"network": network, "organisations": organisations, "publication_url": own})


def _own_place(url: str | None) -> str | None:
    """Where the twin is published: only a place on this machine is its own, any other is the network's."""
    address = place.address if url and (place := web.place(url)) else None
    return url if address and address in ipaddress.ip_network(SANDBOX_RANGE) else None


def _moved(network: str, slug: str, organisation: model.Organisation) -> dict[str, object]:
    if organisation.gateway is None:
        return {"egress": (SANDBOX_RANGE,) if organisation.egress else ()}
    here = {"name": names.dns(network, slug), "egress": (SANDBOX_RANGE,), "addresses": ()}
    return {"gateway": organisation.gateway.model_copy(update=here)}
