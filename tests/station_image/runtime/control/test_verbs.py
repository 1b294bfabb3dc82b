"""What a peer tells goes on to this station's own people: texts of a few words, whatever the peer is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from station_image.runtime.control import verbs

NETWORK = cast("Any", SimpleNamespace(accepted={"release": "sha256:1", "authority": "sha256:2"}))
TOLD = {"release": "1.0.0", "definition": "sha256:0", "accepted": {"release": "sha256:3", "authority": "sha256:2"}}


def test_what_a_peer_accepted_is_told_part_by_part() -> None:
    assert verbs._version(NETWORK, TOLD) == TOLD


@pytest.mark.parametrize("odd", [None, 3, [], {"release": 1}, {"release": [], "more": "x" * 9999}, "sha256:0"])
def test_what_is_no_text_or_no_part_is_left_out(odd: Any) -> None:
    """One number in one peer's answer made the whole answer of this station one that `verify` cannot read."""
    assert verbs._version(NETWORK, {**TOLD, "accepted": odd}) == {**TOLD, "accepted": {}}
    assert verbs._version(NETWORK, {"definition": odd if odd != "sha256:0" else 1}) == {"accepted": {}}


def test_a_peer_writes_no_line_of_its_own() -> None:
    found = verbs._version(NETWORK, {"definition": "sha256:0\n\x1b[2J" + "x" * 999, "accepted": {"release": "a\nb"}})
    assert found["definition"].startswith("sha256:0  [2J")
    assert len(found["definition"]) == 80
    assert found["accepted"] == {"release": "a b"}
