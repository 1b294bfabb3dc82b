"""Random changes of a definition: what is published in between holds the rules, and sessions go on where it is said."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from network_topology import model, rules
from network_topology.compiling import compile
from network_topology.rules import membership
from network_topology.steps import between, listed, meanwhile, sessions
from tests.network_topology.steps.pairs import KNOWN, pairs

Definition = model.Definition
FEWER = settings(deadline=None, max_examples=30, suppress_health_check=[*HealthCheck])


def errors(definition: Definition) -> list[str]:
    return [str(one) for one in rules.check(definition, KNOWN) if one.severity == "error"]


@FEWER
@given(pairs())
def test_the_last_definition_is_the_one_aimed_at_and_each_in_between_holds_all_rules(
    pair: tuple[Definition, Definition],
) -> None:
    old, new = pair
    assume(not errors(old) and not errors(new))
    chain = between.definitions(old, new, KNOWN)
    event(f"{len(chain)} publications")
    assert (chain or (old,))[-1] == new
    assert [errors(one) for one in chain] == [[]] * len(chain)
    assert [compile.compile_network(one).network for one in chain] == [new.network] * len(chain)


@FEWER
@given(pairs(), st.data())
def test_a_set_that_all_know_is_tried_first_wherever_the_steps_say_that_sessions_go_on(
    pair: tuple[Definition, Definition], data: st.DataObject
) -> None:
    """Each station may have heard of the publication, and its operator accepted it, or not yet."""
    old, new = pair
    plan = listed.plan(old, new, KNOWN)
    before = old
    for number, after in enumerate(plan.definitions, start=1):
        (step,) = (one for one in plan.steps if one.publishes == number)
        gone = before.organisations.keys() - after.organisations.keys()
        ways = ((before, set[str]()), (meanwhile.kept(before, after), gone), (after, gone))
        where = {slug: data.draw(st.sampled_from(ways), label=slug) for slug in after.stations}
        if step.possible:
            for definition, cut in where.values():
                first = next(one for one in definition.sets if not cut & {*one})
                for party in first:
                    theirs, left = where[party]
                    assert first in theirs.sets
                    assert not left & {*first}
        before = after


@FEWER
@given(pairs())
def test_every_step_waits_for_earlier_ones_only_and_who_acts_is_named(pair: tuple[Definition, Definition]) -> None:
    plan = listed.plan(*pair, KNOWN)
    assert [one.number for one in plan.steps] == [*range(1, len(plan.steps) + 1)]
    assert all(earlier < one.number for one in plan.steps for earlier in one.after)
    assert all(one.who and one.what and one.sessions for one in plan.steps)
    published = [one.publishes for one in plan.steps if one.publishes]
    assert published == [*range(1, len(plan.definitions) + 1)]
    for one in plan.steps:
        mended = [other for other in plan.steps[one.number :] if other.possible]
        assert one.possible or mended, "sessions never become possible again"


@FEWER
@given(pairs())
def test_sessions_stop_only_where_nothing_else_is_possible(pair: tuple[Definition, Definition]) -> None:
    """Parties numbered anew, releases without a common protocol, no place for who comes beside who goes, operators."""
    old, new = pair
    assume(not errors(old) and not errors(new))
    reasons = [why for one in itertools.pairwise((old, *between.definitions(*pair, KNOWN))) if (why := ended(*one))]
    event(f"{len(reasons)} times")
    meet = KNOWN.releases[old.release] & KNOWN.releases[new.release]
    many = len(old.stations) + len(new.stations) >= membership.MOST
    held = Counter(one.organisations[slug].operator for one in pair for slug in one.stations)
    several = any(count > 1 for operator, count in held.items() if operator != model.ITSELF)
    assert not reasons or not meet or many or several or {*old.computing} == {*new.computing}


def ended(before: Definition, after: Definition) -> str:
    return sessions.ended(before, after, KNOWN)
