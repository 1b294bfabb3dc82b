"""Prints what there is of a server before anything of ours is placed on it, as one line of JSON. Changes nothing.

`werkplaats doctor` and `up` send this program to the server, with what it imports of ours, and run it there as root. It
asks only what can be asked without a trace: no engine is started, no cache written, no lock taken, no rule loaded. What
its answers mean is judged where it was sent from. Servers of other systems than ours run it too, to be told so: any
Python since 3.9 does.

    examine.py QUESTION     QUESTION is JSON: see `main`
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from on_server import access, accounts, engine

SECONDS = 8.0  # for each program, and for each way to another server
MOST = 200_000  # characters of each answer
FOLDERS = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": FOLDERS}
# As root apt would keep what it read in a cache on disk, and what it planned in a log.
NO_TRACE = (
    *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
    *("-o", "Dir::Log::Planner=/dev/null", "-o", "Dir::Log::Solver=/dev/null"),
)
FILES = (
    *("/etc/os-release", "/proc/meminfo", "/proc/cpuinfo", "/proc/self/mountinfo"),
    *("/sys/fs/cgroup/memory.max", "/sys/kernel/security/lsm", "/sys/fs/selinux/enforce", "/proc/net/ip_tables_names"),
    *("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf", "/etc/pam.d/sshd"),
    *("/etc/nsswitch.conf", "/etc/default/locale", "/etc/nftables.conf"),
    *("/etc/docker/daemon.json", "/etc/default/docker", "/etc/apt/sources.list", "/etc/apt/sources.list.d/*"),
)
MARKS = (
    *("/etc/nologin", "/run/nologin", "/run/reboot-required", "/run/systemd/system", "/etc/.git", "/etc/werkplaats"),
)
PULLS = ("/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/systemd/system", "/var/spool/cron")
# Where owners say what runs by itself.
STARTERS = ("/etc/crontab", "/etc/cron.*/*", "/var/spool/cron/crontabs/*", "/etc/systemd/system/*.service")
# What Puppet's agent applied last: `client_datadir` of its maker's packages, and of Debian's.
CATALOGS = ("/opt/puppetlabs/puppet/cache/client_data/catalog/*.json", "/var/*/puppet/client_data/catalog/*.json")
DROP_INS = "/etc/ssh/sshd_config.d"
PLACES = ("/var/lib/docker", "/var/lib/werkplaats", "/var/log")
PROGRAMS = ("dockerd", "docker", "haproxy", "nft", "openssl", "apt-get", "systemctl", "sshd")
READ = {**engine.QUESTIONS, **engine.OF_ONE_THAT_RUNS}  # what these say is read here
Found = dict[str, Any]
Tasks = dict[str, Callable[[], Any]]


def questions(asked: Found) -> dict[str, list[str]]:
    """Name → the program that is asked."""
    # docker-ce brings the engine under another name: what is there already is not asked of apt.
    packages = [name for name, program in asked["packages"].items() if not shutil.which(program, path=FOLDERS)]
    show = ["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState"]
    found = {
        "virtual": ["systemd-detect-virt"],
        "units": [*show, *asked["units"]],
        "packages": [
            "dpkg-query",
            "--show",
            "--showformat=${db:Status-Abbrev}|${Package}|${Version}\n",
            *asked["known"],
        ],
        "listeners": ["ss", "-Hltnp"],
        "rules": ["nft", "--stateless", "list", "ruleset"],
        "journal": ["systemd-analyze", "cat-config", "systemd/journald.conf"],
        "pulls": ["grep", "-rlsE", "ansible-pull|puppet agent|chef-client|salt-call|cf-agent", *PULLS],
        "locales": ["locale", "-a"],
        "sshd_login": ["sshd", "-T", "-C", f"user={login()},host=127.0.0.1,addr=127.0.0.1"],
        **engine.QUESTIONS,
    }
    if login() != "root":
        identity = [f"--reuid={os.environ['SUDO_UID']}", f"--regid={os.environ['SUDO_GID']}", "--init-groups"]
        found["sudo"] = ["setpriv", *identity, "sudo", "-n", "/usr/bin/env"]
    if packages:
        install = ["--simulate", "--no-install-recommends", "install"]
        found["candidates"] = ["apt-cache", *NO_TRACE, "policy", *packages]
        found["simulated"] = ["apt-get", *NO_TRACE, *install, *packages]
    if asked["far"]:
        found["indexes"] = ["apt-get", *NO_TRACE, "--print-uris", "update"]
        found["proxies"] = ["apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy"]
    # A question to a stopped engine starts it, by its socket.
    if say([word for word in engine.RUNS if word != "--quiet"]).strip() == "active":
        found.update(engine.OF_ONE_THAT_RUNS)
    return found


def login() -> str:
    """Who logged in to run this."""
    return os.environ.get("SUDO_USER", "root")


def say(words: list[str]) -> str:
    """What a program prints; nothing of one that is not there, fails to start or takes too long."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, env=ENVIRONMENT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # apt says what it would do on the one, and why it would not on the other.
    said = done.stdout + done.stderr if done.returncode else done.stdout
    return said.decode(errors="replace")[:MOST]


def read(pattern: str) -> dict[str, str]:
    """Path → what the files of a pattern begin with; nothing of what cannot be read."""
    found = {}
    for path in sorted(Path("/").glob(pattern[1:]))[:50]:
        with contextlib.suppress(OSError), path.open(errors="replace") as file:
            found[str(path)] = file.read(MOST // 4)
    return found


def keepers() -> str:
    """Scripts and catalogs that run by themselves and name the folder of sshd's drop-ins: they may empty it."""
    started = {path: text for pattern in STARTERS for path, text in read(pattern).items()}
    named = set(re.findall(r"(?<![\w./])/[\w./-]+", " ".join(started.values())))
    scripts = {**started, **{path: text for one in named if Path(one).is_file() for path, text in read(one).items()}}
    found = [path for path, text in scripts.items() if DROP_INS in text and "\0" not in text]
    catalogs = [str(path) for pattern in CATALOGS for path in Path("/").glob(pattern[1:])]
    return "\n".join(sorted(found) + (say(["grep", "-lsF", DROP_INS, *catalogs]).split() if catalogs else []))


def spaces() -> Found:
    """Bytes of the disk that each path would lie on, what is free, and the folder that is there of it already.

    A disk is asked once: what is written to it meanwhile would make two of it.
    """
    found, disks = {}, {}
    for path in PLACES:
        there = next(one for one in (Path(path), *Path(path).parents) if one.is_dir())
        device = there.stat().st_dev
        if device not in disks:
            disks[device] = os.statvfs(str(there))
        disk = disks[device]
        found[path] = {
            "at": str(there.resolve()),
            "size": disk.f_blocks * disk.f_frsize,
            "free": disk.f_bavail * disk.f_frsize,
            "inodes": disk.f_favail,
        }
    return found


def people(asked: Found) -> Found:
    """Who would be kept out: `keyed` have keys already, `others` have none yet; and what our drop-in opens for them."""
    ours = asked["managed"].get("sshd", True)
    keyed = {account: ranges for account, ranges in asked["people"].items() if account in asked["keyed"]}
    others = {account: ranges for account, ranges in asked["people"].items() if account not in asked["keyed"]}
    found = access.faults(keyed, ours=ours, login=login())
    return {
        "keyed": found,
        "others": [fault for fault in access.faults(others, ours=ours, login=login()) if fault not in found],
        "opened": access.opened(asked["people"], login()) if ours else [],
    }


def peer(host: str, port: int, name: str) -> Found:
    """What this server gets to see of another gateway: addresses, whether DNS has them, and the certificate shown."""
    found: Found = {"addresses": [], "dns": [], "failed": "", "certificate": ""}
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found["addresses"] = sorted({str(one[4][0]) for one in answers})
        # The gateway asks name servers; /etc/hosts is nothing to it.
        lines = say(["getent", "-s", "hosts:dns", "ahosts", host]).splitlines()
        found["dns"] = sorted({line.split()[0] for line in lines if line.split()})
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is looked at, and nothing is said
        context.set_alpn_protocols(["mpc/1"])
        plain = socket.create_connection((host, port), SECONDS / 2)
        with plain, context.wrap_socket(plain, server_hostname=name) as wrapped:
            found["certificate"] = base64.b64encode(wrapped.getpeercert(True) or b"").decode()
    except (OSError, ValueError) as error:
        found["failed"] = (str(error) or type(error).__name__)[:200]
    return found


def source(uri: str, proxies: dict[str, str]) -> str:
    """Why an index of a source of packages cannot be had; nothing where it can."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    try:
        with opener.open(urllib.request.Request(uri, method="HEAD"), timeout=SECONDS / 2):  # noqa: S310 - apt's own
            return ""
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"[:200]
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", "") or error)[:200] or type(error).__name__


def place(url: str) -> str:
    """Why nothing of a place of a publication can be had; nothing where it answers, or there is none."""
    return source(f"{url.rstrip('/')}/metadata/timestamp.json", {}) if url else ""


def sources(indexes: str, told: str) -> Tasks:
    """For each release that apt would ask, how to ask whether it is there: through apt's own proxies."""
    proxies = dict(re.findall(r'Acquire::(https?)::Proxy "([^"]+)"', told))
    proxies = {kind: address for kind, address in proxies.items() if address != "DIRECT"}
    uris = sorted(set(re.findall(r"^'(https?://[^']+/InRelease)'", indexes, re.MULTILINE)))[:20]
    return {uri[:400]: functools.partial(source, uri, proxies) for uri in uris}


def together(tasks: Tasks) -> Found:
    """Name → what a function says, all at once; nothing of one that never ends."""
    found: Found = {}

    def one(name: str, task: Callable[[], Any]) -> None:
        found[name] = task()

    threads = [threading.Thread(target=one, args=row, daemon=True) for row in tasks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SECONDS)
    return dict(found)


def main() -> None:
    """Print everything.

    QUESTION has `packages` (name → program), `known` (packages), `units`, `people` (account → ranges), `keyed` (those
    of them who have keys), `managed` (part → whether it is ours), `peers` (organisation, host, port, name of each),
    `far` (whether to try sources of packages), `place` (of the publication at a web server; "" for none to try).
    """
    asked, clock, began = json.loads(sys.argv[1]), time.time(), time.monotonic()
    ways: Tasks = {
        one["organisation"]: functools.partial(peer, one["host"], one["port"], one["name"]) for one in asked["peers"]
    }
    programs: Tasks = {name: functools.partial(say, words) for name, words in questions(asked).items()}
    programs["keepers"] = keepers
    found = together(
        {
            "said": lambda: together(programs),
            "peers": lambda: together(ways),
            "people": functools.partial(people, asked),
            "place": functools.partial(place, asked["place"]),
        }
    )
    said = found.get("said", {})
    answer = {
        "clock": clock,
        "machine": os.uname().machine,
        "kernel": os.uname().release,
        "login": login(),
        "programs": [name for name in PROGRAMS if shutil.which(name, path=FOLDERS)],
        "sources": together(sources(said.get("indexes", ""), said.get("proxies", ""))),
        "said": {name: text for name, text in said.items() if name not in READ},
        "files": {path: text for pattern in FILES for path, text in read(pattern).items()},
        "marks": [path for path in MARKS if Path(path).exists()],
        "space": spaces(),
        "accounts": accounts.read(),
        "engine": engine.read(said, list(asked["packages"])),
        "peers": found.get("peers", {}),
        "people": found.get("people"),
        "place": found.get("place", "it answers nothing"),
        "seconds": round(time.monotonic() - began, 2),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
