"""The only thing that reloads the gateway: assemble, validate, reload without refusing a caller, stamp what was loaded.

gateway-reload              do it (this is what gateway-reload.service runs)
gateway-reload --if-needed  have the unit do it when the files on disk are not the loaded ones; prints one JSON line
gateway-reload --check      exit 1 when the files on disk are not the loaded ones
gateway-reload --assemble   before the gateway starts: take what lies on disk
gateway-reload --stamp      after the gateway started: remember what it loaded
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import sys
from pathlib import Path

from on_server import programs
from on_server.gateway import files, generations, loaded, master, places
from on_server.gateway.places import Paths, lock, put

UNIT = master.UNIT
ACTIVE = ("active", "reloading")  # as for `systemctl is-active`
WATCHES = ("gateway-reload.path", "gateway-finding.path")


def start(paths: Paths, how: str = "start") -> list[str]:
    """Start (or restart) the gateway, which takes what lies on disk; returns the refusals.

    Raises GatewayError with what it said last.
    """
    if subprocess.run(["systemctl", how, UNIT], check=False, capture_output=True).returncode:
        journal = ["journalctl", "--unit", UNIT, "--lines", "5", "--output", "cat", "--no-pager"]
        said = subprocess.run(journal, check=False, capture_output=True, text=True).stdout
        raise files.GatewayError(f"the gateway does not start; it said: {' '.join(said.split())}")
    if paths.stamp() == paths.inputs().digest:
        return []
    return assemble(paths) or ["the gateway started with other files than those on disk; run this again"]


def assemble(paths: Paths) -> list[str]:
    """Take what lies on disk, for the next start; returns the refusals."""
    with lock(paths):
        # Sockets of a gateway that had another account cannot be replaced by one that has its own (link(2), EPERM).
        for left in paths.run.glob("peers/*.sock"):
            if left.lstat().st_uid != pwd.getpwnam(places.USER).pw_uid:
                left.unlink()
        _inputs, generation, refused = generations.prepare(paths)
        generations.point(paths, generation)
    return refused


def reload(paths: Paths) -> list[str]:
    """Have the running gateway load what lies on disk, or start it; returns the refusals."""
    process = _process()
    if process is None:
        return start(paths)
    if _foreign(process):
        return start(paths, "restart")  # no process can pass to another account
    with lock(paths):
        before = paths.loaded.resolve() if paths.loaded.exists() else None
        in_force_before = loaded.stamped(paths) or before
        _inputs, generation, refused = generations.prepare(paths)
        generations.point(paths, generation)
        try:
            master.reload()
        except master.MasterError:
            if before:
                generations.point(paths, before)
            raise
        try:
            loaded.end_gone(paths, in_force_before, generation)
        finally:  # it is loaded, whatever still runs
            loaded.tell(paths, generation)
        loaded.stamp(paths, generation)
    return refused


def settled(paths: Paths) -> list[str]:
    """Reload, and once more where something changed meanwhile: nothing starts this unit again while it runs."""
    refused = reload(paths)
    if not refused and paths.stamp() != paths.inputs().digest:
        refused = reload(paths)
    return refused


def in_force(paths: Paths) -> bool:
    """Return whether the gateway runs with what lies on disk, and is the HAProxy that lies there."""
    process = _process()
    return process is not None and paths.stamp() == paths.inputs().digest and not _old(process)


def _old(process: Path) -> bool:
    return programs.outdated(process) or _foreign(process)


def _foreign(process: Path) -> bool:
    """Whether the gateway still runs under another account, as those of earlier versions did."""
    rows = (line.split() for line in (process / "status").read_text().splitlines())
    return next(int(row[1]) for row in rows if row[0] == "Uid:") != pwd.getpwnam(places.USER).pw_uid


def _process() -> Path | None:
    """The master process, in /proc, of a gateway that is active."""
    shown = programs.run("systemctl", "show", "--property=ActiveState", "--property=MainPID", UNIT)
    said = dict(line.split("=", 1) for line in shown.splitlines())
    return Path("/proc", said["MainPID"]) if said["ActiveState"] in ACTIVE else None


def by_unit(paths: Paths) -> tuple[bool, int, str]:
    """Start the gateway, or have gateway-reload.service reload it, when needed; (changed, exit code, sentence)."""
    for watch in WATCHES:
        if not programs.active(watch):
            programs.run("systemctl", "start", watch)
    process = _process()
    if process is None:
        refused = start(paths)
        return True, int(bool(refused)), "; ".join(refused) or "the gateway was started"
    before, old = paths.stamp(), _old(process)
    if in_force(paths):
        return False, 0, "the gateway has loaded what lies on disk"
    answer = subprocess.run(["systemctl", "start", "gateway-reload.service"], check=False, capture_output=True)
    with contextlib.suppress(FileNotFoundError):
        return (
            paths.stamp() != before or (old and in_force(paths)),
            answer.returncode,
            (paths.run / "gateway.message").read_text().strip(),
        )
    return False, answer.returncode, answer.stderr.decode().strip()


def _word(words: list[str]) -> str:
    """What is asked, "" to reload."""
    if not words:
        return ""
    import argparse  # costs as much as a tenth of all else, and a brake gives no words

    parser = argparse.ArgumentParser(prog="gateway-reload", description=__doc__.splitlines()[0] if __doc__ else "")
    one_of = parser.add_mutually_exclusive_group(required=True)
    for word in ("check", "if-needed", "assemble", "stamp"):
        one_of.add_argument(f"--{word}", action="store_const", dest="word", const=word.replace("-", "_"))
    return str(parser.parse_args(words).word)


def main() -> int:
    """Run the program; exit code 1 when something was refused or differs."""
    word, paths = _word(sys.argv[1:]), Paths()
    os.umask(0o022)
    if word == "if_needed":
        try:
            changed, code, sentence = by_unit(paths)
        except files.GatewayError as problem:
            changed, code, sentence = False, 1, str(problem)
        programs.tell(changed, sentence)
        return code
    try:
        if word == "check":
            return 0 if in_force(paths) else 1
        if word == "stamp":
            loaded.finish(paths, paths.loaded.resolve())
            return 0
        refused = assemble(paths) if word == "assemble" else settled(paths)
    except (files.GatewayError, master.MasterError, OSError, KeyError) as problem:
        refused = [f"the gateway was not reloaded: {problem}"]
    sentence = "; ".join(refused) or "loaded"
    put(paths.run / "gateway.message", sentence.encode())
    sys.stderr.write(sentence + "\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
