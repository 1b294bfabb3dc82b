"""The plan that a run leaves for `pulumi` by hand, and for the next run."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from stacks import plans
from stacks.servers import program

PLAN = program.ServersPlan("gerda.sandbox", "192.0.2.0/24", ())


def test_a_plan_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    plans.write(path, PLAN)
    monkeypatch.setenv(plans.VARIABLE, str(path))
    assert plans.read(program.ServersPlan) == PLAN == plans.before(path, program.ServersPlan)


def test_a_plan_that_nobody_named_is_an_error_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(plans.VARIABLE, raising=False)
    with pytest.raises(pulumi.RunError, match="run the `pulumi` that `werkplaats up` left"):
        plans.read(program.ServersPlan)


@pytest.mark.parametrize("content", [None, "{", '{"network": "gerda.sandbox"}'])
def test_without_a_plan_that_can_be_read_there_is_none_before(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    assert plans.before(path, program.ServersPlan) is None
