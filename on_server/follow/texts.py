"""The files of one network that a gateway and an agent read, of its entry in the host variables: by path and text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

COMPILED, NETWORKS = "/etc/werkplaats/gateway/compiled", "/etc/werkplaats/networks.d"


def view(entry: Mapping[str, Any]) -> dict[str, str]:
    """The file that tells the agent who is in the network."""
    path = f"{NETWORKS}/{entry['network']}/network.json"
    return {path: json.dumps(entry["network_json"], indent=1, sort_keys=True) + "\n"}


def authorities(network: str) -> str:
    """The path of the CAs that the gateway trusts in a network."""
    return f"{COMPILED}/networks/{network}/ca.pem"


def gateway(entry: Mapping[str, Any]) -> dict[str, str]:
    """The files that the gateway reads of the network itself, without those of its peers."""
    folder = f"{COMPILED}/networks/{entry['network']}"
    trusted = {authorities(entry["network"]): entry["ca_pem"], f"{folder}/crl.pem": entry["crl_pem"]}
    if "home" in entry:
        return {**trusted, f"{folder}/home": f"{entry['home']}\n"}
    return {
        **trusted,
        f"{folder}/certificate.pem": entry["certificate_pem"] + (entry.get("chain_pem") or ""),
        f"{folder}/statement.json": json.dumps(entry["statement"], sort_keys=True) + "\n",
    }


def serial(entry: Mapping[str, Any], peer: str, number: str) -> dict[str, str]:
    """The file that tells which certificate a peer has."""
    return {f"{COMPILED}/networks/{entry['network']}/peers/{peer}/serial": f"{number}\n"}
