"""The definitions that this station's operator accepted, as files in networks.d; read again when they change.

Files are replaced atomically from outside. A file that cannot be used leaves the last good view in force, and `status`
says so: a broken write must not stop a station that works.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.journal import note
from .gateway import Gateway, GatewayError
from .statement import key_digest

QUESTIONS = "questions.json"
Stamp = tuple[tuple[str, int, int, int], ...]


class NetworkError(ValueError):
    """A file in networks.d that is missing or not as it must be."""


@dataclass(frozen=True)
class Member:
    """One station of a network, as the accepted definition names it."""

    id: str
    organisation: str
    name: str
    contributes: bool
    inbound: bool
    statement_key: bytes
    gateway_serial: int
    """Of the statements about its gateway key: none below it is taken."""

    @property
    def key_digest(self) -> str:
        """SHA-256 of the pinned statement key."""
        return key_digest(self.statement_key)


@dataclass(frozen=True)
class Network:
    """A network as seen from this station."""

    name: str
    definition: str
    release: str
    self_id: str
    coordinator: str
    computing: tuple[str, ...]
    threshold: int
    stations: dict[str, Member]
    folder: Path
    questions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def is_computing(self, station: str) -> bool:
        """Whether `station` is a computing party of this network."""
        return station in self.computing

    def own_gateway(self) -> Gateway:
        """What our own gateway shows, read at use: it changes with each renewal.

        Raises NetworkError where it is not of the key that this station signed: then somebody else's key lies there.
        """
        path = self.folder / "gateway.json"
        try:
            found = Gateway.read(json.loads(path.read_text()))
            self.require_gateway(self.self_id, found)
        except GatewayError as error:
            raise NetworkError(f"{path}: this station {error}; run gateway-reload, and see what it says") from error
        except (OSError, ValueError, RecursionError) as error:
            raise NetworkError(f"{path}: no fingerprint of the own gateway; run gateway-reload") from error
        return found

    def require_gateway(self, station: str, found: Gateway) -> None:
        """Raise GatewayError unless this is the gateway of a station, by its pinned statement key."""
        one = self.stations[station]
        found.require(self.name, one.organisation, one.statement_key, one.gateway_serial)


@dataclass
class Networks:
    """All accepted networks; `current()` looks at the folder each time, which costs some microseconds per file."""

    folder: Path
    problem: str = ""
    _stamp: Stamp | None = None
    _views: dict[str, Network] = field(default_factory=dict)
    _gateway_uid: int = -1

    def current(self) -> dict[str, Network]:
        """Networks by name."""
        self._refresh()
        return self._views

    def find(self, name: str) -> Network:
        """The network `name`. Raises NetworkError when this station is not in it."""
        found = self.current().get(name)
        if found is None:
            raise NetworkError(f"this station accepted no network {name!r}")
        return found

    @property
    def gateway_uid(self) -> int:
        """The uid that the gateway runs under; no other may connect to the mesh socket."""
        self._refresh()
        return self._gateway_uid

    def _refresh(self) -> None:
        stamp = _stamp(self.folder)
        if stamp == self._stamp:
            return
        try:
            host = _read(self.folder / "host.json")
            views = [_network(path) for path in sorted(self.folder.glob("*/network.json"))]
            gateway_uid = int(host["gateway_uid"])
        except (NetworkError, KeyError, TypeError, ValueError) as error:
            self.problem = f"networks.d cannot be used, the last good one stays in force: {error!s}"
            note("networks-problem", why=self.problem)
        else:
            self._views, self._gateway_uid, self.problem = {view.name: view for view in views}, gateway_uid, ""
            note("networks-read", networks=",".join(self._views))
        self._stamp = stamp


def _stamp(folder: Path) -> Stamp:
    stamp = []
    for path in (folder / "host.json", *sorted(folder.glob("*/network.json")), *sorted(folder.glob(f"*/{QUESTIONS}"))):
        try:
            seen = path.stat()
        except OSError:
            continue
        stamp.append((str(path), seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return tuple(stamp)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NetworkError(f"{path}: cannot be read as JSON") from error
    if not isinstance(content, dict):
        raise NetworkError(f"{path}: not an object")
    return content


def _network(path: Path) -> Network:
    content = _read(path)
    try:
        stations = {name: _member(name, row) for name, row in content["stations"].items()}
        network = Network(
            name=str(content["network"]),
            definition=str(content["definition"]),
            release=str(content["release"]),
            self_id=str(content["self"]),
            coordinator=str(content["coordinator"]),
            computing=tuple(map(str, content["computing"])),
            threshold=int(content["threshold"]),
            stations=stations,
            folder=path.parent,
            questions=_questions(path.with_name(QUESTIONS)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NetworkError(f"{path}: {error!r}") from error
    parties = len(network.computing)
    if network.self_id not in stations or not set(network.computing) <= set(stations):
        raise NetworkError(f"{path}: names a station that is not among its stations")
    if len(set(network.computing)) != parties or not 0 < 2 * network.threshold < parties:
        raise NetworkError(f"{path}: threshold {network.threshold} with {parties} computing parties")
    return network


def _questions(path: Path) -> dict[str, dict[str, Any]]:
    """The questions that were delivered, by name; the file is missing where there is none."""
    if not path.exists():
        return {}
    found = _read(path)
    if not all(isinstance(one, dict) and one.get("question") == name for name, one in found.items()):
        raise NetworkError(f"{path}: not questions by name")
    return found


def _member(name: str, row: dict[str, Any]) -> Member:
    key = base64.b64decode(row["statement_key"], validate=True)
    if len(key) != 32:
        raise NetworkError(f"the statement key of {name} is not 32 bytes")
    return Member(
        id=name,
        organisation=str(row["organisation"]),
        name=str(row.get("name", row["organisation"])),
        contributes=bool(row["contributes"]),
        inbound=bool(row["inbound"]),
        statement_key=key,
        gateway_serial=int(row["gateway_serial"]),
    )
