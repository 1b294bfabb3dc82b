"""A station that went back: put back from a snapshot or a backup, it has forgotten what it told others and answered.

Others remember. Each head of a register goes out signed, so that who is shown one that it signed and does not have
knows that it went back: it takes no part in questions then. The way on is a statement that its steward wants and its
key signs: up to which entry the register is there, the furthest entry that somebody showed, and why. It holds once
the stewards of all other computing parties agreed to exactly this statement, and gave back what they remember of
opened results. Nobody forgets anything by it: what was told of the lost entries stays in the others' registers, and an
allowance, or a proposal, from before it counts no more, since it may have been withdrawn, or carried out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..accepted import statement
from ..accepted.networks import Network
from ..base import files
from ..base.journal import plain
from ..base.refusal import RefusedError
from .index import WENT_BACK
from .register import Register, RegisterError

LONGEST_REASON = 200
DIGEST = 64
LAST = 253_402_300_800
"""Seconds until the year 10000: no date can say more."""
SAID, SAID_WITHIN = "went-back.said", 600
"""What the own steward says, and for how many seconds: one that a backup brought back counts no more."""
_KINDS = {"network": str, "station": str, "entries": int, "last": str, "lost": int, "reason": str,
          "moment": int}  # fmt: skip


@dataclass(frozen=True)
class GoingBack:
    """The register of `station` is there up to entry `entries`, whose digest is `last`.

    `lost`: the furthest entry that somebody showed and that is not there, 0 where that is not known. `moment`:
    seconds since 1970.
    """

    network: str
    station: str
    entries: int
    last: str
    lost: int
    reason: str
    moment: int

    @classmethod
    def parse(cls, content: object) -> GoingBack:
        """From its JSON. Raises RefusedError."""
        if not isinstance(content, dict) or {name: type(value) for name, value in content.items()} != _KINDS:
            raise RefusedError("went-back: a statement that cannot be read")
        found = cls(**content)
        texts = plain(found.last, DIGEST) == found.last
        numbers = all(0 <= one < LAST for one in (found.entries, found.lost, found.moment))
        if not (texts and numbers and plain(found.reason, LONGEST_REASON) == found.reason):
            raise RefusedError("went-back: a statement that cannot be read")
        return found

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """What others agree to."""
        return statement.digest(self.content)


def own(register: Register, network: Network) -> GoingBack | None:
    """What this station says in a network since it went back last; None where it never did."""
    entry = register.index.back
    if entry is None or network.name not in entry["networks"]:
        return None
    facts = {name: entry[name] for name in ("entries", "last", "lost", "reason", "moment")}
    return GoingBack(network.name, network.self_id, **facts)


def waits_for(register: Register, network: Network) -> list[str]:
    """Whose stewards did not agree yet that this station went back: those of who computes now, by the definition."""
    if own(register, network) is None:
        return []
    granted = {network.self_id, *(by for name, by in register.index.granted if name == network.name)}
    return [one for one in network.computes if one in network.stations and one not in granted]


def withheld(register: Register, network: Network) -> str:
    """Why this station takes no part in questions of a network, for what its register lost; "" where it may."""
    if lost := register.index.lost:
        day = time.strftime("%Y-%m-%d", time.gmtime(lost["head_at"]))
        if not lost["entries"]:
            return (
                f"this station was restored on {day} from a backup, and may have forgotten what it answered since; its "
                "steward looks with `station went-back`"
            )
        return (
            f"entry {lost['entries']}, which this station told others of on {day}, is not there any more: it was put "
            "back from a snapshot or a backup; its steward looks with `station went-back`"
        )
    if missing := waits_for(register, network):
        return (
            f"this station went back in its register; the stewards of {', '.join(missing)} have not agreed yet "
            "(`station went-back` there)"
        )
    return ""


def enter(register: Register, networks: Mapping[str, Network], folder: Path) -> None:
    """Enter that this station went back, as its steward said in a file just now. Raises RefusedError."""
    path = folder / SAID
    try:
        said = json.loads(files.read(path))
        entries, last, reason, at = int(said["entries"]), str(said["last"]), str(said["reason"]), float(said["at"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise RefusedError(f"{path.name}: not said by the steward; `station went-back --reason TEXT`") from error
    if not 0 <= time.time() - at < SAID_WITHIN:
        raise RefusedError(f"{path.name}: said at another time; `station went-back --reason TEXT` again")
    lost = register.index.lost
    if register.problem:
        try:
            register.begin_again(entries, last)
        except (RegisterError, OSError) as error:
            raise RefusedError(f"register: {error}; look again with `station went-back`") from error
    elif entries and register.digest_at(entries) != last:
        raise RefusedError("the register has another entry there; look again with `station went-back`")
    register.add(
        WENT_BACK,
        entries=register.head["entries"],
        last=register.head["digest"],
        lost=lost["entries"] if lost else 0,
        reason=plain(reason, LONGEST_REASON),
        moment=max(int(time.time()), lost["head_at"] if lost else 0),
        networks=sorted(networks),
    )


def agreed(folder: Path, said: GoingBack) -> bool:
    """Whether the steward here agrees to exactly this statement: a file that only the steward's account writes."""
    try:
        content = json.loads(files.read(folder / f"{said.network}.{said.station}.agreed"))
        return bool(content["statement"] == said.digest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
