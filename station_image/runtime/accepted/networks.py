"""The definitions that this station's operator accepted, as files in networks.d; read again when they change.

Files are replaced atomically from outside. A file that cannot be used leaves the last good view of its network in
force, and `status` says so: a broken write must not stop a station that works. Only what such a file says of who is
cut counts still: it can take away, and add nothing. Who is told that a station left ends what it holds with it.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.journal import note
from . import delivered, tables
from .gateway import Gateway, GatewayError
from .statement import key_digest

QUESTIONS, TABLES = "questions.json", "tables.json"
LOOK_EVERY = 0.25
"""Seconds after which a change is seen though nobody asks."""
Stamp = tuple[tuple[str, int, int, int], ...]
Watcher = Callable[[str, str], None]
"""Told of the network and the id of a station that left it, or whose pinned key is another one now."""


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
    def home(self) -> str:
        """The network of which its gateway key is signed: in a federation stations are those of regional networks."""
        return self.id.rpartition(".")[0]

    @property
    def home_organisation(self) -> str:
        """The organisation as that network calls it."""
        return self.id.rpartition(".")[2]

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
    figures: tables.Tables = field(default_factory=dict)
    """What questions name beside their own parameters, by digest."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Question that was delivered and is none → why."""
    accepted: Mapping[str, str] = field(default_factory=dict)
    """Part of what the operator accepted → its digest; other stations are told, and compared by whoever verifies."""
    cut: Mapping[str, str] = field(default_factory=dict)
    """Id → organisation of those in the definition whose keys are not, or no longer, accepted here."""
    alternates: tuple[tuple[str, ...], ...] = ()
    """Other sets of computing parties, in order."""

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Every set of parties that may compute, in the order in which they are tried."""
        return self.computing, *self.alternates

    @property
    def computes(self) -> tuple[str, ...]:
        """Everybody who computes in one of the sets, those of the first set first."""
        return tuple(dict.fromkeys(one for parties in self.sets for one in parties))

    @property
    def problem(self) -> str:
        """Why nothing can be computed in this network; empty when it can."""
        problems = [self.missing(parties) for parties in self.sets]
        return problems[0] if all(problems) else ""

    def missing(self, parties: Iterable[str]) -> str:
        """Why a set of computing parties cannot compute; empty when it can."""
        missing = ", ".join(self.cut[party] for party in parties if party in self.cut)
        if not missing:
            return ""
        return (
            f"cannot compute: {missing} is cut, and without it fewer would guard the inputs; once {self.name} has a "
            "new certificate for it, or another computing party, the operator here says `werkplaats accept` and `up`"
        )

    @property
    def home(self) -> str:
        """The regional network of which this station's gateway has its certificate."""
        return self.stations[self.self_id].home

    @property
    def at_home(self) -> bool:
        """Whether it is that network itself, and no federation."""
        return self.home == self.name

    def is_computing(self, station: str) -> bool:
        """Whether `station` is a computing party of this network, in whichever set."""
        return station in self.computes

    def threshold_of(self, parties: Sequence[str]) -> int:
        """How many parties of one of the sets together still learn nothing; of another, -1."""
        if tuple(parties) == self.computing:
            return self.threshold
        return (len(parties) - 1) // 2 if tuple(parties) in self.alternates else -1

    def together(self, one: str, other: str) -> bool:
        """Whether two stations compute in one set: then both call the other."""
        return any(one in parties and other in parties for parties in self.sets)

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
        found.require(one.home, one.home_organisation, one.statement_key, one.gateway_serial)


class Networks:
    """All accepted networks; `current()` looks at the folder each time, which costs some microseconds per file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: Stamp | None = None
        self._views: dict[str, Network] = {}
        self._problems: dict[str, str] = {}
        self._gateway_uid = -1
        self._watchers: list[Watcher] = []

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

    def still(self, network: Network, station: str) -> bool:
        """Whether `station` is in this network yet, with the key that is pinned in `network`."""
        now = self.current().get(network.name)
        pinned = network.stations.get(station)
        return now is not None and pinned is not None and _keeps(pinned, now)

    @property
    def problem(self) -> str:
        """What cannot be used, and what is in force instead; empty when all can."""
        self._refresh()
        return "; ".join(self._problems.values())

    @property
    def gateway_uid(self) -> int:
        """The uid that the gateway runs under; no other may connect to the mesh socket."""
        self._refresh()
        return self._gateway_uid

    def watch(self, watcher: Watcher) -> None:
        """From now on tell `watcher` of every station that leaves."""
        self._watchers.append(watcher)

    async def keep(self) -> None:
        """Look again and again, so that whoever leaves is noticed where nobody asks."""
        while True:
            self._refresh()
            await asyncio.sleep(LOOK_EVERY)

    def _refresh(self) -> None:
        stamp = _stamp(self._folder)
        if stamp == self._stamp:
            return
        self._stamp, before = stamp, self._views
        self._problems = {}
        try:
            self._gateway_uid = _gateway_uid(self._folder / "host.json")
        except NetworkError as error:
            self._say("host.json", error, "the last good one stays in force" if self._gateway_uid >= 0 else "")
        paths = sorted(self._folder.glob("*/network.json"))
        views = (self._view(path, before.get(path.parent.name)) for path in paths)
        self._views = {view.name: view for view in views if view is not None}
        for view in self._views.values():
            for name, why in view.left_out.items():
                place = view.folder / QUESTIONS
                found = NetworkError(f"{place}: question {name!r}: {why}")
                self._say(f"{view.name}/{name}", found, "it waits, and all else goes on")
        note("networks-read", networks=",".join(self._views))
        for name, network in before.items():
            for station, member in network.stations.items():
                if name not in self._views or not _keeps(member, self._views[name]):
                    note("station-left", network=name, station=station)
                    for watcher in self._watchers:
                        watcher(name, station)

    def _view(self, path: Path, before: Network | None) -> Network | None:
        """The view in a file; where that cannot be used the one before it, less whom it says to be cut."""
        name = path.parent.name
        try:
            return _network(path)
        except NetworkError as error:
            self._say(name, error, "the last good one stays in force" if before else f"this station is not in {name}")
        if before is None:
            return None
        cut = {name: who for name, who in _cut(path).items() if name in before.stations and name != before.self_id}
        kept = {name: member for name, member in before.stations.items() if name not in cut}
        return dataclasses.replace(before, stations=kept, cut={**before.cut, **cut}) if cut else before

    def _say(self, what: str, error: NetworkError, instead: str) -> None:
        remedy = "`werkplaats up` writes it anew"
        self._problems[what] = "; ".join(filter(None, (f"networks.d cannot be used: {error}", instead, remedy)))
        note("networks-problem", why=self._problems[what])


def _keeps(member: Member, network: Network) -> bool:
    now = network.stations.get(member.id)
    return now is not None and now.statement_key == member.statement_key


def _gateway_uid(path: Path) -> int:
    try:
        return int(_read(path)["gateway_uid"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise error if isinstance(error, NetworkError) else NetworkError(f"{path}: {error!r}") from error


def _stamp(folder: Path) -> Stamp:
    stamp = []
    names = ("host.json", *(f"*/{name}" for name in ("network.json", QUESTIONS, TABLES)))
    for path in (path for name in names for path in sorted(folder.glob(name))):
        try:
            seen = path.stat()
        except OSError:
            continue
        stamp.append((str(path), seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return tuple(stamp)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise NetworkError(f"{path}: cannot be read as JSON") from error
    if not isinstance(content, dict):
        raise NetworkError(f"{path}: not an object")
    return content


def _network(path: Path) -> Network:
    content = _read(path)
    questions, left_out = _questions(path.with_name(QUESTIONS))
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
            alternates=tuple(tuple(map(str, parties)) for parties in content.get("computing_alternates", ())),
            stations=stations,
            folder=path.parent,
            accepted={str(part): str(digest) for part, digest in content.get("accepted", {}).items()},
            questions=questions,
            left_out=left_out,
            figures=tables.check(_read(path.with_name(TABLES)) if path.with_name(TABLES).exists() else {}),
            cut={str(name): str(row["organisation"]) for name, row in content.get("cut", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NetworkError(f"{path}: {error!r}") from error
    if network.name != path.parent.name:
        raise NetworkError(f"{path}: is of network {network.name!r}")
    if network.self_id not in stations or not set(network.computes) <= stations.keys() | network.cut.keys():
        raise NetworkError(f"{path}: names a station that is not among its stations")
    if stations.keys() & network.cut.keys():
        raise NetworkError(f"{path}: has a key for a station that is cut")
    for parties in network.sets:
        threshold = network.threshold_of(parties)
        if len(set(parties)) != len(parties) or not 0 < 2 * threshold < len(parties):
            raise NetworkError(f"{path}: threshold {threshold} with {len(parties)} computing parties")
    return network


def _cut(path: Path) -> dict[str, str]:
    """Id → organisation of those whom a file that cannot be used says to be cut, as far as that can be read."""
    try:
        rows = _read(path).get("cut")
    except NetworkError:
        return {}
    rows = rows if isinstance(rows, dict) else {}
    return {
        name: str(row["organisation"]) for name, row in rows.items() if isinstance(row, dict) and "organisation" in row
    }


def _questions(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The questions that were delivered, by name, and why others are none; the file is missing where there is none."""
    if not path.exists():
        return {}, {}
    found = _read(path)
    if not all(isinstance(one, dict) and one.get("question") == name for name, one in found.items()):
        raise NetworkError(f"{path}: not questions by name")
    left_out = {name[:60]: why for name, one in found.items() if (why := delivered.wrong(one))}
    return {name: one for name, one in found.items() if not delivered.wrong(one)}, left_out


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
