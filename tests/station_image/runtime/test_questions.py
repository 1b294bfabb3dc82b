"""Agreed questions over real gateways: answered when everybody's steward allows, refused by each station itself."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.networks import Networks
from tests.station_image.runtime import questions
from tests.station_image.runtime.region import Region
from tests.station_image.runtime.stations import Proposal, Station, replace

pytestmark = pytest.mark.slow
MEMBERS = ("ggd", "gelre", "sensire", "yunio", "huisarts")
PLANTED = {4: (4, 4, 4, 0, 1), 31: (3, 2, 2, 2, 2)}
"""Area → cases per organisation: nobody has ten of its own anywhere, together these two areas have."""
ELSEWHERE = {10: (9, 0, 0, 0, 0), 11: (2, 2, 2, 0, 0), 12: (8, 8, 0, 0, 0)}
"""Too few cases, or too few organisations: area 12 has sixteen cases of two organisations."""
AREAS = 40


class Agreed:
    """A question of its own for one test: a name and areas that no earlier result was about."""

    counter = itertools.count()

    def __init__(self, region: Region) -> None:
        self.region = region
        number = next(self.counter)
        self.name, self.first = f"griep-{number}", 1000 + 100 * number

    def __getitem__(self, member: str) -> Station:
        return self.region[member]

    def asked(self, **changes: Any) -> dict[str, Any]:
        network = Networks(self["ggd"].root / "networks.d").find("drie")
        own = {"collaboration": self.name, "parameters": {"areas": [f"{self.first}-{self.first + AREAS - 1}"]}}
        return questions.document(network, **{**own, **changes})

    def deliver(self, document: dict[str, Any], to: Iterable[str] = MEMBERS) -> None:
        for member in to:
            path = self[member].root / "networks.d" / "drie" / "collaborations.json"
            replace(path, {document["collaboration"]: document})

    def allow(self, document: dict[str, Any], by: Iterable[str] = MEMBERS) -> None:
        for member in by:
            questions.allow(self[member].root / "allowances", document)

    def allowance(self, member: str) -> Path:
        return self[member].root / "allowances" / f"drie~{self.name}.json"

    def put(self, member: str, text: str) -> None:
        folder = self[member].root / "data" / "in" / self.name
        folder.mkdir(exist_ok=True)
        (folder / "meldingen.csv").write_text(text)

    def cases(self, member: str, more: Iterable[int] = ()) -> str:
        position = MEMBERS.index(member)
        rows = [area for area, counts in (PLANTED | ELSEWHERE).items() for _ in range(counts[position])]
        return "\n".join(["postcode4", *(str(self.first + area) for area in (*rows, *more))]) + "\n"

    def ask(self) -> dict[str, Any]:
        return self.tell("ggd", "propose", collaboration=self.name)

    def tell(self, member: str, verb: str, **request: Any) -> dict[str, Any]:
        path = self[member].root / "control" / "agent.sock"
        return Proposal(path, {"verb": verb, "network": "drie", **request}).answer()


@pytest.fixture
def agreed(region: Region) -> Agreed:
    """Everybody has the question, allows it, and has data for it."""
    found = Agreed(region)
    document = found.asked()
    for member in MEMBERS:
        found.put(member, found.cases(member))
    found.deliver(document)
    found.allow(document)
    return found


def test_together_they_see_exactly_what_none_sees_alone(agreed: Agreed) -> None:
    answer = agreed.ask()
    assert answer["exit"] == 0, answer
    found = {row["area"]: row["cases"] for row in answer["result"]["areas"]}
    assert found == {str(agreed.first + area): sum(counts) for area, counts in PLANTED.items()}
    assert answer["result"]["suppressed"] == AREAS - len(PLANTED)
    assert agreed.ask()["result"] == answer["result"], "the same question on the same data may be asked again"


def test_the_result_lies_with_the_result_party_and_with_nobody_else(agreed: Agreed) -> None:
    session = agreed.ask()["session"]
    holders = [m for m in MEMBERS if (agreed[m].root / "data" / "out" / session).exists()]
    assert holders == ["ggd"]
    shown = agreed.tell("ggd", "results", session=session[:8])["result"]
    assert (shown["session"], shown["collaboration"]) == (session, agreed.name)


def test_every_station_enters_its_part_in_its_register(agreed: Agreed) -> None:
    session = agreed.ask()["session"]
    wanted = {
        "ggd": {"proposal", "answer", "contributed", "run", "result", "receipt"},
        "sensire": {"answer", "contributed", "run", "receipt"},
        "huisarts": {"contributed", "receipt"},
    }
    for member, kinds in wanted.items():
        entered: set[str] = set()
        until = time.monotonic() + 10  # receipts come after the result
        while entered != kinds and time.monotonic() < until:
            told = agreed.tell(member, "register", last=50)
            assert told["sound"], told
            entered = {entry["kind"] for entry in told["entries"] if entry.get("session") == session}
        assert entered == kinds, member


@pytest.mark.parametrize("member", ["sensire", "huisarts", "ggd"])
def test_a_withdrawn_allowance_keeps_that_organisation_out_of_the_next_session(agreed: Agreed, member: str) -> None:
    agreed.allowance(member).unlink()
    answer = agreed.ask()
    if member == "huisarts":  # it contributes only: the others go on without it, as long as they are enough
        assert list(answer["left_out"]) == [agreed[member].id]
    else:
        assert answer["exit"] in (2, 3)
        assert f"does not allow {agreed.name}" in answer["error"]


@pytest.mark.parametrize(
    ("field", "changed"),
    [("minimum_cell", 5), ("results", ["ggd", "sensire"]), ("operators", {}), ("at_most", "hourly"), ("purpose", "x")],
)
def test_a_question_that_differs_from_what_was_allowed_is_refused_by_the_station_itself(
    agreed: Agreed, field: str, changed: Any
) -> None:
    """The coordinator delivers another question to everybody; the others' stewards even allow it."""
    if field == "results":
        changed = sorted(agreed[member].id for member in changed)
    other = agreed.asked(**{field: changed})
    agreed.deliver(other)
    agreed.allow(other, [member for member in MEMBERS if member != "sensire"])
    answer = agreed.ask()
    assert answer["exit"] == 3
    assert f"{agreed['sensire'].id}: {field}: not as the steward here allowed" in answer["error"]


def test_a_proposer_that_asks_another_question_than_was_delivered_is_refused(agreed: Agreed) -> None:
    other = agreed.asked(minimum_cell=2)
    agreed.deliver(other, ["ggd"])
    agreed.allow(other, ["ggd"])
    answer = agreed.ask()
    assert answer["exit"] == 3
    assert "minimum_cell: not as in the collaboration that was delivered to this station" in answer["error"]


def test_a_question_comes_no_sooner_than_agreed(agreed: Agreed) -> None:
    daily = agreed.asked(at_most="daily")
    agreed.deliver(daily)
    agreed.allow(daily)
    assert agreed.ask()["exit"] == 0
    again = agreed.ask()
    assert again["exit"] == 3
    assert f"at_most: {agreed.name} may run daily at most and ran before" in again["error"]


def test_a_repeated_question_that_differs_in_one_organisation_is_not_answered(agreed: Agreed) -> None:
    assert agreed.ask()["exit"] == 0
    agreed.put(
        "yunio", agreed.cases("yunio", [4])
    )  # one case more: the difference of the two results would be that case
    again = agreed.ask()
    assert again["exit"] == 4
    assert (
        f"contributors: its result would differ from an earlier one in 1 organisations ({agreed['yunio'].id})"
        in (again["reason"])
    )


def test_a_repeated_question_that_differs_in_one_area_is_not_answered(agreed: Agreed) -> None:
    assert agreed.ask()["exit"] == 0
    wider = agreed.asked(parameters={"areas": [f"{agreed.first}-{agreed.first + AREAS}"]})
    agreed.deliver(wider)
    agreed.allow(wider)
    answer = agreed.ask()
    assert answer["exit"] == 3
    assert "1 areas or values only" in answer["error"]


def test_data_that_cannot_be_used_is_explained_at_home_and_nowhere_else(agreed: Agreed) -> None:
    agreed.put("yunio", "postcode;leeftijd\n1004;geheim\n")
    answer = agreed.ask()
    assert list(answer["left_out"]) == [agreed["yunio"].id]
    assert "geheim" not in json.dumps(list(answer["left_out"].values()))
    told = agreed.tell("yunio", "data", collaboration=agreed.name)
    assert told["exit"] == 1
    assert told["problems"]
    assert "geheim" not in agreed["yunio"].log("agent")


def test_a_register_that_was_edited_stops_questions_and_is_shown(agreed: Agreed) -> None:
    assert agreed.ask()["exit"] == 0
    station = agreed["sensire"]
    path = station.root / "register" / "register.jsonl"
    whole = path.read_text()
    path.write_text(whole.replace('"kind": "run"', '"kind": "ran"', 1))
    try:
        assert not agreed.tell("sensire", "register")["sound"]
        station.restart("agent")
        answer = agreed.ask()
        assert answer["exit"] == 3
        assert "register: " in answer["error"]
    finally:
        path.write_text(whole)
        os.chown(path, 5001, 5000) if os.getuid() == 0 else None
        station.restart("agent")


def test_no_result_is_given_to_who_is_no_result_party_any_more(agreed: Agreed) -> None:
    """A question of which the results go elsewhere cannot be proposed by a former result party."""
    other = agreed.asked(results=[agreed["gelre"].id])
    agreed.deliver(other)
    agreed.allow(other)
    answer = agreed.ask()
    assert answer["exit"] == 2
    assert "proposer" in answer["error"]
