"""What a server says of itself, as the program `on_server/examine.py` prints it: others' text, held to shape and size.

It is parsed here and nowhere else: `Facts` has what the table of findings judges. A program that a server does not have
says nothing, and nothing follows from that but what the table says.
"""

from __future__ import annotations

import functools
import re
from typing import Annotated, Any, Literal

import pydantic

from base import errors
from werkplaats.operations.offered import texts

_MOST = 250_000  # characters of one text
Text = Annotated[str, pydantic.StringConstraints(max_length=_MOST)]
Word = Annotated[str, pydantic.StringConstraints(max_length=500)]
Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Seconds = Annotated[float, pydantic.Field(ge=0, lt=2e11, allow_inf_nan=False)]
Few = pydantic.Field(max_length=200)


class _Shape(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="ignore", strict=True, frozen=True)


class User(_Shape):
    """One account."""

    uid: Count
    gid: Count
    shell: Word
    about: Word


class Group(_Shape):
    """One group."""

    gid: Count
    members: Annotated[list[Word], pydantic.Field(max_length=20_000)]


class Accounts(_Shape):
    """What `on_server/accounts.py` reads: those of the names and numbers that a station needs which are taken."""

    users: Annotated[dict[Word, User], Few]
    groups: Annotated[dict[Word, Group], Few]
    uids: Annotated[dict[Literal["5001", "5002"], Word], Few]
    gids: Annotated[dict[Literal["5000"], Word], Few]
    login: Word
    placed: bool


class EngineInfo(_Shape):
    """What an engine says of itself."""

    version: Word
    security: Annotated[list[Word], Few]
    snapshotter: Word
    swarm: bool


class Engine(_Shape):
    """What `on_server/engine.py` reads."""

    daemon: Word
    lacks: Annotated[list[Word], Few]
    snap: bool
    excluding: Annotated[dict[Word, list[Word]], Few]
    known: bool
    active: bool
    enabled: bool
    marked: bool
    drop_ins: Annotated[list[Word], Few]
    flags: Annotated[list[Text], Few]
    settings: Annotated[dict[Word, Any], Few]
    unreadable: Word
    containers: Annotated[list[tuple[Word, Word, Word, Text]], pydantic.Field(max_length=20_000)]
    networks: Annotated[list[Word], pydantic.Field(max_length=20_000)]
    info: EngineInfo | Annotated[dict[Word, Any], pydantic.Field(max_length=0)] | None


class People(_Shape):
    """What `on_server/access.py` says of people who have keys and of others, and what our drop-in changes for them."""

    keyed: Annotated[list[tuple[Text, Text]], Few]
    others: Annotated[list[tuple[Text, Text]], Few]
    opened: Annotated[list[Text], Few]


class Space(_Shape):
    """The folder that is there of a path, bytes of its disk, and what is free: bytes, and files that can be made."""

    at: Word
    size: Count
    free: Count
    inodes: Count


class Way(_Shape):
    """To another gateway: its addresses, those that name servers know, why it failed, the certificate (Base64, DER)."""

    addresses: Annotated[list[Word], Few]
    dns: Annotated[list[Word], Few]
    failed: Word
    certificate: Annotated[str, pydantic.StringConstraints(max_length=20_000)]


class Answer(_Shape):
    """The document, as it came."""

    clock: Seconds
    machine: Word
    kernel: Word
    login: Word
    programs: Annotated[list[Word], Few]
    said: Annotated[dict[Word, Text], Few]
    files: Annotated[dict[Word, Text], Few]
    marks: Annotated[list[Word], Few]
    space: Annotated[dict[Word, Space], Few]
    accounts: Accounts
    engine: Engine
    people: People
    peers: Annotated[dict[Word, Way], Few]
    sources: Annotated[dict[Word, Word], Few]
    place: Word = ""
    seconds: Seconds


class Facts:
    """An answer, with what its texts mean. `clock_difference`: seconds that its clock is ahead, None unknown."""

    def __init__(self, answer: Answer, clock_difference: float | None = None) -> None:
        self.answer = answer
        self.clock_difference = clock_difference

    def said(self, name: str) -> str:
        """What a program printed; "" of one that is not there."""
        return self.answer.said.get(name, "")

    def file(self, path: str) -> str:
        """What a file has; "" of one that is not there."""
        return self.answer.files.get(path, "")

    def marked(self, path: str) -> bool:
        """Whether this path is there, of those that were looked for."""
        return path in self.answer.marks

    @functools.cached_property
    def release(self) -> dict[str, str]:
        """/etc/os-release."""
        return texts.assigned(self.file("/etc/os-release"))

    @functools.cached_property
    def flags(self) -> set[str]:
        """What the processor can do, in the kernel's words."""
        found = re.search(r"^flags\s*:(.*)$", self.file("/proc/cpuinfo"), re.MULTILINE)
        return set(found[1].split()) if found else set()

    @functools.cached_property
    def memory(self) -> int | None:
        """Bytes that there are, or that its container may use."""
        found = re.search(r"^MemTotal:\s+(\d{1,15}) kB", self.file("/proc/meminfo"), re.MULTILINE)
        limit = self.file("/sys/fs/cgroup/memory.max").strip()
        known = [int(found[1]) * 1024] if found else []
        known += [int(limit)] if re.fullmatch(r"[0-9]{1,15}", limit) else []
        return min(known) if known else None

    @functools.cached_property
    def mounts(self) -> dict[str, set[str]]:
        """Where something is mounted → with what options."""
        return texts.mounts(self.file("/proc/self/mountinfo"))

    def mounted(self, path: str) -> set[str]:
        """The options of the file system that a path is on."""
        at = max((one for one in self.mounts if texts.is_below(path, one)), key=len, default="/")
        return self.mounts.get(at, set())

    @functools.cached_property
    def packages(self) -> dict[str, str]:
        """Installed packages of those that were asked for, with their versions."""
        rows = (line.split("|") for line in self.said("packages").splitlines())
        return {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith(("ii", "hi"))}

    @functools.cached_property
    def units(self) -> dict[str, dict[str, str]]:
        """systemd's units by name, with LoadState, ActiveState, UnitFileState."""
        return texts.units(self.said("units"))

    def active(self, unit: str) -> bool:
        """Whether a unit runs."""
        return self.units.get(unit, {}).get("ActiveState") == "active"

    @functools.cached_property
    def sshd(self) -> dict[str, list[str]]:
        """Settings as sshd itself says them for the operator's login: name → values, one for each line of it."""
        return texts.sshd(self.said("sshd_login"))

    @functools.cached_property
    def listeners(self) -> list[texts.Listener]:
        """Who listens at TCP ports."""
        return texts.listeners(self.said("listeners"))

    @functools.cached_property
    def simulated(self) -> texts.Simulated:
        """What apt says that it would do to bring the packages of a station."""
        return texts.simulated(self.said("simulated"))

    @functools.cached_property
    def candidates(self) -> dict[str, str]:
        """Package → the version that would come; "" where apt knows none."""
        return texts.candidates(self.said("candidates"))

    @functools.cached_property
    def engine(self) -> Engine:
        """What there is of an engine."""
        return self.answer.engine


def read(text: str, asked: float, answered: float) -> Facts:
    """An answer that came between two moments of this machine's clock. Raises RefusedError when it is none."""
    try:
        answer = Answer.model_validate_json(text)
    except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
        raise errors.RefusedError(
            "what it says of itself cannot be read", "see that /usr/bin/python3 there is Debian's, then ask again"
        ) from error
    # The program looked at the clock at a moment between the two.
    early, late = answer.clock - answered, answer.clock - asked
    difference = early if early > 0 else late if late < 0 else 0.0
    return Facts(answer, difference)
