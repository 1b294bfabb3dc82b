"""What follows from a definition: the shapes that servers, roles and stations are made from. All of it is read-only."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

Role = Literal["contributor", "computing_party", "result_party"]
Purpose = Literal["compute", "contribute", "result"]
FirewallPurpose = Literal["mesh", "ssh", "ntp", "packages", "publication"]


@dataclasses.dataclass(frozen=True)
class Gateway:
    """Where a gateway is reached, and from where its organisation calls (CIDR ranges)."""

    name: str
    port: int
    egress: tuple[str, ...]
    addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another organisation's station as seen from one gateway.

    `address` and `port` say where it is called; both are None where it has no gateway. `egress` are the ranges from
    which it calls. `inbound`: it calls us; `outbound`: we call it.
    """

    id: str
    organisation: str
    subject: str
    dns: str
    address: str | None
    port: int | None
    egress: tuple[str, ...]
    inbound: bool
    outbound: bool


@dataclasses.dataclass(frozen=True)
class FirewallRow:
    """One line of an organisation's firewall sheet.

    `direction` is as seen from the organisation's server. `counterpart` says in words who is at the other end,
    `names` and `addresses` where (an empty `addresses`: whatever DNS gives for the names, or the organisation's own
    choice). `owner` is who answers for the flow.
    """

    direction: Literal["in", "out"]
    protocol: Literal["tcp", "udp"]
    port: int
    counterpart: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    owner: str
    purpose: FirewallPurpose


@dataclasses.dataclass(frozen=True)
class Link:
    """A directed link: the source's gateway opens connections to the target's.

    One link per pair and direction: between computing parties `compute`, which also carries what they contribute.
    """

    source: str
    target: str
    purpose: Purpose


@dataclasses.dataclass(frozen=True)
class Station:
    """All that one organisation's server needs to know. `operator` is as written, `operated_by` the slug it means."""

    organisation: str
    id: str
    name: str
    domain: str
    operator: str
    operated_by: str
    subject: str
    dns: str
    spiffe: str
    gateway: Gateway | None
    party: int | None
    contributes: bool
    roles: tuple[Role, ...]
    peers: tuple[Peer, ...]
    firewall: tuple[FirewallRow, ...]


@dataclasses.dataclass(frozen=True)
class CompiledNetwork:
    """A network, compiled. `computing` holds slugs in party order; `stations` is in alphabetical order of slugs.

    `privacy` says in words who together could read the inputs. `operators` maps the slug of every operator to its
    name. The coordinator need not have a station.
    """

    network: str
    kind: str
    title: str
    illustrative: bool
    region: str | None
    coordinator: str
    coordinator_name: str
    release: str
    technique: str
    threshold: int
    computing: tuple[str, ...]
    stations: Mapping[str, Station]
    links: tuple[Link, ...]
    operators: Mapping[str, str]
    privacy: tuple[str, ...]
    digest: str
    computing_alternates: tuple[tuple[str, ...], ...] = ()

    @property
    def computes(self) -> tuple[str, ...]:
        """Everybody who computes in one of the sets, those of the first set first."""
        return tuple(dict.fromkeys(one for parties in (self.computing, *self.computing_alternates) for one in parties))


def named_alternates(sets: list[list[str]]) -> dict[str, list[list[str]]]:
    """The field of a document that says which other sets may compute; none where there are none, as of old."""
    return {"computing_alternates": sets} if sets else {}
