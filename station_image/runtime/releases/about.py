"""What a station says of its release, signed: the session protocols that it speaks and the analyses that it has.

Signed, so that who cannot ask a station itself can be shown it by one that could. It says nothing of when: who keeps an
old one of another's can have a session begun in an older protocol, on which nothing of security hangs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import analyses
from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementError, StatementKey
from ..base import contract
from ..base.journal import plain
from ..base.refusal import RefusedError
from ..consent.plan import LONGEST_RELEASE

MOST = 200
"""Protocols or analyses of one release."""


@dataclass(frozen=True)
class About:
    """The release of one station in one network."""

    network: str
    station: str
    release: str
    protocols: list[int]
    analyses: list[str]

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)


def own(release: str, network: Network) -> About:
    """What this station says of itself."""
    protocols, has = list(contract.PROTOCOL_VERSIONS), list(analyses.available())
    return About(network.name, network.self_id, release, protocols, has)


def sign(key: StatementKey, said: About) -> dict[str, Any]:
    """It as others are told it."""
    return {"about": said.content, "signature": key.sign(statement.RELEASE, said.content)}


def read(told: object, network: Network, station: str) -> About:
    """What `station` signed of itself, whoever shows it. Raises RefusedError."""
    content = told.get("about") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(content, dict) or station not in network.stations:
        raise RefusedError(f"release: {station} said nothing of its own that can be read")
    try:
        key = network.stations[station].statement_key
        statement.verify(key, statement.RELEASE, content, told.get("signature"))
    except StatementError as error:
        raise RefusedError(f"release: not what {station} signed") from error
    lists = all(isinstance(content.get(name), list) for name in ("protocols", "analyses"))
    if set(content) != set(About.__dataclass_fields__) or not lists:
        raise RefusedError(f"release: what {station} says of it cannot be read")
    found = About(**content)
    kinds = (
        (found.network, found.station) == (network.name, station)
        and isinstance(found.release, str)
        and plain(found.release, LONGEST_RELEASE) == found.release
        and max(len(found.protocols), len(found.analyses)) <= MOST
        and all(type(one) is int for one in found.protocols)
        and all(isinstance(one, str) for one in found.analyses)
    )
    if not kinds:
        raise RefusedError(f"release: what {station} says of it cannot be read")
    return found
