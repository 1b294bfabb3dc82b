"""Examine servers that are offered: send the program, read its answer, judge. Changes nothing on any of them."""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from collections.abc import Iterable
from pathlib import Path

import on_server
from base import errors, together
from network_topology.compiling import compiled
from on_server import accounts, firewall
from on_server import engine as engines
from station_image.runtime.base import contract
from werkplaats.operations.home import networks
from werkplaats.operations.offered import answer, around, engine, findings, machine, packages, paper, table
from werkplaats.operations.reach import remote, servers

FOLDER = Path(on_server.__file__).parent
MODULES = ("drop_in", "access", "accounts", "engine", "examine")  # the last is run; each knows those before it
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
    engines.UNIT,
    "haproxy.service",
    "werkplaats-gateway.service",
    "fapolicyd.service",
)
HERE = "127.0.0.1/32"


def examine(
    network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str], *, far: bool = True
) -> tuple[dict[str, paper.Examined], dict[str, str]]:
    """Look at the servers of these organisations; the second is why one of them could not be.

    `far`: ways to other gateways and to sources of packages are tried as well.
    """
    found: dict[str, paper.Examined] = {}
    lost: dict[str, str] = {}
    asked = list(organisations)
    looks = together.each(functools.partial(_one, network, remotes, far), asked)
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


def wanted(
    station: compiled.Station, server: servers.Server, network: str, *, far: bool = True, place: str | None = None
) -> findings.Wanted:
    """What this station needs of its server."""
    ways = [
        findings.Way(peer.organisation, peer.address, peer.port, peer.dns, peer.subject)
        for peer in station.peers
        if peer.outbound and peer.address and peer.port
    ]
    port = station.gateway.port if station.gateway else None
    owners = tuple(part for part, ours in server.managed.items() if not ours)
    rows = [dataclasses.asdict(row) for row in station.firewall]
    inbound = {port: [*addresses, *server.seen_from] for port, addresses in firewall.inbound(rows).items()}
    return findings.Wanted(
        station.organisation, network, port, tuple(ways), far, owners, tuple(server.managed), inbound, place or ""
    )


def _one(network: networks.Network, remotes: remote.Remotes, far: bool, organisation: str) -> paper.Examined | str:
    station, server = network.compiled.stations[organisation], remotes.servers[organisation]
    needs = wanted(station, server, network.name, far=far, place=network.definition.publication_url)
    question = json.dumps(_question(needs, server))
    asked = time.time()
    try:
        done = remotes.ask(organisation, "python3", "-IS", "-", question, given=program(), seconds=SECONDS)
        if done.exited:
            said = findings.plain(done.stderr) or f"it ends with {done.exited}"
            raise errors.RefusedError(f"it cannot be examined: {said}", "see that Debian's python3 is there")
        facts = answer.read(done.stdout, asked, time.time())
    except errors.WerkplaatsError as error:
        return str(error)
    return paper.Examined(facts, needs, table.judge(facts, needs), station.firewall)


def program() -> str:
    """The examination, with what it shares with the roles, as one text: nothing of ours may lie on the server yet."""
    sources = {name: (FOLDER / f"{name}.py").read_text() for name in MODULES}
    return f"SOURCES = {sources!r}\n{_LOADER}"


_LOADER = """
import sys, types

package = sys.modules["on_server"] = types.ModuleType("on_server")
package.__path__ = []
for name, source in SOURCES.items():
    module = sys.modules[f"on_server.{name}"] = types.ModuleType(f"on_server.{name}")
    module.__package__ = "on_server"
    setattr(package, name, module)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
module.main()
"""


def _question(needs: findings.Wanted, server: servers.Server) -> dict[str, object]:
    """What the program is asked; people are asked about as coming from where they come from."""
    ways = [
        {"organisation": one.organisation, "host": one.host, "port": one.port, "name": one.name} for one in needs.ways
    ]
    given = {account: server.people.get(account, {}) for account in accounts.PEOPLE}
    return {
        "packages": {
            name: program
            for name, program in packages.PACKAGES.items()
            if packages.OF_PARTS.get(name) not in needs.owners
        },
        "known": KNOWN,
        "units": UNITS,
        "people": {account: [*one.get("from", ())] or [HERE] for account, one in given.items()},
        "keyed": [account for account, one in given.items() if one.get("keys")],
        "managed": dict(server.managed),
        "peers": ways if needs.far else [],
        "place": needs.place if needs.far else "",
        "far": needs.far,
    }
