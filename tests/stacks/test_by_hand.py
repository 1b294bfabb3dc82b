"""How Pulumi is started by hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stacks import by_hand


def test_the_command_runs_with_the_variables_and_what_is_given_to_it(tmp_path: Path) -> None:
    value, programs = "a b; 'c' $HOME", tmp_path / "two words"
    line = 'printf "%s\\n" "$A" "[$EMPTY]" "$PATH" "$@"'
    by_hand.write(tmp_path / "pulumi", {"A": value, "EMPTY": ""}, programs, "sh", "-uc", line, "sh", "--cwd", "a b")
    told = subprocess.run(
        [tmp_path / "pulumi", "up", "x y"], env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [value, "[]", f"{programs}:/usr/bin", "--cwd", "a b", "up", "x y"]
