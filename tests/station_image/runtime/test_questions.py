"""Agreed questions over real gateways: answered when everybody's steward allows, refused by each station itself."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.base.documents import canonical
from station_image.runtime.consent.register import Register
from station_image.runtime.control import asking
from tests.harness.stations import Station, replace
from tests.station_image.runtime.agreed import AREAS, MEMBERS, PLANTED_TOTALS, Agreed

pytestmark = pytest.mark.slow
PARTS = ("agent", "computer")
REGISTER = ("register/register.jsonl", "state/register.json")


def test_together_they_see_exactly_what_none_sees_alone(agreed: Agreed) -> None:
    answer = agreed.ask()
    assert answer["exit"] == 0, answer
    assert agreed.opened(answer) == PLANTED_TOTALS
    assert answer["result"]["suppressed"] == AREAS - len(PLANTED_TOTALS)
    assert agreed.ask()["result"] == answer["result"], "the same question on the same data may be asked again"


def test_the_result_lies_with_the_result_party_and_with_nobody_else(agreed: Agreed) -> None:
    session = agreed.ask()["session"]
    holders = [m for m in MEMBERS if (agreed[m].root / "data" / "out" / session).exists()]
    assert holders == ["ggd"]
    shown = agreed.tell("ggd", "results", session=session[:8])["result"]
    assert (shown["session"], shown["question"]) == (session, agreed.name)


def test_every_station_enters_its_part_in_its_register(agreed: Agreed) -> None:
    session = agreed.ask()["session"]
    wanted = {
        "ggd": {"proposal", "answer", "contributed", "opening", "run", "result", "receipt"},
        "sensire": {"answer", "contributed", "opening", "run", "receipt"},
        "huisarts": {"contributed", "receipt"},
    }
    for member, kinds in wanted.items():
        assert agreed.until_entered(member, session, *kinds) == kinds, member


# What was allowed, and nothing else


def test_a_withdrawn_allowance_of_a_computing_party_stops_the_next_session(agreed: Agreed) -> None:
    assert agreed.ask()["exit"] == 0
    agreed.allowance("sensire").unlink()
    answer = agreed.ask()
    assert answer["exit"] == 3
    assert answer["error"] == f"{agreed['sensire'].id}: allowance: the steward here does not allow {agreed.name}"


def test_a_withdrawn_allowance_of_the_proposer_stops_it_at_home(agreed: Agreed) -> None:
    agreed.allowance("ggd").unlink()
    answer = agreed.ask()
    assert answer["exit"] == 2
    assert answer["error"] == f"allowance: the steward here does not allow {agreed.name}"


def test_who_only_contributes_and_withdrew_is_not_waited_for_and_the_others_go_on(agreed: Agreed) -> None:
    agreed.allowance("huisarts").unlink()
    started = time.monotonic()
    answer = agreed.ask()
    assert answer["exit"] == 1
    assert list(answer["left_out"]) == [agreed["huisarts"].id]
    assert agreed.opened(answer) == {4: PLANTED_TOTALS[4] - 1}, "without its case in 4 there are enough, in 31 not"
    assert time.monotonic() - started < asking.INTAKE_DATA / 4


def test_with_too_few_left_there_is_no_result(agreed: Agreed) -> None:
    agreed.everywhere(minimum_contributors=5)
    agreed.allowance("huisarts").unlink()
    answer = agreed.ask()
    assert answer["exit"] == 4
    assert answer["reason"] == "4 contributors, at least 5 must be"


@pytest.mark.parametrize("at", ["everybody", "sensire"])
def test_a_question_that_the_coordinator_took_back_is_not_answered_any_more(agreed: Agreed, at: str) -> None:
    assert agreed.ask()["exit"] == 0
    if at == "everybody":
        agreed.deliver()
        assert f"no question '{agreed.name}' in drie" in agreed.ask()["error"]
    else:  # it has not reached the others yet
        agreed.deliver(to=[at])
        answer = agreed.ask()
        assert answer["exit"] == 3
        assert answer["error"].startswith(f"{agreed[at].id}: question: none of the name")


@pytest.mark.parametrize(
    ("field", "before", "changed"),
    [
        ("minimum_cell", 10, 5),
        ("results", ["ggd"], ["ggd", "sensire"]),
        ("operators", None, {}),
        ("at_most", "daily", "hourly"),
        ("until", "2098-01-01", "2098-12-31"),
        ("agreements", None, {}),
        ("purpose", "waar", "wie"),
    ],
)
def test_a_question_that_differs_from_what_was_allowed_is_refused_by_the_station_itself(
    agreed: Agreed, field: str, before: Any, changed: Any
) -> None:
    """The coordinator delivers another question to everybody; the others' stewards even allow it."""

    def with_value(value: Any) -> dict[str, Any]:
        if field == "results":
            value = sorted(agreed[member].id for member in value)
        return agreed.asked() if value is None else agreed.asked(**{field: value})

    agreed.allow(with_value(before), by=["sensire"])
    agreed.deliver(with_value(changed))
    agreed.allow(with_value(changed), by=[member for member in MEMBERS if member != "sensire"])
    answer = agreed.ask()
    assert answer["exit"] == 3
    said = f"{field}: not as the steward here allowed it for {agreed.name}"
    assert answer["reasons"] == {agreed["sensire"].id: said}


@pytest.mark.parametrize("field", ["minimum_cell", "results", "contributors", "parameters", "proposer", "threshold"])
def test_a_plan_that_asks_for_more_than_the_question_is_refused_by_every_other_station(
    agreed: Agreed, field: str
) -> None:
    """The proposer's own station was changed to check nothing, its steward to allow everything."""
    us, ids = agreed["ggd"].id, sorted(agreed[member].id for member in MEMBERS)
    if field == "proposer":  # ggd is no result party of what everybody agreed
        agreed.everywhere(results=[agreed["gelre"].id])
    changes: dict[str, dict[str, Any]] = {
        "minimum_cell": {"minimum_cell": 2},
        "results": {"results": sorted([us, agreed["yunio"].id])},
        "contributors": {"contributors": ids[:-1]},
        "parameters": {"parameters": {"areas": [str(agreed.first)], "factor": 2, "bits": 10}, "length": 11},
        "proposer": {},
        "threshold": {"threshold": 0},
    }
    reasons = agreed.by_hand(**changes[field])
    assert len(reasons) == 2
    assert all(why.startswith(f"{field}: ") for why in reasons.values()), reasons


def test_the_same_plan_without_changes_is_accepted_by_every_other_station(agreed: Agreed) -> None:
    assert set(agreed.by_hand().values()) == {""}


# Until when, and how often


@pytest.mark.parametrize(
    ("changes", "how", "said"),
    [
        ({"until": "2026-01-01"}, {}, "until: {name} ended on 2026-01-01"),
        ({}, {"until": "2026-01-01"}, "allowance: {name} ended on 2026-01-01"),
        ({}, {"digest": "0" * 64}, "allowance: drie~{name}.json was edited; its steward allows it anew"),
        (
            {"at_most": "daily"},
            {"at_most": "hourly"},
            "at_most: drie~{name}.json is for another frequency; its steward",
        ),
        ({"agreements": "lapsed"}, {}, "agreements: that of drie.huisarts lapsed on 2026-01-31"),
    ],
    ids=["term", "steward's own term", "edited", "more often", "agreement lapsed"],
)
def test_what_ended_or_was_edited_is_refused_by_every_other_station(
    agreed: Agreed, changes: dict[str, Any], how: dict[str, str], said: str
) -> None:
    if "agreements" in changes:
        lapsed = agreed.asked()["agreements"]
        lapsed[agreed["huisarts"].id]["until"] = "2026-01-31"
        changes = {"agreements": lapsed}
    agreed.allow(agreed.everywhere(**changes), **how)
    reasons = agreed.by_hand()
    assert len(reasons) == 2
    assert all(why.startswith(said.format(name=agreed.name)) for why in reasons.values()), reasons


def test_a_question_comes_no_sooner_than_agreed(agreed: Agreed) -> None:
    agreed.everywhere(at_most="daily")
    assert agreed.ask()["exit"] == 0
    again = agreed.ask()
    assert again["exit"] == 3
    assert set(again["reasons"].values()) == {f"at_most: {agreed.name} may run daily at most and ran before"}


def test_a_steward_that_allows_it_more_rarely_is_the_one_that_counts(agreed: Agreed) -> None:
    agreed.allow(agreed.asked(), by=["sensire"], at_most="weekly")
    assert agreed.ask()["exit"] == 0
    again = agreed.ask()
    assert again["exit"] == 3
    said = f"at_most: {agreed.name} may run weekly at most and ran before"
    assert again["reasons"] == {agreed["sensire"].id: said}


def test_who_only_contributes_holds_to_its_own_frequency_too(agreed: Agreed) -> None:
    agreed.allow(agreed.asked(), by=["huisarts"], at_most="weekly")
    session = agreed.ask()["session"]
    agreed.until_entered("huisarts", session, "receipt")
    again = agreed.ask()
    # All others have the same data as before: what is left out is one organisation, so that nothing is opened.
    assert again["exit"] == 4
    assert "1 organisations (drie.huisarts)" in again["reason"]


@pytest.mark.parametrize("member", ["yunio", "sensire"])
def test_data_that_cannot_be_used_is_explained_at_home_and_nowhere_else(agreed: Agreed, member: str) -> None:
    """Whether it computes or not, nobody waits for it."""
    agreed.put(member, "postcode;leeftijd\n1004;geheim\n")
    started, proposal = time.monotonic(), agreed.propose()
    answer = proposal.answer()
    assert time.monotonic() - started < asking.INTAKE_DATA / 4
    assert list(answer["left_out"]) == [agreed[member].id]
    told = agreed.tell(member, "data", question=agreed.name)
    assert told["exit"] == 1
    assert told["problems"] == [
        "meldingen.csv line 1, column postcode4: did you mean it in column 1? write exactly 'postcode4' there",
        "meldingen.csv line 1: column 2 is not among the agreed ones (postcode4); remove it",
    ]
    everything = json.dumps([proposal.events, told]) + "".join(agreed[m].log(p) for m in MEMBERS for p in PARTS)
    assert "geheim" not in everything
    assert "did you mean" not in json.dumps(proposal.events)


def test_areas_are_divided_by_the_table_that_the_question_names(agreed: Agreed) -> None:
    """Of a range of areas those in the table count; what CBS keeps secret is none of them."""
    hidden, first = 31, agreed.first
    counts = {str(first + area): 1000 + area for area in range(AREAS) if area != hidden}
    table = {"table": "cbs-pc4-2025", "counts": counts, "unknown": 1, "empty": 0}
    digest = f"sha256:{hashlib.sha256(canonical(table)).hexdigest()}"
    named = {"table": "cbs-pc4-2025", "areas": AREAS - 1, "unknown": 1, "empty": 0, "digest": digest}
    for member in MEMBERS:
        replace(agreed[member].root / "networks.d" / "drie" / "tables.json", {digest: table})
    agreed.everywhere(parameters={"areas": [f"{first}-{first + AREAS - 1}"], "population": named})
    answer = agreed.ask()
    assert answer["exit"] == 0, answer
    wanted = {area: cases for area, cases in PLANTED_TOTALS.items() if area != hidden}
    assert agreed.opened(answer) == wanted
    assert answer["result"]["suppressed"] == AREAS - 1 - len(wanted)
    for row in answer["result"]["areas"]:
        assert row["rate_per_10000"] == pytest.approx(1e4 * row["cases"] / counts[str(row["area"])], abs=0.01)
    (agreed["sensire"].root / "networks.d" / "drie" / "tables.json").unlink()
    assert "was not delivered to this station" in str(agreed.ask())


def test_rows_that_stand_in_two_files_are_counted_twice_only_when_its_people_say_so(agreed: Agreed) -> None:
    """What it did: an old export beside the new one, saved by another program, opened areas that had too few cases."""
    rows = twice(agreed, "yunio")
    told = agreed.tell("yunio", "data", question=agreed.name)
    [problem] = told["problems"]
    assert "as meldingen - kopie.csv; remove one of the two, or say" in problem
    said = agreed.tell("yunio", "data", question=agreed.name, both=True)
    assert (said["exit"], said["rows"], len(said["repeated"])) == (0, 2 * rows, 1)
    assert agreed.tell("yunio", "register", last=1)["entries"][0]["kind"] == "repeated"
    again = agreed.tell("yunio", "data", question=agreed.name)
    first = f"meldingen - kopie.csv: {rows} rows; semicolons between columns, UTF-8"
    assert (again["exit"], again["rows"], again["files"][0]) == (0, 2 * rows, first)
    assert agreed.ask()["left_out"] == {}


def test_until_then_a_session_leaves_their_organisation_out(agreed: Agreed) -> None:
    twice(agreed, "yunio")
    assert list(agreed.ask()["left_out"]) == [agreed["yunio"].id]


def twice(agreed: Agreed, member: str) -> int:
    """Lay a copy of the data of a member beside them, as another program saves it; returns the rows of one."""
    folder = agreed[member].root / "data" / "in" / "drie" / agreed.name
    text = (folder / "meldingen.csv").read_text()
    (folder / "meldingen - kopie.csv").write_bytes(text.replace("\n", ";;\r\n").encode())
    return len(text.splitlines()) - 1


@pytest.fixture
def rewritten(agreed: Agreed) -> Iterator[Station]:
    """A station whose register is not to be believed any more; afterwards it gets another key and begins a new one."""
    assert agreed.ask()["exit"] == 0
    station = agreed["sensire"]
    station.kill("agent")
    yield station
    station.kill("agent")
    station.key = Ed25519PrivateKey.generate()
    station.write_key(station.key)
    for name in REGISTER:
        (station.root / name).unlink()
    agreed.region.usual_networks()
    station.restart("agent")


def test_a_register_that_was_edited_stops_questions_and_is_shown(agreed: Agreed, rewritten: Station) -> None:
    path = rewritten.root / REGISTER[0]
    path.write_text(path.read_text().replace('"kind": "run"', '"kind": "ran"', 1))
    rewritten.restart("agent")
    told = agreed.tell("sensire", "register")
    assert not told["sound"]
    assert "is not as it was written" in told["problem"]
    answer = agreed.ask()
    assert answer["exit"] == 3
    assert answer["reasons"] == {rewritten.id: f"register: {told['problem']}"}


def test_a_register_that_was_written_anew_with_its_key_is_found_by_the_others(
    agreed: Agreed, rewritten: Station
) -> None:
    """Whoever runs that server leaves one entry out, and writes everything after it as the station would have."""
    entries = [json.loads(line) for line in (rewritten.root / REGISTER[0]).read_text().splitlines()]
    for name in REGISTER:
        (rewritten.root / name).unlink()
    forged = Register(rewritten.root / "register", rewritten.root / "state", StatementKey(rewritten.key))
    for entry in entries[1:]:
        own = ("number", "at", "kind", "before", "digest", "signature")
        forged.add(entry["kind"], **{name: value for name, value in entry.items() if name not in own})
    for name in REGISTER:
        rewritten.give_to_agent(rewritten.root / name)
    rewritten.restart("agent", sabotage="no_shame")
    assert agreed.tell("sensire", "register")["sound"], "by itself nothing is wrong with it"
    answer = agreed.ask()
    assert answer["exit"] == 3
    [(where, why)] = answer["reasons"].items()
    assert where == rewritten.id
    assert why.startswith("register: its entry ")
    assert why.endswith(" is not the one that it told of before")
    agreed["ggd"].restart("agent", sabotage="no_witness")
    answer = agreed.ask()
    assert agreed["gelre"].id in str(answer), "each computing party bears witness, not only who proposes"
    assert f"of {rewritten.id} is not the one that it told of before" in str(answer), answer
    agreed["gelre"].restart("agent", sabotage="no_witness")
    assert agreed.ask()["exit"] == 0, "where nobody bears witness it is not found"


def test_a_former_result_party_is_told_at_home_that_it_cannot_ask(agreed: Agreed) -> None:
    agreed.everywhere(results=[agreed["gelre"].id])
    answer = agreed.ask()
    assert answer["exit"] == 2
    assert answer["error"] == f"proposer: {agreed['ggd'].id} is no result party of {agreed.name}"
