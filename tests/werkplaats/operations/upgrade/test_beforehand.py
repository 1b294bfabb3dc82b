"""What a yes beforehand covers: the step to a later release and nothing else, by all who were named, in a window."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_topology import model
from publication import acceptance, verified
from publication.following import applied
from tests.publication.published import without
from tests.werkplaats.operations.upgrade.published import OLD, OPEN, PATCH, SHUT, SIGNERS, Region, of, rule
from werkplaats.operations.reach import windows
from werkplaats.operations.upgrade import beforehand
from werkplaats.operations.upgrade.beforehand import Verdict

FROM = ("1.0.0",)
MINOR, MAJOR = of("1.1.0", "3", may_upgrade_from=FROM), of("2.0.0", "4", may_upgrade_from=FROM)
Publication = Callable[[Region], verified.Verified]


def decide(
    region: Region,
    published: verified.Verified,
    by: windows.Rule | None = None,
    runs: model.Release | None = OLD,
    now: datetime.datetime = OPEN,
    accepted: acceptance.Accepted | None = None,
    known: Sequence[model.Release] = (),
) -> beforehand.Decision:
    return beforehand.decide(by or rule(), published, region.judged(published, accepted=accepted), runs, now, known)


def test_in_a_window_a_station_moves_to_a_patch_that_those_signed_who_were_named(region: Region) -> None:
    found = decide(region, region.moving())
    assert (found.verdict, found.accepts, found.why) == (Verdict.MOVES, True, ())
    assert found.window == "open until Tuesday 2026-12-01 04:00 CET"


def test_outside_of_one_it_is_said_when_the_next_one_is(region: Region) -> None:
    found = decide(region, region.moving(), now=SHUT)
    assert (found.verdict, found.is_open) == (Verdict.CLOSED, False)
    assert found.window == "next on Tuesday 2026-12-08 02:00 CET"


def test_who_said_yes_by_hand_moves_in_a_window_and_nothing_is_accepted_again(region: Region) -> None:
    published = region.moving()
    found = decide(region, published, accepted=acceptance.accept(published, region.accepted))
    assert (found.verdict, found.accepts) == (Verdict.MOVES, False)


def test_a_later_last_day_of_the_upgrade_is_covered_too(region: Region) -> None:
    published = region.moving()
    later = region.moving(upgrading_until=datetime.date(2027, 3, 1))
    found = decide(region, later, accepted=acceptance.accept(published, region.accepted))
    assert (found.verdict, found.accepts) == (Verdict.MOVES, True)


def test_who_comes_late_moves_once_the_earlier_release_is_out(region: Region) -> None:
    assert decide(region, region.moving(earlier=None)).verdict is Verdict.MOVES


def test_what_applies_by_itself_beside_it_holds_nothing_up(region: Region) -> None:
    assert decide(region, region.moving(title="Another title")).verdict is Verdict.MOVES
    gone = without(region.moving().definition, "huisartsen")
    published = dataclasses.replace(region.moving(), definition=gone)
    assert decide(region, published).verdict is Verdict.MOVES


@pytest.mark.parametrize("now", [OPEN, SHUT])
def test_a_station_that_runs_what_is_published_is_there_whatever_else_waits(
    region: Region, now: datetime.datetime
) -> None:
    published = region.moving(personal_data=not region.published.definition.personal_data)
    assert decide(region, published, runs=PATCH, now=now).verdict is Verdict.THERE


@pytest.mark.parametrize(
    ("releases", "to", "moves"),
    [
        ("patch", PATCH, True),
        ("patch", MINOR, False),
        ("minor", PATCH, True),
        ("minor", MINOR, True),
        ("minor", MAJOR, False),
    ],
)
def test_no_step_is_larger_than_was_said(region: Region, releases: str, to: model.Release, moves: bool) -> None:
    found = decide(region, region.moving(to), rule(releases=releases))
    assert found.verdict is (Verdict.MOVES if moves else Verdict.PERSON)
    size = "major" if to is MAJOR else "minor"
    wrong = f"from release 1.0.0 to {to.release} is a {size} step, and what was said covers {releases}"
    assert found.why == (() if moves else (wrong,))


def joins(region: Region) -> verified.Verified:
    cards = region.published.definition.organisations
    card = cards["ziekenhuis"].model_copy(update={"name": "Another hospital", "egress": ("192.0.2.77/32",)})
    return region.moving(organisations={**cards, "another": card})


def another_key(region: Region) -> verified.Verified:
    ours = region.published.identities
    return dataclasses.replace(region.moving(), identities={**ours, "ziekenhuis": ours["thuiszorg"]})


def other_holders(region: Region) -> verified.Verified:
    keys = tuple(f"sha256:{digit * 64}" for digit in "89")
    holders = region.published.holders
    releases = holders.releases.model_copy(update={"keys": keys})  # type: ignore[attr-defined]  # it ships a release
    return dataclasses.replace(region.moving(), holders=holders.model_copy(update={"releases": releases}))


def another_root(region: Region) -> verified.Verified:
    return dataclasses.replace(other_holders(region), lineage=frozenset(), holders=region.published.holders)


def withdrawn(region: Region) -> verified.Verified:
    others = {name: one for name, one in region.published.identities.items() if name != "ggd"}
    return dataclasses.replace(region.moving(), identities=others)


WAITS: dict[str, tuple[Publication, str]] = {
    "a member": (joins, "Another hospital (another) joins"),
    "computing parties": (
        lambda region: region.moving(computing=("ggd", "ziekenhuis", "huisartsen")),
        "becomes a computing party and sees results",
    ),
    "personal data": (
        lambda region: region.moving(personal_data=not region.published.definition.personal_data),
        "personal data may be used",
    ),
    "where it is published": (
        lambda region: region.moving(publication_url="https://elsewhere.example/"),
        "where stations fetch the publication is https://elsewhere.example/",
    ),
    "a key": (another_key, "WARNING: the statement key of ziekenhuis is another one"),
    "holders": (other_holders, "the release holders are others"),
    "a root": (another_root, "is of no root, or of another"),
    "its identity": (withdrawn, "its certificate is withdrawn"),
    "what breaks": (
        lambda region: region.moving(
            PATCH.model_copy(update={"breaking": (model.Breaking(affects="you read runs.json", do="read it anew"),)})
        ),
        "release 1.0.1: this only affects you if you read runs.json: read it anew",
    ),
    "an analysis that is gone": (
        lambda region: region.moving(PATCH.model_copy(update={"analyses": ()})),
        "release 1.0.1 has no analysis hotspots/1, which 1.0.0 has",
    ),
    "no protocol in common": (
        lambda region: region.moving(PATCH.model_copy(update={"protocols": (3,)})),
        "speaks no protocol of 1.0.0: it meets nobody who runs that one",
    ),
    "a step that it does not name": (
        lambda region: region.moving(PATCH.model_copy(update={"may_upgrade_from": ("0.9.9",)})),
        "release 1.0.1 does not say that it may take the place of 1.0.0",
    ),
    "no numbered release": (
        lambda region: region.moving(of("dev", "5", may_upgrade_from=FROM)),
        "from 1.0.0 to dev is no step from one numbered release to another",
    ),
    "another image of the release before": (
        lambda region: region.moving(earlier=of("1.0.0", "9")),
        "release 1.0.0 is not the one that was accepted: its contents changed",
    ),
    "another release to come from": (
        lambda region: region.moving(earlier=of("0.9.0", "8")),
        "release 0.9.0, which stations may go on running, was never accepted",
    ),
    "who did not sign": (
        lambda region: dataclasses.replace(region.moving(), released_by=frozenset(SIGNERS[1:])),
        f"{SIGNERS[0]} has not signed for the releases",
    ),
}


@pytest.mark.parametrize("what", WAITS)
def test_anything_else_waits_for_a_person_and_is_said_in_words(region: Region, what: str) -> None:
    made, said = WAITS[what]
    for now in (OPEN, SHUT):
        found = decide(region, made(region), now=now)
        assert found.verdict is Verdict.PERSON, found
        assert not found.accepts
        assert any(said in why for why in found.why), found.why


def test_a_release_that_goes_back_waits_for_a_person(region: Region) -> None:
    ahead = acceptance.accept(region.moving(), region.accepted)
    back = dataclasses.replace(region.moving(OLD, PATCH), number=region.published.number + 2)
    found = decide(region, back, runs=PATCH, accepted=ahead)
    assert found.verdict is Verdict.PERSON
    assert "release 1.0.0 is not newer than 1.0.1, which its station runs" in found.why


def test_one_that_is_older_than_what_was_accepted_waits_for_a_person_whatever_the_station_runs(region: Region) -> None:
    """A later one was accepted by hand, its station did not move yet, and the one before it is published again."""
    later = of("1.0.2", "5", may_upgrade_from=("1.0.0", "1.0.1"), security_fixes=("CVE-2026-9: a peer reads it all",))
    accepted = acceptance.accept(region.moving(later), region.accepted)
    again = dataclasses.replace(region.moving(), number=region.published.number + 2)
    found = decide(region, again, accepted=accepted, known=[PATCH])
    assert found.verdict is Verdict.PERSON
    warned = "WARNING: release 1.0.1 is older than 1.0.2, which repairs: CVE-2026-9: a peer reads it all. Ring the "
    assert [why for why in found.why if not why.startswith(warned)] == [
        "release 1.0.1 is not newer than 1.0.2, which was accepted on its server"
    ]
    silent = later.model_copy(update={"may_upgrade_from": ("1.0.0",)})
    found = decide(region, again, accepted=acceptance.accept(region.moving(silent), region.accepted), known=[PATCH])
    assert found.why == ("release 1.0.1 is not newer than 1.0.2, which was accepted on its server",)


def test_a_warning_waits_for_a_person_also_where_it_applies_by_itself(region: Region) -> None:
    key = region.published.statement_keys["ziekenhuis"]
    seen = {**region.accepted.seen, "ziekenhuis": {key: 9}}
    found = decide(region, region.moving(), accepted=region.accepted.model_copy(update={"seen": seen}))
    assert found.verdict is Verdict.PERSON
    (why,) = found.why
    assert why.startswith("WARNING: the gateway key that is published for ziekenhuis is an older one")


BREAKS = model.Breaking(affects="you read runs.json", do="read it anew")
MIDDLE = of("1.0.1", "2", may_upgrade_from=FROM)
FAR = of("1.0.2", "5", may_upgrade_from=("1.0.0", "1.0.1"))
UNTOLD = "release {} lies between 1.0.0 and {}, and what it breaks is not known here"


@pytest.mark.parametrize(
    ("to", "known", "why"),
    [
        (FAR, [MIDDLE], ()),
        (
            FAR,
            [MIDDLE.model_copy(update={"breaking": (BREAKS,)})],
            ("release 1.0.1: this only affects you if you read runs.json: read it anew",),
        ),
        (FAR, [], (UNTOLD.format("1.0.1", "1.0.2"),)),
        (FAR.model_copy(update={"may_upgrade_from": FROM}), [], (UNTOLD.format("1.0.1", "1.0.2"),)),
        (of("1.2.1", "5", may_upgrade_from=FROM), [], (UNTOLD.format("1.1.0", "1.2.1"),)),
        (of("1.2.1", "5", may_upgrade_from=FROM), [of("1.1.0", "6")], (UNTOLD.format("1.2.0", "1.2.1"),)),
        (of("1.2.1", "5", may_upgrade_from=FROM), [of("1.1.0", "6"), of("1.2.0", "7")], ()),
        (
            of("1.1.0", "5", may_upgrade_from=(*FROM, "1.0.3", "1.1.0", "0.9.9")),
            [],
            (UNTOLD.format("1.0.3", "1.1.0"),),
        ),
        (
            of("1.1.0", "5", may_upgrade_from=FROM),
            [of("1.0.3", "6", may_upgrade_from=("1.0.2",))],
            (UNTOLD.format("1.0.2", "1.1.0"),),
        ),
        (of("1.0.60000", "5", may_upgrade_from=FROM), [], (UNTOLD.format("1.0.1", "1.0.60000"),)),
    ],
)
def test_what_a_release_in_between_breaks_waits_for_a_person_and_so_does_one_that_nobody_knows(
    region: Region, to: model.Release, known: list[model.Release], why: tuple[str, ...]
) -> None:
    assert decide(region, region.moving(to), rule(releases="minor"), known=known).why == why
    moving = region.moving(to)
    told = dataclasses.replace(moving, releases={**moving.releases, **{one.release: one for one in known}})
    assert decide(region, told, rule(releases="minor")).why == why, "one that is published is known"


def test_a_strange_image_waits_for_a_person(region: Region) -> None:
    found = decide(region, region.moving(), runs=None)
    assert (found.verdict, found.why) == (
        Verdict.PERSON,
        ("its station runs an image of no release that is known here",),
    )


def test_where_nothing_was_accepted_or_it_cannot_be_read_a_person_looks(region: Region) -> None:
    published = region.moving()
    keys = region.keys["ggd"].as_read("ggd")
    edited = applied.text(region.accepted).replace("1.0.0", "1.0.7")
    for text in (None, edited, "{"):
        judged = applied.judge(published, "ggd", text, keys)
        assert beforehand.decide(rule(), published, judged, OLD, OPEN).verdict is Verdict.PERSON


SETS = st.sets(st.sampled_from(SIGNERS), min_size=1)


@given(SETS, st.sets(st.sampled_from(SIGNERS)))
def test_nothing_moves_that_any_of_those_named_did_not_sign(region: Region, named: set[str], signed: set[str]) -> None:
    published = dataclasses.replace(region.moving(), released_by=frozenset(signed))
    found = decide(region, published, rule(signed_by=sorted(named)))
    assert (found.verdict is Verdict.MOVES) is (named <= signed)


DAYS = st.lists(st.sampled_from(windows.DAYS), min_size=1, unique=True)
HOURS = st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda one: one[0] != one[1])
MOMENTS = st.datetimes(datetime.datetime(2026, 10, 18), datetime.datetime(2027, 4, 4), timezones=st.just(datetime.UTC))


@given(DAYS, HOURS, MOMENTS)
def test_nothing_moves_outside_of_a_window(
    region: Region, days: list[str], hours: tuple[int, int], now: datetime.datetime
) -> None:
    said = rule(days=days, between=f"{hours[0]:02}:00-{hours[1]:02}:00")
    found = decide(region, region.moving(), said, now=now)
    there = said.there(now)
    began = there if there.hour >= hours[0] or hours[0] < hours[1] else there - datetime.timedelta(days=1)
    inside = (
        there.hour in (range(*hours) if hours[0] < hours[1] else {*range(hours[0], 24), *range(hours[1])})
        and f"{began:%A}".lower() in days
    )
    assert (found.verdict is Verdict.MOVES) is inside
    assert found.is_open is inside
    assert found.at > now if inside else found.at >= now
