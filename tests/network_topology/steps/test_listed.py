"""The steps of changes as they happen: who does what, after what, and what sessions do meanwhile."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from network_topology import load, model
from network_topology.compiling import compile
from network_topology.steps import listed
from tests.network_topology.steps import pairs
from werkplaats import cli

PLACE = Path(load.__file__).with_name("networks")
GERDA = load.read(load.path_of("gerda", PLACE))
CARDS = GERDA.organisations
CA: tuple[listed.Beside, ...] = ("ca",)
STOLEN: tuple[listed.Beside, ...] = ("stolen-ca",)
KNOWN = dataclasses.replace(pairs.KNOWN, regions={str(GERDA.region): "a region"})


def changed(definition: model.Definition = GERDA, **update: Any) -> model.Definition:
    return definition.model_copy(update=update)


def without(*slugs: str, **update: Any) -> model.Definition:
    return changed(organisations={slug: one for slug, one in CARDS.items() if slug not in slugs}, **update)


def with_gateway(slug: str, **update: object) -> model.Definition:
    gateway = CARDS[slug].gateway
    assert gateway
    card = CARDS[slug].model_copy(update={"gateway": gateway.model_copy(update=update)})
    return changed(organisations={**CARDS, slug: card})


def brief(plan: listed.Plan) -> list[tuple[str, str]]:
    return [(one.who, one.what) for one in plan.steps]


def said(plan: listed.Plan) -> str:
    return "\n".join(f"{one.number}. {one.who}: {one.what} ({one.sessions})" for one in plan.steps)


def test_who_joins_asks_for_a_certificate_first_and_sessions_go_on_without_it() -> None:
    plan = listed.plan(without("yunio"), GERDA)
    assert brief(plan) == [
        ("operator of yunio (ggd-nog)", "prepare the server of yunio, and ask for its certificate"),
        ("coordinator", "approve yunio, by the fingerprint that its people read out"),
        ("coordinator", "publish the definition as the file has it"),
        ("every operator", "accept what is published, and bring it to the own servers"),
        ("coordinator", "verify every check and link, by a joint computation"),
    ]
    assert [one.after for one in plan.steps] == [(), (1,), (2,), (3,), (4,)]
    assert plan.steps[3].sessions == "go on, without yunio until the others accepted that"
    assert plan.steps[1].run == ("werkplaats trust approve gerda yunio --fingerprint SHA256:…",)
    assert all(one.possible for one in plan.steps)


def test_who_leaves_waits_for_nobody() -> None:
    questions = {"griep": asked_of("yunio", "ggnet", "sensire"), "val": asked_of("ggnet", "sensire", "gelre")}
    plan = listed.plan(GERDA, without("yunio"), questions=questions)
    assert [one.who for one in plan.steps] == ["coordinator", "operator of yunio (ggd-nog)", "coordinator"]
    assert plan.steps[0].sessions == (
        "go on without yunio within minutes; questions that name yunio (griep) are left out until edited"
    )


def asked_of(*contributes: str) -> model.Question:
    term = model.Term(until=KNOWN.today, at_most="daily")
    people = {"contributes": contributes, "results_to": ("ggd-nog",), "minimum_cell": 10, "minimum_contributors": 3}
    return model.Question.model_validate(
        {"analysis": "hotspots/1", "purpose": "p", "fields": {}, "term": term, **people}
    )


def test_another_computing_party_stands_beside_the_one_before_then_before_it_then_alone() -> None:
    new = without("gelre", computing=("ggd-nog", "slingeland", "sensire"))
    plan = listed.plan(GERDA, new)
    first, second = GERDA.computing, new.computing
    assert [one.sets for one in plan.definitions] == [(first, second), (second, first), (second,)]
    assert ["gelre" in one.organisations for one in plan.definitions] == [True, True, False]
    assert all(one.possible for one in plan.steps)
    publishing = [one.number for one in plan.steps if one.publishes]
    accepting = [one.number for one in plan.steps if one.who == "every operator"]
    asking = [one for one in plan.steps if one.who.startswith("stewards")]
    assert publishing[0] < accepting[0] < publishing[1] < accepting[1] < publishing[2]
    assert len(asking) == 3
    assert "all questions wait" in asking[0].sessions
    assert plan.steps[publishing[1] - 1].after == (asking[0].number,)


def test_the_same_in_one_publication_says_that_sessions_stop_and_until_when() -> None:
    new = without("gelre", computing=("ggd-nog", "slingeland", "sensire"))
    plan = listed.plan(GERDA, new, at_once=True)
    (step,) = (one for one in plan.steps if one.publishes)
    assert step.sessions.startswith(f"impossible from here until step {step.number + 1}, because some stations compute")
    assert not step.possible
    assert plan.steps[step.number].sessions == "possible again once the computing parties have done so"


def test_numbering_the_parties_anew_cannot_go_on_and_says_so() -> None:
    plan = listed.plan(GERDA, changed(computing=GERDA.computing[::-1]))
    assert "impossible from here until step 2" in said(plan)
    assert len(plan.definitions) == 1


def test_a_gateway_is_called_at_both_places_until_all_have_accepted_the_new_one() -> None:
    plan = listed.plan(GERDA, with_gateway("gelre", port=9443, egress=("192.0.2.99/32",)))
    assert brief(plan)[0] == (
        "operator of gelre",
        "have mesh.gelre.example:9443 lead to the gateway of gelre beside mesh.gelre.example:8443: by a second record "
        "in DNS, or by its firewall passing one port on to the other",
    )
    steps = {one.what: one for one in plan.steps}
    (accepted,) = (one.number for one in plan.steps if one.who == "every operator")
    assert steps["take mesh.gelre.example:8443 away, which nobody calls any more"].after == (accepted,)
    assert steps["call from 192.0.2.99/32 for gelre"].after == (accepted,)
    let_in = [one.organisations["gelre"].gateway for one in plan.definitions]
    assert [one.egress for one in let_in if one] == [("192.0.2.99/32", "192.0.2.21/32"), ("192.0.2.99/32",)]
    assert all(one.possible for one in plan.steps)


def test_a_gateway_that_moves_to_where_another_one_was_stops_sessions() -> None:
    new = with_gateway("gelre", name="mesh.slingeland.example")
    plan = listed.plan(
        GERDA, changed(new, organisations={k: v for k, v in new.organisations.items() if k != "slingeland"})
    )
    assert "because the gateway of gelre moves to where another one was" in said(plan)


def test_another_release_is_allowed_beside_the_one_before_then_comes_in_waves_then_alone() -> None:
    old, new = (changed(release=one) for one in ("1.0.0", "1.1.0"))
    plan = listed.plan(old, new, KNOWN)
    told = [(one.release, one.upgrading_from) for one in plan.definitions]
    assert told == [("1.1.0", "1.0.0"), ("1.1.0", "")]
    assert [who for who, _ in brief(plan)] == [
        "release holders", "coordinator", "every operator", "every operator", "coordinator", "coordinator"
    ]  # fmt: skip
    assert plan.steps[3].run == ("werkplaats upgrade start gerda --to 1.1.0",)
    assert plan.steps[3].sessions == "none: stations of releases 1.0.0 and 1.1.0 compute together"
    assert plan.steps[4].after == (4,)


def test_releases_without_a_session_protocol_in_common_stop_sessions() -> None:
    old, new = (changed(release=one) for one in ("1.0.0", "2.0.0"))
    assert "because releases 1.0.0 and 2.0.0 have no session protocol in common" in said(listed.plan(old, new, KNOWN))


def test_another_ca_goes_with_the_definition_and_the_one_before_goes_last() -> None:
    plan = listed.plan(GERDA, without("yunio"), beside=CA)
    words = [one.run[0].removeprefix("werkplaats ") for one in plan.steps if one.run]
    order = ["trust roll gerda", "trust root sign gerda --key KEY", "check gerda", "accept gerda"]
    order += ["trust roll gerda --switch", "trust roll gerda --drop", "trust root sign gerda --key KEY"]
    assert [one for one in words if one in order] == order
    assert all(one.possible for one in plan.steps)


def test_a_ca_of_which_the_key_was_stolen_parts_the_stations_until_all_accepted() -> None:
    plan = listed.plan(GERDA, GERDA, beside=STOLEN)
    assert brief(plan)[2] == ("coordinator", "publish that; the definition stays as it is")
    assert "only stations of which the operator accepted the new CA find each other" in plan.steps[2].sessions


def test_other_signatures_and_another_coordinator_are_signed_for_by_root_holders() -> None:
    plan = listed.plan(GERDA, changed(coordinator="gelre", signatures=model.Signatures(root=3)))
    words = [one for step in plan.steps for one in step.run]
    wanted = ["trust root change gerda", "trust root coordinator gerda", "trust root sign gerda --key KEY"]
    assert words[:3] == [f"werkplaats {one}" for one in wanted]
    assert plan.steps[3].after == (3,)


def test_another_operator_makes_its_questions_wait_and_takes_the_server_over() -> None:
    card = CARDS["yunio"].model_copy(update={"operator": "itself"})
    plan = listed.plan(GERDA, changed(organisations={**CARDS, "yunio": card}))
    assert "operator of yunio (yunio): take over the server of yunio from ggd-nog" in said(plan)
    assert "questions in which yunio takes part wait" in said(plan)


def test_all_at_once_is_one_order_in_which_sessions_go_on() -> None:
    new = without("gelre", "yunio", computing=("ggd-nog", "slingeland", "sensire"))
    ggnet = CARDS["ggnet"].model_copy(update={"egress": ("198.51.100.9/32",)})
    come = CARDS["yunio"].model_copy(update={"name": "Nieuwkomer", "egress": ("198.51.100.8/32",)})
    plan = listed.plan(GERDA, changed(new, organisations={**new.organisations, "ggnet": ggnet, "nieuw": come}))
    assert [len(one.organisations) for one in plan.definitions] == [7, 7, 6]
    assert plan.definitions[0].organisations["ggnet"].egress == ("198.51.100.9/32", "192.0.2.52/32")
    assert all(one.possible for one in plan.steps)


def test_nothing_to_do_has_no_steps_and_a_first_publication_has_all() -> None:
    assert listed.plan(GERDA, GERDA).steps == ()
    plan = listed.plan(None, GERDA)
    assert "trust root found gerda" in " ".join(one for step in plan.steps for one in step.run)
    assert sum(one.what.startswith("prepare the server") for one in plan.steps) == len(GERDA.stations)


def test_a_definition_in_between_can_be_written_and_read(tmp_path: Path) -> None:
    new = without("gelre", computing=("ggd-nog", "slingeland", "sensire"))
    for one in listed.plan(GERDA, new).definitions:
        (tmp_path / "network.yml").write_text(listed.as_yaml(one))
        assert compile.digest(load.read(tmp_path / "network.yml")) == compile.digest(one)


@pytest.mark.parametrize("beside", [(*CA, "holders"), STOLEN])
def test_every_command_of_a_step_is_one_that_there_is(beside: tuple[listed.Beside, ...]) -> None:
    new = with_gateway("gelre", port=9443, egress=("192.0.2.99/32",))
    plans = [listed.plan(None, GERDA), listed.plan(GERDA, without("yunio"), beside=beside), listed.plan(GERDA, new)]
    words = [one.split()[1:] for plan in plans for step in plan.steps for one in step.run]
    assert words
    for one in words:
        assert cli.parser(one).parse_args(one).verb == one[0]


def test_every_example_is_one_that_steps_lead_to_and_away_from() -> None:
    known = [load.path_of(one, PLACE) for one in load.known(PLACE)]
    found = [one for path in known if isinstance(one := load.read_what_can_be(path).definition, model.Definition)]
    assert len(found) > 5
    for one in found:
        renamed = changed(one, network=GERDA.network)
        ends = (listed.plan(*pair) for pair in ((GERDA, renamed), (renamed, GERDA)))
        assert [plan.definitions[-1:] for plan in ends] in ([(renamed,), (GERDA,)], [(), ()])
