"""What undoes a disk that is full, on folders and file systems of this machine that nobody else sees."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbooks.drills import causes

PROGRAMS = ("cp", "find", "mv", "rm", "umount")
# Stands for such a program: the one whose turn it is ends all that runs with it, `rm` in the middle of its work.
TURN = """#!/bin/sh
echo >> "$TURNS"
if [ "$(wc --lines < "$TURNS")" = "$TURN" ]; then {begun}kill -9 0; fi
exec {program} "$@"
"""
BEGUN = 'for last; do :; done; find "$last" -type f 2>/dev/null | head -n 3 | tr "\\n" "\\0" | xargs -0r -n 1 unlink; '


class Machine:
    """Its places of the cause, and a room of mounts that ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.turns = folder, folder / "turns"
        (folder / "programs").mkdir()
        for program in (*PROGRAMS, "docker"):
            begun = BEGUN if program == "rm" else ""
            text = TURN.format(program=shutil.which(program), begun=begun) if program in PROGRAMS else "#!/bin/sh\n"
            (folder / "programs" / program).write_text(text)
            (folder / "programs" / program).chmod(0o755)
        waits = ["unshare", "--mount", "sh", "-c", "echo; read end"]
        self._room = subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._room.stdout
        assert self._room.stderr
        if not self._room.stdout.readline():
            pytest.skip(f"no mounts of our own here: {self._room.stderr.read().decode()}")

    def run(self, line: str, turn: int = 0) -> int:
        """Run a line of the cause here; the program of that turn is killed, with all that runs with it."""
        for place, here in ((causes.SMALL, "small"), (causes.LIES, "lies"), (causes.KEEPS, "keeps")):
            line = line.replace(place, str(self.folder / here))
        self.turns.unlink(missing_ok=True)
        words = {"TURN": str(turn), "TURNS": str(self.turns)}
        path = {"PATH": f"{self.folder / 'programs'}:{os.environ['PATH']}"}
        command = ["nsenter", "--mount", f"--target={self._room.pid}", "sh", "-c", line]
        return subprocess.run(
            command, env={**os.environ, **words, **path}, start_new_session=True, capture_output=True, check=False
        ).returncode

    def lies(self) -> dict[str, tuple[str, int, str]]:
        """All that lies where the station writes: path → kind, mode, content."""
        folder = Path(f"/proc/{self._room.pid}/root{self.folder}/lies")
        return {str(path.relative_to(folder)): _described(path) for path in folder.rglob("*")}

    def before(self) -> None:
        """Put there what lies there when the disk becomes small, and make it small."""
        lies = self.folder / "lies"
        shutil.rmtree(lies, ignore_errors=True)
        for name in ("stays", "changes", "goes", "was-a-folder/file", "gone/with/all", "a name"):
            (lies / name).parent.mkdir(parents=True, exist_ok=True)
            (lies / name).write_text("before")
        (lies / "same").hardlink_to(lies / "stays")
        assert self.run(causes.FILL.replace("200M", "1M")) == 0

    def close(self) -> None:
        self._room.communicate()


def _described(path: Path) -> tuple[str, int, str]:
    if path.is_symlink():
        return "link", 0, str(path.readlink())
    mode = path.stat().st_mode & 0o7777
    return ("folder", mode, "") if path.is_dir() else ("file", mode, path.read_text())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    made = Machine(tmp_path)
    (tmp_path / "keeps").mkdir()
    yield made
    made.close()


MEANWHILE = f"""
cd {causes.LIES} && rm -r goes gone was-a-folder 'a name' same && printf after > changes &&
printf after > was-a-folder && mkdir new && printf after > 'new/a file' && ln -s new same && chmod 600 stays
"""


def undone(machine: Machine, turn: int) -> bool:
    """Whether it is not killed at this turn; all that was done meanwhile is there, and no more, once it ran again."""
    machine.before()
    assert machine.run(MEANWHILE) == 0
    meanwhile = machine.lies()
    assert meanwhile.keys() == {"stays", "changes", "was-a-folder", "new", "new/a file", "same"}
    ended = machine.run(causes.EMPTY, turn)
    assert machine.run(causes.EMPTY) == 0
    assert machine.lies() == meanwhile, f"killed at {turn}"
    assert [path.name for path in machine.folder.glob("lies*")] == ["lies"]
    return ended == 0


def test_what_was_deleted_while_a_disk_was_small_is_not_brought_back(machine: Machine) -> None:
    """Gains: a steward's yes that was taken back while a drill ran came back with its undoing."""
    assert undone(machine, 0)


@pytest.mark.soak
def test_nor_is_it_wherever_the_undoing_is_killed(machine: Machine) -> None:
    turns = iter(range(1, 40))
    killed = sum(1 for _ in iter(lambda: undone(machine, next(turns)), True))
    assert killed > 8
