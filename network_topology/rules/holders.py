"""Rules on who holds the offline keys of a publication: how many of them sign."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context, model
from network_topology.rules.rule import Finding, rule

FEWEST, MOST = 2, 9


@rule(
    "signatures",
    why="one person alone must not be able to ship a station image or to replace the coordinator, and more than "
    f"{MOST} are never brought together",
    remedy=f"let {FEWEST} to {MOST} of the holders sign, and have one holder more than that",
)
def signatures_of_two(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    for role, number in definition.signatures:
        if not FEWEST <= number <= MOST:
            yield Finding(
                ("signatures", role), f"'signatures': {number} of the {role.removesuffix('s')} holders must sign"
            )
