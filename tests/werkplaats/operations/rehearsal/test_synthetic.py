"""Synthetic records: the same seed gives the same, and an outbreak is seen by all together and by nobody alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_topology import model
from werkplaats.operations.rehearsal import synthetic

PLACES = list(range(7001, 7041))


@given(
    seed=st.integers(0, 2**32),
    domains=st.lists(st.sampled_from(model.DOMAINS), min_size=3, max_size=25),
    cell=st.integers(5, 12),
)
def test_only_together_the_planted_areas_reach_the_minimum(seed: int, domains: list[str], cell: int) -> None:
    people = {f"org-{number}": domain for number, domain in enumerate(domains)}
    records, planted = synthetic.cases(seed, PLACES, people, minimum_cell=cell, minimum_contributors=3)
    for rows in records.values():
        assert max(Counter(rows).values(), default=0) < cell, "nobody sees it alone"
    together = Counter(area for rows in records.values() for area in rows)
    assert sorted(str(area) for area, count in together.items() if count >= cell) == sorted(planted)
    for area in planted:
        assert sum(int(area) in rows for rows in records.values()) >= 3


@given(seed=st.integers(0, 2**32), cell=st.integers(5, 12), each=st.integers(2, 5))
def test_over_a_border_no_region_sees_alone_what_both_see(seed: int, cell: int, each: int) -> None:
    people = {f"{region}/{one}": "hospital" for region in ("oost", "west") for one in range(each)}

    def region(one: str) -> str:
        return one.partition("/")[0]

    records, planted = synthetic.cases(seed, PLACES, people, minimum_cell=cell, minimum_contributors=3, alone=region)
    seen = {
        name: Counter(area for one in records if region(one) == name for area in records[one])
        for name in ("oost", "west")
    }
    assert all(max(one.values(), default=0) < cell for one in seen.values())
    both = seen["oost"] + seen["west"]
    assert sorted(str(area) for area, count in both.items() if count >= cell) == sorted(planted)


def test_the_same_seed_gives_the_same_records_and_another_gives_others() -> None:
    people = {"ggd": "public_health", "huisartsen": "general_practice", "ziekenhuis": "hospital"}
    first, again, other = (
        synthetic.cases(seed, PLACES, people, minimum_cell=10, minimum_contributors=3) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert len(first[0]["huisartsen"]) > len(first[0]["ziekenhuis"]), "general practices see most cases"


def test_an_outbreak_that_could_not_be_hidden_is_refused() -> None:
    with pytest.raises(ValueError, match="too few organisations"):
        synthetic.cases(1, PLACES, {"ggd": "public_health"}, minimum_cell=10, minimum_contributors=1)


def test_a_file_is_one_column_with_its_name_above() -> None:
    assert synthetic.csv("postcode4", [7001, 7002]) == b"postcode4\n7001\n7002\n"
    assert synthetic.areas(["7003-7005", 7001]) == [7001, 7003, 7004, 7005]
