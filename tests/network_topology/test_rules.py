import datetime
import importlib
import pkgutil
import time
from pathlib import Path
from typing import Any

import pydantic
import pytest

from network_topology import check, context, load, model, rules, twin
from network_topology.compiling import compile
from network_topology.federations import rules as federations
from network_topology.rules import questions
from network_topology.rules.rule import Rule
from network_topology.violation import DefinitionError

SOUND = load.read(Path(__file__).with_name("sound.yml"))
KNOWN = context.shipped(datetime.date(2026, 6, 1))


def changed(**operators: str) -> model.Definition:
    """The sound definition with other operators of some organisations."""
    cards = {
        slug: card.model_copy(update={"operator": operators.get(slug, card.operator)})
        for slug, card in SOUND.organisations.items()
    }
    return SOUND.model_copy(update={"organisations": cards})


def found(definition: model.Definition) -> dict[str, str]:
    return {violation.rule: violation.severity for violation in rules.check(definition, KNOWN)}


def test_every_rule_of_every_module_is_in_the_table_once() -> None:
    packages = (rules, federations)
    modules = [
        importlib.import_module(f"{package.__name__}.{one.name}")
        for package in packages
        for one in pkgutil.iter_modules(package.__path__)
    ]
    defined = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    shared = {rule.name for rule in (*rules.TABLE, *rules.JOINED)}
    table = [*shared, *(rule.name for rule in questions.TABLE)]
    table += [rule.name for rule in federations.TABLE if rule.name not in shared]
    assert sorted(rule.name for rule in defined) == sorted(table)
    assert len({rule.name for rule in rules.TABLE}) == len(rules.TABLE)
    assert len({rule.name for rule in rules.JOINED}) == len(rules.JOINED)
    assert len({rule.name for rule in federations.TABLE}) == len(federations.TABLE)


@pytest.mark.parametrize("kind", ["supraregional", "national", "local"])
def test_no_definition_of_another_kind_is_a_regional_network(kind: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="kind"):
        model.Definition.model_validate(SOUND.model_dump() | {"kind": kind})


def test_every_rule_reads_fields_that_exist() -> None:
    fields = {*model.Definition.model_fields, *model.Organisation.model_fields}
    for rule in rules.TABLE:
        assert rule.reads, rule.name
        assert rule.reads <= fields, rule.name


@pytest.mark.parametrize(
    ("operators", "refused"),
    [
        ({}, False),
        ({"ggd": "coordinator"}, False),  # the coordinator operates its own server: the same as `itself`
        ({"ziekenhuis": "coordinator"}, True),  # with its own two
        ({"ggd": "coordinator", "ziekenhuis": "coordinator"}, True),
        ({"ziekenhuis": "thuiszorg"}, True),
        ({"ggd": "ziekenhuis", "ziekenhuis": "thuiszorg", "thuiszorg": "ggd"}, False),
        ({"huisartsen": "coordinator", "ggz": "coordinator"}, False),  # these compute nothing
    ],
)
def test_computing_parties_are_counted_per_operator(operators: dict[str, str], refused: bool) -> None:
    assert (found(changed(**operators)).get("operator_below_threshold") == "error") == refused


def test_a_sandbox_states_who_could_read_everything_and_goes_on() -> None:
    sandbox = found(twin.sandbox_twin(changed(ziekenhuis="coordinator")))
    assert sandbox == {"sandbox_is_one_operator": "warning", "operator_below_threshold": "warning"}


def test_five_computing_parties_stand_two_of_one_operator() -> None:
    twente = load.find("twente-volledig", Path(load.__file__).with_name("networks"))
    for count, refused in ((2, False), (3, True)):
        cards = dict(twente.organisations)
        for slug in twente.computing[:count]:
            cards[slug] = cards[slug].model_copy(update={"operator": "dataplein"})
        definition = twente.model_copy(update={"organisations": cards})
        assert ("operator_below_threshold" in found(definition)) == refused


@pytest.mark.parametrize(
    "change",
    [
        {"computing": ("ggd", "ziekenhuis", "nobody")},
        {"coordinator": "nobody"},
        {"network": "two\nlines"},
        {"organisations": {}},
    ],
)
def test_nothing_is_compiled_from_a_definition_that_breaks_a_rule(change: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        compile.compile_network(SOUND.model_copy(update=change))


def test_what_is_dated_today_is_not_in_the_future() -> None:
    today = SOUND.model_copy(update={"dpia": KNOWN.today})
    tomorrow = SOUND.model_copy(update={"dpia": KNOWN.today + datetime.timedelta(days=1)})
    assert "dpia_date" not in found(today)
    assert found(tomorrow)["dpia_date"] == "error"


def test_a_file_made_to_keep_the_rules_busy_is_checked_at_once(tmp_path: Path) -> None:
    many = ", ".join(["10.0.0.0/8"] * 900)
    text = Path(__file__).with_name("sound.yml").read_text("utf-8")
    path = tmp_path / "many.yml"
    path.write_text(text.replace("192.0.2.1/32", many).replace("192.0.2.2/32", many))
    before = time.process_time()
    outcome = check.file(path, KNOWN)
    assert time.process_time() - before < 1
    assert {violation.rule for violation in outcome.violations} == {"egress_shared"}
