"""What breaks during a session: who is named, how soon, and that the next session works."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.harness.region import Region
from tests.harness.stations import Station, replace, wait_until
from tests.station_image.runtime.phases import PHASES, stood
from tests.station_image.runtime.test_sessions import right

pytestmark = pytest.mark.slow
LONG = 100_000
AT_MOST = 10.0


def _kill_computer(station: Station) -> None:
    station.kill("computer")


def _kill_agent(station: Station) -> None:
    station.kill("agent")


def _kill_everything(station: Station) -> None:
    station.signal(signal.SIGKILL)


def _vanish(station: Station) -> None:
    """As when the power goes: nothing is closed, nothing is said."""
    station.signal(signal.SIGSTOP)


def _freeze_computer(station: Station) -> None:
    station.signal(signal.SIGSTOP, "computer")


def _kill_gateway(station: Station) -> None:
    station.kill("gateway")


def _freeze_agent(station: Station) -> None:
    station.signal(signal.SIGSTOP, "agent")


def _freeze_gateway(station: Station) -> None:
    station.signal(signal.SIGSTOP, "gateway")


FAULTS = [_kill_computer, _kill_agent, _kill_everything, _vanish, _freeze_computer]


@pytest.mark.parametrize(
    ("network", "parties", "victim", "hurt"),
    [
        *(("drie", 3, "sensire", hurt) for hurt in FAULTS),
        ("drie", 3, "gelre", _kill_everything),
        ("vijf", 5, "marga", _kill_agent),
        ("vijf", 5, "gelre", _vanish),
    ],
)
def test_a_lost_computing_party_is_named_by_all_others_within_ten_seconds_and_the_next_session_works(
    region: Region, network: str, parties: int, victim: str, hurt: Callable[[Station], None]
) -> None:
    proposal = region["ggd"].propose(network, rounds=LONG)
    proposal.until_computing(parties)
    lost = region[victim]
    hurt(lost)
    since = time.monotonic()
    others = [region[name] for name in ("ggd", "gelre", "sensire", "yunio", "marga")[:parties] if name != victim]
    for station in others:
        _wait_for_end(station, network, lost.id)
    assert time.monotonic() - since < AT_MOST
    answer = proposal.answer()
    assert answer["exit"] == 4
    assert answer["root"] == lost.id
    assert {row["root"] for row in answer["reports"].values()} == {lost.id}, answer["reports"]
    region.heal()
    assert right(region["gelre"].ask("session", "--network", network))


def _wait_for_end(station: Station, network: str, root: str) -> None:
    def ended() -> bool:
        status = station.status(network)
        return bool(status) and status["sessions"] == 0

    wait_until(ended, f"{station.organisation} to end the session", 2 * AT_MOST)
    last = station.status(network)["last_session"]
    assert (last["outcome"], last["root"]) == ("failed", root)


ITS_COMPUTER = [phase for phase in PHASES if phase not in ("agreeing", "results")]
"""The phases in which a computing party has a process in its computer."""


@pytest.mark.parametrize(
    ("hurt", "phases"),
    [
        (_kill_agent, PHASES),
        pytest.param(_kill_computer, ITS_COMPUTER, marks=pytest.mark.soak),
        pytest.param(_kill_gateway, PHASES, marks=pytest.mark.soak),
        (_vanish, PHASES),
        pytest.param(_freeze_agent, PHASES, marks=pytest.mark.soak),
        (_freeze_computer, ITS_COMPUTER),
        pytest.param(_freeze_gateway, PHASES, marks=pytest.mark.soak),
    ],
)
def test_in_every_phase_a_lost_computing_party_is_named_within_ten_seconds_and_the_next_session_works(
    region: Region, hurt: Callable[[Station], None], phases: Sequence[str]
) -> None:
    """A session for each phase; the one that stands still is called by one of the others, and calls the other."""
    lost, others = region["gelre"], [region["ggd"], region["sensire"]]
    for station in others:
        station.restart("agent", sabotage="many_sessions")
    lost.restart("agent", "computer", sabotage="many_sessions+stands_still")
    before = {part: len(lost.log(part)) for part in ("agent", "computer")}

    def stands_in() -> set[str]:
        return {phase for part, length in before.items() for phase in stood(lost.log(part)[length:])}

    sessions = {phase: region["ggd"].propose(rounds=1 + PHASES.index(phase)) for phase in phases}
    wait_until(lambda: stands_in() == set(phases), "every phase to be reached")
    hurt(lost)
    since = time.monotonic()
    answers = {phase: proposal.answer() for phase, proposal in sessions.items()}
    for station in others:
        _wait_until_idle(station)
    assert time.monotonic() - since < AT_MOST
    for phase, answer in answers.items():
        assert answer["exit"] == 4, (phase, answer)
        if phase == "agreeing":
            assert list(answer["reasons"]) == [lost.id], answer
            continue
        assert answer["root"] == lost.id, (phase, answer)
        # Who sees it first tells the other, perhaps before that looks: then it is one word, which names nobody.
        failed = [report for report in answer["reports"].values() if report["outcome"] != "done"]
        assert all(lost.id in report["root"] + report["reason"] for report in failed), (phase, answer)
    region.heal()
    _wait_until_idle(lost)  # who stood still has yet to see that its sessions are over
    assert right(region["sensire"].ask("session", "--network", "drie"))


def _wait_until_idle(station: Station) -> None:
    wait_until(lambda: station.status()["sessions"] == 0, f"{station.organisation} to end its sessions", AT_MOST)


def test_a_computing_party_that_is_off_is_named_before_anything_starts(region: Region) -> None:
    region["sensire"].kill()
    answer = region["ggd"].ask("session", "--network", "drie")
    assert answer["exit"] == 4
    assert list(answer["reasons"]) == [region["sensire"].id]


def test_a_contributor_that_is_off_is_left_out_and_named_and_the_rest_is_right(region: Region) -> None:
    region["huisarts"].kill()
    _left_out(
        region.stations, region["ggd"].ask("session", "--network", "drie", "--intake", "1"), "nothing of it arrived"
    )


def test_a_contributor_whose_share_is_missing_at_one_party_is_left_out_everywhere(region: Region) -> None:
    region["huisarts"].restart("agent", sabotage="forgets_second_party")
    answer = region["ggd"].ask("session", "--network", "drie", "--intake", "1")
    _left_out(region.stations, answer, f"nothing of it arrived at {region['gelre'].id}")


@pytest.mark.soak
def test_without_agreement_a_missing_share_spoils_the_result(region: Region) -> None:
    region["huisarts"].restart("agent", sabotage="forgets_second_party")
    for name in ("ggd", "gelre", "sensire"):
        region[name].restart("computer", sabotage="no_agreement")
    answer = region["ggd"].ask("session", "--network", "drie", "--intake", "1")
    assert answer["exit"] == 4


def _left_out(stations: dict[str, Station], answer: dict[str, Any], why: str) -> None:
    assert answer["exit"] == 1, answer
    assert answer["left_out"] == {stations["huisarts"].id: why}
    assert answer["result"]["correct"] is True


def test_agents_computers_and_gateways_restart_in_any_order_and_the_next_session_works(region: Region) -> None:
    region["ggd"].restart("agent")
    region["gelre"].restart("gateway")
    region["sensire"].restart("computer")
    region["huisarts"].restart("agent")
    region.wait_for(region["huisarts"])
    assert right(region["ggd"].ask("session", "--network", "drie"))


def test_a_contributor_that_comes_back_during_the_intake_is_told_and_takes_part(region: Region) -> None:
    region["huisarts"].kill("agent")
    proposal = region["ggd"].propose(intake=20)
    region["huisarts"].start("agent")
    assert right(proposal.answer())


def test_a_proposer_that_goes_away_leaves_the_others_able_to_work(region: Region) -> None:
    proposal = region["yunio"].propose(rounds=300, results=["gelre"])
    proposal.until_computing(3)
    region["yunio"].kill("agent")
    session = proposal.events[0]["session"]
    path = region["gelre"].root / "data" / "out" / session / "result.json"
    wait_until(path.exists, "the result at the result party", 20)


@contextlib.contextmanager
def _cut(region: Region, network: str, gone: str) -> Iterator[None]:
    """A station is cut in the views that all others have of one network, as `up` places them."""
    before = {}
    for name, station in region.stations.items():
        path = station.root / "networks.d" / network / "network.json"
        if name != gone and path.exists():
            before[path] = json.loads(path.read_text())
            kept = {one: row for one, row in before[path]["stations"].items() if one != region[gone].id}
            replace(path, {**before[path], "stations": kept, "cut": {region[gone].id: {"organisation": gone}}})
    try:
        yield
    finally:
        for path, view in before.items():
            replace(path, view)


def test_who_is_cut_in_one_network_ends_there_only_and_agents_that_restart_are_in_all_their_networks(
    region: Region,
) -> None:
    """A view without the key of a computing party took agents out of every network, this one's others too."""
    ends, goes_on = region["ggd"].propose("drie", rounds=LONG), region["ggd"].propose("vijf", rounds=300)
    ends.until_computing(3)
    goes_on.until_computing(5)
    with _cut(region, "drie", "sensire"):
        answer = ends.answer()
        assert answer["exit"] == 4
        # Who sees it first tells the other, perhaps before that looks: then it is one word, which names nobody.
        gone = region["sensire"].id
        seen, told = f"{gone} left drie, or is cut", dict(answer["reports"])
        silent = told.pop(gone)["root"] == gone
        saw = [report["root"] for report in told.values() if report["reason"] == seen]
        assert saw in ([gone], [gone] * 2), answer["reports"]
        assert answer["root"] == (gone if silent or len(saw) == 2 else ""), answer["reports"]
        assert answer["reason"].endswith("left drie, or is cut")
        assert right(goes_on.answer()), "with the same station, in a network where nobody cut it"
        for name in ("ggd", "gelre", "huisarts"):
            region[name].restart("agent")
        refused = region["ggd"].ask("session", "--network", "drie")
        assert refused["exit"] == 2
        assert refused["error"].startswith("cannot compute: sensire is cut")
        for network in ("vijf", "zeven"):
            assert right(region["ggd"].ask("session", "--network", network))
    assert right(region["ggd"].ask("session", "--network", "drie"))
