"""Session ids that were answered before."""

from __future__ import annotations

import json
from pathlib import Path

from station_image.runtime.consent.seen import Seen


def test_a_seen_id_is_seen_after_a_restart_until_its_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    assert Seen(path, 100).add("x")
    assert not Seen(path, 100).add("x")
    path.write_text(json.dumps({"x": 1.0}))
    assert Seen(path, 100).add("x")
