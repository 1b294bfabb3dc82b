"""A state as it lies in a folder: read as what it is, or left to the engine to say what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks import checkpoint
from tests.harness.fuzzing import examples
from tests.publication import odd

STATE = {
    "version": 3,
    "checkpoint": {
        "stack": "organization/werkplaats/network",
        "latest": {"resources": [{"urn": "urn:pulumi:network::x::y::z", "outputs": {"name": "gelre"}}]},
    },
}


@pytest.mark.parametrize("latest", [STATE["checkpoint"]["latest"], None, {}, {"resources": None}])  # type: ignore[index]
def test_a_state_is_read(tmp_path: Path, latest: object) -> None:
    (path := tmp_path / "a.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    assert checkpoint.read(path) == (3, latest)
    path.write_text(json.dumps({"version": 3, "checkpoint": {}}))
    assert checkpoint.read(path) == (3, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 3}', '{"version": 3, "checkpoint": []}', "[" * 100_000])
def test_what_is_no_state_is_a_value_error(tmp_path: Path, text: str) -> None:
    """A KeyError or a TypeError here ended `plan` and `up` with a traceback, where the engine has words for it."""
    (path := tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011
        checkpoint.read(path)


@pytest.mark.fuzz
@examples(80)
@given(st.data())
def test_any_state_is_read_or_a_value_error_and_mending_it_ends(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    state = tmp_path_factory.mktemp("state")
    path = checkpoint.path(state, "werkplaats")
    path.parent.mkdir(parents=True)
    path.write_bytes(data.draw(odd.mutated(STATE).flatmap(odd.texts)))
    try:
        _, latest = checkpoint.read(path)
    except ValueError:
        pass
    else:
        assert all(one["urn"] is not None for one in (latest or {}).get("resources") or ())
    assert checkpoint.mend(state) in ([], [path])
