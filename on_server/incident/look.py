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
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 8.0  # for each program, and for an agent's word on itself
LINKS_SECONDS = 20.0  # for its word on every peer: it calls them all
WAY_SECONDS = 4.0  # for a call to another gateway
MOST = 200_000  # characters of each answer
CONTROL, COMPUTER = "/run/werkplaats/control/agent.sock", "/run/werkplaats/compute/computer.sock"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
PLACES = ("/", "/var", "/var/lib/docker", "/var/lib/werkplaats", "/var/log", "/etc/werkplaats", "/run", "/tmp")  # noqa: S108
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
            for text in line.makefile("rb"):
                found = json.loads(text)
                if isinstance(found, dict) and found.pop("done", False):
                    return {"answers": "yes", "document": found}
    except TimeoutError:
        return {"answers": "hangs", "document": {}}
    except (OSError, ValueError, RecursionError):
        pass
    return {"answers": "silent", "document": {}}


def agents() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the agent says of itself, and of its links; one that does not say the first is not waited for once more."""
    status = agent("status", SECONDS)
    return status, agent("links", LINKS_SECONDS) if status["answers"] == "yes" else status


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
    """Part of the station → the states of its processes, as ps(1) has them: T is stopped, D waits for a disk."""
    found: dict[str, list[str]] = {"agent": [], "computer": []}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if part := PART.search((process / "cmdline").read_bytes()):
                state = (process / "stat").read_text().rpartition(") ")[2][:1]
                found[part[1].decode()].append(state)
    return found


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
    """Call another gateway: what its name means here, whether it takes the call, and which certificate it shows."""
    found: dict[str, Any] = {"addresses": [], "why": "", "shown": "", "refused": False}
    try:
        told = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        found["addresses"] = sorted({str(one[4][0]) for one in told})
    except OSError as error:
        return {**found, "why": f"{address} is not found: {error}"}
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    settings.check_hostname, settings.verify_mode = False, ssl.CERT_NONE  # what it shows is judged by who asks
    try:
        with socket.create_connection((address, port), WAY_SECONDS) as line:
            line.settimeout(WAY_SECONDS)
            with settings.wrap_socket(line, server_hostname=name) as call:
                found["shown"] = base64.b64encode(call.getpeercert(binary_form=True) or b"").decode()
    except ConnectionRefusedError:
        found |= {"why": "nobody listens there", "refused": True}
    except OSError as error:
        found["why"] = str(error) or type(error).__name__
    return found


def look(question: dict[str, Any]) -> dict[str, Any]:
    """All of it."""
    asked: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "agents": (agents, ()),
        "computer": (computer, ()),
        "processes": (processes, ()),
        "disks": (disks, ()),
    }
    with concurrent.futures.ThreadPoolExecutor(max_workers=64) as pool:
        parts = {name: pool.submit(one, *given) for name, (one, given) in asked.items()}
        programs = {name: pool.submit(run, words) for name, words in question["programs"].items()}
        ways = {peer: pool.submit(way, *where) for peer, where in question["ways"].items()}
        found = {name: one.result() for name, one in parts.items()}
        found["agent"], found["links"] = found.pop("agents")
        found["programs"] = {name: one.result() for name, one in programs.items()}
        found["ways"] = {peer: one.result() for peer, one in ways.items()}
    return {**found, "up": time.clock_gettime(time.CLOCK_BOOTTIME)}


def main() -> int:
    """QUESTION: `programs` (name → words), `ways` (peer → address, port, name in its certificate)."""
    sys.stdout.write(json.dumps({"moment": time.time(), **look(json.loads(sys.argv[1]))}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
