"""Session ids that were answered before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent.seen import Seen


def test_a_seen_id_is_seen_after_a_restart_until_its_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    assert Seen(path, 100).add("x")
    assert not Seen(path, 100).add("x")
    path.write_text(json.dumps({"x": 1.0}))
    assert Seen(path, 100).add("x")


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"x": "soon"}', '{"x": NaN}', '{"x": Infinity}', "[" * 9999, b"\xff"]
)
def test_where_nobody_can_read_what_was_answered_nothing_is_and_the_way_out_is_said(
    tmp_path: Path, content: str | bytes
) -> None:
    """Taken for empty, it would let whoever damages it have a proposal that was kept answered once more."""
    path = tmp_path / "seen.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    seen = Seen(path, 100)
    with pytest.raises(RefusedError, match=r"^seen.json: .* 2 minutes after the last session .* docker restart"):
        seen.add("y")
    path.unlink()
    assert Seen(path, 100).add("y")


def test_a_file_that_may_not_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    path.mkdir()
    with pytest.raises(RefusedError, match=r"^seen.json: "):
        Seen(path, 100).add("y")
