"""What docs/upgrades.md has people write for a yes beforehand is taken by what reads it: the suite, and systemd."""

from __future__ import annotations

import configparser
import datetime
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs import documents
from werkplaats import cli
from werkplaats.operations.reach import inventory, windows

GUIDE = documents.ROOT / "docs" / "upgrades.md"


def written(language: str, word: str) -> str:
    """The one block of a language in which a word stands."""
    (found,) = (
        text for one in documents.blocks(GUIDE) if one.language == language and word in (text := "\n".join(one.lines))
    )
    return found


@pytest.fixture
def rule(tmp_path: Path) -> windows.Rule:
    """The rule of the guide, with fingerprints in place of what it leaves out."""
    text = (
        written("yaml", "upgrades:").replace("SHA256:…", "SHA256:" + "A" * 43).replace("sha256:…", "sha256:" + "a" * 64)
    )
    (tmp_path / "servers.yml").write_text(text)
    (server,) = inventory.read(tmp_path / "servers.yml")
    assert server.upgrades
    return server.upgrades


def test_the_rule_is_one(rule: windows.Rule) -> None:
    assert rule.words.endswith("on Tuesdays from 02:00 to 04:00 (Europe/Amsterdam)")


def test_the_timer_runs_in_the_window_of_the_rule_and_starts_the_verb(rule: windows.Rule) -> None:
    units = configparser.ConfigParser(interpolation=None)
    units.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    units.read_string(written("ini", "[Timer]"))
    assert units["Timer"]["Persistent"] == "false"
    program, *words = shlex.split(units["Service"]["ExecStart"])
    assert program.endswith("/werkplaats")
    assert cli.parser().parse_args(words).step == "due"
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("this machine has no systemd-analyze, which says when a timer elapses")
    calendar = [analyze, "calendar", "--iterations=60", units["Timer"]["OnCalendar"]]
    said = subprocess.run(calendar, capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C.UTF-8"})
    moments = re.findall(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", said.stdout)
    assert len(moments) >= 60
    assert all(rule.open_at(datetime.datetime.fromisoformat(f"{one}Z")) for one in moments)
