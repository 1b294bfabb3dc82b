"""Random changes of a federation: what is published in between holds the rules, and regions say yes before it does."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from network_topology import context, load, model
from network_topology.federations import rules
from network_topology.federations.joined import joined
from network_topology.federations.model import Federation
from network_topology.federations.resolved import resolve
from network_topology.steps import federated, meanwhile
from tests.network_topology.definitions import NETWORKS

NAME = "kansrijke-start-oost"
REGIONS = {slug: load.find(slug, NETWORKS) for slug in ("salland-united", "twente-volledig", "gerda")}
KNOWN = dataclasses.replace(context.shipped(datetime.date(2026, 12, 1)), networks=dict(REGIONS))
FEWER = settings(deadline=None, max_examples=10, suppress_health_check=[*HealthCheck])
PARTIES = [f"{region}/{slug}" for region, one in REGIONS.items() for slug, card in one.stations.items() if card.gateway]
ROOT = f"sha256:{64 * '0'}"  # of the member that the example does not have
OTHERS = [f"{region}/{slug}" for region, one in REGIONS.items() for slug in one.stations]


def defined() -> Federation:
    found = load.read_what_can_be(NETWORKS / NAME / "network.yml").definition
    assert isinstance(found, Federation)
    return found


def of(computing: tuple[str, ...], others: list[str], alternates: tuple[tuple[str, ...], ...] = ()) -> Federation:
    """The example with these parties, in which these take part besides, of whichever region they are."""
    base, members = defined(), dict(defined().members)
    for one in (*computing, *others, *(one for parties in alternates for one in parties)):
        region, _, slug = one.partition("/")
        member = members.get(region) or members["salland-united"].model_copy(update={"organisations": (), "root": ROOT})
        members[region] = member.model_copy(
            update={"organisations": tuple(dict.fromkeys((*member.organisations, slug)))}
        )
    return base.model_copy(update={"computing": computing, "computing_alternates": alternates, "members": members})


@functools.cache
def computing_sets() -> list[tuple[str, ...]]:
    """Those that hold the rules, in whichever order; drawn of all, four of five would be thrown away."""
    return [parties for parties in itertools.combinations(PARTIES, 3) if errors(of(parties, [])) == []]


@st.composite
def sound(draw: st.DrawFn) -> Federation:
    computing = tuple(draw(st.permutations(draw(st.sampled_from(computing_sets())))))
    regions = {*of(computing, []).members}  # one more, with a gateway, would have to compute too
    others = [one for one in OTHERS if one.partition("/")[0] in regions]
    found = of(computing, draw(st.lists(st.sampled_from(others), max_size=4, unique=True)))
    if draw(st.booleans()):  # without whom the example has beside those who compute
        kept = {
            slug: member.model_copy(
                update={
                    "organisations": tuple(
                        o for o in member.organisations if f"{slug}/{o}" in computing or draw(st.booleans())
                    )
                }
            )
            for slug, member in found.members.items()
        }
        found = found.model_copy(update={"members": {slug: one for slug, one in kept.items() if one.organisations}})
    assume(errors(found) == [])
    return found


def errors(federation: Federation) -> list[str]:
    return [str(one) for one in rules.check(federation, KNOWN) if one.severity == "error"]


def shape(federation: Federation) -> model.Joined:
    return joined(resolve(federation, KNOWN))


@FEWER
@given(sound(), sound())
def test_the_last_definition_is_the_one_aimed_at_and_each_in_between_holds_all_rules(
    old: Federation, new: Federation
) -> None:
    chain = federated.definitions(old, new, KNOWN)
    event(f"{len(chain)} publications")
    assert (chain or (old,))[-1] == new
    assert [errors(one) for one in chain] == [[]] * len(chain)


@FEWER
@given(sound(), sound(), st.data())
def test_a_set_that_all_know_is_tried_first_wherever_the_steps_say_that_sessions_go_on(
    old: Federation, new: Federation, data: st.DataObject
) -> None:
    plan, before = federated.plan(old, new, KNOWN), shape(old)
    for number, definition in enumerate(plan.definitions, start=1):
        (step,), after = [one for one in plan.steps if one.publishes == number], shape(definition)
        gone = before.organisations.keys() - after.organisations.keys()
        ways = ((before, set[str]()), (meanwhile.kept(before, after), gone), (after, gone))
        where = {slug: data.draw(st.sampled_from(ways), label=slug) for slug in after.stations}
        if step.possible:
            for seen, cut in where.values():
                first = next(one for one in seen.sets if not cut & {*one})
                for party in first:
                    assert first in where[party][0].sets
                    assert not where[party][1] & {*first}
        before = after


@FEWER
@given(st.none() | sound(), sound())
def test_regions_say_yes_before_it_is_published_and_take_that_back_after_it(
    old: Federation | None, new: Federation
) -> None:
    plan = federated.plan(old, new, KNOWN)
    assert [one.number for one in plan.steps] == [*range(1, len(plan.steps) + 1)]
    assert all(earlier < one.number for one in plan.steps for earlier in one.after)
    before = {slug: {*one.organisations} for slug, one in old.members.items()} if old else {}
    for number, definition in enumerate(plan.definitions, start=1):
        (publishes,) = (one for one in plan.steps if one.publishes == number)
        waited = [one for one in plan.steps if one.number in publishes.after]
        for slug, member in definition.members.items():
            if {*member.organisations} - before.get(slug, set()) or slug not in before:
                (consent,) = (one for one in waited if one.who == f"root holders of {slug}")
                assert f"trust root federate {slug} {NAME}" in consent.run[0]
                assert all(f"--only {one}" in consent.run[0] for one in member.organisations)
        for slug in before.keys() - definition.members.keys():
            (back,) = (one for one in plan.steps if f"trust root leave {slug} {NAME}" in " ".join(one.run))
            assert back.after == (publishes.number,)
        before = {slug: {*one.organisations} for slug, one in definition.members.items()}


def test_another_party_is_published_in_three_definitions_and_sessions_go_on() -> None:
    new = defined()
    computing = (*new.computing[:2], "twente-volledig/mediant")
    plan = federated.plan(new, of(computing, []), KNOWN)
    assert [one.computing for one in plan.definitions] == [new.computing, computing, computing]
    assert all(one.possible for one in plan.steps)
    assert not federated.plan(new, new, KNOWN).steps
    at_once = federated.plan(new, of(computing, []), KNOWN, at_once=True)
    assert len(at_once.definitions) == 1
    assert not all(one.possible for one in at_once.steps)
