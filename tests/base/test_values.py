"""What others said becomes a value, or a ValueError with what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given

from base import canonical, values
from tests.harness.fuzzing import examples
from tests.publication import odd


@pytest.mark.parametrize("text", ["", "no JSON", r'["\ud800"]', "[" * 100_000, "NaN", "9" * 5000], ids=lambda t: t[:16])
def test_what_is_no_json_that_can_be_written_again_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        values.parsed(text)


@pytest.mark.parametrize("text", ["null", "[]", '"{}"', "1", b"[{}]"])
def test_what_is_no_object_is_no_mapping(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        values.mapping(text)


@pytest.mark.fuzz
@examples(80)
@given(odd.VALUES.flatmap(odd.texts))
def test_any_bytes_are_a_value_that_can_be_written_or_a_value_error(text: bytes) -> None:
    try:
        found = values.parsed(text)
    except ValueError:
        return
    assert values.parsed(canonical.dump(found)) == found
