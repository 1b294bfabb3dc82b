"""What is passed on has the shape of what is published: held equal to who makes and reads publications."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publication import metadata, reading
from station_image.runtime.relay import shape
from station_image.runtime.relay.shape import NEWEST, NOTHING, Item, Listing, ShapeError, Versions
from tests.harness.fuzzing import examples
from tests.publication import publications
from tests.station_image.runtime.relay.wired import FILES
from tests.station_image.runtime.wire.listening import JSON

A = "a" * 64
ROW = [NEWEST, 10, A]


def test_bounds_and_names_are_those_of_who_reads_publications() -> None:
    assert shape.LARGEST_FILE == reading.LARGEST_FILE
    assert shape.LARGEST_WHOLE == reading.LARGEST_WHOLE
    assert shape.MOST_FILES == reading.MOST_FILES
    assert shape.NEWEST == reading.NEWEST


@given(st.from_regex(metadata.NAMES, fullmatch=True), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
@examples(200)
def test_every_file_of_a_publication_has_a_name_that_is_passed_on(name: str, digest: str) -> None:
    path = reading.path_of(name, digest)
    assert shape.named_digest(path) == (digest if len(path) <= shape.LONGEST_NAME else None)


def test_every_file_that_is_published_is_passed_on() -> None:
    more = {"ca.pem": b"", "identities/een-2.json": b"2", "questions/griep.json": b"3", "tables/t.json": b"4"}
    made = publications.Maker().relayed({**FILES, **more}, 12)
    assert len(made) == 6 + 7
    assert [name for name in made if shape.named_digest(name) is None] == []


@pytest.mark.parametrize(
    "name",
    [
        "metadata/../timestamp.json",
        "metadata/0.root.json",
        "metadata/root.json",
        "metadata/1.root.json\n",
        "/etc/passwd",
        f"targets/../{A}.crl.pem",
        f"targets/identities/../{A}.crl.pem",
        f"targets/releases/{A}...json/x.json",
        f"targets/{A}.ca.pem/{A}.ca.pem",
        f"targets/tables/{A}.T.json",
        f"targets/releases/{A}.{'r' * 200}.json",
        "targets/definition.json",
        "",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert shape.named_digest(name) is None
    with pytest.raises(ShapeError, match="no publication has"):
        Listing.parse([ROW, [name, 1, A]])


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({}, "not a list"),
        ([ROW] * 2001, "not a list of at most 2000"),
        ([ROW, ROW], "named twice"),
        ([], "none of the size of"),
        ([[NEWEST, 2**16 + 1, A]], "none of the size of"),
        ([[NEWEST, -1, A]], "has not 0 to"),
        ([[NEWEST, True, A]], "has not 0 to"),
        ([ROW, [f"targets/{A}.crl.pem", 2**22 + 1, A]], "has not 0 to"),
        ([ROW, [f"targets/{A}.crl.pem", 1, "b" * 64]], "another digest than its name"),
        ([ROW, ["metadata/1.root.json", 1, "A" * 64]], "another digest"),
        ([ROW, *([f"metadata/{number}.root.json", 2**22, A] for number in range(1, 17))], "larger than"),
        ([[*ROW, 1]], "not a name, a size and a digest"),
    ],
)
def test_a_list_of_something_else_is_refused(rows: Any, why: str) -> None:
    with pytest.raises(ShapeError, match=why):
        Listing.parse(rows)


@given(JSON | st.lists(st.lists(JSON | st.just(NEWEST) | st.just(A), min_size=3, max_size=3), max_size=3))
@examples(200)
def test_any_list_is_taken_or_refused(rows: Any) -> None:
    with contextlib.suppress(ShapeError):
        found = Listing.parse(rows)
        assert Listing.parse(found.document) == found


def test_of_two_publications_the_newer_one_is_greater() -> None:
    maker = publications.Maker()
    first, second = (maker.relayed(FILES, number) for number in (1, 2))
    assert NOTHING < Versions.read(first, first[NEWEST]) < Versions.read(second, second[NEWEST]) == (1, 2, 2)


def test_with_a_new_root_it_is_newer_whatever_a_thief_of_the_coordinators_key_counted() -> None:
    maker = publications.Maker()
    stolen = maker.relayed(FILES, 2**31)
    maker.sign_root(maker.root[:2])
    made = maker.relayed(FILES, 1)
    assert Versions.read(made, made[NEWEST]) > Versions.read(stolen, stolen[NEWEST])


@pytest.mark.parametrize(
    "newest",
    [
        b"",
        b"[]",
        b"{}",
        b'{"signed":[]}',
        b'{"signed":{"version":1,"meta":{}}}',
        b'{"signed":{"version":1,"meta":{"snapshot.json":3}}}',
        b'{"signed":{"version":"1","meta":{"snapshot.json":{"version":1}}}}',
        b'{"signed":{"version":1.0,"meta":{"snapshot.json":{"version":1}}}}',
        b'{"signed":{"version":%d,"meta":{"snapshot.json":{"version":1}}}}' % 2**53,
        b'{"signed":{"version":-1,"meta":{"snapshot.json":{"version":1}}}}',
        b'{"signed":' * 5000,
        b"9" * 5000,
        b" " * (2**16 + 1),
    ],
)
def test_what_tells_no_version_is_refused(newest: bytes) -> None:
    with pytest.raises(ShapeError):
        Versions.read([], newest)


@given(st.binary(max_size=60) | JSON.map(lambda one: json.dumps({"signed": one}).encode()))
@examples(200)
def test_any_newest_word_is_read_or_refused(newest: bytes) -> None:
    with contextlib.suppress(ShapeError):
        assert Versions.read(["metadata/3.root.json"], newest).root == 3


@pytest.mark.parametrize("said", [None, [], [1, 2], [1, 2, "3"], [1, 2, True], [1, 2, -1], [1, 2, 2**53], {"a": 1}])
def test_versions_are_three_numbers(said: Any) -> None:
    with pytest.raises(ShapeError, match="not three numbers"):
        Versions.parse(said)


def test_a_list_has_one_digest_whoever_makes_it() -> None:
    listing = Listing((Item(*ROW),))  # type: ignore[arg-type]
    assert Listing.parse(json.loads(json.dumps(listing.document))).digest == listing.digest
