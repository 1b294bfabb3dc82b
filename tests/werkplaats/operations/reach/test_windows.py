"""When a yes that was said beforehand counts: what a clock on the wall shows, also where it is put on or back."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from werkplaats.operations.reach import windows

KEY = "sha256:" + "a" * 64
UTC = datetime.UTC
MINUTE = datetime.timedelta(minutes=1)


def rule(between: str = "02:00-04:00", *days: str, **update: object) -> windows.Rule:
    said = {"releases": "patch", "signed_by": [KEY], "days": [*days] or ["tuesday"], "between": between}
    return windows.Rule.model_validate({**said, "zone": "Europe/Amsterdam", **update})


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{text}Z")


@pytest.mark.parametrize(
    ("between", "day", "moment", "is_open"),
    [
        # A Tuesday in winter, one hour before UTC.
        ("02:00-04:00", "tuesday", "2026-12-01T00:59:59", False),
        ("02:00-04:00", "tuesday", "2026-12-01T01:00:00", True),
        ("02:00-04:00", "tuesday", "2026-12-01T02:59:59", True),
        ("02:00-04:00", "tuesday", "2026-12-01T03:00:00", False),
        ("02:00-04:00", "wednesday", "2026-12-01T01:30:00", False),
        # By the day there, not by that of UTC.
        ("00:30-01:30", "tuesday", "2026-11-30T23:45:00", True),
        ("00:30-01:30", "monday", "2026-11-30T23:45:00", False),
        # Past midnight it is that of the day on which it began.
        ("22:00-02:00", "monday", "2026-11-30T21:00:00", True),
        ("22:00-02:00", "monday", "2026-12-01T00:59:59", True),
        ("22:00-02:00", "monday", "2026-12-01T01:00:00", False),
        ("22:00-02:00", "monday", "2026-12-01T21:30:00", False),
        ("22:00-02:00", "monday", "2026-11-30T00:30:00", False),
        ("22:00-02:00", "sunday", "2026-11-30T00:30:00", True),
        ("22:00-00:00", "monday", "2026-11-30T22:59:59", True),
        ("22:00-00:00", "monday", "2026-11-30T23:00:00", False),
        # 28 March 2027: the clock goes from 02:00 to 03:00 at 01:00 UTC.
        ("02:00-04:00", "sunday", "2027-03-28T00:59:59", False),
        ("02:00-04:00", "sunday", "2027-03-28T01:00:00", True),
        ("02:00-04:00", "sunday", "2027-03-28T02:00:00", False),
        ("02:15-02:45", "sunday", "2027-03-28T00:30:00", False),
        ("02:15-02:45", "sunday", "2027-03-28T01:30:00", False),
        # 25 October 2026: it goes from 03:00 back to 02:00 at 01:00 UTC.
        ("02:00-04:00", "sunday", "2026-10-25T00:00:00", True),
        ("02:00-04:00", "sunday", "2026-10-25T02:59:59", True),
        ("02:00-04:00", "sunday", "2026-10-25T03:00:00", False),
        ("02:15-02:45", "sunday", "2026-10-25T00:15:00", True),
        ("02:15-02:45", "sunday", "2026-10-25T00:50:00", False),
        ("02:15-02:45", "sunday", "2026-10-25T01:15:00", True),
    ],
)
def test_a_window_is_open_while_a_clock_there_shows_it(between: str, day: str, moment: str, is_open: bool) -> None:
    assert rule(between, day).open_at(at(moment)) is is_open


@pytest.mark.parametrize(
    ("between", "day", "moment", "opens", "closes"),
    [
        ("02:00-04:00", "tuesday", "2026-11-30T10:00:30", "2026-12-01T01:00:00", "2026-12-01T03:00:00"),
        ("02:00-04:00", "tuesday", "2026-12-01T01:20:30", "2026-12-01T01:20:30", "2026-12-01T03:00:00"),
        ("02:00-04:00", "tuesday", "2026-12-01T03:00:00", "2026-12-08T01:00:00", "2026-12-08T03:00:00"),
        ("22:00-02:00", "sunday", "2026-11-30T12:00:00", "2026-12-06T21:00:00", "2026-12-07T01:00:00"),
        ("02:00-04:00", "sunday", "2027-03-27T12:00:00", "2027-03-28T01:00:00", "2027-03-28T02:00:00"),
        ("02:15-02:45", "sunday", "2027-03-27T12:00:00", "2027-04-04T00:15:00", "2027-04-04T00:45:00"),
        ("02:00-04:00", "sunday", "2026-10-24T12:00:00", "2026-10-25T00:00:00", "2026-10-25T03:00:00"),
        ("02:15-02:45", "sunday", "2026-10-25T00:45:00", "2026-10-25T01:15:00", "2026-10-25T01:45:00"),
    ],
)
def test_it_is_said_when_the_next_one_opens_and_when_that_closes(
    between: str, day: str, moment: str, opens: str, closes: str
) -> None:
    made = rule(between, day)
    found = made.opens(at(moment))
    assert (found, made.closes(found)) == (at(opens), at(closes))
    assert found.tzinfo is UTC


TIMES = st.times().map(lambda one: f"{one:%H:%M}")
RULES = st.builds(
    lambda begins, ends, days, zone: (begins, ends, days, zone),
    TIMES,
    TIMES,
    st.lists(st.sampled_from(windows.DAYS), min_size=1, unique=True),
    st.sampled_from(["Europe/Amsterdam", "UTC", "Australia/Lord_Howe", "America/St_Johns"]),
).filter(lambda one: one[0] != one[1])
MOMENTS = st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2028, 1, 1), timezones=st.just(UTC))


def shows(begins: str, ends: str, days: list[Any], there: datetime.datetime) -> bool:
    """The same told in another way: by the text of a clock, and the day on which the window began."""
    clock, today = f"{there:%H:%M}", f"{there:%A}".lower()
    yesterday = f"{there.date() - datetime.timedelta(days=1):%A}".lower()
    if begins < ends:
        return begins <= clock < ends and today in days
    return (clock >= begins and today in days) or (clock < ends and yesterday in days)


@given(RULES, MOMENTS)
def test_at_no_moment_it_is_open_when_a_clock_there_does_not_show_it(said: Any, moment: datetime.datetime) -> None:
    begins, ends, days, zone = said
    made = rule(f"{begins}-{ends}", *days, zone=zone)
    assert made.open_at(moment) is shows(begins, ends, days, made.there(moment))
    opens = made.opens(moment)
    assert opens >= moment
    assert made.open_at(opens)
    assert opens == moment or not made.open_at(opens - MINUTE), "it opens then, and not before"
    closes = made.closes(opens)
    assert not made.open_at(closes)
    assert closes > opens
    assert made.open_at(closes - MINUTE) or closes - opens < MINUTE


def test_a_moment_of_no_zone_is_none() -> None:
    with pytest.raises(ValueError, match="says no time zone"):
        rule().open_at(datetime.datetime(2026, 12, 1, 2, 30))


def test_a_rule_is_said_in_words() -> None:
    assert (
        rule().words
        == "patch releases, signed by sha256:aaaaaaaaaaaa…, on Tuesdays from 02:00 to 04:00 (Europe/Amsterdam)"
    )
    made = rule("22:00-02:00", "friday", "monday", "sunday", releases="minor", signed_by=[KEY, "sha256:" + "b" * 64])
    assert made.words == (
        "patch and minor releases, signed by sha256:aaaaaaaaaaaa… and sha256:bbbbbbbbbbbb…, on Mondays, Fridays and "
        "Sundays from 22:00 to 02:00 on the next day (Europe/Amsterdam)"
    )


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "right/Europe/Amsterdam", "", "/etc/localtime"])
def test_a_zone_is_the_same_place_on_every_machine(zone: str) -> None:
    with pytest.raises(ValueError, match="this machine knows no time zone"):
        rule(zone=zone)
