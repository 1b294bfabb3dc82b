"""A calendar for people's agendas (RFC 5545): an event on the day from which somebody has to act."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable

import icalendar

from werkplaats.operations.look.calendar import End

_OURS = uuid.UUID("5d3b6f2e-2c7b-5f0a-9a3e-6f1f0a7d6c11")  # so that an agenda that takes it anew moves what it has


def text(network: str, ends: Iterable[End], moment: datetime.datetime) -> bytes:
    """The calendar of a network at this moment, as a file that agendas take."""
    made = icalendar.Calendar()
    made.add("prodid", "-//datawerkplaats suite//calendar//EN")
    made.add("version", "2.0")
    made.add("name", f"datawerkplaats {network}")
    for one in ends:
        event = icalendar.Event()
        event.add("uid", str(uuid.uuid5(_OURS, f"{network} {one.kind} {one.what}")))
        event.add("dtstamp", moment)
        event.add("dtstart", one.due.date())
        event.add("summary", f"{network}: {one.what} ends {one.until} ({one.who})")
        event.add("description", f"{one.who}: {one.remedy}")
        event.add("categories", [one.kind])
        event.add("transp", "TRANSPARENT")
        made.add_component(event)
    return bytes(made.to_ical())
