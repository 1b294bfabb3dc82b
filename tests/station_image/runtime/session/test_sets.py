"""The first set of computing parties of which all are there; one that says no ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.session import sets
from station_image.runtime.session.proposal import ProposalRefusedError
from tests.station_image.runtime.views import PARTIES, Small

OTHER, THIRD = ("n.a", "n.b", "n.d"), ("n.a", "n.c", "n.d")


class Proposing:
    """Proposes to sets of network n; `says` is why a station does not take part, and whether it said so itself."""

    def __init__(self, folder: Path, **says: tuple[str, bool]) -> None:
        self.small = Small.make(folder, [OTHER, THIRD])
        self.says = {f"n.{name}": said for name, said in says.items()}
        self.asked: list[tuple[str, ...]] = []
        self.told: list[dict[str, Any]] = []

    async def propose(self, parties: tuple[str, ...]) -> dict[str, Any]:
        self.asked.append(parties)
        reasons = {one: self.says[one][0] for one in parties if one in self.says}
        if reasons:
            raise ProposalRefusedError(reasons, any(self.says[one][1] for one in reasons))
        return {"computing": list(parties)}

    def first(self) -> dict[str, Any]:
        network = self.small.networks("n.a").find("n")
        return asyncio.run(sets.first(network, network.sets, self.propose, self.told.append))


def test_where_all_are_there_the_first_set_computes_and_nothing_is_said(tmp_path: Path) -> None:
    proposing = Proposing(tmp_path)
    assert proposing.first() == {"computing": list(PARTIES)}
    assert proposing.told == []


def test_the_next_set_computes_where_one_is_away_and_it_is_said_why(tmp_path: Path) -> None:
    proposing = Proposing(tmp_path, c=("it gave no sign of life for 6 s", False))
    passed = {"computing": list(PARTIES), "why": "n.c: it gave no sign of life for 6 s"}
    assert proposing.first() == {"computing": list(OTHER), "passed": [passed]}
    assert proposing.told == [{"event": "passed", **passed}]


def test_who_was_away_a_moment_ago_is_not_waited_for_again(tmp_path: Path) -> None:
    proposing = Proposing(tmp_path, b=("does not answer", False), c=("does not answer", False))
    with pytest.raises(ProposalRefusedError) as caught:
        proposing.first()
    assert proposing.asked == [PARTIES]
    assert (caught.value.reasons, caught.value.refused) == (dict.fromkeys(("n.b", "n.c"), "does not answer"), False)
    assert [one["why"] for one in proposing.told][1:] == ["n.b: does not answer", "n.c: does not answer"]


def test_a_party_that_says_no_is_not_asked_round(tmp_path: Path) -> None:
    proposing = Proposing(tmp_path, b=("does not answer", False), c=("at_most: griep ran before", True))
    with pytest.raises(ProposalRefusedError, match="ran before"):
        proposing.first()
    assert proposing.asked == [PARTIES]


def test_where_the_only_set_that_is_asked_for_has_somebody_who_is_cut_it_is_said_who(tmp_path: Path) -> None:
    proposing = Proposing(tmp_path)
    proposing.small.write("n.a", **proposing.small.without("n.a", "n.b"))
    network = proposing.small.networks("n.a").find("n")
    with pytest.raises(RefusedError, match="cannot compute: b is cut"):
        asyncio.run(sets.first(network, [PARTIES], proposing.propose, proposing.told.append))
    assert proposing.asked == []


def test_a_set_with_somebody_who_is_cut_is_passed(tmp_path: Path) -> None:
    proposing = Proposing(tmp_path)
    proposing.small.write("n.a", **proposing.small.without("n.a", "n.b"))
    assert proposing.first()["computing"] == list(THIRD)
    assert proposing.asked == [THIRD]
    assert all(one["why"].startswith("cannot compute: b is cut") for one in proposing.told)
