"""Rules on the agreement between the members of a federation."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context
from network_topology.federations.model import Federation
from network_topology.rules.rule import Finding, rule


@rule(
    "agreement",
    why="the members compute together under an agreement of their own, beside those within each region",
    remedy="add it when it is signed: `agreement: {kind: joint_controllers, signed: 2026-09-01}`",
)
def agreement_of_federation(federation: Federation, _: context.Context) -> Iterator[Finding]:
    if federation.agreement is None:
        yield Finding(("network",), "no agreement of the federation is given")
    elif federation.agreement.kind == "processing":
        text = "the agreement of the federation is one with a processor"
        yield Finding(("agreement", "kind"), text, "write `gvo` or `joint_controllers`, as it was signed")
