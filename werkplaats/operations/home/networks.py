"""One network of any kind as whoever is at work here has it: definition, vault, inventory, publication, servers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from base import errors
from network_topology import check, load, model, names, tables, violation
from network_topology.compiling import compile as compiler
from network_topology.federations import model as federal
from network_topology.federations.compile import compile_federation
from network_topology.federations.compiled import CompiledFederation
from network_topology.federations.resolved import Resolved
from publication import folder, profile, publication
from stacks import servers as sandbox
from werkplaats.operations.home import places, vault
from werkplaats.operations.reach import inventory, remote
from werkplaats.operations.reach.servers import Server

TRUSTED = "publication.json"
"""In a vault: what its operator read last of the publication."""


class Kept:
    """A network that is kept here, of whatever kind: what its coordinator needs to know of it."""

    tier: ClassVar[profile.Tier]
    """What its CA looks like."""
    ships: ClassVar[bool]
    """Whether it ships a station image, for which release holders sign."""
    definition: model.Network
    home: places.Home

    @property
    def name(self) -> str:
        """The network's name, as in certificates."""
        return self.definition.network

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
        return self.home.inventory(self.name, self.vault.folder)

    @property
    def publication(self) -> Path:
        """The publication folder of this network."""
        return self.home.publication(self.name, self.vault.folder)

    @property
    def trusted(self) -> Path:
        """What this operator read last of the publication, so that none older is taken."""
        return self.vault.folder / TRUSTED


@dataclasses.dataclass(frozen=True)
class Network(Kept):
    """Everything that an operation needs to know of a regional network before it asks a server."""

    tier, ships = profile.REGION, True
    definition: model.Definition
    compiled: compiler.CompiledNetwork
    warnings: tuple[violation.Violation, ...]
    home: places.Home
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)

    def server(self, organisation: str) -> Server:
        """What this operator's inventory says of the server of one organisation, which it runs."""
        (found,) = (one for one in self.servers if one.organisation == organisation)
        return found

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
class Federation(Kept):
    """A federation and the definitions of its members, as far as they are here. It has no servers.

    Its vault and inventory are those of its coordinator.
    """

    tier, ships = profile.FEDERATION, False
    definition: federal.Federation
    members: Mapping[str, model.Definition]
    warnings: tuple[violation.Violation, ...]
    home: places.Home
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def compiled(self) -> CompiledFederation:
        """What follows from it; raises DefinitionError where that of a member is not here."""
        return compile_federation(Resolved(self.definition, self.members))

    def operates(self, member: str) -> bool:
        """Whether this operator has an inventory of servers of a member; makes no vault."""
        return (self.home.inventory(member, vault.folder_of(member)) / "servers.yml").exists()

    @property
    def operated(self) -> dict[str, Network]:
        """The regional networks of members of which this operator has an inventory of servers. Raises as `find` does.

        UsageError where there are none.
        """
        here = [slug for slug in self.definition.members if slug in self.members and self.operates(slug)]
        if not here:
            raise errors.UsageError(
                f"no server of this operator takes part in {self.name}",
                "servers stand in the inventory of their regional network",
            )
        return {slug: self.member(slug) for slug in here}

    def member(self, slug: str) -> Network:
        """The regional network of a member, with all of its questions. Raises as `find` does."""
        return _network(self.home, check.network(slug, self.home.networks, places.known(self.home)))

    def again(self) -> Federation:
        """The same as it is defined and as its members publish now. Raises as `find` does."""
        found = check.network(self.name, self.home.networks, places.known(self.home))
        if found.federation is None:
            raise violation.DefinitionError(found.violations)
        return _federation(found.federation, found, self.home)

    def publication_of(self, network: str) -> Path:
        """Where the publication of it or of a member lies, as it is fetched or made here; makes no vault."""
        return self.home.publication(network, vault.folder_of(network))


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
        return _federation(found.federation, found, place)
    return _network(place, found)


def federations(network: Network) -> list[Federation]:
    """The federations that are defined here, and right, of which a regional network is a member."""
    slug, found = names.defined(network.name), []
    for name in load.known(network.home.networks):
        defined = load.read_what_can_be(network.home.networks / name / names.FILE).definition
        if isinstance(defined, federal.Federation) and slug in defined.members:
            twin = names.twin(name) if names.is_sandbox(network.name) else name
            one = check.network(twin, network.home.networks, places.known(network.home))
            if one.federation:
                found.append(_federation(one.federation, one, network.home))
    return found


def _federation(resolved: Resolved, found: check.Outcome, place: places.Home) -> Federation:
    """Of a twin the root of each member is that of its publication on this machine, where one person made both."""
    definition = resolved.federation
    if names.is_sandbox(definition.network):
        roots = {slug: _root_here(slug, place) or one.root for slug, one in definition.members.items()}
        members = {slug: one.model_copy(update={"root": roots[slug]}) for slug, one in definition.members.items()}
        definition = definition.model_copy(update={"members": members}).placed(definition.places)
    return Federation(definition, resolved.members, found.violations, place, found.questions, found.figures)


def _root_here(slug: str, place: places.Home) -> str:
    lies = place.publication(slug, vault.folder_of(slug))
    try:
        return publication.read(lies, slug).root if folder.there(lies) else ""
    except errors.RefusedError:
        return ""  # whoever reads its members says why


def _checked(name: str, folder: Path | None) -> tuple[places.Home, check.Outcome]:
    place = places.home(folder)
    return place, check.network(name, place.networks, places.known(place))


def _network(place: places.Home, found: check.Outcome) -> Network:
    if found.definition is None:
        raise violation.DefinitionError(found.violations)
    compiled = compiler.compile_network(found.definition)
    return Network(found.definition, compiled, found.violations, place, found.questions, found.figures)
