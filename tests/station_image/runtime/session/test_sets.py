"""The first set of computing parties of which all are there; one that says no ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.releases.draining import PATIENCE, Patience
from station_image.runtime.releases.draining import Waiting as Whole
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


def drains(*others: str, **also: str) -> dict[str, ProposalRefusedError]:
    """Why nobody is asked: these drain, and `also` are away."""
    reasons = dict.fromkeys(others, "is being upgraded") | {f"n.{name}": why for name, why in also.items()}
    return {"error": ProposalRefusedError(reasons, refused=False, drains=others)}


class Waiting(Proposing):
    """Each attempt ends as told, the last one well."""

    def __init__(self, folder: Path, *ends: dict[str, ProposalRefusedError], sets: int = 1) -> None:
        super().__init__(folder)
        self.ends = [*ends]
        self.patience = Patience()
        self.sets = sets

    async def propose(self, parties: tuple[str, ...]) -> dict[str, Any]:
        self.asked.append(parties)
        if self.ends:
            raise self.ends.pop(0)["error"]
        return {"computing": list(parties)}

    def first(self) -> dict[str, Any]:
        network = self.small.networks("n.a").find("n")
        asked = network.sets[: self.sets]
        return asyncio.run(sets.first(network, asked, self.propose, self.told.append, self.patience))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "RETRY", 0.0)


def test_who_is_replaced_is_waited_for_and_that_is_said_once(tmp_path: Path) -> None:
    proposing = Waiting(tmp_path, drains("n.b"), drains("n.b"), drains("n.d"))
    assert proposing.first() == {"computing": list(PARTIES)}
    assert proposing.told == [{"event": "waits", "for": ["n.b"]}, {"event": "waits", "for": ["n.d"]}]
    assert 0 < proposing.patience.left("n.b") < PATIENCE, "each is waited for so long in all, not each time"


def test_another_set_computes_at_once_where_one_of_the_first_is_replaced(tmp_path: Path) -> None:
    proposing = Waiting(tmp_path, drains("n.c"), sets=2)
    assert proposing.first()["computing"] == list(OTHER)
    assert [one["event"] for one in proposing.told] == ["passed"]


def test_a_contributor_that_is_replaced_is_in_every_set_so_no_other_one_is_tried(tmp_path: Path) -> None:
    proposing = Waiting(tmp_path, drains("n.z"), sets=2)
    assert proposing.first()["computing"] == list(PARTIES)
    assert proposing.asked == [PARTIES, PARTIES]


def test_a_set_that_waits_only_for_who_is_replaced_is_waited_for_where_the_others_miss_somebody(tmp_path: Path) -> None:
    ends = (drains("n.c"), {"error": ProposalRefusedError({"n.d": "does not answer"}, refused=False)})
    proposing = Waiting(tmp_path, *ends, sets=2)
    assert proposing.first()["computing"] == list(PARTIES)
    assert proposing.told[-1] == {"event": "waits", "for": ["n.c"]}


def test_nobody_is_waited_for_where_another_one_is_simply_away(tmp_path: Path) -> None:
    proposing = Waiting(tmp_path, drains("n.b", c="does not answer"))
    with pytest.raises(ProposalRefusedError, match=r"n\.c: does not answer"):
        proposing.first()
    assert len(proposing.asked) == 1


def test_who_was_waited_for_long_enough_is_named(tmp_path: Path) -> None:
    proposing = Waiting(tmp_path, drains("n.b"))
    proposing.patience.waited(["n.b"], PATIENCE + 1)
    with pytest.raises(ProposalRefusedError, match=r"n\.b: is being upgraded"):
        proposing.first()


def test_one_proposal_waits_no_longer_for_several_one_after_another_than_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them said in its turn that it is about to be replaced: none was waited for long."""
    now = [0.0]
    monkeypatch.setattr(sets, "time", SimpleNamespace(monotonic=lambda: now[0]))
    proposing = Waiting(tmp_path, *(drains(f"n.{one}") for one in "abcdef"))
    patience, propose = proposing.patience, proposing.propose
    proposing.patience = Whole(patience)

    async def slowly(parties: tuple[str, ...]) -> dict[str, Any]:
        now[0] += PATIENCE / 4
        return await propose(parties)

    monkeypatch.setattr(proposing, "propose", slowly)
    with pytest.raises(ProposalRefusedError):
        proposing.first()
    assert len(proposing.asked) == 5
    assert patience.left("n.f") == PATIENCE
