"""More patience than a station has, where hundreds of contributors share two cores and each has a server elsewhere.

`python -m tests.benchmarks.national.patient` is an agent whose questions wait ten minutes for contributors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from station_image.runtime import agent
from station_image.runtime.consent import plan
from station_image.runtime.control import asking
from station_image.runtime.session import contribution
from station_image.runtime.wire import polling, polls

SILENCE, RETRY = 300.0, 5.0


@contextmanager
def patience() -> Iterator[None]:
    """What comes over a poll may come minutes later: a process of many agents answers for one after the other."""
    with (
        mock.patch.object(polls, "SILENCE", SILENCE),
        mock.patch.object(polling, "SILENCE", SILENCE),
        mock.patch.object(polls.Poll.ask, "__defaults__", (SILENCE,)),
        mock.patch.object(contribution, "RETRY", RETRY),
        mock.patch.object(asking, "INTAKE_DATA", plan.LONGEST_INTAKE),
    ):
        yield


if __name__ == "__main__":
    with patience():
        raise SystemExit(agent.main())
