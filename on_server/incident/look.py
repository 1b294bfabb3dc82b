"""Prints what there is of a server and of its station, as one line of JSON. Changes nothing.

`werkplaats incident` sends this program to every server at once and runs it there as root. All is asked side by side,
each with a limit, since of what is broken some part never answers. What it means is judged where it was sent from.

    look.py QUESTION     QUESTION is JSON: see `main`
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import json
import os
import re
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 8.0  # for each program, and for an agent's word on itself
LINKS_SECONDS = 20.0  # for its word on every peer: it calls them all
ALL_SECONDS = 40.0  # for all of it: what did not end by then counts as what does not answer
WAY_SECONDS = 4.0  # for a call to another gateway
CALLS = 5  # a line that loses is well in one of them by chance
IN_VAIN = 2  # calls of which nothing came back, after which no more are made
MOST = 200_000  # characters of each answer
MOST_OF_AGENT = 4_000_000  # bytes of all that an agent says: of every peer in every network a row
CONTROL, COMPUTER = "/run/werkplaats/control/agent.sock", "/run/werkplaats/compute/computer.sock"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
PLACES = ("/", "/var", "/var/lib/docker", "/var/lib/werkplaats", "/var/log", "/etc/werkplaats", "/run", "/tmp")  # noqa: S108
HANGS = {"answers": "hangs", "document": {}}
NO_WAY = {"addresses": [], "why": "", "shown": "", "refused": False, "taken": False, "seconds": 0.0, "again": 0}
PART = re.compile(rb"station_image\.runtime\.(agent|computer)\0")


def run(words: list[str]) -> dict[str, Any]:
    """What a program said, and its exit code: 124 where it did not end in time, 127 where there is none."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False, env=ENVIRONMENT
        )
    except subprocess.TimeoutExpired:
        return {"code": 124, "said": "", "error": f"no answer within {SECONDS:.0f} s"}
    except OSError as error:
        return {"code": 127, "said": "", "error": str(error)}
    said, wrong = (text.decode(errors="replace")[:MOST] for text in (done.stdout, done.stderr))
    return {"code": done.returncode, "said": said, "error": wrong.strip()[-500:]}


def agent(verb: str, seconds: float) -> dict[str, Any]:
    """What the agent says; `answers` is yes, silent (nobody listens) or hangs (it took the call, and says nothing)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(seconds)
            line.connect(CONTROL)
            line.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            for text in lines(line, time.monotonic() + seconds):
                found = json.loads(text)
                if isinstance(found, dict) and found.pop("done", False):
                    return {"answers": "yes", "document": found}
    except TimeoutError:
        return HANGS
    except (OSError, ValueError, RecursionError):
        pass
    return {"answers": "silent", "document": {}}


def agents() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the agent says of itself, and of its links; one that does not say the first is not waited for once more."""
    status = agent("status", SECONDS)
    return status, agent("links", LINKS_SECONDS) if status["answers"] == "yes" else status


def lines(line: socket.socket, end: float) -> Iterator[bytes]:
    """What is said in whole lines; raises TimeoutError at `end`, however little comes at a time, and at too much."""
    left, much = b"", 0
    while (rest := end - time.monotonic()) > 0 and much < MOST_OF_AGENT:
        line.settimeout(rest)
        if not (said := line.recv(65536)):
            return
        much += len(said)
        *whole, left = (left + said).split(b"\n")
        yield from whole
    raise TimeoutError


def computer() -> str:
    """The same of the computer, which ends a call of anybody but the agent at once, and notes that."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(SECONDS)
            line.connect(COMPUTER)
            line.recv(1)
    except TimeoutError:
        return "hangs"
    except ConnectionResetError:
        return "yes"
    except OSError:
        return "silent"
    return "yes"


def processes() -> dict[str, list[str]]:
    """Part of the station → the states of its processes, as ps(1) has them: T is stopped, D waits for a disk.

    Only of those in its container: anybody with an account here may start something of the same words.
    """
    found: dict[str, list[str]] = {"agent": [], "computer": []}
    rooms = containers()
    for process in Path("/proc").glob("[0-9]*") if rooms else ():
        with contextlib.suppress(OSError):  # it ended meanwhile
            named = PART.search((process / "cmdline").read_bytes())
            if named and (part := named[1].decode()) == rooms.get(room(process)):
                state = (process / "stat").read_text().rpartition(") ")[2][:1]
                found[part].append(state)
    return found


def containers() -> dict[int, str]:
    """What tells a container from all else → the part of the station in it; empty where the engine does not answer."""
    names = {f"/station-{part}": part for part in ("agent", "computer")}
    said = run(["docker", "inspect", "--format", "{{.Name}} {{.State.Pid}}", *(name[1:] for name in names)])["said"]
    found = {}
    for name, _, first in (line.partition(" ") for line in said.splitlines()):
        with contextlib.suppress(OSError, KeyError):
            if first != "0":
                found[room(Path("/proc") / first)] = names[name]
    return found


def room(process: Path) -> int:
    """The namespace of processes that one is in (pid_namespaces(7)); nobody puts itself in another's."""
    return (process / "ns" / "pid").stat().st_ino


def disks() -> dict[str, dict[str, Any]]:
    """Each file system once, by the first of our places that lies on it: bytes, inodes, whether it can be written."""
    found: dict[int, tuple[str, dict[str, Any]]] = {}
    for place in PLACES:
        with contextlib.suppress(OSError):
            device, told = os.stat(place).st_dev, os.statvfs(place)  # noqa: PTH116 - any Python
            if told.f_blocks and device not in found:
                found[device] = (place, {
                    "size": told.f_blocks * told.f_frsize,
                    "free": told.f_bavail * told.f_frsize,
                    "inodes": told.f_files,
                    "inodes_free": told.f_favail,
                    "read_only": bool(told.f_flag & os.ST_RDONLY),
                })  # fmt: skip
    return dict(found.values())


def way(address: str, port: int, name: str) -> dict[str, Any]:
    """Call another gateway: what its name means here, whether it takes the call, and which certificate it shows.

    `seconds` are those of a call that came through; `again`: in how many of `CALLS` something had to be sent again, or
    nothing came back.
    """
    calls: list[dict[str, Any]] = []
    while len(calls) < CALLS and not (calls and calls[-1]["refused"]):
        calls.append(call(address, port, name))
        if len(calls) >= IN_VAIN and all(one["why"] for one in calls):
            break
    through = [one for one in calls if not one["why"]] or calls
    seconds = round(statistics.median(one["seconds"] for one in through), 3)
    return {**through[-1], "seconds": seconds, "again": sum(one["again"] for one in calls)}


def call(address: str, port: int, name: str) -> dict[str, Any]:
    """One call; `again` is 1 where something was sent once more in it, or nothing came back in time."""
    found: dict[str, Any] = {**NO_WAY}
    try:
        told = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        found["addresses"] = sorted({str(one[4][0]) for one in told})
    except OSError as error:
        return {**found, "why": f"{address} is not found: {error}"}
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    settings.check_hostname, settings.verify_mode = False, ssl.CERT_NONE  # what it shows is judged by who asks
    began = time.monotonic()
    try:
        with socket.create_connection((address, port), WAY_SECONDS) as line:
            found["taken"] = True
            line.settimeout(WAY_SECONDS)
            with settings.wrap_socket(line, server_hostname=name) as spoken:
                found["shown"] = base64.b64encode(spoken.getpeercert(binary_form=True) or b"").decode()
                found["again"] = min(1, sent_again(spoken))
    except ConnectionRefusedError:
        found |= {"why": "nobody listens there", "refused": True}
    except TimeoutError as error:
        found |= {"why": str(error), "again": 1}
    except OSError as error:
        found["why"] = str(error) or type(error).__name__
    return {**found, "seconds": time.monotonic() - began}


def sent_again(line: socket.socket) -> int:
    """How many segments a connection sent once more: `tcpi_total_retrans` of Linux, the 24th word after 8 bytes."""
    told = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("I", told, 100)[0])


Part = tuple[Callable[..., Any], tuple[Any, ...], Any]
"""What is called, with what, and what stands for it where it does not end."""


def look(question: dict[str, Any]) -> dict[str, Any]:
    """All of it."""
    end = time.monotonic() + ALL_SECONDS
    late = f"no answer within {ALL_SECONDS:.0f} s"
    no_program = {"code": 124, "said": "", "error": late}
    no_way = {**NO_WAY, "why": late}
    parts: dict[str, Part] = {
        "agents": (agents, (), (HANGS, HANGS)),
        "computer": (computer, (), "hangs"),
        "processes": (processes, (), {}),
        "disks": (disks, (), {}),
    }
    programs: dict[str, Part] = {name: (run, (words,), no_program) for name, words in question["programs"].items()}
    ways: dict[str, Part] = {peer: (way, tuple(where), no_way) for peer, where in question["ways"].items()}
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)
    asked = [
        {name: (pool.submit(one, *given), otherwise) for name, (one, given, otherwise) in group.items()}
        for group in (parts, programs, ways)
    ]
    found, of_programs, of_ways = (
        {name: ended(tried, otherwise, end) for name, (tried, otherwise) in group.items()} for group in asked
    )
    found["agent"], found["links"] = found.pop("agents")
    return {**found, "programs": of_programs, "ways": of_ways, "up": time.clock_gettime(time.CLOCK_BOOTTIME)}


def ended(tried: concurrent.futures.Future[Any], otherwise: Any, end: float) -> Any:
    """What came of it, or what stands for it where it has not ended in time."""
    try:
        return tried.result(max(0.0, end - time.monotonic()))
    except concurrent.futures.TimeoutError:
        return otherwise


def main() -> None:
    """QUESTION: `programs` (name → words), `ways` (peer → address, port, name in its certificate)."""
    sys.stdout.write(json.dumps({"moment": time.time(), **look(json.loads(sys.argv[1]))}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # and wait for none that never answers


if __name__ == "__main__":
    main()
