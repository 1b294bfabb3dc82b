"""A region for tests: stations with real gateways, in networks of three, five and seven computing parties."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.harness import gateways, pki
from tests.harness.stations import (
    AGENT_UID,
    COMPUTER_UID,
    GATEWAY_UID,
    SEPARATE,
    Station,
    answers,
    listens,
    replace,
    wait_until,
)

SEVEN = ("ggd", "gelre", "sensire", "yunio", "marga", "livio", "carint")
ALL = (*SEVEN, "huisarts")


class Region:
    """Stations with gateways in networks of three, five and seven computing parties."""

    def __init__(self) -> None:
        # Short: the path of a unix socket has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
        self.folder.chmod(0o755)
        (self.folder / "pycache").mkdir()
        (self.folder / "pycache").chmod(0o777)
        self.authority = pki.Authority(gateways.NETWORK)
        self.stations: dict[str, Station] = {}

    def add(self, organisation: str, inbound: bool = True) -> Station:
        """One more station."""
        station = self.stations[organisation] = Station(self, organisation, inbound)
        return station

    def impostor(self, organisation: str) -> Station:
        """What a holder of the CA can make: another station with the name of `organisation`, but not its key."""
        return Station(self, organisation, inbound=True, folder=f"valse-{organisation}")

    def discard(self, station: Station) -> None:
        """Remove the folder of an impostor."""
        shutil.rmtree(station.root)

    def repoint(self, station: Station, called: Station, port: int) -> None:
        """Have the gateway of `station` call `port` where it called `called`; undo with the ports changed round."""
        path = station.tls / "haproxy.cfg"
        text = path.read_text()
        section = text.index(f"listen to.{called.id}\n")
        head, tail = text[:section], text[section:]
        tail = re.sub(r"server gateway 127\.0\.0\.1:\d+ ", f"server gateway 127.0.0.1:{port} ", tail, count=1)
        path.write_text(head + tail)
        station.kill("gateway")
        station.start("gateway")
        self.wait_for(station)

    def __getitem__(self, organisation: str) -> Station:
        return self.stations[organisation]

    def connect(self, calls: Mapping[str, Iterable[str]]) -> None:
        """Write the gateways: which organisation calls which."""
        for station in self.stations.values():
            self.write_gateway(station, calls[station.organisation])

    def write_gateway(self, station: Station, called: Iterable[str]) -> None:
        """Write the gateway of `station`, with outbound sockets to those that it calls."""
        chosen = set(called)
        others = [
            gateways.peer(self.authority, name, other.port, called=name in chosen)
            for name, other in self.stations.items()
            if name != station.organisation
        ]
        gateways.write(station.root, self.authority, station.certificate, others, station.port or None)
        self.write_host(station)

    @staticmethod
    def write_host(station: Station) -> None:
        """Write under which uids the parts of `station` run."""
        host = {"gateway_uid": GATEWAY_UID, "agent_uid": AGENT_UID, "computer_uid": COMPUTER_UID}
        if not SEPARATE:
            host = dict.fromkeys(host, os.getuid())
        replace(station.root / "networks.d" / "host.json", host)

    def network(
        self,
        name: str,
        computing: Sequence[str],
        contributors: Sequence[str],
        others: Sequence[str] = (),
        alternates: Sequence[Sequence[str]] = (),
    ) -> None:
        """Give all members their view of a network."""
        members = list(dict.fromkeys([*computing, *contributors, *others]))
        for organisation in members:
            self.write_view(name, self[organisation], computing, contributors, members, alternates)

    def usual_networks(self) -> None:
        """Networks drie, vijf and zeven, as every test finds them."""
        self.network("drie", SEVEN[:3], (*SEVEN[:4], "huisarts"))
        self.network("vijf", SEVEN[:5], (*SEVEN[:5], "huisarts"))
        self.network("zeven", SEVEN, ALL)

    def write_view(
        self,
        name: str,
        station: Station,
        computing: Sequence[str],
        contributors: Sequence[str],
        members: Sequence[str],
        alternates: Sequence[Sequence[str]] = (),
    ) -> None:
        """One station's networks.d/<name>."""
        rows = {
            self[member].id: {
                "organisation": member,
                "name": member.title(),
                "operator": "itself",
                "contributes": member in contributors,
                "inbound": self[member].inbound,
                "statement_key": self[member].public,
                "gateway_serial": 1,
            }
            for member in members
        }
        view = {
            "network": name,
            "definition": "sha256:" + "0" * 64,
            "release": "dev",
            "self": station.id,
            "coordinator": self[computing[0]].id,
            "computing": [self[party].id for party in computing],
            "threshold": (len(computing) - 1) // 2,
            "stations": rows,
        }
        if alternates:
            view["computing_alternates"] = [[self[party].id for party in parties] for parties in alternates]
        folder = station.root / "networks.d" / name
        folder.mkdir(exist_ok=True)
        replace(folder / "gateway.json", station.gateway)
        replace(folder / "network.json", view)

    def start(self) -> None:
        """Start everything and wait until every station answers and every poll is held."""
        for station in self.stations.values():
            station.start()
        for station in self.stations.values():
            self.wait_for(station)

    def dead(self) -> list[str]:
        """Parts of stations that ended by themselves."""
        parts = (
            (station, part, process)
            for station in self.stations.values()
            for part, process in station.processes.items()
        )
        return [f"{station.organisation}: {part}" for station, part, process in parts if process.poll() is not None]

    def heal(self) -> None:
        """Start again what does not run or was sabotaged."""
        hurt = []
        for station in self.stations.values():
            station.signal(signal.SIGCONT)
            broken = [part for part, process in station.processes.items() if process.poll() is not None]
            broken += [part for part in station.sabotaged if part not in broken]
            if broken:
                station.kill(*broken)
                station.start(*broken)
                hurt.append(station)
        for station in hurt:
            self.wait_for(station)
        if hurt:
            self.wait_for(self["huisarts"])

    def wait_for(self, station: Station) -> None:
        """Wait until a station's agent, computer and gateway are there."""
        wanted = [station.root / "control" / "agent.sock", station.root / "compute" / "computer.sock"]
        wait_until(lambda: all(map(answers, wanted)), f"{station.organisation} to start", 30)
        if station.inbound:
            wait_until(lambda: listens(station.port), f"the gateway of {station.organisation}")
            return
        for party in self.polled(station):
            wait_until(functools.partial(_polls, party, station), f"the poll at {party.organisation}")

    def polled(self, station: Station) -> list[Station]:
        """The stations that a station without inbound port calls."""
        ids = {path.name.removesuffix(".sock") for path in (station.root / "peers").glob("*.sock")}
        return [other for other in self.stations.values() if other.id in ids]

    def stop(self) -> None:
        """End every process of this region and remove its folder."""
        for station in self.stations.values():
            station.signal(signal.SIGCONT)
            station.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _polls(party: Station, station: Station) -> bool:
    networks = party.control("status").get("networks", {})
    return any(row["peers"].get(station.id, {}).get("polls") for row in networks.values())


@contextlib.contextmanager
def whole() -> Iterator[Region]:
    """Networks drie, vijf and zeven, running; in `drie`, four stations contribute that do not compute."""
    region = Region()
    try:
        for organisation in SEVEN:
            region.add(organisation)
        region.add("huisarts", inbound=False)
        region.connect({caller: [called for called in SEVEN if called != caller] for caller in ALL})
        region.usual_networks()
        region.start()
        yield region
    finally:
        region.stop()
