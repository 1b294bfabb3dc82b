"""Everything that ends is in the calendar, each with who has to do what, and agendas take it."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import icalendar
import pytest

from base import canonical
from network_topology import model
from on_server.station_command import cli as station
from publication import trust, verified
from tests.harness.coordinator import approve, coordinator, definition, make_coordinator
from tests.publication.published import RELEASES
from werkplaats import cli
from werkplaats.operations.coordinator import authority, renewal, revocation
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.look import agenda, calendar

__all__ = ["approve", "coordinator", "definition", "make_coordinator"]
DAY = datetime.timedelta(days=1)


@pytest.fixture
def published(coordinator: Any, approve: Callable[..., Any], tmp_path: Path) -> verified.Verified:
    approve("ggd")
    (tmp_path / "publications").mkdir()
    place = tmp_path / "publications" / "proeftuin"
    return publishing.publish(place, coordinator.definition, RELEASES, coordinator.authority)


def question(until: datetime.date) -> model.Question:
    term = model.Term(until=until, at_most="daily")
    return model.Question(
        analysis="hotspots/1",
        purpose="p",
        fields={},
        contributes=(),
        results_to=(),
        minimum_cell=10,
        minimum_contributors=3,
        term=term,
    )


def states(ends: list[calendar.End], days: float) -> dict[str, str]:
    return {one.what: one.state(canonical.now() + days * DAY) for one in ends}


def test_certificates_and_lists_are_due_when_the_coordinator_would_sign_them_anew(
    published: verified.Verified,
) -> None:
    ends = calendar.of("proeftuin", published.definition, published, {})
    wanted = {0: ("later", "later"), 31: ("later", "due"), 91: ("later", "ended"), 121: ("due", "ended")}
    for days, (certificate, listed) in {**wanted, 181: ("ended", "ended")}.items():
        found = states(ends, days)
        assert (found["certificate of ggd"], found["revocation list"]) == (certificate, listed), days
    assert "certificate of ziekenhuis" not in found
    assert found["CA of proeftuin"] == "later"
    assert states(ends, 3300)["CA of proeftuin"] == "due"


def test_papers_questions_and_allowances_end_with_their_last_day(published: verified.Verified) -> None:
    today = canonical.now().date()
    card = published.definition.organisations["ggd"]
    agreement = model.Agreement(kind="gvo", signed=today, until=today + 100 * DAY)
    defined = published.definition.model_copy(
        update={
            "organisations": {"ggd": card.model_copy(update={"agreement": agreement})},
            "processors": {"hoster": model.Processor(name="H", agreement=agreement)},
            "dpia": datetime.date(2024, 2, 29),
        }
    )
    allowed = {"ggd": [{"question": "griep", "state": "allowed", "until": str(today + 10 * DAY)}, {"question": "x"}]}
    ends = calendar.of("proeftuin", defined, None, {"griep": question(today)}, allowed)
    assert [(one.what, one.until, one.who) for one in ends if one.kind != "DPIA"] == [
        ("question griep", str(today), "coordinator, its stewards"),
        ("allowance of ggd for griep", str(today + 10 * DAY), "steward of ggd"),
        ("agreement of ggd", str(today + 100 * DAY), "ggd, coordinator"),
        ("agreement of hoster", str(today + 100 * DAY), "hoster, coordinator"),
    ]
    [assessed] = [one for one in ends if one.kind == "DPIA"]
    assert assessed.until == "2027-02-28"
    [asked] = [one for one in ends if one.kind == "question"]
    evening = datetime.datetime.combine(today, datetime.time(23, 59), datetime.UTC)
    assert asked.state(evening) == "due"
    assert asked.state(evening + datetime.timedelta(minutes=2)) == "ended"


def test_the_last_day_of_an_upgrade_is_by_what_is_published_and_due_two_weeks_before(
    published: verified.Verified,
) -> None:
    today = canonical.now().date()
    moves = {"release": "1.1.0", "upgrading_from": "1.0.0", "upgrading_until": today + 20 * DAY}
    defined = published.definition.model_copy(update=moves)
    assert [one for one in calendar.of("proeftuin", defined, published, {}) if one.kind == "upgrade"] == []
    both = dataclasses.replace(published, definition=defined)
    (found,) = (one for one in calendar.of("proeftuin", published.definition, both, {}) if one.kind == "upgrade")
    assert (found.what, found.until) == ("upgrade of proeftuin from release 1.0.0 to 1.1.0", str(today + 20 * DAY))
    assert [found.state(canonical.now() + days * DAY) for days in (0, 8, 22)] == ["later", "due", "ended"]
    assert found.line(canonical.now() + 8 * DAY).startswith(
        f"due    {found.until}       {found.what}; now each operator that did not yet, then coordinator: werkplaats "
        "accept proeftuin, then werkplaats upgrade start proeftuin --to 1.1.0; once all have moved"
    )


def test_what_is_to_be_done_now_says_who_does_what(published: verified.Verified) -> None:
    ends = calendar.of("proeftuin", published.definition, published, {"griep": question(datetime.date(2026, 1, 31))})
    now = canonical.now()
    assert [one.line(now) for one in calendar.now_to_do(ends, now)] == [
        "ended  2026-01-31       question griep; too late coordinator, its stewards: agree on a new term or take its "
        "file away; werkplaats trust publish proeftuin"
    ]
    late = now + 40 * DAY
    [listed] = [one for one in calendar.now_to_do(ends, late) if one.kind == "list"]
    assert listed.line(late).startswith(
        f"due    {listed.until} revocation list; now coordinator: werkplaats trust publish"
    )
    assert listed.document(late) == {
        "kind": "list",
        "what": "revocation list",
        "state": "due",
        "until": listed.until,
        "due": listed.due.isoformat(),
        "ends": listed.ends.isoformat(),
        "who": "coordinator",
        "remedy": listed.remedy,
    }


@pytest.mark.parametrize("day", [datetime.date.min, datetime.date.max])
def test_a_day_of_which_none_is_before_or_after_is_in_it_too(published: verified.Verified, day: datetime.date) -> None:
    defined = published.definition.model_copy(update={"dpia": day})
    ends = calendar.of("proeftuin", defined, None, {"griep": question(day)})
    assert str(day) in {one.until for one in ends if one.kind == "question"}
    assert agenda.text("proeftuin", ends, canonical.now())


def test_agendas_take_it_and_move_what_they_have_when_it_is_signed_anew(
    published: verified.Verified,
) -> None:
    now = canonical.now()
    ends = calendar.of("proeftuin", published.definition, published, {})
    text = agenda.text("proeftuin", ends, now)
    assert text.endswith(b"END:VCALENDAR\r\n")
    assert max(len(line) for line in text.split(b"\r\n")) <= 75, "RFC 5545, 3.1"
    events = {str(one["uid"]): one for one in icalendar.Calendar.from_ical(text).walk("VEVENT")}
    assert len(events) == len(ends)
    [own] = [one for one in events.values() if "certificate of ggd" in str(one["summary"])]
    [end] = [one for one in ends if one.what == "certificate of ggd"]
    assert own.decoded("dtstart") == end.due.date()
    assert str(own["summary"]) == f"proeftuin: certificate of ggd ends {end.until} (coordinator)"
    assert "werkplaats trust publish proeftuin" in str(own["description"])
    later = calendar.of("proeftuin", published.definition, published, {})
    again = icalendar.Calendar.from_ical(agenda.text("proeftuin", later, now + DAY)).walk("VEVENT")
    assert {str(one["uid"]) for one in again} == events.keys()


def test_a_gateway_key_of_a_year_is_due_and_its_operator_is_told(
    published: verified.Verified, coordinator: Any
) -> None:
    """Its certificate is signed anew for ever: nothing else says that the key is old."""
    approved = published.identities["ggd"].approved
    ends = calendar.of("proeftuin", published.definition, published, {})
    what = f"gateway key of ggd, of {approved[:10]}"
    for days, state in {0: "later", 364: "later", 366: "due", 729: "due", 732: "ended"}.items():
        assert states(ends, days)[what] == state, days
    late = canonical.now() + 366 * DAY
    [own] = [one for one in calendar.now_to_do(ends, late) if one.kind == "gateway key"]
    assert own.line(late).endswith(
        f"{what}; now operator of ggd: werkplaats trust renew-key proeftuin ggd, its request goes to the coordinator: "
        "werkplaats trust publish proeftuin; then werkplaats up proeftuin"
    )
    renewed = renewal.renew(coordinator.definition, coordinator.authority, canonical.now() + 150 * DAY)
    assert [one.approved for one in renewed] == [approved], "another certificate is no other key"


def rolled(published: verified.Verified, how_far: str, coordinator: Any) -> verified.Verified:
    """The same publication at a step of a roll."""
    own = coordinator.authority
    if how_far == "alone":
        return published
    after = authority.roll(coordinator.vault, coordinator.records)
    both = [trust.Trust("proeftuin", one.certificate, revocation.current(one)) for one in (own, after)]
    return dataclasses.replace(published, trusted=tuple(both if how_far == "begun" else both[::-1]))


@pytest.mark.parametrize(
    ("how_far", "wanted", "verb"),
    [
        ("begun", "CA-2 is trusted beside CA-1", "--switch"),
        ("switched", "certificates are of CA-2, and CA-1 is trusted too", "--drop"),
    ],
)
def test_a_roll_is_to_do_from_its_first_step_on_and_each_step_says_whose_turn_it_is(
    published: verified.Verified, coordinator: Any, how_far: str, wanted: str, verb: str
) -> None:
    at = rolled(published, how_far, coordinator)
    ends = calendar.of("proeftuin", at.definition, at, {})
    [due] = [one for one in calendar.now_to_do(ends, canonical.now()) if one.kind == "CA"]
    assert due.what.startswith(wanted)
    assert f"werkplaats trust roll proeftuin {verb}" in due.remedy
    assert "each operator that did not yet: werkplaats accept proeftuin" in due.remedy
    assert {one.what for one in ends if one.kind == "list"} == {f"revocation list of CA-{one}" for one in (1, 2)}


@pytest.mark.parametrize("how_far", ["alone", "begun", "switched"])
def test_every_remedy_is_a_command_that_there_is(published: verified.Verified, coordinator: Any, how_far: str) -> None:
    """One for the CA told people to do what no verb does, and the verb that does it was not named."""
    published = rolled(published, how_far, coordinator)
    today = canonical.now().date()
    card = published.definition.organisations["ggd"]
    agreement = model.Agreement(kind="gvo", signed=today, until=today)
    cards = {"ggd": card.model_copy(update={"agreement": agreement})}
    defined = published.definition.model_copy(update={"organisations": cards, "dpia": today})
    allowed = {"ggd": [{"question": "griep", "state": "allowed", "until": str(today)}]}
    ends = calendar.of("proeftuin", defined, published, {"griep": question(today)}, allowed)
    kinds = {"certificate", "gateway key", "list", "role", "CA", "agreement", "DPIA", "question", "allowance"}
    assert {one.kind for one in ends} == kinds
    [ca] = [one for one in ends if one.kind == "CA"]
    assert "werkplaats trust roll proeftuin" in ca.remedy
    for one in ends:
        commands = re.findall(r"(werkplaats|station) ([a-z-]+ [^;:,]*[^;:, ])", one.remedy)
        assert commands, one.remedy
        for program, words in commands:
            parser = cli.parser() if program == "werkplaats" else station._parser()
            parser.parse_args(words.split())
        assert len(commands) == one.remedy.count("werkplaats ") + one.remedy.count("station "), one.remedy


@pytest.mark.parametrize("text", ["2026-13-40T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", ""])
def test_a_day_that_no_year_has_is_no_moment(text: str) -> None:
    """A coordinator that wrote one as the day of an approval made everybody's `status` stop in a traceback."""
    with pytest.raises(ValueError, match=r"moment|month|day"):
        canonical.moment(text)
