"""What the rules know besides the definition: the day, the regions, the releases."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from network_topology import source
from network_topology.violation import DefinitionError, Violation

if TYPE_CHECKING:  # whoever only asks for the day or the regions waits for no model
    from network_topology import model

HERE = Path(__file__).parent
REGIONS = HERE / "regions.yml"
RELEASES = HERE / "releases"
DEVELOPMENT = "dev"  # the release of a working tree: its digest is made on this machine and is pinned nowhere


Fields = Callable[[str, Mapping[str, Any]], tuple[str, ...]]
"""The columns that an analysis reads with these parameters; raises ValueError with what is wrong with either."""


@dataclasses.dataclass(frozen=True)
class Context:
    """`regions` maps slug to name; `releases` maps the names that a definition may use to their session protocols.

    `dev` may be used also where it is not described. `networks` has what is defined here of the networks that a
    federation names, None for one that cannot be used. `spoken` has the session protocols of those of which these are
    known otherwise than by the name of their release, and `later` those of these once an upgrade in them is over.
    `fields_of` knows the analyses of the station image; without it what a question asks of them is not looked at.
    """

    today: datetime.date
    regions: Mapping[str, str]
    releases: Mapping[str, frozenset[int]]
    fields_of: Fields | None = None
    networks: Mapping[str, model.Network | None] = dataclasses.field(default_factory=dict)
    spoken: Mapping[str, frozenset[int]] = dataclasses.field(default_factory=dict)
    later: Mapping[str, frozenset[int]] = dataclasses.field(default_factory=dict)


def shipped(today: datetime.date, fields_of: Fields | None = None, own: Path = RELEASES) -> Context:
    """The regions and releases that this project comes with, and the releases in the folder `own`.

    A release that is not built and pinned yet is none that a definition may name. Raises DefinitionError where one of
    these files cannot be read.
    """
    regions = _tree(REGIONS)["regions"]
    trees = {path: _tree(path) for folder in (own, RELEASES) for path in sorted(folder.glob("*.yml"))}
    usable = {path: tree for path, tree in trees.items() if path.stem == DEVELOPMENT or "image_id" in tree}
    releases = {path.stem: _protocols(path, tree) for path, tree in usable.items()}
    return Context(today, {slug: region["name"] for slug, region in regions.items()}, releases, fields_of)


def _protocols(path: Path, tree: Mapping[str, Any]) -> frozenset[int]:
    said = tree.get("protocols")
    if isinstance(said, tuple) and said and all(type(one) is int for one in said):
        return frozenset(said)
    text, remedy = "the session protocols that this release speaks are missing", "write them, as in `protocols: [2]`"
    raise DefinitionError([Violation(path, 0, 0, text, remedy, rule="missing")])


def _tree(path: Path) -> dict[str, Any]:
    tree, _, violations = source.read(path)
    if violations:
        raise DefinitionError(violations)
    return tree
