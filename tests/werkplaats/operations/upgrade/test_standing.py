"""Which upgrade that is not over waits for a person, and which the next window goes on with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.werkplaats.operations.upgrade.test_state import NEW, NEWEST, upgrade
from werkplaats.operations.upgrade import standing, state
from werkplaats.operations.upgrade.failure import Code, Failure

PAUSED = state.Phase.PAUSED


def stopped(code: Code) -> Failure:
    return Failure(code=code, organisation="ggd", text="why")


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"phase": state.Phase.DONE}, ""),
        ({"phase": state.Phase.ABORTED, "failure": stopped(Code.CANARY)}, ""),
        ({"phase": PAUSED, "failure": stopped(Code.WINDOW)}, ""),
        (
            {"phase": PAUSED, "failure": stopped(Code.WINDOW), "to": NEWEST},
            "a window ended on its way to release 1.2.0, and another release is published by now",
        ),
        (
            {"phase": PAUSED, "failure": stopped(Code.WINDOW), "to": None},
            "a window ended on its way to newer packages, and another release is published by now",
        ),
        ({"phase": PAUSED}, "it was paused by somebody, which waits for a person"),
        ({}, "it was cut off in the middle, which waits for a person"),
        *(
            (
                {"phase": PAUSED, "failure": stopped(code)},
                f"something else than the end of a window stopped it ({code}), which waits for a person",
            )
            for code in Code
            if code is not Code.WINDOW
        ),
    ],
    ids=str,
)
def test_only_one_that_the_end_of_a_window_stopped_goes_on_by_itself(update: dict[str, Any], said: str) -> None:
    published = cast("Any", SimpleNamespace(release=NEW))
    assert standing.unfinished(upgrade(**update), published) == said
    assert standing.unfinished(None, published) == ""
