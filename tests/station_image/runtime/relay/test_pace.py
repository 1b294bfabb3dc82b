"""How often one peer is asked."""

from __future__ import annotations

from station_image.runtime.relay.pace import BYTES_AN_HOUR, FIRST_BROKEN, FIRST_WAIT, HOUR, LONGEST_WAIT, Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_that_gives_again_and_again_waits_twice_as_long_each_time_until_one_proved_right() -> None:
    clock = Clock()
    pace = Pace(clock)
    waits = []
    for _ in range(10):
        assert pace.may()
        pace.taken()
        before = clock.now
        while not pace.may():
            clock.now += 1
        waits.append(clock.now - before)
    assert waits == [min(LONGEST_WAIT, FIRST_WAIT * 2**number) for number in range(10)]
    pace.taken()
    pace.proved()
    assert not pace.may(), "it had its answer"
    clock.now += LONGEST_WAIT
    pace.taken()
    clock.now += FIRST_WAIT
    assert pace.may()


def test_one_that_breaks_off_is_asked_again_soon_and_then_ever_later() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert [_broken(clock, pace) for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]
    pace.taken()
    clock.now += FIRST_WAIT
    assert _broken(clock, pace) == FIRST_BROKEN


def _broken(clock: Clock, pace: Pace) -> float:
    pace.broken()
    before = clock.now
    while not pace.may():
        clock.now += 1
    return clock.now - before


def test_no_more_bytes_come_from_one_in_an_hour_than_two_of_the_largest_publications() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.left == BYTES_AN_HOUR
    pace.count(BYTES_AN_HOUR + 1)
    assert not pace.may()
    clock.now += HOUR / 2
    assert pace.may()
    assert abs(pace.left - BYTES_AN_HOUR / 2) < 2
    clock.now += 10 * HOUR
    assert pace.left == BYTES_AN_HOUR
