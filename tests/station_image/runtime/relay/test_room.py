"""Whose copy goes where the room of a network is full, and that the small one that is right finds its place."""

from __future__ import annotations

import pytest

from station_image.runtime.relay import room

MB = 2**20
HONEST = 140_000


class Hours:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hours:
    return Hours()


def held(found: room.Room) -> int:
    return sum(one.size for one in found._taken.values())


def test_all_peers_together_hold_no_more_than_the_room(clock: Hours) -> None:
    """Gains without it: 24 peers fill 24 parts of 32 of the free disk."""
    found = room.Room(clock)
    for number in range(24):
        try:
            found.take(f"n.o{number}", 50 * MB - number)
        except OSError:
            assert number == 0
        assert held(found) <= room.ROOM
    assert held(found) <= room.ROOM


def test_a_smaller_copy_takes_the_place_of_larger_ones_the_largest_first(clock: Hours) -> None:
    found = room.Room(clock)
    for name, size in (("n.a", 20), ("n.b", 30), ("n.c", 14)):
        assert found.take(name, size * MB) == []
    assert found.take("n.honest", HONEST) == ["n.b"]
    assert found.take("n.honest", 2 * HONEST) == [], "in place of its own"


def test_a_larger_copy_waits_until_the_follower_has_seen_the_others(clock: Hours) -> None:
    found = room.Room(clock)
    for number in range(64):
        found.take(f"n.o{number}", MB)
    with pytest.raises(OSError, match="other peers leave 0"):
        found.take("n.honest", 3 * MB)
    clock.now = room.LOOKED
    assert len(found.take("n.honest", 3 * MB)) == 3


def test_what_is_settled_has_the_room_that_it_takes(clock: Hours) -> None:
    found = room.Room(clock)
    found.take("n.a", room.ROOM)
    found.settle("n.a", MB)
    assert found.take("n.b", room.ROOM - MB) == []
    found.settle("n.a", 0)
    found.settle("n.b", 0)
    assert held(found) == 0
