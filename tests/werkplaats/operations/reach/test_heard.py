"""A server that says more than anybody reads: it is ended, told in a sentence, and fills neither memory nor disk."""

from __future__ import annotations

import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from werkplaats.operations.reach import heard, remote, shell
from werkplaats.operations.reach.servers import Server

# Stands in for ssh: hands on the first line of what it runs, where it runs anything, and then floods.
FLOODING = """#!{python}
import os, signal, subprocess, sys
if {runs}:
    process = subprocess.Popen(sys.argv[-1], shell=True, stdout=subprocess.PIPE)
    os.write(1, process.stdout.readline())
for _ in range(1024):
    os.write(2, bytes(65536))
signal.pause()
"""
SENTENCE = "it says more than 1 MiB"


def flooding(folder: Path, *, runs: bool) -> Path:
    path = folder / "ssh"
    path.write_text(FLOODING.format(python=sys.executable, runs=runs))
    path.chmod(0o755)
    return path


def test_a_login_that_floods_us_with_errors_is_ended_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(flooding(tmp_path, runs=False).parent), prepend=":")
    server = Server("ggd", "192.0.2.1", "SHA256:none")
    with remote.Remotes([server], tmp_path / "vault", tmp_path / "config") as remotes:
        assert remotes.probe() == {"ggd": f"cannot be reached at beheer@192.0.2.1:22: {SENTENCE}"}


@pytest.mark.parametrize("runs", [False, True])
def test_a_process_of_root_whose_login_floods_us_is_ended_and_said(tmp_path: Path, runs: bool) -> None:
    with pytest.raises(EOFError, match=f"^{SENTENCE}$"):
        shell.Shell([str(flooding(tmp_path, runs=runs))], root=())(["sleep", "60"], b"", 60)


def test_of_a_long_file_only_the_end_comes_into_memory() -> None:
    with tempfile.TemporaryFile() as file:
        file.truncate(2**30)  # a hole: it takes no room
        file.seek(0, 2)
        file.write(b"the reason")
        file.flush()
        tracemalloc.start()
        try:
            assert heard.last(file).endswith(b"\0the reason")
            assert tracemalloc.get_traced_memory()[1] < 2**16
        finally:
            tracemalloc.stop()


def test_a_program_is_run_with_what_it_is_given_and_tells_what_it_said() -> None:
    done = heard.run(["sh", "-c", "cat; echo no >&2; exit 3"], 60, given=b"some\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "some\n", "no\n")


LATE = {
    "too much": ("echo first >&2; head -c 9000000 /dev/zero >&2; exec sleep 60", 60, SENTENCE),
    "nothing": ("echo first >&2; exec sleep 60", 1, "no answer within 1 s"),
}


@pytest.mark.parametrize(("line", "seconds", "why"), LATE.values(), ids=LATE)
def test_one_that_is_ended_says_why_as_the_last_of_its_errors(line: str, seconds: float, why: str) -> None:
    done = heard.run(["sh", "-c", line], seconds, most=heard.MOST)
    assert done.returncode == heard.ENDED
    assert done.stderr.endswith(f"\n{why}")
