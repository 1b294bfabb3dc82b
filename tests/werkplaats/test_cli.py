"""The command itself: what it says of its verbs, what it imports for that, and how a shell completes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from werkplaats import cli

VERBS = Path(cli.__file__).with_name("verbs")
# Each takes longer to import than Python to start.
HEAVY = {"ansible", "cryptography", "docker", "fabric", "paramiko", "pulumi", "pydantic", "pytest"}


def imported(*arguments: str) -> set[str]:
    """The packages that a command has imported when it ends."""
    code = "import sys; from werkplaats import cli\ntry: cli.main(sys.argv[1:])\nfinally: print('|', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert "|" in done.stdout, done.stderr
    return {name.partition(".")[0] for name in done.stdout.rpartition("|")[2].split()}


def test_every_file_of_a_verb_is_a_verb() -> None:
    files = {path.stem for path in VERBS.glob("[a-z]*.py")}
    assert files - {"common", "named"} == set(cli.VERBS)


def test_the_help_has_the_first_line_of_every_verb_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    for verb in cli.VERBS:
        module = __import__(f"werkplaats.verbs.{verb}", fromlist=["__doc__"])
        first = (module.__doc__ or "").strip().splitlines()[0]
        assert f"{verb} {first}" in told
    assert not imported("--help") & HEAVY


def test_check_imports_only_what_reads_a_definition() -> None:
    assert imported("check", "gerda") & HEAVY == {"pydantic"}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("werkplaats che", {"check"}),
        ("werkplaats check ger", {"gerda", "gerda.sandbox"}),
        ("werkplaats completion ", {"bash", "fish", "zsh"}),
    ],
)
def test_bash_completes_verbs_networks_and_words(line: str, wanted: set[str]) -> None:
    script = """
        eval "$(werkplaats completion bash)"
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
        read -ra COMP_WORDS <<<"$1"
        [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _python_argcomplete werkplaats
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-c", script, "bash", line]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert {word.strip() for word in done.stdout.splitlines() if not word.startswith("-")} == wanted
