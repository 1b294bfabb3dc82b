"""Another set of computing parties, defined in advance, computes where one of the first set is away."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import pytest

from station_image.runtime.accepted.networks import Network
from station_image.runtime.consent import plan
from tests.harness.region import SEVEN, Region
from tests.station_image.runtime.agreed import MEMBERS, Agreed, answer_of
from tests.station_image.runtime.impostor import as_station
from tests.station_image.runtime.test_sessions import right

pytestmark = pytest.mark.slow
FIRST, OTHER = ("ggd", "gelre", "sensire"), ("ggd", "sensire", "yunio")


@pytest.fixture
def sets(region: Region) -> Iterator[Region]:
    """Network drie, in which yunio may take the place of gelre."""
    members = (*SEVEN[:4], "huisarts")
    region.network("drie", FIRST, members, alternates=[OTHER])
    yield region
    region.heal()
    region.network("drie", FIRST, members)


@pytest.fixture
def asked(sets: Region) -> Agreed:
    """A question that both sets may compute."""
    found = Agreed(sets)
    found.everywhere()
    for member in MEMBERS:
        found.put(member, found.cases(member, more=[31, 31]))
    return found


def ids(region: Region, parties: Sequence[str]) -> list[str]:
    return [region[one].id for one in parties]


def test_when_a_party_dies_the_next_session_has_the_other_set_and_the_first_again_when_it_is_back(
    sets: Region,
) -> None:
    gelre = sets["gelre"]
    proposal = sets["ggd"].propose(rounds=100_000)
    proposal.until_computing(3)
    gelre.kill()
    ended = proposal.answer()
    assert (ended["exit"], ended["root"], ended["computing"]) == (4, gelre.id, ids(sets, FIRST))
    for proposer in ("ggd", "huisarts", "yunio"):
        answer = sets[proposer].ask("session", "--network", "drie", "--intake", "1", "--rounds", "1")
        assert answer["computing"] == ids(sets, OTHER), answer
        assert answer["result"]["correct"] is True
        assert answer["left_out"] == {gelre.id: "nothing of it arrived"}, "its data are as far away as it is"
        [passed] = answer["passed"]
        assert passed["computing"] == ids(sets, FIRST)
        assert gelre.id in passed["why"]
    sets.heal()
    again = sets["ggd"].ask("session", "--network", "drie", "--rounds", "1")
    assert right(again)
    assert (again["computing"], again.get("passed")) == (ids(sets, FIRST), None)
    chosen = sets["gelre"].ask("session", "--network", "drie", "--rounds", "1", "--computing", "2")
    assert right(chosen), "who is in no set with yunio contributes to it, and gets the result of it"
    assert chosen["computing"] == ids(sets, OTHER)
    none = sets["ggd"].ask("session", "--network", "drie", "--computing", "3")
    assert (none["exit"], none["error"]) == (2, "computing: drie has 2 set(s) of computing parties")


def test_a_question_has_the_right_result_with_the_other_set_and_is_the_same_one(asked: Agreed) -> None:
    """Of whichever set opened it, the parties that are in both refuse what could be subtracted from it."""
    allowance = asked.allowance("gelre")
    kept = allowance.read_text()
    allowance.unlink()
    answer = asked.tell("ggd", "propose", question=asked.name, computing=2)
    assert answer["exit"] == 1, answer
    assert (answer["computing"], list(answer["left_out"])) == (ids(asked.region, OTHER), [asked["gelre"].id])
    assert asked.opened(answer) == {31: 17}, "of four organisations; in 4 they have nine"
    allowance.write_text(kept)
    whole = asked.ask()
    assert (whole["exit"], whole["computing"]) == (4, ids(asked.region, FIRST)), whole
    assert whole["reason"].endswith(f"would differ from an earlier one in 1 organisations ({asked['gelre'].id}) only")


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_what_one_set_computed_today_the_other_does_not_compute_again(asked: Agreed, before: int, after: int) -> None:
    asked.everywhere(at_most="daily")
    assert asked.tell("ggd", "propose", question=asked.name, computing=before)["exit"] == 0
    refused = asked.tell("ggd", "propose", question=asked.name, computing=after)
    assert refused["exit"] == 3
    assert "may run daily at most and ran before" in refused["error"]


def test_a_question_that_gets_another_set_waits_for_every_steward_again(region: Region, asked: Agreed) -> None:
    del region
    without = asked.asked()
    del without["computing_alternates"]
    asked.allow(without)
    answer = asked.ask()
    assert answer["error"].endswith(f"computing_alternates: not as the steward here allowed it for {asked.name}")


MIXED = [
    ("ggd", "gelre", "yunio"),
    ("sensire", "ggd", "gelre"),
    ("ggd", "sensire"),
    ("ggd", "gelre", "sensire", "yunio"),
]


@pytest.mark.parametrize("parties", MIXED, ids=", ".join)
def test_a_proposer_that_names_no_set_of_the_definition_is_refused_by_all(sets: Region, parties: Sequence[str]) -> None:
    said = propose_by_hand(sets, parties)
    assert set(said.values()) == {"computing: not as in the definition that this station accepted"}, said


def test_a_mix_of_two_sets_computes_where_nobody_looks_which_sets_there_are(sets: Region) -> None:
    for name in ("gelre", "yunio"):
        sets[name].restart("agent", sabotage="any_set")
    assert propose_by_hand(sets, MIXED[0]) == {sets[one].id: "" for one in ("gelre", "yunio")}


def propose_by_hand(region: Region, parties: Sequence[str]) -> dict[str, str]:
    """What those parties answer to an acceptance in which `parties` compute, which ggd itself would not propose."""

    async def work(assembled: Any, network: Network) -> dict[str, str]:
        computing = ids(region, parties)
        with mock.patch.object(plan, "check"), mock.patch.object(Network, "threshold_of", return_value=1):
            proposed = plan.make(
                network,
                "acceptance_sum/1",
                {"rounds": 1},
                session=secrets.token_hex(16),
                computing=computing,
                contributors=sorted(computing),
                results=[network.self_id],
                minimum_cell=0,
                minimum_contributors=2,
                intake=5,
                deadline=60,
            )
        others = [one for one in computing if one != network.self_id]
        return {one: await answer_of(assembled, network, one, proposed) for one in others}

    return as_station(region["ggd"], "drie", work)
