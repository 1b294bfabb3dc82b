"""Where definitions lie, and what this suite brings for checking them: nothing here is heavy to import."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import network_topology
from network_topology import context, names
from station_image.runtime import analyses

HOME_VARIABLE = "WERKPLAATS_HOME"
EXAMPLES = Path(network_topology.__file__).parent / "networks"
CHECKOUT = Path(__file__).resolve().parents[3]


@dataclasses.dataclass(frozen=True)
class Home:
    """Where definitions and inventories lie: an organisation's own git folder, or this checkout's examples."""

    networks: Path
    inventories: Path
    publications: Path
    releases: Path = context.RELEASES
    """Releases beside those that this suite comes with."""

    def inventory(self, network: str, vault: Path) -> Path:
        """The operator's inventory and the coordinator's records of a network; in its vault where that is a sandbox."""
        return vault / "inventory" if names.is_sandbox(network) else self.inventories / network

    def publication(self, network: str, vault: Path) -> Path:
        """The publication folder of a network, likewise."""
        return vault / "publication" if names.is_sandbox(network) else self.publications / network


def home(folder: Path | None = None) -> Home:
    """The home that `--home` or WERKPLAATS_HOME names; without either the examples of this checkout."""
    chosen = folder or (Path(os.environ[HOME_VARIABLE]) if HOME_VARIABLE in os.environ else None)
    if chosen:
        return Home(chosen / "networks", chosen / "inventories", chosen / "publications", chosen / "releases")
    return Home(EXAMPLES, CHECKOUT / "inventories", CHECKOUT / "build" / "publications")


def known(home: Home) -> context.Context:
    """What rules know besides the files: the day, the regions, the releases, the analyses of this release."""
    return context.shipped(datetime.date.today(), _fields, home.releases)


def _fields(name: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    analysis = analyses.find(name)
    if not analysis.DATA:
        raise analyses.AnalysisError(f"{name} reads no data: there is nothing to agree on")
    return tuple(analysis.columns(analysis.parameters(parameters)))


PLACING = "/run/werkplaats/follow.lock"
"""Held on a server by whoever places what is published, as its follower does."""


def accepted(network: str) -> str:
    """Where a server keeps what its operator accepted of a network."""
    return f"/etc/werkplaats/accepted/{network}.json"
