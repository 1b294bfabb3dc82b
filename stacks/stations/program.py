"""The stations of one operator in one home network: two containers each, on the organisations' own engines."""

from __future__ import annotations

import dataclasses

from stacks import plans, policy
from stacks.components import station

PROJECT = "werkplaats-stations"


@dataclasses.dataclass(frozen=True)
class StationsPlan:
    """The home network and every station that this operator runs in it."""

    network: str
    stations: tuple[station.StationSpec, ...]


def program(plan: StationsPlan) -> None:
    """Declare every station, under the policy."""
    policy.enforce()
    for spec in plan.stations:
        station.Station(spec, stack=PROJECT, network=plan.network)


def from_plan_file() -> None:
    """Entry point of `pulumi up` by hand."""
    program(plans.read(StationsPlan))
