"""Examine servers that are offered: send the program, read its answer, judge. Changes nothing on any of them."""

from __future__ import annotations

import concurrent.futures
import functools
import ipaddress
import json
import time
from collections.abc import Iterable
from pathlib import Path

import on_server
from base import errors
from network_topology.compiling import compiled
from station_image.runtime.base import contract
from werkplaats.operations.home import networks
from werkplaats.operations.offered import access, answer, around, engine, findings, machine, packages, paper, table
from werkplaats.operations.reach import remote, servers

PROGRAM = Path(on_server.__file__).with_name("examine.py")
SECONDS = 60.0
KNOWN = (
    *packages.PACKAGES,
    *around.FIREWALLS,
    *packages.MANAGERS,
    *packages.WATCHERS,
    *engine.OTHERS,
    "docker-ce",
    "podman-docker",
)
UNITS = (
    *machine.CLOCKS,
    *around.UNITS,
    engine.UNIT,
    "haproxy.service",
    "werkplaats-gateway.service",
    "fapolicyd.service",
)
NAMES = (*access.NUMBERS.values(), access.GATEWAY, *access.PEOPLE, contract.GROUP, access.PEOPLES_GROUP)
HERE = "127.0.0.1"


def examine(
    network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str], *, far: bool = True
) -> tuple[dict[str, paper.Examined], dict[str, str]]:
    """Look at the servers of these organisations; the second is why one of them could not be.

    `far`: ways to other gateways and to sources of packages are tried as well.
    """
    found: dict[str, paper.Examined] = {}
    lost: dict[str, str] = {}
    asked = list(organisations)
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        looks = pool.map(functools.partial(_one, network, remotes, far), asked)
        for organisation, look in zip(asked, looks, strict=True):
            if isinstance(look, str):
                lost[organisation] = look
            else:
                found[organisation] = look
    return found, lost


def untouched(remotes: remote.Remotes, organisations: Iterable[str]) -> list[str]:
    """Those of which the server has nothing of ours yet."""
    answers = remotes.ask_all(organisations, "test", "-e", contract.ETC)
    return [o for o, one in answers.items() if not isinstance(one, servers.UnreachableError) and one.exited]


def wanted(station: compiled.Station, server: servers.Server, network: str, *, far: bool = True) -> findings.Wanted:
    """What this station needs of its server."""
    ways = [
        findings.Way(peer.organisation, peer.address, peer.port, peer.dns, peer.subject)
        for peer in station.peers
        if peer.outbound and peer.address and peer.port
    ]
    port = station.gateway.port if station.gateway else None
    owners = tuple(part for part, ours in server.managed.items() if not ours)
    return findings.Wanted(station.organisation, network, port, tuple(ways), far, owners, tuple(server.managed))


def _one(network: networks.Network, remotes: remote.Remotes, far: bool, organisation: str) -> paper.Examined | str:
    station, server = network.compiled.stations[organisation], remotes.servers[organisation]
    needs = wanted(station, server, network.name, far=far)
    question = json.dumps(_question(needs, server))
    asked = time.time()
    try:
        done = remotes.ask(organisation, "python3", "-IS", "-", question, given=PROGRAM.read_text(), seconds=SECONDS)
        if done.exited:
            said = findings.plain(done.stderr) or f"it ends with {done.exited}"
            raise errors.RefusedError(f"it cannot be examined: {said}", "see that Debian's python3 is there")
        facts = answer.read(done.stdout, asked, time.time())
    except errors.WerkplaatsError as error:
        return str(error)
    return paper.Examined(facts, needs, table.judge(facts, needs), station.firewall)


def _question(needs: findings.Wanted, server: servers.Server) -> dict[str, object]:
    """What the program is asked; an account is asked about as coming from where its people come from."""
    ways = [
        {"organisation": one.organisation, "host": one.host, "port": one.port, "name": one.name} for one in needs.ways
    ]
    people = {account: _first(server.people.get(account, {}).get("from", ())) for account in access.PEOPLE}
    return {
        "packages": packages.PACKAGES,
        "known": KNOWN,
        "units": UNITS,
        "accounts": people | {server.user: HERE},
        "names": NAMES,
        "numbers": [*access.NUMBERS, contract.GROUP_ID],
        "peers": ways if needs.far else [],
        "far": needs.far,
    }


def _first(ranges: Iterable[str]) -> str:
    """An address of the first of these ranges: `Match Address` of an owner may make a difference."""
    for one in ranges:
        try:
            return str(next(iter(ipaddress.ip_network(one).hosts())))
        except ValueError:  # what the role refuses later, with a sentence
            continue
    return HERE
