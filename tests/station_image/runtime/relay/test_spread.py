"""A publication that one peer alone has reaches all: real agents through real gateways, and who lies among them."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station_image.runtime.base import memory
from tests.harness.region import Region
from tests.harness.stations import Station, wait_until
from tests.publication import publications
from tests.station_image.runtime.relay.following import Followers
from tests.station_image.runtime.relay.hostile import HUGE, garbage
from tests.station_image.runtime.relay.wired import FILES, NEWER
from tests.station_image.runtime.wire.flooding import peak

pytestmark = pytest.mark.slow
NETWORK = "drie"
FOUR = ("ggd", "gelre", "sensire", "huisarts")
"""Three that compute, and one without an inbound port."""
LIAR = "yunio"
CUT_OFF, TRIES = 3, 12
"""How often a copy is to be cut off on its way, and after how many tries that is given up."""


@pytest.fixture(scope="module")
def maker() -> publications.Maker:
    return publications.Maker(NETWORK)


@pytest.fixture
def followers(region: Region, maker: publications.Maker) -> Iterator[Followers]:
    """What a test before it left does not count: every agent begins anew."""
    for name in (*FOUR, LIAR):
        region[name].restart("agent")
    with Followers(region, NETWORK, (*FOUR, LIAR), maker.relayed(FILES, 1)) as found:
        yield found


@pytest.mark.parametrize("first", ["gelre", "huisarts"])
def test_what_one_alone_has_reaches_all(
    followers: Followers, maker: publications.Maker, first: str, note: Callable[[str], None]
) -> None:
    """The place of the coordinator is down; one operator has it from a stick, be it of a member without a port."""
    followers.publish(followers.stations[first], maker.relayed(NEWER, 2))
    seconds = followers.wait_for(2, *FOUR, LIAR)
    note(f"a publication that {first} alone had was in force at 5 stations after {seconds:.1f} s")
    assert followers.refused == {name: set() for name in (*FOUR, LIAR)}
    wait_until(lambda: not any(followers.copies(name) for name in FOUR), "copies that are no news to go")


def old(maker: publications.Maker) -> Callable[[int], publications.Files]:
    """The oldest, with a newest word that was made up."""
    first = maker.relayed(FILES, 1)
    return lambda number: {**first, **garbage(HUGE + number)}


def foreign(_: publications.Maker) -> Callable[[int], publications.Files]:
    other = publications.Maker(NETWORK)
    return lambda number: other.relayed(NEWER, 1000 + number)


def cut(maker: publications.Maker) -> Callable[[int], publications.Files]:
    made = {name: content for name, content in maker.relayed(NEWER, 1000).items() if ".network." not in name}
    return lambda number: {**made, "metadata/9.releases.json": b"%d" % number}


def endless(_: publications.Maker) -> Callable[[int], publications.Files]:
    return lambda number: {**garbage(HUGE + number), f"metadata/{number + 2}.root.json": b"x" * 2**22}


@contextmanager
def lying(followers: Followers, liar: Station, made: Callable[[int], publications.Files]) -> Iterator[None]:
    """The liar has another publication after ever more seconds: on a busy machine too one of them is taken whole."""
    stop = threading.Event()

    def lie() -> None:
        for number in itertools.count(1):
            followers.publish(liar, made(number))
            if stop.wait(3.0 * number):
                return

    thread = threading.Thread(target=lie, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@pytest.mark.parametrize("lie", [old, foreign, cut, endless])
def test_a_peer_that_relays_something_else_changes_nothing_and_hides_nothing(
    followers: Followers,
    maker: publications.Maker,
    lie: Callable[[publications.Maker], Callable[[int], publications.Files]],
    note: Callable[[str], None],
) -> None:
    """Gains where peers share a place (test_relay): the revocation that an honest one relays never arrives."""
    liar = followers.stations[LIAR]
    with lying(followers, liar, lie(maker)):
        wait_until(lambda: all(liar.id in followers.refused[name] for name in FOUR[:3]), "the lie to arrive", 90)
        assert [followers.version(name) for name in FOUR] == [1] * 4
        followers.publish(followers.stations["ggd"], maker.relayed(NEWER, 2))
        seconds = followers.wait_for(2, *FOUR)
    most = max(peak(followers.stations[name]) for name in FOUR)
    note(f"beside a peer that relays {lie.__name__}: 4 stations after {seconds:.1f} s, agents at most {most >> 20} MB")
    assert most < memory.USUAL
    assert {peer for name in FOUR for peer in followers.refused[name]} == {liar.id}


def test_agents_that_are_killed_leave_no_half_copy(
    followers: Followers, maker: publications.Maker, note: Callable[[str], None]
) -> None:
    large = {f"tables/t{number}.json": bytes([48 + number]) * 2**20 for number in range(16)}
    gelre, wholes = followers.stations["gelre"], list[set[str]]()
    arriving = gelre.root / "relayed" / NETWORK

    def on_its_way() -> list[Path]:
        return [*arriving.glob(".*/targets/tables/*")]

    def is_whole() -> bool:
        return followers.version("gelre") == 1 + len(wholes)

    cut_off = tries = 0
    while cut_off < CUT_OFF and tries < TRIES:
        tries += 1
        if is_whole():  # a busy machine shows some copies only then
            made = maker.relayed({**NEWER, **large}, 2 + len(wholes))
            wholes.append({*made})
            followers.publish(followers.stations["ggd"], made)
        # Other copies may lie there: of the one in force everywhere, and what a liar gave in a test before.
        tables = {name for names in wholes for name in names if name.startswith("targets/tables/")}
        wait_until(lambda: on_its_way() or is_whole(), "a copy to arrive", 40)
        gelre.kill("agent")
        cut_off += bool(on_its_way())
        for copy in followers.copies("gelre").values():
            names = {*publications.gathered(copy)}
            assert not names & tables or names in wholes, "it is taken for a copy, and is a part of one"
        gelre.start("agent")
        followers.stations["ggd"].region.wait_for(gelre)
    assert cut_off == CUT_OFF, f"killed too late {tries} times: the copies were whole"
    begun = time.monotonic()
    followers.wait_for(1 + len(wholes), *FOUR, seconds=60)
    seconds = time.monotonic() - begun
    note(f"16 MB, killed on its way {cut_off} times of {tries}: whole {seconds:.1f} s after the last start")
    assert followers.refused["gelre"] == set()


@pytest.mark.parametrize("organisations", [25, 625])
def test_how_long_a_whole_publication_takes(
    followers: Followers, maker: publications.Maker, organisations: int, note: Callable[[str], None]
) -> None:
    """Of sizes as they are, the definition 1 KB for each organisation and its identity 4 KB; all of it new."""
    identities = {f"identities/o{number}.json": secrets.token_hex(2048).encode() for number in range(organisations)}
    definition = {"definition.json": secrets.token_hex(512 * organisations).encode()}
    made = maker.relayed({**NEWER, **definition, **identities}, 2)
    followers.publish(followers.stations["ggd"], made)
    seconds = followers.wait_for(2, *FOUR, seconds=60)
    size = sum(map(len, made.values())) / 1024
    note(f"{len(made)} files, {size:.0f} KB of {organisations} organisations: at 4 stations after {seconds:.1f} s")
