"""Stands where the follower of each server will: verifies what agents left, and has it in force."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from pathlib import Path, PurePath
from types import TracebackType

from base import errors
from publication import reading, trusted
from station_image.runtime.base import contract
from tests.harness.region import Region
from tests.harness.stations import Station, wait_until
from tests.publication import publications

EVERY = 0.2


class Followers:
    """Of the stations of a network, which all accepted publication 1."""

    def __init__(self, region: Region, network: str, names: tuple[str, ...], first: publications.Files) -> None:
        self.network = network
        self.stations = {name: region[name] for name in names}
        known = reading.read(first.get, PurePath("first"), network)[1]
        self._known: dict[str, trusted.Trusted] = dict.fromkeys(names, known)
        self.at: dict[str, float] = {}
        self.refused: dict[str, set[str]] = {name: set() for name in names}
        self._numbers = itertools.count(time.time_ns())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        for station in self.stations.values():
            self.publish(station, first)

    def __enter__(self) -> Followers:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)
        for station in self.stations.values():
            self._place(station).unlink()

    def publish(self, station: Station, made: publications.Files) -> None:
        """Have a publication in force at a station, in place of the one before: as root does, whole."""
        number = next(self._numbers)
        there = publications.put(station.root / f"publication.{number}", made)
        fresh = station.root / f"link.{number}"
        fresh.symlink_to(there)
        fresh.replace(self._place(station))
        self.at[station.organisation] = time.monotonic()

    def version(self, name: str) -> int:
        """Of the newest word that is in force at a station."""
        return _version(self._place(self.stations[name]))

    def wait_for(self, version: int, *names: str, seconds: float = 20.0) -> float:
        """Wait until it is in force at these; returns after how many seconds since now it was at the last of them."""
        begun = time.monotonic()
        wait_until(lambda: all(self.version(name) == version for name in names), f"publication {version}", seconds)
        return max(self.at[name] for name in names) - begun

    def copies(self, name: str) -> dict[str, Path]:
        """What peers gave, by peer."""
        root = self.stations[name].root
        found = (root / contract.RELAYED.format(network=self.network, peer="")).glob("[!.]*")
        return {path.name: path for path in sorted(found)}

    def _place(self, station: Station) -> Path:
        return station.root / "networks.d" / self.network / "publication"

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            for name, station in self.stations.items():
                for peer, place in self.copies(name).items():
                    self._look(name, station, peer, place)

    def _look(self, name: str, station: Station, peer: str, place: Path) -> None:
        seen = _inode(place)
        try:
            made = publications.gathered(place)
            _, known = reading.read(made.get, PurePath(peer), self.network, self._known[name])
        except (OSError, errors.WerkplaatsError):
            # Or it went, or was exchanged, half-way; or came before the agent knew that it is none newer.
            if seen and _inode(place) == seen and _version(place) > self.version(name):
                self.refused[name].add(peer)
            return
        if known != self._known[name]:
            self._known[name] = known
            self.publish(station, made)


def _inode(place: Path) -> int:
    with contextlib.suppress(OSError):
        return place.stat().st_ino
    return 0


def _version(place: Path) -> int:
    return int(json.loads((place / reading.NEWEST).read_text())["signed"]["version"])
