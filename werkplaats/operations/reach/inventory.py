"""The operator's inventory: how it reaches the servers that it runs. Reviewable text, never published, no secrets."""

from __future__ import annotations

import ipaddress
import re
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
import pydantic_core
import yaml

from base import errors, files
from network_topology import source
from network_topology.violation import DefinitionError
from werkplaats.operations.reach import windows
from werkplaats.operations.reach.here import account
from werkplaats.operations.reach.servers import Server

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
USER = "beheer"
LONGEST_KEY = 4_000  # characters of a line of a public key; one of RSA with 16,384 bits has 2,800
# What stands in an ssh_config as it is: a line break begins a setting, a dash an option, % a token (ssh_config(5)).
WORD = r'^[^\s\p{C}"%-][^\s\p{C}"%]*$'


def _range(text: str) -> str:
    """A range of addresses, printed anew: a zone would be taken as it stands, whatever stands in it."""
    found = ipaddress.ip_network("" if "%" in text else text)
    if not found.prefixlen:
        raise ValueError("that is everybody; give the range from which the router in front of the server calls")
    return str(found)


Range = Annotated[str, pydantic.AfterValidator(_range)]


Managed = Literal["accounts", "sshd", "firewall", "time", "engine", "journal", "updates"]

# ssh reaches a host that is jumped over by a command of a shell.
JUMP = r"^[A-Za-z0-9_\[][A-Za-z0-9_.@:,+\[\]-]*$"


# What age-keygen prints: a public key in Bech32 (BIP 173), of which no 1, b, i or o follows its beginning. Those of
# tokens want a program of their own on the server.
Recipient = Annotated[str, pydantic.Field(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]
# It stands in a unit's settings, and no folder of ours lies above it.
FOLDER = r"^/(?:mnt|media|srv|var/backups)(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"


class Account(pydantic.BaseModel):
    """Who logs in as steward or scientist of an organisation, and from where."""

    model_config = pydantic.ConfigDict(extra="forbid")

    keys: list[str] = pydantic.Field(description="Public keys, as in a file that ends in .pub")
    ranges: list[str] = pydantic.Field(alias="from", min_length=1, description="Address ranges of the organisation")


class Backup(pydantic.BaseModel):
    """Backups of a station, which its server makes by itself."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    recipients: tuple[Recipient, ...] = pydantic.Field(
        min_length=1, description="Public keys of age: to whom it is encrypted"
    )
    to: str = pydantic.Field(
        default="/var/backups/werkplaats", pattern=FOLDER, description="Folder of the server, or mounted there"
    )
    every: int = pydantic.Field(default=24, ge=1, le=168, description="Hours between two")
    keep: int = pydantic.Field(default=14, ge=2, le=1000, description="How many stay in that folder")
    data: bool = pydantic.Field(default=False, description="Whether what people brought, and results, are in it")


def _address(text: str) -> str:
    """An address of one server, printed anew."""
    found = ipaddress.ip_address("" if "%" in text else text)
    if found.is_unspecified or found.is_multicast:
        raise ValueError("give one address of the server: what listens there asks nobody who it is")
    return str(found)


# It may hold a secret of the receiver's, and no name or password of ours: those have no place in an address.
RECEIVER = r"^(?:https://[a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?/[A-Za-z0-9._~/?=&%+:,-]*)?$"


class Monitoring(pydantic.BaseModel):
    """What a server tells of its station: states and moments, and nothing of what is computed."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    every: int = pydantic.Field(default=60, ge=15, le=600, description="Seconds between two looks")
    exporter: bool = pydantic.Field(default=True, description="Whether it is to run Debian's node exporter")
    address: Annotated[str, pydantic.AfterValidator(_address)] = pydantic.Field(
        default="127.0.0.1", description="Where node exporter listens: one address of the server"
    )
    port: int = pydantic.Field(default=9100, ge=1024, le=65535)
    tell: str = pydantic.Field(
        default="", pattern=RECEIVER, max_length=500, description="Receiver of what begins and ends, of https"
    )


class Entry(pydantic.BaseModel):
    """One server in `servers.yml`."""

    model_config = pydantic.ConfigDict(extra="forbid")

    here: bool = pydantic.Field(default=False, description="Whether it is the machine that the command runs on")
    host: str = pydantic.Field(default="", pattern=WORD, description="Name or address that this operator logs in to")
    host_key: str = pydantic.Field(
        default="", pattern=FINGERPRINT.pattern, description="Fingerprint of the Ed25519 host key"
    )
    user: str | None = pydantic.Field(default=None, pattern=WORD, description="Login; beheer where not said")
    port: int = pydantic.Field(default=22, ge=1, le=65535)
    jump: str | None = pydantic.Field(default=None, pattern=JUMP)
    key: Path | None = None
    seen_from: tuple[Range, ...] = pydantic.Field(
        default=(), description="From where callers of the mesh arrive, behind a router that translates their addresses"
    )
    follower_every: int | None = pydantic.Field(
        default=None, ge=5, le=86_400, description="Seconds between two looks for what is published; 300 where not said"
    )
    updates_within: int | None = pydantic.Field(
        default=None, ge=1, le=90, description="Days within which it has a security update; 14 where not said"
    )
    upgrades: windows.Rule | None = pydantic.Field(
        default=None, description="What its operator says yes to beforehand; where nothing is said each waits for a yes"
    )
    backup: Backup | None = pydantic.Field(default=None, description="Backups of the station; none where not said")
    monitoring: Monitoring | None = pydantic.Field(
        default=None, description="What it tells of its station; nothing where not said"
    )
    people: dict[Literal["steward", "scientist"], Account] = {}
    managed: dict[Managed, bool] = pydantic.Field(
        default={}, description="Parts of the server that are its owner's: false; these are only checked"
    )

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> Self:
        said = [name for name in _WAY if name in self.model_fields_set]
        if self.here and said:
            raise ValueError(
                f"`here: true` says that this machine is the server, and {', '.join(said)} how another one reaches it; "
                "take out one of the two"
            )
        if lacking := [name for name in _WAY[:2] if name not in said and not self.here]:
            raise ValueError(
                f"it has no {' and no '.join(lacking)}; write `host` and `host_key`, or `here: true` where this "
                "machine is the server itself"
            )
        return self


_WAY = ("host", "host_key", "port", "jump", "key")
"""What another machine needs to know to reach a server, and the server itself does not; the first two it must."""
ELSEWHERE = f"{', '.join(f'`{name}`' for name in _WAY[:-1])} and `{_WAY[-1]}`"
SAID = ("seen_from", "follower_every", "updates_within", "upgrades", "backup", "monitoring", "managed")
"""What its operator says of a server, also of one that is made here: all else of that follows from the definition."""
_ENTRIES = pydantic.TypeAdapter(dict[str, Entry])


def read(path: Path) -> tuple[Server, ...]:
    """Read `servers.yml`; raises UsageError with file and field where it is not as it should be."""
    if not path.exists():
        raise errors.UsageError(
            f"{path} is not there; write how you reach the servers that you run, one entry an organisation: "
            'gelre: {host: station.gelre.example, user: beheer, host_key: "SHA256:…"}; on the server '
            "itself `werkplaats doctor NETWORK --here ORGANISATION` writes it"
        )
    found = _tree(path.resolve())
    try:
        entries = _ENTRIES.validate_python(found)
    except pydantic.ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
        )
        raise errors.UsageError(f"{path}: {told}") from error
    named = [organisation for organisation, entry in entries.items() if entry.here]
    if len(named) > 1:
        what = f"{path}: {' and '.join(named)} have `here: true`, and this machine is one server"
        raise errors.UsageError(what, "write `host` and `host_key` of the others")
    return tuple(_server(organisation, entry) for organisation, entry in entries.items())


def _server(organisation: str, entry: Entry) -> Server:
    user = entry.user or (account() if entry.here else USER)
    said = entry.model_dump(by_alias=True)
    return Server(**{**said, "organisation": organisation, "user": user, "upgrades": entry.upgrades})


def _tree(path: Path) -> dict[str, object]:
    """What the file says; a file of comments alone names no server."""
    try:
        tree, _, violations = source.read(path, LONGEST_KEY)
    except DefinitionError as error:
        if [violation.rule for violation in error.violations] == ["empty"]:
            return {}
        violations = list(error.violations)
        tree = {}
    if violations:
        raise errors.UsageError(f"{path} is not readable as YAML: {DefinitionError(violations)}", "write it right")
    return tree


def said_here() -> dict[str, object]:
    """What `servers.yml` says of a server on that server itself.

    With the login that runs this: root, or a timer of root's, would else be the operator's login when it runs it.
    """
    return {"here": True, "user": account()}


def line(organisation: str, said: Mapping[str, object]) -> str:
    """An entry of `servers.yml`, as one line."""
    return str(yaml.safe_dump({organisation: {**said}}, default_flow_style=None, sort_keys=False, width=LONGEST_KEY))


def say(path: Path, added: str) -> None:
    """Add a line, below what the file says, with its comments. Raises UsageError where it cannot stand there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.resolve()
    text, mode = (place.read_text(), stat.S_IMODE(place.stat().st_mode)) if place.exists() else ("", 0o600)
    text += "" if text.endswith("\n") or not text else "\n"
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder, path.name)
        tried.write_text(text + added)
        try:
            read(tried)
        except errors.UsageError as error:
            raise errors.UsageError(
                f"{path} is written so that no line can be added", f"add {added.strip()} by hand"
            ) from error
    files.write_atomically(place, (text + added).encode(), mode=mode)


def write(path: Path, servers: Iterable[Server]) -> None:
    """Write `servers.yml`, for the servers of a sandbox; one that says this already is left alone."""
    entries = {
        server.organisation: {
            "host": server.host,
            "host_key": server.host_key,
            "user": server.user,
            "port": server.port,
            **({"key": str(server.key)} if server.key else {}),
            **{
                name: pydantic_core.to_jsonable_python(value)
                for name in (*SAID, "people")
                if (value := getattr(server, name))
            },
        }
        for server in servers
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(entries, sort_keys=True)
    if not path.exists() or path.read_text() != text:
        files.write_atomically(path, text.encode(), mode=0o600)
