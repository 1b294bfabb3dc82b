"""Journal lines."""

from __future__ import annotations

import pytest

from station_image.runtime.base import journal


def test_a_journal_line_cannot_be_forged_by_what_a_peer_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    journal.note("refused", why="bad\nsession-ended outcome=done\x1b[31m\u202e")
    assert capsys.readouterr().out.count("\n") == 1
    assert journal.plain("a\x1bb\u2028c") == "a b c"
