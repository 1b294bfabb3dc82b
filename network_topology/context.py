"""What the rules know besides the definition: the day, the regions, the releases."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from network_topology import source
from network_topology.violation import DefinitionError

HERE = Path(__file__).parent
REGIONS = HERE / "regions.yml"
RELEASES = HERE / "releases"
DEVELOPMENT = "dev"  # the release of a working tree: its digest is made on this machine and is pinned nowhere


Fields = Callable[[str, Mapping[str, Any]], tuple[str, ...]]
"""The columns that an analysis reads with these parameters; raises ValueError with what is wrong with either."""


@dataclasses.dataclass(frozen=True)
class Context:
    """`regions` maps slug to name; `releases` are the names that a definition may use besides `dev`.

    `fields_of` knows the analyses of the station image; without it what a question asks of them is not looked at.
    """

    today: datetime.date
    regions: Mapping[str, str]
    releases: frozenset[str]
    fields_of: Fields | None = None


def shipped(today: datetime.date, fields_of: Fields | None = None) -> Context:
    """The regions and releases that this project comes with.

    Raises DefinitionError where one of these files cannot be read.
    """
    regions, _, violations = source.read(REGIONS)
    if violations:
        raise DefinitionError(violations)
    releases = frozenset(path.stem for path in RELEASES.glob("*.yml"))
    return Context(today, {slug: region["name"] for slug, region in regions["regions"].items()}, releases, fields_of)
