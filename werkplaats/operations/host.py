"""This machine: what it needs before it can make sandbox servers, and how each missing thing is mended.

One table, `CHECKS`: `doctor` prints it, `up` refuses on it, `doctor --yes` mends what can be mended.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from base import errors, values
from werkplaats.operations import progress

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_NEEDED = 1024  # with the usual 128 the twentieth server dies without a word
ENGINE_SECONDS = 60
DEBIAN_PACKAGES = {  # program → Debian package that brings it
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "openssl": "openssl",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check saw; `remedy` is empty when all is well; `mend` does the remedy where a program can."""

    name: str
    seen: str
    remedy: str = ""
    mend: Callable[[], None] | None = None

    @property
    def good(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.remedy


def _run(*command: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def _system() -> Finding:
    seen = f"{platform.system()} {platform.release()}, {os.cpu_count()} processors"
    if platform.system() == "Linux":
        return Finding("system", seen)
    return Finding("system", seen, "servers are Linux containers: work in a Linux virtual machine")


def _rights() -> Finding:
    if os.geteuid() == 0:
        return Finding("rights", "root")
    if _run("id", "-nG").stdout.split().count("docker"):
        return Finding("rights", "a member of group docker, which equals root on this machine")
    return Finding("rights", "neither root nor in group docker", "run with sudo, or: sudo adduser $USER docker")


def _programs() -> Finding:
    missing = [package for program, package in DEBIAN_PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return Finding("programs", ", ".join(DEBIAN_PACKAGES))
    if not shutil.which("apt-cache"):
        return Finding("programs", f"missing: {', '.join(missing)}", "install them with your package manager")
    return Finding(
        "programs",
        f"missing: {', '.join(missing)}",
        f"apt-get install {' '.join(missing)}",
        lambda: _install(missing),
    )


def _install(packages: list[str]) -> None:
    """Install what of these the distribution has: in Debian 12 the engine's package brings the client as well."""
    _apt("update", "-q")
    known = [package for package in packages if _run("apt-cache", "show", package).returncode == 0]
    _apt("install", "-qy", "--no-install-recommends", *known)


def _apt(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise errors.HalfWayError(f"`apt-get {' '.join(arguments)}` failed: {done.stderr.strip()[-500:]}", "try again")


def engine_info() -> dict[str, object]:
    """`docker info` of the local engine; an empty dict when it does not answer."""
    if not shutil.which("docker"):
        return {}
    told = _run("docker", "info", "--format", "{{json .}}")
    if told.returncode or not told.stdout.strip():
        return {}
    try:
        info = values.mapping(told.stdout)
    except ValueError:
        return {}
    return {} if info.get("ServerErrors") else info


def _engine() -> Finding:
    info = engine_info()
    if not info:
        return Finding("engine", "the Docker engine does not answer", "start it: systemctl start docker", start_engine)
    seen = f"Docker {info.get('ServerVersion')}, {info.get('Driver')}, cgroup v{info.get('CgroupVersion')}"
    refused = {
        "a rootless engine": any("rootless" in str(option) for option in _list(info.get("SecurityOptions"))),
        "Docker Desktop": "Docker Desktop" in str(info.get("OperatingSystem")),
        "Docker from snap": str(info.get("DockerRootDir", "")).startswith("/var/snap"),
    }
    for kind, found in refused.items():
        if found:
            remedy = f"{kind} cannot run servers with an engine inside: use docker.io in a Linux virtual machine"
            return Finding("engine", seen, remedy)
    return Finding("engine", seen)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def start_engine() -> None:
    """Start the Docker engine: by systemd where that runs, else as a process of its own. Waits until it answers."""
    if Path("/run/systemd/system").is_dir():
        _run("systemctl", "start", "docker", seconds=ENGINE_SECONDS)
    else:
        log = Path("/var/log/dockerd.log").open("ab")  # noqa: SIM115 - the engine keeps it open
        subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + ENGINE_SECONDS
    while not engine_info():
        if time.monotonic() > deadline:
            raise errors.HalfWayError(
                f"the Docker engine did not answer within {ENGINE_SECONDS} s", "see /var/log/dockerd.log"
            )
        threading.Event().wait(0.5)


def _inotify() -> Finding:
    allowed = int(INOTIFY.read_text())
    seen = f"fs.inotify.max_user_instances = {allowed}"
    if allowed >= INOTIFY_NEEDED:
        return Finding("inotify", seen)
    remedy = f"sysctl -w fs.inotify.max_user_instances={INOTIFY_NEEDED} (servers die without a word otherwise)"
    return Finding("inotify", seen, remedy, lambda: _raise_inotify())


def _raise_inotify() -> None:
    INOTIFY.write_text(str(INOTIFY_NEEDED))


def _keyring() -> Finding:
    if list(Path("/usr/share/keyrings").glob("debian-archive-*keyring.gpg")):
        return Finding("keyring", "Debian's archive keys")
    remedy = "apt-get install debian-archive-keyring"
    return Finding("keyring", "Debian's archive keys are missing", remedy, lambda: _install(["debian-archive-keyring"]))


CHECKS: tuple[Callable[[], Finding], ...] = (_system, _rights, _programs, _keyring, _engine, _inotify)


def examine() -> list[Finding]:
    """Every check, in order."""
    return [check() for check in CHECKS]


def mend(say: progress.Say) -> list[Finding]:
    """Mend in order what can be mended, saying so; returns the findings afterwards."""
    after = []
    for check in CHECKS:
        finding = check()
        if not finding.good and finding.mend:
            say(f"{finding.seen}: {finding.remedy}")
            finding.mend()
            finding = check()
        after.append(finding)
    return after
