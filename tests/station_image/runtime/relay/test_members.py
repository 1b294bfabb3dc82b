"""In a federation stations pass on what each of its members publishes: news of one region reaches all others."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime.accepted.networks import Network, Networks
from station_image.runtime.base.documents import canonical
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.relay import room, taking
from station_image.runtime.relay.relay import Relay
from station_image.runtime.relay.shape import MOST_MEMBERS, Item, Listing, Versions, Whose
from station_image.runtime.relay.shelf import Copies
from station_image.runtime.wire import frames
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.hello import Caller
from tests.publication import publications
from tests.station_image.runtime.neighbours import run, until
from tests.station_image.runtime.relay.hostile import garbage
from tests.station_image.runtime.relay.wired import FILES, NEWER, Hostile, Wired, rest

KRING, OOST, WEST = "kring", "oost", "west"
STATIONS = ("oost.a", "oost.b", "west.c")
MAKERS = {name: publications.Maker(name) for name in (KRING, OOST, WEST)}


class Station:
    """One that is in a region and in the federation; publication 1 of each is verified on its server."""

    def __init__(self, name: str, root: Path, stations: dict[str, Any]) -> None:
        self.name, self.home = name, name.partition(".")[0]
        self.networks_d, self.folder = root / "networks.d", root / "relayed"
        for network in (KRING, self.home):
            self._view(network)
        for of in (KRING, OOST, WEST):
            self.publish(of, MAKERS[of].relayed(FILES, 1))
        self.networks = Networks(self.networks_d)
        self.peers = Wired(name, stations)
        self.relay = Relay(self.networks, self.peers, self.folder)  # type: ignore[arg-type]
        self.answers = Answers()
        self.relay.answer_in(self.answers)
        stations[name] = self

    def _view(self, network: str) -> None:
        row = {"contributes": True, "inbound": True, "gateway_serial": 1}
        keys = {one: base64.b64encode(one.encode().zfill(32)).decode() for one in STATIONS}
        ids = [one for one in STATIONS if network in (KRING, one.partition(".")[0])]
        view = {
            **{
                "network": network,
                "definition": "sha256:0",
                "release": "",
                "coordinator": ids[0],
                "threshold": (len(ids) - 1) // 2,
            },
            **{"self": self.name, "computing": ids, "accepted": {}},
            "stations": {
                one: {**row, "organisation": one.replace(".", "/"), "statement_key": keys[one]} for one in ids
            },
        }
        (self.networks_d / network).mkdir(parents=True)
        (self.networks_d / network / "network.json").write_text(json.dumps(view))

    def place(self, of: str) -> Path:
        if of in (KRING, self.home):
            return self.networks_d / of / "publication"
        return self.networks_d / KRING / "members" / of

    def publish(self, of: str, made: publications.Files) -> None:
        """Have it as verified on this server."""
        fresh = publications.put(self.place(of).with_name(f".{of}"), made)
        if self.place(of).exists():
            self.place(of).rename(self.place(of).with_name(f".{of}.{id(made)}"))
        fresh.rename(self.place(of))

    @property
    def network(self) -> Network:
        return self.networks.find(KRING)

    async def told(self, caller: str, kind: str, content: Any) -> dict[str, Any]:
        asked = Caller(self.network, caller, {"kind": kind})
        answer = await self.answers._kinds[kind].handler(asked, frames.parse(canonical(content)), b"")
        return answer or {"ok": True}

    async def step(self) -> None:
        for whose in await self.relay._giving.refresh():
            self.relay._taking.proved(whose.network)
        await self.relay._taking.tidy()
        self.relay._taking.again()
        self.relay.tell(KRING)
        await rest()

    def copies(self, of: str) -> dict[str, publications.Files]:
        return {path.name: publications.gathered(path) for path in sorted((self.folder / of).glob("[!.]*"))}


@pytest.fixture
def stations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(taking, "PAUSE", 0.0)
    found: dict[str, Any] = {}
    for name in STATIONS:
        Station(name, tmp_path / name, found)
    return found


async def begun(stations: dict[str, Any]) -> tuple[Station, Station, Station]:
    """All have looked at what they have, before anybody tells."""
    for name in STATIONS:
        await stations[name].relay._giving.refresh()
    a, b, c = (stations[name] for name in STATIONS)
    return a, b, c


def test_what_a_region_publishes_reaches_another_one_over_the_federation_and_goes_on(stations: dict[str, Any]) -> None:
    newer = MAKERS[WEST].relayed(NEWER, 2)

    async def work() -> None:
        a, b, c = await begun(stations)
        c.publish(WEST, newer)
        await c.step()
        assert a.copies(WEST) == b.copies(WEST) == {"kring+west.c": newer}
        assert a.copies(KRING) == a.copies(OOST) == {}
        a.publish(WEST, newer)  # once its follower verified it
        await a.step()
        assert a.copies(WEST) == {}, "it is no news any more"
        assert b.copies(WEST) == {"kring+oost.a": newer, "kring+west.c": newer}

    run(work())


def test_what_the_own_region_publishes_comes_back_over_another_one(stations: dict[str, Any]) -> None:
    """Where the links inside a region are down; its follower finds it where it finds all of that network."""
    newer = MAKERS[OOST].relayed(NEWER, 2)

    async def work() -> None:
        a, b, c = await begun(stations)
        a.publish(OOST, newer)
        await a.step()
        assert b.copies(OOST) == {}, "stations of one region tell each other in its own network"
        assert c.copies(OOST) == {"kring+oost.a": newer}
        c.publish(OOST, newer)
        await c.step()
        assert b.copies(OOST) == {"kring+west.c": newer}

    run(work())


def test_a_release_of_before_is_told_and_asked_as_before(stations: dict[str, Any]) -> None:
    async def work() -> None:
        a, _, _ = await begun(stations)
        asked: list[tuple[str, dict[str, Any]]] = []
        newer = MAKERS[KRING].relayed(NEWER, 2)

        async def told(kind: str, content: Any) -> dict[str, Any]:
            asked.append((kind, dict(content)))
            return {"versions": [1, 1, 1]}

        Hostile("west.c", stations, told)
        a.publish(WEST, MAKERS[WEST].relayed(NEWER, 2))
        a.publish(KRING, newer)
        await a.step()
        assert [kind for kind, _ in asked] == ["publication"]
        assert (await a.told("west.c", "publication", {"versions": [1, 1, 1]}))["versions"] == [1, 2, 2]
        listing = await a.told("west.c", "publication-list", {})
        assert {name for name, *_ in listing["files"]} == {*newer}, "the federation's own"

    run(work())


def test_a_peer_that_hangs_is_asked_for_one_publication_at_a_time(stations: dict[str, Any]) -> None:
    """Gains without it: one peer holds all places, one with each member, and nobody else is asked meanwhile."""

    async def work() -> None:
        a, _, _ = await begun(stations)
        asked: list[str] = []
        over = asyncio.Event()

        async def told(kind: str, _: Any) -> dict[str, Any]:
            asked.append(kind)
            if kind == "publication-list":
                await over.wait()
            return {"versions": [1, 9, 9], "members": {OOST: [1, 9, 9], WEST: [1, 9, 9]}}

        Hostile("west.c", stations, told)
        a.relay.tell(KRING)
        await until(lambda: "publication-list" in asked)
        a.relay._taking.again()
        await asyncio.sleep(0.05)
        assert asked == ["publication", "publication-list"]
        over.set()
        await rest()

    run(work())


def test_a_member_that_this_station_knows_nothing_of_is_not_taken(stations: dict[str, Any]) -> None:
    """Gains: a peer fills a disk with publications of networks that it makes up."""

    async def work() -> None:
        a, _, _ = await begun(stations)
        asked: list[str] = []

        async def told(kind: str, _: Any) -> dict[str, Any]:
            asked.append(kind)
            return {"versions": [1, 1, 1], "members": {f"m{number}": [1, 9, 9] for number in range(MOST_MEMBERS)}}

        Hostile("west.c", stations, told)
        await a.step()
        assert asked == ["publication"]
        assert {path.name for path in a.folder.glob("*")} <= {KRING, OOST, WEST}
        with pytest.raises(RefusedError, match="no publication is here"):
            await a.told("west.c", "publication-list", {"of": "m1"})

    run(work())


@pytest.mark.parametrize(
    "members", [[], "x", {WEST: [1, 2]}, {WEST: 1}, {f"m{number}": [1, 1, 1] for number in range(MOST_MEMBERS + 1)}]
)
def test_what_is_none_is_refused(stations: dict[str, Any], members: Any) -> None:
    async def work() -> None:
        a, _, _ = await begun(stations)
        with pytest.raises(RefusedError):
            await a.told("west.c", "publication", {"versions": [1, 1, 1], "members": members})
        for of in cast("tuple[Any, ...]", (1, None, [])):
            with pytest.raises(RefusedError, match="no publication is here"):
                await a.told("west.c", "publication-list", {"of": of})

    run(work())


def test_the_copies_of_all_members_share_the_room_of_the_federation(tmp_path: Path) -> None:
    """Gains without it: a peer fills as many rooms as there are members."""
    copies = Copies(tmp_path / "relayed")
    copies._folder.mkdir()
    half = Listing((Item("metadata/timestamp.json", room.ROOM // 2 + 1, "0" * 64),))
    copies.arrive(Whose(KRING, WEST), "west.c", half)
    copies.keep(Whose(KRING, WEST), "west.c", Versions(1, 2, 2), half)
    copies.settle(Whose(KRING, WEST), "west.c")
    with pytest.raises(OSError, match="and those of other peers leave"):
        copies.arrive(Whose(KRING, OOST), "west.c", half)
    copies.arrive(Whose(OOST, OOST), "oost.b", half)


def test_a_peer_that_claims_and_gives_garbage_of_a_member_hides_nothing(stations: dict[str, Any]) -> None:
    newer = MAKERS[WEST].relayed(NEWER, 2)

    async def work() -> None:
        a, b, c = await begun(stations)
        b.publish(WEST, garbage())
        await b.step()
        c.publish(WEST, newer)
        await c.step()
        assert a.copies(WEST) == {"kring+oost.b": garbage(), "kring+west.c": newer}

    run(work())
