"""Where a station's files and sockets lie. In the containers everything is under /station."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from . import contract
from .contract import Stored


@dataclass(frozen=True)
class Folders:
    """The mounted folders of a station: those of `contract.FOLDERS` that a container sees."""

    root: Path

    @classmethod
    def from_environment(cls) -> Folders:
        """STATION_ROOT is set by tests, that run many stations on one machine; the image leaves it alone."""
        return cls(Path(os.environ.get("STATION_ROOT", contract.ROOT)))

    @property
    def networks(self) -> Path:
        """One folder per network, and host.json; replaced atomically from outside."""
        return self.root / "networks.d"

    @property
    def mesh_socket(self) -> Path:
        """Where the gateway hands over the connections of peers."""
        return self.root / contract.MESH_SOCKET

    @property
    def control_socket(self) -> Path:
        """Where the `station` program of the host asks."""
        return self.root / contract.CONTROL_SOCKET

    @property
    def computer_socket(self) -> Path:
        """Where the computer takes sessions."""
        return self.root / contract.COMPUTER_SOCKET

    @property
    def state(self) -> Path:
        """The statement key and what must outlive a restart."""
        return self.root / "state"

    @property
    def allowances(self) -> Path:
        """One file per question that the steward allows; only the steward's account writes here."""
        return self.root / "allowances"

    @property
    def register(self) -> Path:
        """The register."""
        return self.root / "register"

    def stored(self, stored: Stored) -> Path:
        """Where a file of `contract.STORED` lies, of which there is one."""
        return self.root / stored.path

    def data(self, network: str, question: str) -> Path:
        """Where the organisation puts its files for a question; two networks may each have one of that name."""
        return self.root / "data" / "in" / network / question

    @property
    def results(self) -> Path:
        """One folder per session of which this organisation may see the outcome."""
        return self.root / "data" / "out"

    @property
    def relayed(self) -> Path:
        """Publications as peers gave them, `<network>/<peer>/`; what begins with a dot is still arriving."""
        return self.root / "relayed"

    @property
    def peers(self) -> Path:
        """One socket per peer that this station calls; the gateway listens."""
        return self.root / "peers"
