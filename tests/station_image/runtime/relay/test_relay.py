"""News goes from station to station; whoever relays something else changes nothing and hides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from station_image.runtime.base.refusal import BusyError
from station_image.runtime.relay import pace, room, taking
from station_image.runtime.relay.shelf import Copies
from station_image.runtime.wire.peers import CallFailedError
from tests.publication import publications
from tests.station_image.runtime.neighbours import run, until
from tests.station_image.runtime.relay.hostile import HUGE, garbage, gives
from tests.station_image.runtime.relay.wired import FILES, NETWORK, NEWER, OWN, Hostile, Station, Told, rest

Make = Callable[[str], Station]


def lists(station: Station) -> list[str]:
    return [path.read_text() for path in sorted((station.place / "targets").glob("*.crl.pem"))]


def test_a_newer_publication_reaches_who_asks_and_who_is_told(make: Make, maker: publications.Maker) -> None:
    async def work() -> None:
        a, b, c = (make(name) for name in ("n.a", "n.b", "n.c"))
        for one in (a, b, c):
            await one.step()
        assert (a.copies, b.copies, c.copies) == ({}, {}, {})
        newer = maker.relayed(NEWER, 2)
        a.publish(newer)
        await a.step()  # which tells the others, who ask
        for one in (b, c):
            assert one.copies["n.a"] == newer
            assert one.follow() == []
            await one.step()
            assert one.copies == {}, "it is no news any more"
            assert lists(one) == ["list 2"]

    run(work())


def test_only_what_is_not_here_yet_is_asked_for(make: Make, maker: publications.Maker) -> None:
    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        big = {f"tables/t{number}.json": b"%d" % number * 5000 for number in range(60)}
        known = maker.relayed({**FILES, **big}, 2)
        for one in (a, b):
            one.publish(known)
            await one.relay._giving.refresh()
        a.publish(maker.relayed({**NEWER, **big}, 3))
        await a.step()
        assert list(b.copies) == ["n.a"]
        assert b.peers.bytes < 60_000, "of 600,000"

    run(work())


@pytest.mark.parametrize("organisations", [25, 625])
def test_how_many_bytes_come_at_first_and_where_one_file_changed(
    make: Make, maker: publications.Maker, organisations: int, note: Callable[[str], None]
) -> None:
    """Definition of 1 KB and identity of 4 KB for each; what is listed anew each time are names and digests."""
    identities = {f"identities/o{number}.json": secrets.token_hex(2048).encode() for number in range(organisations)}
    made = {**FILES, "definition.json": secrets.token_hex(512 * organisations).encode(), **identities}

    async def work() -> tuple[int, int, int]:
        a, b = make("n.a"), make("n.b")
        await b.step()
        whole = maker.relayed(made, 2)
        a.publish(whole)
        await a.step()
        first = b.peers.bytes
        assert b.copies == {"n.a": whole}
        assert b.follow() == []
        await b.step()
        a.publish(maker.relayed({**made, "crl.pem": b"list 3"}, 3))
        b.relay._taking._paces.clear()
        before = b.peers.bytes
        await a.step()
        assert b.follow() == []
        assert lists(b) == ["list 3"]
        return sum(map(len, whole.values())), first, b.peers.bytes - before

    size, first, more = run(work(), 30)
    note(f"a publication of {organisations} organisations, {size} bytes: {first} bytes at first, {more} for a new list")
    assert first < 1.6 * size
    assert more < size / 4


def test_a_copy_that_one_gave_serves_for_that_of_another(make: Make, maker: publications.Maker) -> None:
    """And each has its own: what one exchanges later takes nothing away from the other's."""

    async def work() -> None:
        a, b, c = (make(name) for name in ("n.a", "n.b", "n.c"))
        newer = maker.relayed({**NEWER, "tables/t.json": b"0" * 200_000}, 2)
        for one in (a, b):
            one.publish(newer)
            await one.relay._giving.refresh()
        await c.step()
        assert c.copies == {"n.a": newer, "n.b": newer}
        assert c.peers.bytes < 300_000, "of 540,000"

    run(work())


def test_large_files_come_in_pieces(make: Make, maker: publications.Maker) -> None:
    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        large = {"tables/a.json": bytes(range(256)) * 4000, "tables/b.json": b"", "tables/c.json": b"1" * 262144}
        newer = maker.relayed({**NEWER, **large}, 2)
        a.publish(newer)
        await a.step()
        assert b.copies == {"n.a": newer}

    run(work())


def test_one_that_is_exchanged_meanwhile_is_asked_for_again_and_never_mixed(
    make: Make, maker: publications.Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hours()
    monkeypatch.setattr(taking, "Pace", functools.partial(pace.Pace, clock))

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        a.publish(maker.relayed(NEWER, 2))
        await a.relay._giving.refresh()
        listing = a.relay._giving.held(OWN)
        assert listing
        b.relay._taking.consider(b.network, OWN, "n.a", listing.versions)
        a.publish(maker.relayed(NEWER, 3))
        with pytest.raises(BusyError, match="another publication is here since"):
            await a.told("n.b", "publication-files", {"list": listing.listing.digest, "spans": [[0, 0, 1]]})
        await a.relay._giving.refresh()
        with pytest.raises(BusyError, match="another publication is here since"):
            await a.told("n.b", "publication-files", {"list": listing.listing.digest, "spans": [[0, 0, 1]]})
        await rest()
        assert b.copies == {}
        clock.now += pace.FIRST_BROKEN
        b.relay._taking.again()
        await rest()
        assert list(b.copies) == ["n.a"]
        assert b.follow() == []

    run(work())


ATTACKS: dict[str, Callable[[publications.Maker], Told]] = {
    "garbage with a huge number": lambda _: gives(garbage()),
    "the oldest, called the newest": lambda maker: gives(maker.relayed(FILES, 1), [1, HUGE, HUGE]),
    "a foreign one": lambda _: gives(publications.Maker(NETWORK).relayed(NEWER, HUGE)),
    "one that is cut": lambda maker: gives(
        {name: content for name, content in maker.relayed(NEWER, 9).items() if "network" not in name}
    ),
    "one that is forged": lambda maker: gives(
        maker.resigned(maker.relayed(NEWER, 9), "network", lambda _: None, publications.signers(1))
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("first", ["hostile", "honest"])
def test_a_hostile_peer_changes_nothing_and_hides_nothing(
    make: Make, maker: publications.Maker, stations: dict[str, Any], attack: str, first: str
) -> None:
    """Gains with one copy for all peers: the revocation that an honest one relays never arrives (next test)."""

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        Hostile("n.c", stations, ATTACKS[attack](maker))
        if first == "hostile":
            await b.step()
        newer = maker.relayed(NEWER, 2)
        a.publish(newer)
        await a.step()
        await b.step()
        assert b.copies["n.a"] == newer
        assert "n.a" not in b.follow()
        assert lists(b) == ["list 2"]

    run(work())


def test_with_one_copy_for_all_peers_a_hostile_one_hides_what_others_relay(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack of the test before with its defence off."""
    for name in ("arrive", "keep", "versions"):
        monkeypatch.setattr(Copies, name, _for_all(getattr(Copies, name)))

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        a.publish(maker.relayed(NEWER, 2))
        await a.step()
        Hostile("n.c", stations, gives(garbage()))
        await b.step()
        assert b.follow() == ["all"]
        assert lists(b) == ["list 1"]

    run(work())


def _for_all(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda copies, network, _peer, *more: method(copies, network, "all", *more)


class Hours:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("defence", [True, False])
def test_ever_new_garbage_is_fetched_a_few_times_an_hour(
    make: Make, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch, defence: bool
) -> None:
    """Gains without the waits: a station that does nothing but fetch, and writes its disk for ever."""
    clock, numbers = Hours(), iter(range(HUGE, 2 * HUGE))
    monkeypatch.setattr(taking, "Pace", functools.partial(pace.Pace, clock))
    if not defence:
        monkeypatch.setattr(pace, "LONGEST_WAIT", 0.0)

    async def told(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        if kind == "publication":
            told.made = garbage(next(numbers))  # type: ignore[attr-defined]
        return await gives(told.made)(kind, content)  # type: ignore[attr-defined]

    async def work() -> int:
        b = make("n.b")
        Hostile("n.c", stations, told)
        for _ in range(120):
            clock.now += 30.0
            await b.step()
        assert len(b.copies) == 1
        return b.peers.count("publication-list")

    assert run(work(), 60) == (10 if defence else 120)


@pytest.mark.parametrize("defence", [True, False])
def test_a_peer_that_hangs_keeps_nobody_waiting(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch, defence: bool
) -> None:
    """Gains where one is asked after the other: the revocation that an honest peer relays comes hours later."""
    monkeypatch.setattr(taking, "ANSWER_WITHIN", 2.0)
    if not defence:
        monkeypatch.setattr(taking, "AT_ONCE", 1)

    async def hangs(kind: str, _: Mapping[str, Any]) -> dict[str, Any]:
        if kind != "publication":
            await _never()
        return {"versions": [1, HUGE, HUGE]}

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        Hostile("n.c", stations, hangs)
        b.relay.tell(NETWORK)
        a.publish(maker.relayed(NEWER, 2))
        await a.relay._giving.refresh()
        a.relay.tell(NETWORK)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(until(lambda: b.copies), 1.0)
        assert list(b.copies) == (["n.a"] if defence else [])
        await rest()
        assert list(b.copies) == ["n.a"]

    run(work())


def test_a_peer_that_drips_has_a_minute_and_its_bytes_for_it(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "GRACE", 0.2)
    monkeypatch.setattr(taking, "SLOWEST", 10**9)
    honest = gives(maker.relayed({**NEWER, "tables/t.json": b"1" * 3_000_000}, 2))

    async def drips(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.3 if kind == "publication-files" else 0)
        return await honest(kind, content)

    async def work() -> None:
        b = make("n.b")
        Hostile("n.c", stations, drips)
        await b.step()
        assert b.copies == {}
        assert b.peers.count("publication-files") == 1
        assert not b.relay._taking._paces[NETWORK, "n.c"].may()

    run(work())


def test_who_gave_much_in_an_hour_gives_no_more(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BYTES_AN_HOUR", 500_000)
    Hostile("n.c", stations, gives(maker.relayed({**NEWER, "tables/t.json": b"1" * 600_000}, 2)))

    async def work() -> None:
        b = make("n.b")
        await b.step()
        assert b.copies == {}
        assert b.peers.count("publication-files") == 0

    run(work())


def test_a_large_copy_does_not_fill_a_disk_and_a_small_one_finds_its_place(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: a register that cannot be written, and so no session."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: mock.Mock(free=6_000_000))
    Hostile("n.c", stations, gives({**garbage(), "metadata/2.root.json": b"1" * 600_000}))

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        a.publish(maker.relayed(NEWER, 2))
        await a.step()
        assert list(b.copies) == ["n.a"]
        assert b.peers.count("publication-files", "n.c") == 0

    run(work())


@pytest.mark.parametrize("defence", [True, False])
def test_hostile_peers_together_fill_no_more_than_the_room_of_the_network_and_the_right_copy_finds_its_place(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch, defence: bool
) -> None:
    """Gains without the room: 24 peers, each within what one may, hold three quarters of what was free."""
    monkeypatch.setattr(room, "ROOM", 700_000 if defence else 10**12)
    for number, name in enumerate(("n.c", "n.d")):
        Hostile(name, stations, gives({**garbage(), "metadata/2.root.json": b"%d" % number * 600_000}))

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        filled = sum(len(content) for made in b.copies.values() for content in made.values())
        assert (filled < 700_000) is defence
        a.publish(maker.relayed({**NEWER, "tables/t.json": b"1" * 200_000}, 2))
        await a.step()
        assert "n.a" in b.copies
        assert not defence or b.copies.keys() == {"n.a"}

    run(work())


def test_a_copy_that_arrives_gives_way_to_a_smaller_one(
    make: Make, maker: publications.Maker, stations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains without it: who drips a large one keeps the room for as long as it likes."""
    monkeypatch.setattr(room, "ROOM", 691_000)
    large, goes_on = gives({**garbage(), "metadata/2.root.json": b"1" * 690_000}), asyncio.Event()

    async def drips(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        if kind == "publication-files" and content["spans"][0][1] > 0:
            await goes_on.wait()
        return await large(kind, content)

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        Hostile("n.c", stations, drips)
        await b.relay._giving.refresh()
        b.relay.tell(NETWORK)
        await asyncio.wait_for(until(lambda: b.peers.count("publication-files") == 2), 5)
        a.publish(maker.relayed(NEWER, 2))
        await a.relay._giving.refresh()
        a.relay.tell(NETWORK)
        await asyncio.wait_for(until(lambda: "n.a" in b.copies), 5)
        goes_on.set()
        await rest()
        assert b.copies.keys() == {"n.a"}
        assert not [*(b.folder / NETWORK).glob(".*")]

    run(work())


async def _never() -> None:

    await asyncio.Event().wait()


@pytest.mark.parametrize("kind", ["publication-list", "publication-files"])
def test_one_that_leaves_half_way_leaves_no_half_copy(
    make: Make, maker: publications.Maker, stations: dict[str, Any], kind: str
) -> None:
    whole = gives(maker.relayed({**NEWER, "tables/a.json": b"1" * 600_000}, 2))

    async def leaves(asked: str, content: Mapping[str, Any]) -> dict[str, Any]:
        if asked == kind and content.get("spans", [[0, 1]])[0][1] > 0:
            raise CallFailedError("n.c", "went away")
        return await whole(asked, content)

    async def work() -> None:
        b = make("n.b")
        Hostile("n.c", stations, leaves)
        await b.step()
        assert b.copies == {}
        assert not [*(b.folder / NETWORK).glob(".*")]

    run(work())


def test_what_an_agent_that_was_killed_left_is_gone_when_the_next_one_starts(tmp_path: Path) -> None:
    for name in ("n.c", ".n.a", ".gonen.b"):
        publications.put(tmp_path / "relayed" / NETWORK / name, garbage())
    copies = Copies(tmp_path / "relayed")
    copies.clear()
    assert [*(tmp_path / "relayed").iterdir()] == []
    Copies(tmp_path / "never made").clear()


def test_the_copy_of_a_peer_that_left_goes(make: Make, maker: publications.Maker) -> None:
    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        await b.step()
        a.publish(maker.relayed(NEWER, 2))
        await a.step()
        assert list(b.copies) == ["n.a"]
        small = b.place.parents[2]
        path = small / "n.b" / NETWORK / "network.json"
        view = json.loads(path.read_text())
        del view["stations"]["n.a"]
        view["cut"] = {"n.a": {"organisation": "a"}}
        path.write_text(json.dumps(view))
        await b.step()
        assert b.copies == {}

    run(work())


def test_who_has_no_publication_gives_none(make: Make) -> None:
    """A server of before; what peers have is news to it all the same."""

    async def work() -> None:
        a, b = make("n.a"), make("n.b")
        b.place.unlink()
        await b.step()
        assert await b.told("n.a", "publication", {"versions": [0, 0, 0]}) == {"versions": [0, 0, 0]}
        await a.step()
        assert list(b.copies) == ["n.a"]

    run(work())
