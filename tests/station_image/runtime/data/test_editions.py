"""Editions: the same mark for the same data, however often a row is there, as earlier releases made it."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime.base.documents import canonical
from station_image.runtime.data import editions
from station_image.runtime.data.records import Rows

ROWS = st.lists(st.tuples(st.integers(1000, 1009), st.integers(-2, 2)), max_size=30)


@given(ROWS)
def test_the_mark_of_counted_rows_is_that_of_all_of_them_in_order(rows: list[tuple[int, int]]) -> None:
    key = bytes(32)
    whole = hmac.new(key, canonical(["rows", *sorted(rows)]), hashlib.sha256).hexdigest()[: editions.LENGTH]
    assert editions._mark_rows(key, "rows", rows) == whole
    assert editions._mark_rows(key, "rows", Rows(Counter(rows))) == whole


def test_more_rows_than_are_marked_at_once_are_all_marked(tmp_path: Path) -> None:
    rows = Rows(Counter({(1,): 2 * editions.AT_ONCE + 1}))
    other = Rows(Counter({(1,): 2 * editions.AT_ONCE}))
    asked = (["q"], tmp_path)
    assert editions.of([1], rows, rows, *asked) == editions.of([1], list(rows), list(rows), *asked)
    assert editions.of([1], rows, rows, *asked) != editions.of([1], other, other, *asked)
