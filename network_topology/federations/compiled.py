"""What follows from a federation and the definitions of its members. All of it is read-only."""

import dataclasses
import datetime
from collections.abc import Mapping

from network_topology.compiling.compiled import Link


@dataclasses.dataclass(frozen=True)
class Station:
    """A station of a regional network that takes part: the same one, with the same id, and a part of its own here.

    `operated_by` is the key of its operator over all regions, see `CompiledFederation.operators`.
    """

    reference: str
    id: str
    name: str
    domain: str
    operated_by: str
    own: bool
    """Whether the organisation operates its server itself."""
    party: int | None
    contributes: bool


@dataclasses.dataclass(frozen=True)
class Member:
    """A member: its regional network as the federation refers to it, and its stations by organisation."""

    network: str
    title: str
    region: str
    root: str
    consent: datetime.date | None
    release: str
    stations: Mapping[str, Station]


@dataclasses.dataclass(frozen=True)
class CompiledFederation:
    """A federation, compiled. `computing` holds references in party order; the rest is in alphabetical order.

    `operators` maps each operator, counted once over all regions, to its name.
    """

    network: str
    kind: str
    title: str
    illustrative: bool
    coordinator: str
    coordinator_name: str
    technique: str
    threshold: int
    computing: tuple[str, ...]
    members: Mapping[str, Member]
    links: tuple[Link, ...]
    operators: Mapping[str, str]
    privacy: tuple[str, ...]
    digest: str
    computing_alternates: tuple[tuple[str, ...], ...] = ()

    @property
    def stations(self) -> dict[str, Station]:
        """Every station that takes part, by reference."""
        return {one.reference: one for member in self.members.values() for one in member.stations.values()}
