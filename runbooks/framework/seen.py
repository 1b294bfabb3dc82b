"""What was seen of a network at one moment, as data: written as JSON and read again, so that diagnosis is pure.

Others wrote parts of it: every text in here is one printable line and short, whatever it was, and no number is beyond
what it counts. So nobody who says something of itself writes a line of advice about another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pydantic

from base import errors

Answers = Literal["yes", "silent", "hangs"]
"""Silent: nobody listens. Hangs: the call is taken, and nothing is said."""


Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]


class _Form(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")
    RAW: ClassVar[frozenset[str]] = frozenset()
    """Fields that are kept as they were said: for programs to read, and never shown as they are."""

    @pydantic.field_validator("*", mode="after")
    @classmethod
    def _lines(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        return value if info.field_name in cls.RAW else _line(value)


def _line(value: Any) -> Any:
    """The same with every text in it as `text` has it."""
    match value:
        case str():
            return text(value)
        case tuple():
            return tuple(_line(one) for one in value)
        case dict():
            return {_line(name): _line(one) for name, one in value.items()}
        case _:
            return value


class Unit(_Form):
    """A unit of systemd, in its own words (systemctl(1)); `restarts` is how often it was started by itself."""

    active: str
    sub: str = ""
    result: str = ""
    enabled: str = ""
    restarts: int = 0

    @property
    def runs(self) -> bool:
        """Whether it does what it is there for; a timer waits."""
        return self.active == "active"


class Container(_Form):
    """A container of the station, in the engine's own words."""

    state: str
    image: str = ""
    restarts: int = 0
    code: int = 0

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.state == "running"


class Disk(_Form):
    """A file system: bytes and inodes."""

    size: Count
    free: Count
    inodes: Count = 0
    inodes_free: Count = 0
    read_only: bool = False

    @property
    def used(self) -> int:
        """Per cent of it that is used, of bytes or of inodes, whichever is more."""
        inodes = 100 - 100 * self.inodes_free // self.inodes if self.inodes else 0
        return max(100 - 100 * self.free // self.size if self.size else 0, inodes)


class Way(_Form):
    """A call from a server to the gateway of a peer, outside the station: `why` is empty where TLS was spoken.

    `issuer` is who signed what was shown there, `ours` whether that is a CA of this network. `port`, `name` and
    `defined` are the definition's: the name that is called, and the addresses that are to be behind it, if it has any.
    `taken`: whether the call was taken, whatever became of TLS then. `seconds`: how long one took. It is made
    some times: `again` is in how many of these something had to be sent once more.
    """

    name: str = ""
    port: int = 0
    defined: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    why: str = ""
    refused: bool = False
    taken: bool = False
    issuer: str = ""
    ours: bool = True
    seconds: float = 0.0
    again: int = 0


class Said(_Form):
    """What a program on a server said; 124 is one that did not end in time, 127 one that is not there."""

    RAW = frozenset({"said"})
    code: int
    said: str = ""
    error: str = ""


class Server(_Form):
    """One server of this operator and the station on it; where it was not `reached` nothing but `why` is known."""

    reached: bool
    why: str = ""
    clock: float = 0.0
    """Seconds by which it is ahead of this machine."""
    synchronised: bool = True
    up: float = 0.0
    """Seconds since it booted."""
    units: Mapping[str, Unit] = {}
    engine: str = ""
    """Why the container engine does not answer; empty where it does."""
    containers: Mapping[str, Container] = {}
    """By part: agent, computer. One that is not there is not in it."""
    processes: Mapping[str, tuple[str, ...]] = {}
    """By part: the states of its processes, as ps(1) has them."""
    disks: Mapping[str, Disk] = {}
    agent: Answers = "yes"
    computer: Answers = "yes"
    release: str = ""
    accepted: tuple[str, ...] = ()
    """The images of the releases that its operator accepted, by what lies on it."""
    problem: str = ""
    """What the station's own status says is wrong with this network."""
    register_problem: str = ""
    peers: Mapping[str, int | None] = {}
    """Organisation → seconds since the agent heard of it; None: never since it started."""
    follower: tuple[str, ...] = ()
    """What the follower itself says keeps it from following."""
    stopped: bool = False
    """Whether somebody told the follower to stop."""
    loaded: str = ""
    """Why what the gateway loaded is not what lies on disk; empty where it is."""
    certificate_days: int | None = None
    certificate_life: int | None = None
    list_days: int | None = None
    list_life: int | None = None
    cut: tuple[str, ...] = ()
    ways: Mapping[str, Way] = {}
    """Organisation → a call to its gateway."""
    also: Mapping[str, Said] = {}
    """What runbooks asked for by their ASKS."""

    def unit(self, name: str) -> Unit:
        """One of its units; one that nobody told of is not there."""
        return self.units.get(name, Unit(active="unknown"))


class Link(_Form):
    """A directed link, as the source's agent found it when it called the target."""

    source: str
    target: str
    ok: bool
    why: str = ""
    ms: int = 0

    @property
    def name(self) -> str:
        """As incidents are about it."""
        return link(self.source, self.target)


class Here(_Form):
    """What lies with the operator, at its desk."""

    publication: int | None = None
    publication_wrong: str = ""
    publication_days: int | None = None
    """Days until the coordinator's word ends."""
    certificates: Mapping[str, int] = {}
    """Organisation → days until the certificate ends that is published for it."""
    list_days: int | None = None
    """Days until the revocation list ends that is published."""
    images: tuple[str, ...] = ()
    """The images that are known here: of what is published, of described releases, and what `up` put on servers."""
    late: str = ""
    """What was decided and is not published."""
    stacks: Mapping[str, str] = {}
    """Stack (stations, servers) → what is wrong with its Pulumi state: empty where it can be read."""
    coordinates: bool = False
    """Whether the CA of the network lies here."""
    out: Mapping[str, str] = {}
    """Organisation → why no other station lets it in any more."""


class Seen(_Form):
    """A network at one moment. Servers of other operators are not in it."""

    network: str
    at: str
    servers: Mapping[str, Server] = {}
    links: tuple[Link, ...] = ()
    here: Here = Here()

    def reached(self) -> dict[str, Server]:
        """The servers that could be asked."""
        return {name: one for name, one in self.servers.items() if one.reached}

    def link(self, source: str, target: str) -> Link | None:
        """What its source found of a link; None of one that nobody here could try."""
        return next((one for one in self.links if (one.source, one.target) == (source, target)), None)

    def json_text(self) -> str:
        """As it is kept."""
        return self.model_dump_json(indent=1)

    @classmethod
    def read(cls, text: str | bytes) -> Seen:
        """As it was kept. Raises ValueError."""
        return cls.model_validate_json(text)


ARROW = " → "


def link(source: str, target: str) -> str:
    """What an incident of a link is about."""
    return f"{source}{ARROW}{target}"


def ends(subject: str) -> frozenset[str]:
    """The organisations of a subject: one of an organisation, two of a link; a network is itself."""
    return frozenset(subject.split(ARROW))


def text(said: Any, longest: int = 300) -> str:
    """A text of others as it may be kept and shown."""
    return " ".join(errors.printable(errors.shortened(str(said), longest)).split())[:longest].strip()
