"""What is asked of every guest: a station that works, and an owner whose things stay; for each table of situations."""

from __future__ import annotations

import re

from tests.guests.house import House
from tests.guests.situations import PLACES, Situation

GROWING = ("packages", "services")  # what comes is ours; nothing may go


def test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing(
    guests: House, situation: Situation
) -> None:
    told, name = guests.up, situation.name
    if situation.refused:
        assert re.search(situation.refused, told["left_out"].get(name, "")), f"{situation.tells}: {told['left_out']}"
        before, after = guests.before[name], guests.after[name]
        assert "/identity" not in after["files"]
        for what in ("packages", *PLACES):
            assert set(after[what].splitlines()) ^ set(before[what].splitlines()) == set(), what
            assert after[what] == before[what], what
        return
    assert name not in told["left_out"], f"{situation.tells}: {told['left_out'][name]}"
    assert [found for found in told["found"] if found["subject"] == name] == [], situation.tells
    assert f"{guests.network.name}.{name}" in told["session"]["contributors"], situation.tells


def test_what_is_the_owner_s_is_as_it_was(guests: House, situation: Situation) -> None:
    found = changed(guests.before[situation.name], guests.after[situation.name])
    assert found == {}, f"{situation.tells}: {found}"


def test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works(guests: House, situation: Situation) -> None:
    found = changed(guests.before[situation.name], guests.after_reboot[situation.name])
    assert found == {}, f"{situation.tells}: {found}"
    if not situation.refused:
        assert [found for found in guests.verified if found["subject"] == situation.name] == [], situation.tells


def changed(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What differs, before and after; of what may grow, what went."""
    found = {}
    for what, now in after.items():
        was = before[what]
        if what in GROWING:
            if gone := set(was.splitlines()) - set(now.splitlines()):
                found[what] = ("\n".join(sorted(gone)), "")
        elif was != now:
            found[what] = (was, now)
    return found
