"""One network as this operator has it: definition, vault, inventory, publication, servers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

from network_topology import check, load, model, tables, violation
from network_topology.compiling import compile as compiler
from network_topology.federations.compile import compile_federation
from network_topology.federations.compiled import CompiledFederation
from network_topology.federations.resolved import Resolved
from stacks import servers as sandbox
from werkplaats.operations.home import places, vault
from werkplaats.operations.reach import inventory, remote
from werkplaats.operations.reach.servers import Server

TRUSTED = "publication.json"
"""In a vault: what its operator read last of the publication."""


@dataclasses.dataclass(frozen=True)
class Network:
    """Everything that an operation needs to know of a network before it asks a server."""

    definition: model.Definition
    compiled: compiler.CompiledNetwork
    warnings: tuple[violation.Violation, ...]
    home: places.Home
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The network's name, as in certificates."""
        return self.compiled.network

    @property
    def made_here(self) -> bool:
        """Whether its servers are made on this machine."""
        return sandbox.makes(self.name)

    def server(self, organisation: str) -> Server:
        """What this operator's inventory says of the server of one organisation, which it runs."""
        (found,) = (one for one in self.servers if one.organisation == organisation)
        return found

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
        return self.home.inventory(self.name, self.vault.folder)

    @property
    def publication(self) -> Path:
        """The publication folder of this network."""
        return self.home.publication(self.name, self.vault.folder)

    @property
    def trusted(self) -> Path:
        """What this operator read last of the publication, so that none older is taken."""
        return self.vault.folder / TRUSTED

    @functools.cached_property
    def servers(self) -> tuple[Server, ...]:
        """The servers that this operator runs, of organisations that the definition has."""
        return tuple(server for server in self._all if server.organisation in self.compiled.stations)

    @functools.cached_property
    def left(self) -> tuple[Server, ...]:
        """The servers that this operator runs of organisations that left the definition; those of a sandbox go."""
        return () if self.made_here else tuple(server for server in self._all if server not in self.servers)

    @functools.cached_property
    def _all(self) -> tuple[Server, ...]:
        return (*inventory.read(self.inventory / "servers.yml"), *self.given)

    @functools.cached_property
    def given(self) -> tuple[Server, ...]:
        """Servers beside the ones that a sandbox makes: they exist already, and take part in it."""
        path = self.inventory / "given.yml"
        return inventory.read(path) if path.exists() else ()

    def remotes(self, *also: Server) -> remote.Remotes:
        """Connections to this operator's servers and others, not opened yet; to be used in a `with`."""
        return remote.Remotes((*self.servers, *also), self.vault.folder / "ssh", self.run_folder / "ssh_config")

    @property
    def run_folder(self) -> Path:
        """Where a run keeps its passing files."""
        return self.vault.folder / "run"


@dataclasses.dataclass(frozen=True)
class Federation:
    """A federation and the definitions of its members, to be looked at: it has no server, vault or inventory here."""

    resolved: Resolved
    compiled: CompiledFederation
    home: places.Home

    @property
    def name(self) -> str:
        """The federation's name."""
        return self.compiled.network

    def publication(self, member: str) -> Path:
        """Where the publication of a member lies, as it is fetched or made here."""
        return self.home.publication(member, vault.folder_of(member))


def find(name: str, folder: Path | None = None) -> Network:
    """Find and compile a regional network by name.

    Raises UnknownNetworkError, DefinitionError with every violation of one that is not right, or KindError for a
    federation: it has no servers.
    """
    place, found = _checked(name, folder)
    if found.federation is not None:
        raise load.regional_wanted(found.federation.federation)
    return _network(place, found)


def look_at(name: str, folder: Path | None = None) -> Network | Federation:
    """A network of any kind, to be looked at. Raises as `find` does, but for no federation."""
    place, found = _checked(name, folder)
    if found.federation is not None:
        return Federation(found.federation, compile_federation(found.federation), place)
    return _network(place, found)


def _checked(name: str, folder: Path | None) -> tuple[places.Home, check.Outcome]:
    place = places.home(folder)
    return place, check.network(name, place.networks, places.known())


def _network(place: places.Home, found: check.Outcome) -> Network:
    if found.definition is None:
        raise violation.DefinitionError(found.violations)
    compiled = compiler.compile_network(found.definition)
    return Network(found.definition, compiled, found.violations, place, found.questions, found.figures)
