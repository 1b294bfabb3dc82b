"""How much a test looks at: a few examples, or cases, in `make test`, and all or many times as many in `make soak`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

Test = TypeVar("Test", bound=Callable[..., Any])
Item = TypeVar("Item")
TIMES = int(os.environ.get("WERKPLAATS_FUZZ_TIMES", "1"))
"""`make soak` sets it so that all of them together look at more than ten thousand."""


def some(everything: Sequence[Item], count: int) -> Sequence[Item]:
    """So many of these, spread over them; all of them in `make soak`."""
    return everything if TIMES > 1 else everything[:: max(1, len(everything) // count)]


def cases(everything: Iterable[Any], count: int) -> list[Any]:
    """What a test of real servers is parametrised with: so many of these, and the others where `make soak` runs it."""
    return [one if place < count else pytest.param(one, marks=pytest.mark.soak) for place, one in enumerate(everything)]


def examples(count: int) -> Callable[[Test], Test]:
    """A decorator: `count` examples, or so many times more, and as long for each as it takes."""
    unhurried = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=count * TIMES, deadline=None, suppress_health_check=unhurried)
