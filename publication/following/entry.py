"""What one server's gateway and agent are given of a network: the entry of it in the host variables."""

from __future__ import annotations

import dataclasses
from typing import Any

from network_topology.compiling import compile as compiler
from network_topology.compiling import compiled
from publication import acceptance, profile, revocations, verified

Entry = dict[str, Any]


def made(
    network: compiled.CompiledNetwork, organisation: str, view: acceptance.Accepted, published: verified.Verified
) -> Entry:
    """The entry of the server of an organisation, by what its operator accepted and what is published."""
    station, own = network.stations[organisation], published.identities[organisation]
    return {
        "network": network.network,
        "network_json": compiler.station_view(network, organisation, view.statement_keys, view.serials, view.parts),
        "gateway": {"name": station.gateway.name, "port": station.gateway.port} if station.gateway else None,
        "certificate_pem": profile.as_pem(own.station_certificate).decode(),
        "statement": own.statement.model_dump(),
        "chain_pem": "",
        "ca_pem": profile.as_pem(published.authority).decode(),
        "crl_pem": revocations.pem(published.revocations).decode(),
        "peers": [
            {
                **dataclasses.asdict(peer),
                "issuers": [published.authority.subject.rfc4514_string()],
                # By which the gateway knows what to end once it is revoked.
                "serial": f"{published.identities[peer.organisation].station_certificate.serial_number:x}",
            }
            for peer in station.peers
            if peer.organisation in view.statement_keys
        ],
    }
