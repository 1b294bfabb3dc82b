"""What programs of a server print, taken apart. Pure; of a line that is not as it should be, nothing is taken."""

from __future__ import annotations

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Listener:
    """Who listens at a TCP port, and on what address; `program` is "" where the kernel does not say."""

    address: str
    port: int
    program: str

    @property
    def everywhere(self) -> bool:
        """Whether it listens on more than the server itself."""
        return not self.address.startswith(("127.", "[::1]"))


@dataclasses.dataclass(frozen=True)
class Simulated:
    """What apt would install and remove, and why it would do nothing at all."""

    installed: tuple[str, ...]
    removed: tuple[str, ...]
    failed: str


def assigned(text: str) -> dict[str, str]:
    """Lines NAME=value of a file such as /etc/os-release; quotes are taken off."""
    rows = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in rows}


def lines(text: str) -> list[str]:
    """Lines that say something: no comments, no empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def mounts(text: str) -> dict[str, set[str]]:
    """/proc/self/mountinfo: mount point → options (proc(5))."""
    rows = (line.split() for line in text.splitlines())
    return {row[4]: set(row[5].split(",")) for row in rows if len(row) > 6}


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, or is it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def units(text: str) -> dict[str, dict[str, str]]:
    """`systemctl show` of several units, by name."""
    blocks = (dict(line.split("=", 1) for line in one.splitlines() if "=" in line) for one in text.split("\n\n"))
    return {block["Id"]: block for block in blocks if "Id" in block}


def sshd(text: str) -> dict[str, list[str]]:
    """`sshd -T`: name → what its lines say; a list such as allowusers has a line for each."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, blank, value = line.partition(" ")
        if blank and re.fullmatch(r"[a-z0-9]+", name):
            found.setdefault(name, []).append(value.strip())
    return found


def listeners(text: str) -> list[Listener]:
    """`ss -Hltnp`."""
    found = []
    for line in text.splitlines():
        columns = line.split()
        at = re.fullmatch(r"(.*):(\d{1,5})", columns[3]) if len(columns) > 4 else None
        if at:
            program = re.search(r'\(\("([^"]{1,64})"', line)
            found.append(Listener(at[1], int(at[2]), program[1] if program else ""))
    return found


def simulated(text: str) -> Simulated:
    """`apt-get --simulate install`."""
    actions = re.findall(r"^(Inst|Remv) (\S+)", text, re.MULTILINE)
    failed = " ".join(line[3:] for line in text.splitlines() if line.startswith("E: "))
    return Simulated(
        tuple(name for action, name in actions if action == "Inst"),
        tuple(name for action, name in actions if action == "Remv"),
        failed,
    )


def candidates(text: str) -> dict[str, str]:
    """`apt-cache policy`: package → candidate, "" for none."""
    found = re.findall(r"^(\S+):\n(?:  Installed: .*\n)  Candidate: (.*)$", text, re.MULTILINE)
    return {name: "" if version == "(none)" else version for name, version in found}
