"""What servers tell of newer packages: which there are, since when, and what is later than it may be."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Literal

import pydantic

from base import errors, values
from werkplaats.operations.reach import remote, servers

PROGRAM = "/usr/local/sbin/server-packages"
TOLD = (PROGRAM, "told")
Part = Literal["gateway", "engine", "rest"]
LONGEST_DELAY_DAYS = 14
"""Days within which a server has a security update: of the gateway, which talks to the internet, and of all else."""
PARTS: dict[Part, str] = {"gateway": "the gateway", "engine": "the engine", "rest": "Debian"}
UNITS: dict[Part, tuple[str, ...]] = {
    "gateway": ("werkplaats-gateway.service",),
    "engine": ("docker.service", "containerd.service"),
    "rest": (),
}


class Package(pydantic.BaseModel, frozen=True):
    """A package of which a server has an older version than it could have; `since` is when that was known there."""

    name: str
    part: Part
    installed: str
    candidate: str
    security: bool
    held: bool
    since: datetime.date


class Found(pydantic.BaseModel, frozen=True):
    """What one look found on one server.

    `lists` is the day of Debian's security lists there, None where there are none, then `unlisted` says since when;
    `unreached` why they could not be fetched anew. `old` are services that run what was replaced, `reboot` why a
    reboot is needed; `ours` says which part is ours to upgrade, `runs` is of gateway and engine. `boot` is another one
    after each reboot.
    """

    day: datetime.date
    packages: tuple[Package, ...]
    lists: datetime.date | None
    unlisted: datetime.date | None
    unreached: str
    old: tuple[str, ...]
    reboot: tuple[str, ...]
    ours: dict[Part, bool]
    runs: dict[Part, bool]
    boot: str

    @pydantic.field_validator("lists", "unlisted", mode="before")
    @classmethod
    def _day(cls, said: object) -> object:
        return said or None

    def of(self, part: Part) -> tuple[Package, ...]:
        """Those of a part that an upgrade may bring: not what somebody holds, nor what is its owner's."""
        return tuple(one for one in self.packages if one.part == part and not one.held and self.may(part))

    def may(self, part: Part) -> bool:
        """Whether a part is ours to upgrade."""
        return self.ours.get(part, False)

    def waits(self, part: Part) -> list[str]:
        """Services of a part that run what was replaced already."""
        return [unit for unit in UNITS[part] if unit in self.old]


def read(text: str, server: servers.Server) -> Found:
    """What `server-packages` printed, with what the inventory leaves to the server's owner. Raises ValueError."""
    found = Found.model_validate(values.mapping(text))
    left = {"rest": server.managed.get("updates", True), "engine": server.managed.get("engine", True)}
    ours = {part: found.ours.get(part, part == "rest") and left.get(part, True) for part in PARTS}
    return found.model_copy(update={"ours": ours})


def told(answer: remote.Answer, server: servers.Server) -> Found | None:
    """What a server found at its last look; None of one that is not reached, or has not looked yet."""
    if isinstance(answer, servers.UnreachableError) or answer.exited:
        return None
    try:
        return read(answer.stdout, server)
    except ValueError:
        return None


def lines(found: Found, today: datetime.date) -> list[str]:
    """What there is to bring, and what waits for a reboot or for somebody else, for people."""
    rows = [f"{_kind(one)} {_named(one)}, known for {_days(one.since, today)}{_held(one)}" for one in found.packages]
    rows += [f"reboot: {why}" for why in found.reboot]
    waiting = [unit for part in UNITS for unit in found.waits(part)]
    rows += [f"{unit} runs what was replaced, and not what is installed" for unit in waiting]
    if not found.lists:
        rows.append("it has no list of Debian's security archive, and so knows of no update")
    elif _late(found.lists, today, 1):
        rows.append(f"its list of Debian's security archive is of {found.lists}")
    return [*rows, *([f"its sources do not answer: {found.unreached}"] if found.unreached else [])]


def overdue(found: Found, today: datetime.date, longest: int = LONGEST_DELAY_DAYS) -> list[str]:
    """What is later than `longest` days, with what to do; the gateway first."""
    late: dict[str, list[Package]] = {}
    for one in found.packages:
        if _late(one.since, today, longest):
            late.setdefault(one.part, []).append(one)
    told = []
    for part, name in PARTS.items():
        if rows := late.get(part):
            oldest = min(row.since for row in rows)
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            told.append(
                f"{name} waits for {rows[0].name} {rows[0].candidate}{more} for {_days(oldest, today)}, and may for "
                f"{longest}; {_remedy(found, rows)}"
            )
    since = found.lists or found.unlisted
    if since and _late(since, today, longest):
        what = f"is of {found.lists}" if found.lists else "is not there"
        told.append(f"its list of Debian's security archive {what}; let its apt reach a mirror")
    return told


def _remedy(found: Found, rows: Iterable[Package]) -> str:
    held = [row.name for row in rows if row.held]
    part = next(iter(rows)).part
    if held:
        return f"it is held back there: `apt-mark unhold {' '.join(held)}`"
    if not found.may(part):
        return "it is its owner's there, who upgrades it"
    return "`werkplaats upgrade start NETWORK --servers` brings it"


def _kind(one: Package) -> str:
    return "security update" if one.security else "update"


def _named(one: Package) -> str:
    return f"{one.name} {one.candidate} (has {one.installed})"


def _held(one: Package) -> str:
    return ", held back" if one.held else ""


def _days(since: datetime.date, today: datetime.date) -> str:
    days = max((today - since).days, 0)
    return f"{days} day{'' if days == 1 else 's'}"


def _late(since: datetime.date, today: datetime.date, most: int) -> bool:
    return (today - since).days > most


def refused(organisation: str, why: str) -> errors.RefusedError:
    """A server whose packages cannot be looked at."""
    return errors.RefusedError(f"{organisation}: its packages cannot be looked at: {why}", "`werkplaats up` first")
