"""Sessions of one station share a uid: what the process of one can do to that of another, and to the computer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base.contract import COMPUTER_UID
from station_image.runtime.mpc import confine
from tests.on_server.station_command.agents import PYTHON

SOURCE = Path(str(confine.__file__)).read_text()
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
# Two processes as the computer forks them. The second keeps a share and a connection; the first tries to get at both.
ATTACK = """
import ctypes, fcntl, json, os, signal, socket, struct, sys, threading, types
confine = types.ModuleType("confine")
exec(sys.argv[1], confine.__dict__)
libc = ctypes.CDLL(None, use_errno=True)
path = sys.argv[2] + "/computer.sock"
open(sys.argv[2] + "/own", "w").close()
computer = socket.socket(socket.AF_UNIX)
computer.bind(path)
computer.listen()
share = b"share-" + os.urandom(8).hex().encode()
told, tell = os.pipe()
until, alive = os.pipe()
other = os.fork()
if not other:
    if sys.argv[3] == "confined":
        confine.confine()
    ours, theirs = socket.socketpair()
    kept = share * 10
    os.write(tell, str(ours.fileno()).encode())
    os.close(alive)
    os.read(until, 1)
    os._exit(0)
descriptor = int(os.read(told, 100))
if sys.argv[3] == "confined":
    confine.confine()

def answered(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")

def memory():
    for line in open(f"/proc/{other}/maps"):
        first, last = (int(end, 16) for end in line.split()[0].split("-"))
        if " rw" in line and last - first < 1 << 26:
            with open(f"/proc/{other}/mem", "rb", 0) as stream:
                stream.seek(first)
                if share in stream.read(last - first):
                    return
    raise OSError("nothing found")

def trace():
    answered(libc.ptrace(16, other, 0, 0))
    os.waitpid(other, 0)
    answered(libc.ptrace(17, other, 0, 0))

def another():
    if not os.fork():
        os._exit(0)
    os.wait()

def thread():
    worker = threading.Thread(target=os.getpid)
    worker.start()
    worker.join()

def replace():
    os.unlink(path)
    socket.socket(socket.AF_UNIX).bind(path)

def attribute():
    held = os.open(sys.argv[2] + "/own", os.O_RDONLY)
    value = ctypes.create_string_buffer(b"x")
    how = struct.pack("=QII", ctypes.addressof(value), 1, 0)
    answered(libc.syscall(463, held, b"", 0x1000, b"user.told", how, len(how)))  # setxattrat

attempts = {
    "read its memory": memory,
    "trace it": trace,
    "take its connection": lambda: answered(libc.syscall(438, os.pidfd_open(other), descriptor, 0)),
    "have the kernel signal it": lambda: fcntl.fcntl(computer, fcntl.F_SETOWN, other),
    "be readable again": lambda: answered(libc.prctl(4, 1, 0, 0, 0)),
    "limit it": lambda: __import__("resource").prlimit(other, 7, (9, 9)),
    "write a file": lambda: open(sys.argv[2] + "/file", "w"),
    "leave word on a file by a newer call": attribute,
    "call the computer": lambda: socket.socket(socket.AF_UNIX).connect(path),
    "listen where the computer does": replace,
    "start a process": another,
    "stop it": lambda: os.kill(other, signal.SIGKILL),
    "work: a thread": thread,
    "work: a pair of sockets": socket.socketpair,
    "work: its own limit": lambda: __import__("resource").setrlimit(2, (1 << 40, 1 << 40)),
    "work: read a file": lambda: open("/proc/self/status").read(),
}
found = {}
for name, attempt in attempts.items():
    try:
        attempt()
        found[name] = ""
    except OSError as error:
        found[name] = str(error)
print(json.dumps(found), flush=True)
os._exit(0)
"""


def outcome(folder: Path, how: str) -> dict[str, str]:
    """What each attempt of a session's process came to, "" when it succeeded."""
    who: dict[str, Any] = {}
    if os.getuid() == 0:  # for root nothing of this is refused by the kernel's own rules
        who = {"user": COMPUTER_UID, "group": COMPUTER_UID, "extra_groups": []}
        folder.chmod(0o777)
        for above in folder.parents[:2]:
            above.chmod(0o755)
    command = [PYTHON, "-IS", "-c", ATTACK, SOURCE, str(folder), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/", **who)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_one_session_can_do_nothing_to_another_or_to_the_computer(tmp_path: Path) -> None:
    """Otherwise whoever gets a session's process to run its code has the shares of all others of this party.

    By a call that Linux got after the filter was made it does again what the filter refuses under the older number.
    """
    found = outcome(tmp_path, "confined")
    assert [name for name, why in found.items() if not why] == [name for name in found if name.startswith("work: ")]


def test_without_it_one_session_has_the_shares_of_another_and_takes_the_computer_s_place(tmp_path: Path) -> None:
    found = outcome(tmp_path, "free")
    if YAMA.exists() and YAMA.read_text().strip() != "0":
        found = {
            name: why
            for name, why in found.items()
            if name not in ("read its memory", "trace it", "take its connection")
        }
    if found["leave word on a file by a newer call"].startswith("[Errno 38]"):  # Linux before 6.13 has no such call
        del found["leave word on a file by a newer call"]
    assert {name: why for name, why in found.items() if why} == {}


def test_a_machine_that_the_filter_is_not_for_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(confine.ConfineError, match="no filter for aarch64"):
        confine.confine()
