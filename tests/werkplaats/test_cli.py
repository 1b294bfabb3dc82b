"""The command itself: what it says of its verbs, what it imports for that, and how a shell completes it."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from base import errors
from werkplaats import cli
from werkplaats.operations import progress, unusable
from werkplaats.verbs import common

VERBS = Path(cli.__file__).with_name("verbs")
# Each takes longer to import than Python to start.
HEAVY = {"ansible", "cryptography", "docker", "paramiko", "pulumi", "pydantic", "pytest"}


def imported(*arguments: str) -> set[str]:
    """The packages that a command has imported when it ends."""
    code = "import sys; from werkplaats import cli\ntry: cli.main(sys.argv[1:])\nfinally: print('|', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert "|" in done.stdout, done.stderr
    return {name.partition(".")[0] for name in done.stdout.rpartition("|")[2].split()}


def test_every_file_of_a_verb_is_a_verb() -> None:
    files = {path.stem for path in VERBS.glob("[a-z]*")}
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


@pytest.mark.parametrize("own", [{"LC_ALL": "C"}, {"LC_ALL": "nl_NL.UTF-8", "LANGUAGE": "nl"}, {"LANG": "xx_XX"}])
def test_tools_run_whatever_locale_an_operator_has(own: dict[str, str]) -> None:
    """Ansible ends at once in C, or in a locale that this machine has not; an operator was told to try again."""
    start = "cli.main(['completion', 'bash']); subprocess.run([sys.argv[1], '--version'], check=True)"
    code = f"import subprocess, sys; from werkplaats import cli; {start}"
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("L")} | own
    done = subprocess.run(
        [sys.executable, "-c", code, ansible], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ansible-playbook [core" in done.stdout


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


# Clears the screen, sets the window's title, turns the direction of what follows, and is no character at all.
FOREIGN = "\x1b[2J \x9b31m \x1b]0;title\x07 \u202e \ud800 \x7f"


def foreign(_: argparse.Namespace) -> int:
    """What a verb does that prints, in every way that verbs do, what a server said."""
    print(f"left out: ggd: {FOREIGN}")
    print(FOREIGN, file=sys.stderr)
    sys.stdout.write(FOREIGN)
    sys.stdout.writelines([FOREIGN, "\n"])
    progress.Progress().say(FOREIGN)
    common.print_json({FOREIGN: FOREIGN.replace("\ud800", "")})
    raise errors.HalfWayError(f"ggd: {FOREIGN}")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_no_verb_prints_what_a_terminal_obeys(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server, a peer or an unsigned file wrote parts of what verbs print: one of them cleared what was to be seen."""
    module = __import__(f"werkplaats.verbs.{verb}", fromlist=["run"])
    monkeypatch.setattr(module, "run", foreign)
    monkeypatch.setattr(module, "arguments", lambda _: None)
    before = sys.stdout, sys.stderr
    assert cli.main([verb]) == errors.HALF_WAY
    assert (sys.stdout, sys.stderr) == before
    out, err = capsys.readouterr()
    for told in (out, err):
        assert "[2J" in told
        assert all(character == "\n" or character.isprintable() for character in told)


def test_every_way_around_what_makes_text_printable_is_used_by_nobody() -> None:
    """Streams have ways to the terminal that no text goes through."""
    around = re.compile(r"\.buffer\b|sys\.__std|os\.write\([12]\b|/dev/tty")
    ours = list(VERBS.parent.rglob("*.py"))
    assert len(ours) > 30
    assert [str(path) for path in ours if around.search(path.read_text())] == []


def test_a_document_stays_the_same_through_its_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    document = {FOREIGN: [FOREIGN, "é \N{GRINNING FACE} \U000e0001"]}
    common.print_json(document)
    out = capsys.readouterr().out
    assert all(character == "\n" or character.isprintable() for character in out)
    assert json.loads(out) == document


# Root may read and write everything, but for these two powers of it.
POWERS = "-dac_override,-dac_read_search"


def test_a_folder_that_this_login_may_not_use_is_a_sentence_with_place_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    as_somebody = ["setpriv", f"--inh-caps={POWERS}", f"--bounding-set={POWERS}"] if os.geteuid() == 0 else []
    command = [*as_somebody, sys.executable, "-m", "werkplaats", "--home", str(tmp_path / "shut"), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    place = rf"{tmp_path}/shut/\w+"
    said = (
        rf"werkplaats check: {place}: this login may not use it; let your login use it: `namei -l {place}` tells .*\n"
    )
    assert re.fullmatch(said, done.stderr), done.stderr
    assert (done.returncode, done.stdout) == (errors.WRONG_USE, "")


UNUSABLE = {
    "a file for a folder": (["status", "gerda", "--json"], "a file lies where a folder is wanted; choose ", 2),
    "a change": (["up", "gerda", "--yes"], "a file lies where a folder is wanted; .*; then run the same command ", 5),
    "a folder for a file": (["map", "gerda", "-o", "{}"], "it is a folder, and a file is wanted; choose ", 2),
    "a long name": (["map", "gerda", "-o", "{}/" + 300 * "x"], "its name is too long; choose a place with a ", 2),
}


@pytest.mark.parametrize(("words", "said", "code"), UNUSABLE.values(), ids=UNUSABLE)
def test_whatever_cannot_be_used_is_said_with_its_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
    code: int,
) -> None:
    (tmp_path / "file").touch()
    if words[0] != "map":
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert cli.main([word.format(tmp_path) for word in words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"werkplaats \w+: {tmp_path}\S*: {said}.*\n", err), err


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOTCONN, "no place"), PermissionError(errno.EPERM, "of a process"), ValueError("ours")]
)
def test_what_is_a_fault_of_ours_shows_where(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: argparse.Namespace) -> int:
        raise fault

    monkeypatch.setattr("werkplaats.verbs.completion.run", run)
    with pytest.raises(type(fault)):
        cli.main(["completion", "bash"])


def test_a_full_disk_is_said_also_where_nobody_knows_which() -> None:
    told = unusable.in_words(OSError(errno.ENOSPC, "No space left on device"), half_way=True)
    assert isinstance(told, errors.HalfWayError)
    assert str(told).startswith("a disk of this machine: no room is left; make room there (`df` ")
