"""Whatever a peer asks of publications, or answers: refused, or all that was listed; no half, no surprise."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime.base import background
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.relay import giving, taking
from station_image.runtime.relay.shape import Item, Listing
from tests.harness.fuzzing import examples
from tests.publication import publications
from tests.station_image.runtime.neighbours import run
from tests.station_image.runtime.relay.hostile import gives
from tests.station_image.runtime.relay.wired import FILES, NETWORK, NEWER, OWN, Hostile, Station
from tests.station_image.runtime.views import Small
from tests.station_image.runtime.wire.listening import JSON, OBJECT

pytestmark = pytest.mark.fuzz
KINDS = "publication", "publication-list", "publication-files"
MAKER = publications.Maker(NETWORK)
OLDER = MAKER.relayed(FILES, 1)
MADE = MAKER.relayed({**NEWER, "tables/t.json": b"1" * 300_000}, 7)
NUMBERS = st.integers(-2, 300_001)
Work = Callable[[Station, dict[str, Any]], Coroutine[Any, Any, None]]


@pytest.fixture
def blamed(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    found: list[BaseException] = []
    monkeypatch.setattr(background, "blame", found.append)
    monkeypatch.setattr(taking, "PAUSE", 0.0)
    return found


def at_a_station(work: Work) -> None:
    """A new station that has a publication, without what was asked of one before."""
    with tempfile.TemporaryDirectory() as folder:
        stations: dict[str, Any] = {}
        station = Station("n.b", Small.make(Path(folder) / "small"), Path(folder) / "n.b", stations)
        station.publish(OLDER)

        async def first() -> None:
            await station.step()
            await work(station, stations)

        run(first())


@given(
    st.sampled_from(KINDS),
    OBJECT
    | st.fixed_dictionaries({"versions": JSON | st.lists(st.integers(), min_size=3, max_size=3)})
    | st.fixed_dictionaries({"list": JSON, "spans": JSON}),
)
@examples(60)
def test_anything_that_is_asked_is_answered_or_refused(
    blamed: list[BaseException], kind: str, content: dict[str, Any]
) -> None:
    async def work(station: Station, _: dict[str, Any]) -> None:
        try:
            answer = await station.told("n.a", kind, content)
        except RefusedError:
            return
        assert answer.keys() <= {"versions", "files", "pieces"}

    at_a_station(work)
    assert blamed == []


@given(st.lists(st.tuples(st.integers(-1, 12), NUMBERS, NUMBERS).map(list) | JSON, max_size=3))
@examples(60)
def test_only_bytes_that_were_listed_are_given(blamed: list[BaseException], spans: list[Any]) -> None:
    async def work(station: Station, _: dict[str, Any]) -> None:
        station.publish(MADE)
        await station.step()
        held = station.relay._giving.held(OWN)
        assert held
        try:
            told = await station.told("n.a", "publication-files", {"list": held.listing.digest, "spans": spans})
        except RefusedError:
            return
        found = taking.read_pieces(held.listing, spans, told["pieces"])
        assert [piece for _, piece in found] == [
            MADE[held.listing.items[number].name][begin:end] for number, begin, end in spans
        ]
        assert sum(len(piece) for _, piece in found) <= giving.MOST_BYTES

    at_a_station(work)
    assert blamed == []


@dataclass(frozen=True)
class Odd:
    """What is another thing in an answer: all of it, one row, or a part of that."""

    how: str
    value: Any
    number: int

    def made(self, answer: dict[str, Any]) -> dict[str, Any]:
        [(name, rows)] = answer.items()
        if self.how in ("gone", "all"):
            return {} if self.how == "gone" else {name: self.value}
        number = self.number % len(rows)
        return {name: [*rows[:number], *self._row(rows[number]), *rows[number + 1 :]]}

    def _row(self, row: Any) -> list[Any]:
        match self.how:
            case "fewer":
                return []
            case "more":
                return [row, row]
            case "cut":
                return [str(row)[:-4]]
            case "longer":
                return [f"{row}AAAA"]
            case "part" if isinstance(row, list):
                part = self.number % len(row)
                return [[*row[:part], self.value, *row[part + 1 :]]]
        return [self.value]


ODD = st.builds(
    Odd,
    st.sampled_from(["gone", "all", "fewer", "more", "cut", "longer", "part", "row"]),
    JSON | st.integers(0, 2**60),
    st.integers(0, 100),
)


@given(ODD, st.sampled_from(KINDS))
@examples(80)
def test_anything_that_is_answered_leaves_all_that_was_listed_or_nothing(
    blamed: list[BaseException], odd: Odd, kind: str
) -> None:
    honest = gives(MADE)

    async def told(asked: str, content: Mapping[str, Any]) -> dict[str, Any]:
        answer = await honest(asked, content)
        return odd.made(answer) if asked == kind else answer

    async def work(station: Station, stations: dict[str, Any]) -> None:
        Hostile("n.a", stations, told)
        await station.step()
        listed = MADE.keys() - ({sorted(MADE)[odd.number % len(MADE)]} if odd.how == "fewer" else set())
        assert station.copies in ({}, {"n.a": MADE}, {"n.a": {name: MADE[name] for name in listed}})
        assert not [*(station.folder / NETWORK).glob(".*")]

    at_a_station(work)
    assert blamed == []


@given(st.lists(st.integers(0, 600_000), min_size=1, max_size=260), st.data())
@examples(60)
def test_each_missing_byte_is_asked_for_once_in_answers_that_are_not_too_large(
    sizes: list[int], data: st.DataObject
) -> None:
    listing = Listing(tuple(Item(f"{number}", size, "") for number, size in enumerate(sizes)))
    missing = [item for item in listing.items if data.draw(st.booleans())]
    asked: dict[int, int] = {}
    for spans in taking.plan(listing, missing):
        assert sum(end - begin for _, begin, end in spans) <= giving.MOST_BYTES
        assert 0 < len(spans) <= giving.MOST_SPANS
        for number, begin, end in spans:
            assert asked.get(number, 0) == begin
            asked[number] = end
    assert asked == {number: item.size for number, item in enumerate(listing.items) if item in missing}
