"""The state of an upgrade, kept in the vault and written after each step: what is left is derived from servers.

So a killed upgrade is resumed: a station that runs the image has moved, whatever is written here.
"""

from __future__ import annotations

import enum
from typing import Annotated

import pydantic

from base import canonical, errors
from network_topology import model
from werkplaats.operations.home import vault
from werkplaats.operations.upgrade.canary import Works
from werkplaats.operations.upgrade.failure import Failure

FILE, PAUSE = "upgrade.json", "upgrade.pause"


class Phase(enum.StrEnum):
    """Where an upgrade is."""

    RUNNING = "running"
    ENDED = "ended from outside"
    """It ran, and nobody runs it any more: a kill, a crash; never written, but told by the lock."""
    PAUSED = "paused"
    DONE = "done"
    ABORTED = "aborted"

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self in (Phase.DONE, Phase.ABORTED)


class Step(enum.StrEnum):
    """What a station is at."""

    WAITS = "waits"
    BRINGS = "image"
    DRAINS = "drains"
    REPLACES = "replaces"
    PACKAGES = "packages"
    STARTS = "starts"
    MOVED = "moved"


class Station(pydantic.BaseModel):
    """Where one station is, since when (UTC), and how many seconds its last move took, once it moved.

    `brought`: what this upgrade began to bring to its server where there is a way back, as `packages.Step.brought`.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    step: Step = Step.WAITS
    since: str = ""
    seconds: Annotated[float, pydantic.Field(ge=0)] | None = None
    brought: tuple[str, ...] = ()

    def begins(self, now: str) -> Station:
        """The same, of an upgrade that takes back what this one is of."""
        return self.model_copy(update={"step": Step.WAITS, "since": now})


class Upgrade(pydantic.BaseModel):
    """One upgrade of this operator's stations in a network. `back`: whether it goes back to the release before."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    network: str
    number: Annotated[int, pydantic.Field(ge=1)]
    to: model.Release | None
    """The release that stations move to; None where it is packages that come to their servers."""
    earlier: model.Release | None
    """The release to go back to; None where stations ran nothing that was released."""
    back: bool = False
    waves: tuple[tuple[str, ...], ...]
    stations: dict[str, Station]
    drain_seconds: Annotated[int, pydantic.Field(ge=1)]
    phase: Phase
    failure: Failure | None = None
    began: str
    changed: str
    works: Works = Works()
    """What worked before anything moved."""
    tried: Annotated[int, pydantic.Field(ge=0)] = 0
    """The last wave after which a session over old and new came out right."""
    taken_back: tuple[str, ...] = ()
    """Images of releases that somebody went back from, or ended the upgrade to, before this one."""

    @property
    def unwanted(self) -> frozenset[str]:
        """The same with what this one shows: to none of these a station moves before a person has it do so."""
        ended = self.earlier if self.back else self.to if self.phase is Phase.ABORTED else None
        return frozenset([*self.taken_back, *([ended.image_id] if ended else [])])

    @property
    def goal(self) -> str:
        """What they move to, in words."""
        if self.to:
            return f"release {self.to.release}"
        return "the packages of before" if self.back else "newer packages"

    def at(self, organisation: str, step: Step, seconds: float | None = None, part: str = "") -> Upgrade:
        """The same with a station at another step; `part` of its server is brought from now on."""
        now = canonical.stamp(canonical.now())
        before = self.stations.get(organisation, Station())
        kept = before.seconds if seconds is None else round(seconds, 2)
        brought = tuple(dict.fromkeys([*before.brought, *([part] if part else [])]))
        stations = {**self.stations, organisation: Station(step=step, since=now, seconds=kept, brought=brought)}
        return self.model_copy(update={"stations": stations, "changed": now})

    def now(self, phase: Phase, failure: Failure | None = None) -> Upgrade:
        """The same in another phase."""
        return self.model_copy(update={"phase": phase, "failure": failure, "changed": canonical.stamp(canonical.now())})


class Store:
    """The last upgrade of a network, in its vault."""

    def __init__(self, kept: vault.Vault) -> None:
        self._vault = kept

    def load(self) -> Upgrade | None:
        """The last upgrade; None where there was none. Raises HalfWayError for a file that cannot be read.

        It runs only where who holds the network's lock wrote so, or else it was ended from outside.
        """
        if not self._vault.has(FILE):
            return None
        try:
            found = Upgrade.model_validate_json(self._vault.read(FILE))
        except pydantic.ValidationError as error:
            raise errors.HalfWayError(
                f"{self._vault.folder / FILE} cannot be read: {error.errors()[0]['msg']}",
                "remove it, and start the upgrade anew: stations that moved are found to have",
            ) from error
        if found.phase is Phase.RUNNING and not self._works_at(found):
            return found.model_copy(update={"phase": Phase.ENDED})
        return found

    def _works_at(self, upgrade: Upgrade) -> bool:
        since = self._vault.lock("").held_since
        return since is not None and since <= canonical.moment(upgrade.changed)

    def save(self, upgrade: Upgrade) -> Upgrade:
        """Keep it, as a whole or not at all; returns it."""
        self._vault.write(FILE, upgrade.model_dump_json(indent=2).encode() + b"\n")
        return upgrade

    def ask_to_pause(self) -> None:
        """Have whoever runs it stop after the wave that it is at."""
        self._vault.write(PAUSE, b"")

    @property
    def pause_is_asked(self) -> bool:
        """Whether somebody asked for it."""
        return self._vault.has(PAUSE)

    def goes_on(self) -> None:
        """Nobody asks for a pause any more."""
        (self._vault.folder / PAUSE).unlink(missing_ok=True)
