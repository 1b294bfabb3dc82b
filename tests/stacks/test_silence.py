"""What says nothing any more is ended, and what goes on saying something is not."""

from __future__ import annotations

import threading

import pytest

from stacks import silence


def test_what_falls_silent_is_ended_once_with_what_it_was_at() -> None:
    ended = threading.Event()
    watch = silence.Watch(ended.set, seconds=0.05)
    with watch:
        watch.heard(("a", True))
        watch.heard(("b", True))
        watch.heard(("a", False))
        assert ended.wait(20)
    assert watch.over
    assert watch.going == {"b"}


def test_what_goes_on_saying_something_is_left_alone() -> None:
    ended: list[None] = []
    watch = silence.Watch(lambda: ended.append(None), seconds=30)
    with watch:
        for _ in range(100):
            watch.heard(("", False))
    assert not watch.over
    assert not ended


def test_an_error_inside_ends_the_watch_too() -> None:
    watch = silence.Watch(lambda: None, seconds=30)
    with pytest.raises(ValueError, match="its own"), watch:
        raise ValueError("its own")
    assert not watch._thread.is_alive()
