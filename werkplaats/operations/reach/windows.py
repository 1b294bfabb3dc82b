"""What an operator says yes to beforehand: releases of one size, by whom they are signed, and when stations may move.

A window is what a clock on the wall shows, in the zone that is named. Where clocks are put on, the part of it that no
clock shows is not there; where they are put back, the hour that comes twice is in it both times. One that ends no later
than it begins goes on past midnight, and belongs to the day on which it begins.
"""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo
from collections.abc import Sequence
from typing import Annotated, Literal, get_args

import pydantic

from network_topology import model

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Size = Literal["patch", "minor"]
DAYS: Sequence[Day] = get_args(Day)
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
_MINUTE = datetime.timedelta(minutes=1)
_LONGEST = datetime.timedelta(days=15)
"""Within which each window comes: one a week that lies in the hour that is skipped comes the week after."""
_NO_PLACE = {"localtime", "posixrules", "Factory"}
"""Files among those of zones that are another one on each machine, or none."""
_SHOWN = 19
"""Characters of a fingerprint in a sentence."""


def _between(text: str) -> str:
    found = _HOURS.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no window; write begin and end as in 02:00-04:00, with 00:00 for midnight")
    if found.groups()[:2] == found.groups()[2:]:
        raise ValueError(
            f"{text!r} ends when it begins; write another end: 00:00-23:59 is all of a day but its last minute"
        )
    return text


def _zone(text: str) -> str:
    if text not in _zones():
        raise ValueError(f"this machine knows no time zone {text!r}; write one as in Europe/Amsterdam (package tzdata)")
    return text


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - _NO_PLACE)


def _list(found: object) -> object:
    if not isinstance(found, list | tuple):
        raise ValueError(f"{found!r} is no list; write [{found}]")  # noqa: TRY004 - the one that pydantic tells
    return tuple(found)


def _some(found: tuple[str, ...]) -> tuple[str, ...]:
    if not found:
        raise ValueError("nothing is named here; name at least one, or take `upgrades` out: then each waits for a yes")
    if again := next((one for one in found if found.count(one) > 1), None):
        raise ValueError(f"{again} is named twice; name each once")
    return found


_LIST, _SOME = pydantic.BeforeValidator(_list), pydantic.AfterValidator(_some)


class Rule(pydantic.BaseModel):
    """`upgrades` of one server in `servers.yml`."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    releases: Size = pydantic.Field(description="How large a step may be: 1.0.0 to 1.0.1 is a patch, to 1.1.0 minor")
    signed_by: Annotated[tuple[model.Digest, ...], _LIST, _SOME] = pydantic.Field(
        description="Keys of release holders, all of whom have signed, by fingerprint as `release key` prints it"
    )
    days: Annotated[tuple[Day, ...], _LIST, _SOME] = pydantic.Field(description="Days of the week")
    between: Annotated[str, pydantic.AfterValidator(_between)] = pydantic.Field(
        description="When upgrades may begin a wave, as a clock in the zone shows it: 02:00-04:00"
    )
    zone: Annotated[str, pydantic.AfterValidator(_zone)] = pydantic.Field(description="As in Europe/Amsterdam")

    def open_at(self, moment: datetime.datetime) -> bool:
        """Whether a window is open at a moment, which has a time zone."""
        there = self.there(moment)
        time, today = there.time(), there.weekday()
        begins, ends = self._hours
        if begins < ends:
            return begins <= time < ends and self._names(today)
        return (time >= begins and self._names(today)) or (time < ends and self._names(today - 1))

    def opens(self, moment: datetime.datetime) -> datetime.datetime:
        """When a window is open next, UTC: the moment itself, or the beginning of a later one."""
        return moment.astimezone(datetime.UTC) if self.open_at(moment) else self._next(moment, is_open=True)

    def closes(self, moment: datetime.datetime) -> datetime.datetime:
        """When the window closes that is open at a moment, UTC; the moment itself where none is."""
        return self._next(moment, is_open=False) if self.open_at(moment) else moment.astimezone(datetime.UTC)

    def there(self, moment: datetime.datetime) -> datetime.datetime:
        """The moment as a clock in the zone shows it. Raises ValueError for one of no zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment} says no time zone")
        return moment.astimezone(zoneinfo.ZoneInfo(self.zone))

    @property
    def words(self) -> str:
        """The rule as people say it."""
        sizes = "patch releases" if self.releases == "patch" else "patch and minor releases"
        signers = _listed([f"{one[:_SHOWN]}…" for one in self.signed_by])
        days = _listed([f"{one.title()}s" for one in DAYS if one in self.days])
        begins, ends = self._hours
        until = f"{ends:%H:%M}" if begins < ends else f"{ends:%H:%M} on the next day"
        return f"{sizes}, signed by {signers}, on {days} from {begins:%H:%M} to {until} ({self.zone})"

    @functools.cached_property
    def _hours(self) -> tuple[datetime.time, datetime.time]:
        begins, ends = map(datetime.time.fromisoformat, self.between.split("-"))
        return begins, ends

    def _names(self, weekday: int) -> bool:
        return DAYS[weekday % len(DAYS)] in self.days

    def _next(self, moment: datetime.datetime, *, is_open: bool) -> datetime.datetime:
        """The next whole minute at which it is so. Each is looked at: no case for a clock that is put on or back."""
        first = moment.astimezone(datetime.UTC).replace(second=0, microsecond=0) + _MINUTE
        for number in range(_LONGEST // _MINUTE):
            if self.open_at(one := first + number * _MINUTE) is is_open:
                return one
        raise ValueError(f"no clock in {self.zone} shows {self.between} within {_LONGEST.days} days")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
