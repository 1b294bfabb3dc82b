"""Filters of the role `tls_mesh`: what the gateway of one station is made of; the templates only print it."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from on_server.follow import texts

COMPILED = texts.COMPILED
# What may be printed into HAProxy's configuration. Definitions are checked long before; a gateway's configuration is
# no place to rely on that.
ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){0,2}")
HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
NAME = re.compile(r"[A-Za-z0-9=,.-]+")
SERIAL = re.compile(r"[0-9a-f]{1,40}")
# HAProxy binds under a temporary name first, and sun_path ends at 107 bytes (unix(7)).
LONGEST_SOCKET = 96
# What one peer may open, with room above what its agent opens and ours hears of it (MOST_PER_PEER and HELLOS in
# station_image/runtime/wire/mesh_server.py, and a connection for each session): connections, and new ones in 10 s.
PEER_AT_ONCE, PEER_IN_TEN_SECONDS = 64, 300

Facts = Mapping[str, Any]
Files = dict[str, list[dict[str, Any]]]


def _fits(pattern: re.Pattern[str], value: object, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise AnsibleFilterError(
            f"{what} {value!r} cannot stand in a gateway's configuration; compile the network again"
        )
    return str(value)


def _address(value: object, what: str) -> str:
    text = str(value)
    if "%" in text:  # a zone is taken as it stands, whatever stands in it: an address with one is none
        return _fits(HOST, text, what)
    try:
        return f"[{text}]" if ipaddress.ip_address(text).version == 6 else text
    except ValueError:
        return _fits(HOST, text, what)


def _port(value: object, what: str) -> int:
    if isinstance(value, int) and 0 < value < 65536:
        return int(value)
    raise AnsibleFilterError(f"{what} {value!r} is no port; compile the network again")


def _range(value: object, what: str) -> str:
    text = str(value)
    with contextlib.suppress(ValueError):
        if "%" not in text:  # a zone would be printed as it stands, whatever stands in it
            return str(ipaddress.ip_network(text))
    raise AnsibleFilterError(f"{what} {value!r} cannot stand in a gateway's configuration; compile the network again")


def _peer(network: str, home: str, peer: Mapping[str, Any], files: Files) -> None:
    name = _fits(ID, peer["id"], "peer")
    if peer["outbound"] and len(f"/run/werkplaats/peers/{name}.sock") > LONGEST_SOCKET:
        raise AnsibleFilterError(
            f"peer {name}: the path of its socket is too long; give network or organisation a shorter name"
        )
    folder = f"{COMPILED}/networks/{network}/peers/{name}"
    subject = _fits(NAME, peer["subject"], f"{name}: subject")
    issuers = [_fits(NAME, issuer, f"{name}: issuer") for issuer in peer["issuers"]]
    if peer["inbound"]:
        lines = "".join(f"{issuer}|{subject} {name}\n" for issuer in issuers)
        files["written"].append({"path": f"{folder}/names.map", "content": lines})
        files["rendered"].append({"template": "from.cfg.j2", "path": f"{folder}/from.cfg", "variables": {"id": name}})
        if ranges := [_range(one, f"{name}: range") for one in peer.get("egress", ())]:
            files["written"].append({"path": f"{folder}/ranges", "content": "".join(f"{one}\n" for one in ranges)})
    if peer.get("serial"):
        serial = _fits(SERIAL, peer["serial"], f"{name}: serial")
        files["written"].append({"path": f"{folder}/serial", "content": f"{serial}\n"})
    if peer["outbound"]:
        variables = {
            "id": name,
            "network": home,
            "address": _address(peer["address"], f"{name}: address"),
            "port": _port(peer["port"], f"{name}: port"),
            "dns": _fits(HOST, peer["dns"], f"{name}: DNS name"),
            "subject": subject,
            "issuers": " ".join(issuers),
        }
        files["rendered"].append({"template": "to.cfg.j2", "path": f"{folder}/to.cfg", "variables": variables})


def gateway_files(networks: list[Mapping[str, Any]], bind_address: str = "") -> Files:
    """Return what `server_part` renders and writes for these networks: keys `rendered` and `written`.

    Raises AnsibleFilterError for a value that cannot stand in HAProxy's configuration.
    """
    files: Files = {"rendered": [], "written": []}
    for network in networks:
        name = _fits(ID, network["network"], "network")
        folder = f"{COMPILED}/networks/{name}"
        home = _fits(ID, network.get("home", name), "home network")
        if home == name and not network["certificate_pem"]:
            raise AnsibleFilterError(
                f"no certificate yet for {name}; approve the request and fetch the publication first"
            )
        gateway = network["gateway"]
        files["written"] += [
            {"path": path, "content": text} for path, text in {**texts.gateway(network), **texts.view(network)}.items()
        ]
        if gateway:
            port = _port(gateway["port"], f"{name}: port of this gateway")
            inbound = {"network": name, "port": port, "address": bind_address}
            files["rendered"].append(
                {"template": "inbound.cfg.j2", "path": f"{folder}/inbound.cfg", "variables": inbound}
            )
        for peer in network["peers"]:
            _peer(name, home, peer, files)
    return files


def gateway_limits(networks: list[Mapping[str, Any]], connections: int) -> dict[str, int]:
    """Return what of the gateway's connections the world has at each port, and what one caller has of that.

    A quarter of all connections is kept for those that go out, whatever comes in. Raises AnsibleFilterError for a
    number that is none.
    """
    if connections < 1:
        raise AnsibleFilterError(f"{connections} connections: give a number from 1")
    ports = sum(bool(network["gateway"]) for network in networks)
    return {
        "inward": max(1, connections * 3 // 4 // max(1, ports)),
        "at_once": PEER_AT_ONCE,
        "in_ten_seconds": PEER_IN_TEN_SECONDS,
    }


def gateway_kept(untold: list[str]) -> dict[str, list[str]]:
    """Return what is kept, of the gateway and of the agent, of networks of which nothing can be said now."""
    names = [_fits(ID, name, "network") for name in untold]
    return {"gateway": [f"networks/{name}/*" for name in names], "agent": [f"{name}/*" for name in names]}


def gateway_capabilities(networks: list[Mapping[str, Any]]) -> str:
    """Return the capabilities that HAProxy needs: none, but for a port below 1024."""
    ports = [network["gateway"]["port"] for network in networks if network["gateway"]]
    return "CAP_NET_BIND_SERVICE" if any(port < 1024 for port in ports) else ""


def haproxy_commands(server: Facts) -> list[list[str]]:
    """Return the command that stops Debian's own haproxy.service, where this run brought it."""
    return [["systemctl", "stop", "haproxy.service"]] if _brought(server) else []


def haproxy_absent(server: Facts) -> list[str]:
    """Return the link that starts Debian's own haproxy.service at boot, where this run brought it.

    One that was there is its owner's, also with Debian's own haproxy.cfg: what it reads may be said in
    /etc/default/haproxy or in a drop-in, and its program need not come from a package.
    """
    return ["/etc/systemd/system/multi-user.target.wants/haproxy.service"] if _brought(server) else []


def _brought(server: Facts) -> bool:
    """Whether the service came with what this run installed."""
    unit = server["units"].get("haproxy.service", {})
    return "haproxy" not in server["packages"] and not unit.get("known")


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (
            gateway_capabilities, gateway_files, gateway_kept, gateway_limits, haproxy_absent, haproxy_commands,
        )  # fmt: skip
        return {function.__name__: function for function in public}
