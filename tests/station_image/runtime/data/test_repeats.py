"""Rows that stand in two files are noticed, and cases that are only alike are not."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from station_image.runtime import analyses
from station_image.runtime.data import records, repeats
from tests.harness.fuzzing import some

Cases = list[tuple[int, ...]]
ASKED = {"areas": ["7001-7040"]}
HEADER = "postcode4\n"


def month(seed: int, cases: int, areas: int = 40) -> Cases:
    """Cases as they come, some areas far more often than others."""
    chance = random.Random(seed)  # noqa: S311  # reproducible, no secret
    weights = [chance.random() ** 3 for _ in range(areas)]
    return [(7001 + area,) for area in chance.choices(range(areas), weights, k=cases)]


def found(*several: Iterable[tuple[int, ...]]) -> list[tuple[str, str]]:
    prints = []
    for number, rows in enumerate(several):
        taker = repeats.Taker("abc"[number], len(several))
        for row in rows:
            taker.add(row)
        prints.append(taker.print())
    return repeats.sentences(prints)


JANUARY, FEBRUARY = month(1, 400), month(2, 350)
TWICE: dict[str, tuple[Cases, Cases, str]] = {
    "a copy": (JANUARY, list(JANUARY), "the same 400 rows as a"),
    "a copy in another order": (JANUARY, sorted(JANUARY), "the same 400 rows as a"),
    "both months beside the first": (JANUARY, JANUARY + FEBRUARY, "about 10 in 10 runs of rows are the same as in a"),
    "the first month beside both": (FEBRUARY + JANUARY, JANUARY, "about 10 in 10 runs of rows are the same as in a"),
    "a year beside its month": (
        month(3, 40_000) + JANUARY,
        JANUARY,
        "about 10 in 10 runs of rows are the same as in a",
    ),
    "a copy with five lines more": (JANUARY, JANUARY[:200] + [(7001,)] * 5 + JANUARY[200:], "about 10 in 10 runs"),
    "a copy with a line in forty changed": (
        JANUARY,
        [(7040,) if number % 40 == 7 else row for number, row in enumerate(JANUARY)],
        "in 10 runs of rows are the same as in a",
    ),
    "sorted, and some more": (
        sorted(JANUARY),
        sorted(JANUARY)[30:],
        "about 10 in 10 runs of rows are the same as in a",
    ),
}


@pytest.mark.parametrize("kind", TWICE)
def test_rows_that_would_count_twice_are_noticed(kind: str) -> None:
    """What it did: two files of the same cases, one saved by another program, made twice as many cases in silence."""
    one, other, sentence = TWICE[kind]
    [(name, what)] = found(one, other)
    assert name == "b"
    assert sentence in what


ALIKE: dict[str, tuple[Cases, Cases]] = {
    "two months": (JANUARY, FEBRUARY),
    "two months, sorted": (sorted(JANUARY), sorted(FEBRUARY)),
    "two years, sorted": (sorted(month(4, 30_000)), sorted(month(5, 30_000))),
    "cases of one area": ([(7001,)] * 500, [(7001,)] * 400),
    "cases of two areas, in turn": ([(7001,), (7002,)] * 250, [(7001,), (7002,)] * 200),
    "no cases": ([], []),
    "a tenth in common": (JANUARY, JANUARY[:40] + FEBRUARY),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_cases_that_are_only_alike_are_not_asked_about(kind: str) -> None:
    assert found(*ALIKE[kind]) == []


@pytest.mark.fuzz
@pytest.mark.parametrize("cases", [20, 60, 300, 2000])
@pytest.mark.parametrize("areas", [8, 40, 400])
def test_pairs_of_months_are_told_apart(cases: int, areas: int) -> None:
    for seed in some(range(100), 25):
        one, other = month(2 * seed, cases, areas), month(2 * seed + 1, cases, areas)
        assert found(one, other) == found(sorted(one), sorted(other)) == []


def test_of_three_files_each_is_told_by_the_first_that_it_repeats() -> None:
    assert [name for name, _ in found(JANUARY, FEBRUARY, JANUARY + FEBRUARY)] == ["c"]
    assert [name for name, _ in found(JANUARY, JANUARY, JANUARY)] == ["b", "c"]


def test_what_is_kept_does_not_grow_with_the_file_nor_much_with_their_number() -> None:
    rows = month(6, 200_000)
    taker = repeats.Taker("a", 2)
    tracemalloc.start()
    for row in rows:
        taker.add(row)
    kept = taker.print()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept.runs) == repeats.KEPT
    assert most < 1024**2
    assert repeats.Taker("a", 1000)._most * 1000 <= repeats.KEPT_OF_ALL


def bring(folder: Path, **files: Cases) -> Path:
    place = folder / "griep"
    place.mkdir(exist_ok=True)
    for name, rows in files.items():
        (place / f"{name}.csv").write_text(HEADER + "".join(f"{row[0]}\n" for row in rows))
    return place


def test_what_people_say_is_right_counts_twice_until_a_file_has_other_rows(tmp_path: Path) -> None:
    place, state = bring(tmp_path, a=JANUARY, b=JANUARY), tmp_path / "state"
    state.mkdir()
    right = repeats.said(state, "gerda", "griep")
    asked: list[str] = []

    def no(mark: str) -> bool:
        asked.append(mark)
        return False

    looked = analyses.look("hotspots/1", ASKED, place, no)
    assert looked.problems == [
        "b.csv: the same 400 rows as a.csv; remove one of the two, "
        "or say that both are right by `station data griep --both`"
    ]
    with pytest.raises(records.RecordsError):
        analyses.bring("hotspots/1", analyses.Source("", "", {**ASKED, "bits": 10}, place, right))
    repeats.say(state, "gerda", "griep", asked[0])
    assert (state / "repeated.json").stat().st_mode & 0o777 == 0o600
    looked = analyses.look("hotspots/1", ASKED, place, right)
    assert (looked.rows, looked.problems, looked.repeated) == (
        800,
        [],
        ["b.csv: the same 400 rows as a.csv; both count"],
    )
    _, rows = analyses.bring("hotspots/1", analyses.Source("", "", {**ASKED, "bits": 10}, place, right))
    assert len(rows) == 800
    assert analyses.look("hotspots/1", ASKED, place, repeats.said(state, "gerda", "andere")).problems
    bring(tmp_path, a=FEBRUARY, b=FEBRUARY)
    assert analyses.look("hotspots/1", ASKED, place, right).problems


@pytest.mark.parametrize("content", ["", "{", "[]", '{"gerda/griep": 3}', "\xff", "[" * 100_000])
def test_where_what_was_said_cannot_be_read_people_are_asked_again(tmp_path: Path, content: str) -> None:
    (tmp_path / "repeated.json").write_text(content, encoding="latin-1")
    assert not repeats.said(tmp_path, "gerda", "griep")("0" * 64)
    repeats.say(tmp_path, "gerda", "griep", "0" * 64)
    assert repeats.said(tmp_path, "gerda", "griep")("0" * 64)


def test_each_file_is_told_as_it_was_read(tmp_path: Path) -> None:
    place = bring(tmp_path, a=JANUARY)
    (place / "b.csv").write_bytes("postcode4;;\r\n7001;;\r\n".encode("utf-16"))
    looked = analyses.look("hotspots/1", ASKED, place)
    assert looked.files == ["a.csv: 400 rows; one column, UTF-8", "b.csv: 1 row; semicolons between columns, UTF-16"]
    (place / "c.csv").write_text("leeftijd\n")
    assert analyses.look("hotspots/1", ASKED, place).files == looked.files
