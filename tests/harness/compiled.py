"""Host variables of stations, as the compiler makes them, around certificates of the tests' own."""

from __future__ import annotations

from typing import Any

from network_topology import names
from tests.harness import pki

PORT = 8443


def peer(
    network: str,
    organisation: str,
    issuers: list[str],
    *,
    address: str,
    inbound: bool = True,
    outbound: bool = True,
    port: int = PORT,
) -> dict[str, Any]:
    return {
        "id": names.station_id(network, organisation),
        "subject": names.subject(network, organisation),
        "issuers": issuers,
        "dns": names.dns(network, organisation),
        "address": address,
        "port": port,
        "inbound": inbound,
        "outbound": outbound,
    }


def network(
    authority: pki.Authority,
    organisation: str,
    peers: list[dict[str, Any]],
    *,
    certificate: str = "",
    port: int | None = PORT,
) -> dict[str, Any]:
    name = authority.network
    return {
        "network": name,
        "network_json": {"network": name, "self": names.station_id(name, organisation)},
        "gateway": {"name": names.dns(name, organisation), "port": port} if port else None,
        "certificate_pem": certificate,
        "chain_pem": "",
        "statement": {"serial": 1, "signature": ""},
        "ca_pem": authority.pem,
        "crl_pem": authority.crl(),
        "peers": peers,
    }


def station(organisation: str, networks: list[dict[str, Any]], image: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "organisation": organisation,
        "id": names.station_id(networks[0]["network"], organisation),
        "networks": networks,
        "image": image,
        **more,
    }
