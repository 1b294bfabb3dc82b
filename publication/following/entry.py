"""What one server's gateway and agent are given of a network: the entry of it in the host variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from cryptography import x509

from base import errors
from network_topology import names
from network_topology.compiling import compile as compiler
from network_topology.compiling import compiled
from publication import acceptance, identity, profile, trust, verified
from publication.federations import joint

Entry = dict[str, Any]


def made(
    network: compiled.CompiledNetwork,
    organisation: str,
    view: acceptance.Accepted,
    published: verified.Verified,
    trusting: acceptance.Accepted | None = None,
) -> Entry:
    """The entry of the server of an organisation, by what its operator accepted and what is published.

    `trusting`: the same, with no CA but those that its gateway has, where none may come.
    """
    trusting = trusting or view
    station, own = network.stations[organisation], published.identities[organisation]
    trusted = [one for one in published.by_generation if one.key in trusting.authorities]
    authorities, lists = trust.pem(trusted)
    return {
        "network": network.network,
        "network_json": compiler.station_view(network, organisation, view.statement_keys, view.serials, view.parts),
        "gateway": {"name": station.gateway.name, "port": station.gateway.port} if station.gateway else None,
        "certificate_pem": profile.as_pem(shown(own, published, trusting)).decode(),
        "statement": own.statement.model_dump(),
        "chain_pem": "",
        "ca_pem": authorities.decode(),
        "crl_pem": lists.decode(),
        "peers": [
            _peer(peer, trusted, published) for peer in station.peers if peer.organisation in view.statement_keys
        ],
    }


def of_federation(
    network: compiled.CompiledNetwork, organisation: str, view: acceptance.Accepted, published: joint.Joint
) -> Entry:
    """The same of a federation: trust and peers beside those of the home network, whose gateway and certificate serve.

    `organisation` is `<regional network>/<organisation>`. A peer of a region of which the federation did not certify
    the CA is left out. Where both networks have a peer it is that of the home network.
    """
    home, _ = names.home(network.network, organisation)
    published = published.narrowed(view)
    authorities, lists = trust.pem(published.carried(home))
    return {
        "network": network.network,
        "home": home,
        "network_json": compiler.station_view(network, organisation, view.statement_keys, view.serials, view.parts),
        "gateway": None,
        "ca_pem": authorities.decode(),
        "crl_pem": lists.decode(),
        "peers": [
            _peer(peer, trusted, published)
            for peer in network.stations[organisation].peers
            if peer.organisation in view.statement_keys and (trusted := published.trusts(peer.organisation))
        ],
    }


def _peer(peer: compiled.Peer, trusted: Iterable[trust.Trust], published: verified.Verified) -> Entry:
    return {
        **dataclasses.asdict(peer),
        "issuers": [one.authority.subject.rfc4514_string() for one in trusted],
        # By which the gateway knows what to end once it is revoked.
        "serial": f"{published.identities[peer.organisation].station_certificate.serial_number:x}",
    }


def shown(own: identity.Identity, published: verified.Verified, view: acceptance.Accepted) -> x509.Certificate:
    """The certificate that a station shows: of the CA that signs now, where its operator said yes to that one.

    Else that of the CA before it: who did not hear of the new one lets this in, and so does everybody who did. Raises
    AcceptanceError where there is none.
    """
    for one in published.trusted:
        if one.key in view.authorities and (found := own.of(one.authority.subject)):
            return found
    raise errors.AcceptanceError(
        f"the certificate of {own.organisation} is of a CA that was not accepted on its server",
        f"werkplaats accept {published.network}",
    )
