"""One network as this operator has it: definition, vault, inventory, publication, servers."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import network_topology
from network_topology import check, context, model, violation
from network_topology import compile as compiler
from stacks import servers as sandbox
from station_image.runtime import analyses
from werkplaats.operations.home import vault
from werkplaats.operations.reach import inventory, remote
from werkplaats.operations.reach.servers import Server

HOME_VARIABLE = "WERKPLAATS_HOME"
EXAMPLES = Path(network_topology.__file__).parent / "networks"
CHECKOUT = Path(__file__).resolve().parents[3]


@dataclasses.dataclass(frozen=True)
class Home:
    """Where definitions and inventories lie: an organisation's own git folder, or this checkout's examples."""

    networks: Path
    inventories: Path
    publications: Path


def home(folder: Path | None = None) -> Home:
    """The home that `--home` or WERKPLAATS_HOME names; without either the examples of this checkout."""
    chosen = folder or (Path(os.environ[HOME_VARIABLE]) if HOME_VARIABLE in os.environ else None)
    if chosen:
        return Home(chosen / "networks", chosen / "inventories", chosen / "publications")
    return Home(EXAMPLES, CHECKOUT / "inventories", CHECKOUT / "build" / "publications")


@dataclasses.dataclass(frozen=True)
class Network:
    """Everything that an operation needs to know of a network before it asks a server."""

    definition: model.Definition
    compiled: compiler.CompiledNetwork
    warnings: tuple[violation.Violation, ...]
    home: Home
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The network's name, as in certificates."""
        return self.compiled.network

    @property
    def made_here(self) -> bool:
        """Whether its servers are made on this machine."""
        return sandbox.makes(self.name)

    @functools.cached_property
    def vault(self) -> vault.Vault:
        """The operator's secrets and state for this network; made when it is first asked for."""
        kept = vault.find(self.name)
        if self.made_here:
            kept.make_passphrase()
        return kept

    @property
    def inventory(self) -> Path:
        """The operator's inventory and the coordinator's records of this network."""
        return self.vault.folder / "inventory" if self.made_here else self.home.inventories / self.name

    @property
    def publication(self) -> Path:
        """The publication folder of this network."""
        return self.vault.folder / "publication" if self.made_here else self.home.publications / self.name

    @functools.cached_property
    def servers(self) -> tuple[Server, ...]:
        """The servers that this operator runs, of organisations that the definition has."""
        known = inventory.read(self.inventory / "servers.yml")
        return tuple(server for server in (*known, *self.given) if server.organisation in self.compiled.stations)

    @functools.cached_property
    def given(self) -> tuple[Server, ...]:
        """Servers beside the ones that a sandbox makes: they exist already, and take part in it."""
        path = self.inventory / "given.yml"
        return inventory.read(path) if path.exists() else ()

    def remotes(self) -> remote.Remotes:
        """Connections to this operator's servers, not opened yet; to be used in a `with`."""
        return remote.Remotes(self.servers, self.vault.folder / "ssh", self.run_folder / "ssh_config")

    @property
    def run_folder(self) -> Path:
        """Where a run keeps its passing files."""
        return self.vault.folder / "run"


def find(name: str, folder: Path | None = None) -> Network:
    """Find and compile a network by name.

    Raises UnknownNetworkError, or DefinitionError with every violation of one that is not right.
    """
    place = home(folder)
    outcome = check.network(name, place.networks, known())
    if outcome.definition is None:
        raise violation.DefinitionError(outcome.violations)
    compiled = compiler.compile_network(outcome.definition)
    return Network(outcome.definition, compiled, outcome.violations, place, outcome.questions)


def known() -> context.Context:
    """What rules know besides the files: the day, the regions, the releases, the analyses of this release."""
    return context.shipped(datetime.date.today(), _fields)


def _fields(name: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    analysis = analyses.find(name)
    if not analysis.DATA:
        raise analyses.AnalysisError(f"{name} reads no data: there is nothing to agree on")
    return tuple(analysis.columns(analysis.parameters(parameters)))
