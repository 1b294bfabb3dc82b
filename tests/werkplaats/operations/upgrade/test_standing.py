"""Which upgrade that is not over waits for a person, and which the next window goes on with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.werkplaats.operations.upgrade.test_state import NEW, NEWEST, OLD, upgrade
from werkplaats.operations.home import vault
from werkplaats.operations.upgrade import standing, state
from werkplaats.operations.upgrade.failure import Code, Failure

PAUSED = state.Phase.PAUSED
UNWANTED = "somebody went back from release 1.1.0, or ended the upgrade to it, so that it waits for a person"


def stopped(code: Code) -> Failure:
    return Failure(code=code, organisation="ggd", text="why")


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"phase": state.Phase.DONE}, ""),
        (
            {"phase": state.Phase.ABORTED, "failure": stopped(Code.CANARY)},
            UNWANTED,
        ),
        ({"phase": state.Phase.ABORTED, "to": OLD, "earlier": None}, ""),
        (
            {"phase": state.Phase.DONE, "back": True, "to": OLD, "earlier": NEW},
            UNWANTED,
        ),
        (
            {"phase": state.Phase.ABORTED, "back": True, "to": OLD, "earlier": NEW},
            UNWANTED,
        ),
        ({"phase": state.Phase.DONE, "back": True, "to": OLD, "earlier": NEWEST}, ""),
        ({"phase": state.Phase.DONE, "to": None, "earlier": None, "taken_back": (NEW.image_id,)}, UNWANTED),
        ({"phase": state.Phase.DONE, "back": True, "to": None, "earlier": None}, ""),
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
        *(
            ({"phase": phase}, "it was cut off in the middle, which waits for a person")
            for phase in (state.Phase.RUNNING, state.Phase.ENDED)
        ),
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
    assert standing.stopped(upgrade(**update), published) == said
    assert standing.stopped(None, published) == ""


def test_one_that_was_killed_is_told_from_one_that_was_paused(tmp_path: Path) -> None:
    store = state.Store(vault.Vault("proeftuin", tmp_path))
    store.save(upgrade())
    published = cast("Any", SimpleNamespace(release=NEW))
    with vault.Vault("proeftuin", tmp_path).lock("upgrade due"):
        found = standing.stopped(store.load(), published)
    assert found == "it was cut off in the middle, which waits for a person"
