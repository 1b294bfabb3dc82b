"""Connections between computing parties: through gateways as stations have them, or plain TCP, near or far apart."""

from __future__ import annotations

import functools
import itertools
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from network_topology import names
from tests.harness import gateways, pki
from tests.harness.stations import ROOT, free_port, listens, wait_until

PROXY = struct.Struct("!12sBBH")
CALLER = re.compile(rb"\.n([0-9])\|")
Pair = tuple[socket.socket, socket.socket]


class Wires:
    """Plain TCP; with a round trip, each connection goes through a relay that delays."""

    def __init__(self, parties: int, round_trip: float) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.folder = Path(tempfile.mkdtemp(prefix="wr-", dir="/tmp"))
        self.parties = range(parties)
        try:
            ports = self.listen()
            self._near = self._relayed(ports, round_trip / 2) if round_trip else ports
            self.connect()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listen(self) -> list[int]:
        """Where each party can be reached."""
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in self.parties]
        return [int(listener.getsockname()[1]) for listener in self._listeners]

    def connect(self) -> None:
        """What there is to do before a pair is made."""

    def pairs(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Pair]:
        """A new connection from one party to the other for each of these: the ends of both."""
        return {(one, other): self._pair(other) for one, other in wanted}

    def _pair(self, other: int) -> Pair:
        ours = socket.create_connection(("127.0.0.1", self._near[other]))
        theirs, _ = self._listeners[other].accept()
        for end in (ours, theirs):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as HAProxy does
        return ours, theirs

    def run(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with these wires."""
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            process.kill()
            process.communicate(timeout=10)
        for listener in self._listeners:
            listener.close()
        shutil.rmtree(self.folder)

    def port(self, party: int) -> int:
        """The port at which others reach `party`, through the relay if there is one."""
        return self._near[party]

    def _relayed(self, ports: list[int], delay: float) -> list[int]:
        near = [free_port() for _ in ports]
        pairs = [f"{own}:{target}" for own, target in zip(near, ports, strict=True)]
        relay = self.run(sys.executable, "-m", "tests.benchmarks.wires.relay", str(delay), *pairs)
        # Told, not tried: to try would make a connection that the party behind the relay takes for a peer's.
        if relay.stdout is None or relay.stdout.readline() != b"ready\n":
            raise AssertionError("the relay did not start")
        return near


class Gateways(Wires):
    """A gateway per party, with mutual TLS between them, in the form that the tests of stations use."""

    def listen(self) -> list[int]:
        """The gateways' ports; nobody listens there before `connect`."""
        self._listeners = []
        for party in self.parties:
            listener = socket.socket(socket.AF_UNIX)
            for name in ("agent", "peers"):
                (self._root(party) / name).mkdir(parents=True)
            listener.bind(str(self._root(party) / "agent" / "mesh.sock"))
            listener.listen(16)
            self._listeners.append(listener)
        self._ports = [free_port() for _ in self.parties]
        return self._ports

    def connect(self) -> None:
        """Write and start the gateways."""
        authority = pki.Authority(gateways.NETWORK)
        for party in self.parties:
            own = pki.Party(authority, f"n{party}", self.folder)
            others = (other for other in self.parties if other != party)
            peers = [gateways.peer(authority, f"n{other}", self.port(other), called=True) for other in others]
            gateways.write(self._root(party), authority, own, peers, self._ports[party])
            self.run(*gateways.command(self._root(party)))
        for party in self.parties:
            wait_until(functools.partial(listens, self._ports[party]), "a gateway to start")
        for one, other in itertools.permutations(self.parties, 2):
            wait_until(self._out(one, other).exists, "an outbound socket")

    def pairs(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Pair]:
        """As agents make them, all at once: by the outbound sockets, and from the mesh sockets of the others."""
        calling = {}
        for one, other in wanted:
            calling[one, other] = socket.socket(socket.AF_UNIX)
            calling[one, other].connect(str(self._out(one, other)))
        found = {}
        for _, other in wanted:
            theirs, one = self._accepted(other)
            found[one, other] = calling[one, other], theirs
        return found

    def _accepted(self, party: int) -> tuple[socket.socket, int]:
        theirs, _ = self._listeners[party].accept()
        _, _, _, length = PROXY.unpack(theirs.recv(PROXY.size, socket.MSG_WAITALL))
        caller = CALLER.search(theirs.recv(length, socket.MSG_WAITALL))
        if caller is None:
            raise AssertionError(f"the gateway of party {party} does not say who calls")
        return theirs, int(caller[1])

    def _out(self, one: int, other: int) -> Path:
        return self._root(one) / "peers" / f"{names.station_id(gateways.NETWORK, f'n{other}')}.sock"

    def _root(self, party: int) -> Path:
        return self.folder / f"n{party}"
