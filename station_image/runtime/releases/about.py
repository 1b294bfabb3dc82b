"""What a station says of its release, signed: session protocols, analyses, and until when it begins nothing new.

Signed, so that who cannot ask a station itself can be shown it by one that could. It says when it was said: of two the
newer one counts. Who keeps an old one back from everybody that has the newer one can have a session begun in an older
protocol, on which nothing of security hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import analyses
from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementError, StatementKey
from ..base import contract
from ..base.documents import canonical
from ..base.refusal import RefusedError
from ..consent.plan import RELEASE, VALID
from .draining import LONGEST

MOST = 50
"""Protocols or analyses of one release."""
LARGEST = 4096
"""Bytes of what one station says: others are shown that of hundreds in one answer."""
PROTOCOLS = range(1, 2**16)


@dataclass(frozen=True)
class About:
    """The release of one station in one network. Times are in seconds since 1970."""

    network: str
    station: str
    release: str
    protocols: list[int]
    analyses: list[str]
    said: int = 0
    drains: int = 0
    """Until when it begins nothing new, because it is about to be replaced; 0 where it does not drain."""

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    @property
    def left(self) -> int:
        """Seconds for which it drains yet, unless it says something newer."""
        return max(0, self.drains - int(time.time()))


def own(release: str, network: Network, drains: int = 0) -> About:
    """What this station says of itself now, that drains for so many seconds yet."""
    protocols, has, now = list(contract.PROTOCOL_VERSIONS), list(analyses.available()), int(time.time())
    return About(network.name, network.self_id, release, protocols, has, now, now + drains if drains else 0)


def sign(key: StatementKey, said: About) -> dict[str, Any]:
    """It as others are told it."""
    return {"about": said.content, "signature": key.sign(statement.RELEASE, said.content)}


def read(told: object, network: Network, station: str) -> About:
    """What `station` signed of itself, whoever shows it. Raises RefusedError."""
    content = told.get("about") if isinstance(told, Mapping) else None
    signature = told.get("signature") if isinstance(told, Mapping) else None
    # Before anything is made of it: what is no statement may be of any size and shape.
    if not isinstance(content, dict) or not isinstance(signature, str) or not _is_sound(content):
        raise RefusedError(f"release: what {station} says of it cannot be read")
    found = About(**content)
    if station not in network.stations or (found.network, found.station) != (network.name, station):
        raise RefusedError(f"release: not what {station} says of itself in {network.name}")
    if len(canonical([content, signature])) > LARGEST:
        raise RefusedError(f"release: what {station} says of it has more than {LARGEST} bytes")
    if found.said > time.time() + VALID:
        raise RefusedError(f"release: the clock of {station} is minutes ahead of the one here")
    try:
        statement.verify(network.stations[station].statement_key, statement.RELEASE, content, signature)
    except StatementError as error:
        raise RefusedError(f"release: not what {station} signed") from error
    return found


def _is_sound(content: Mapping[str, Any]) -> bool:
    """Whether each field is of its kind; none may hold what could be more than a name where people read it."""
    if set(content) != set(About.__dataclass_fields__):
        return False
    said, drains = content["said"], content["drains"]
    return (
        all(isinstance(content[name], str) for name in ("network", "station"))
        and _matches(RELEASE.fullmatch, content["release"])
        and bool(content["protocols"])
        and _is_list(content["protocols"], lambda one: type(one) is int and one in PROTOCOLS)
        and _is_list(content["analyses"], lambda one: _matches(analyses.NAME.fullmatch, one))
        and type(said) is type(drains) is int
        and said >= 0
        and (drains == 0 or said < drains <= said + LONGEST)
    )


def _is_list(content: object, is_one: Callable[[Any], bool]) -> bool:
    return isinstance(content, list) and len(content) <= MOST and all(map(is_one, content))


def _matches(match: Callable[[str], object], text: object) -> bool:
    return isinstance(text, str) and match(text) is not None
