"""Nothing that people do not see, and no address but what its numbers print, passes from a definition to anybody."""

from __future__ import annotations

import datetime
import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_topology import load, model, questions, rules, source, violation
from network_topology.compiling import compile as compiler
from network_topology.rules import texts

HERE = Path(__file__).parent
SOUND = load.read(HERE / "sound.yml")
PARAMETERS = {"areas": ["7001-7040"]}
ASKED = model.Question.model_validate(source.read(HERE / "sound-question.yml")[0] | {"parameters": PARAMETERS})
DAY = datetime.date(2026, 1, 1)
UNSEEN = ("\x1b[2J", "\u202e", "\u200b", "\n", "\r", "\t", "\x00", "\x9b", "\u2028", "\u00a0", "\U000e0041",
          "\u3164", "\u2800", "\u115f", "\uffa0", "\ufe0f", "\u034f")  # fmt: skip
Place = tuple[str | int, ...]


def whole() -> dict[str, Any]:
    """Plain values of a definition in which every field of every model is set."""
    agreement = model.Agreement(kind="gvo", signed=DAY, until=DAY)
    gateway = model.Gateway(name="mesh.a.example", port=8443, egress=("192.0.2.1/32",), addresses=("192.0.2.1",))
    card = model.Organisation(
        name="A", domain="hospital", operator="itself", gateway=gateway, egress=("192.0.2.1/32",), agreement=agreement
    )
    added: dict[str, Any] = {
        "region": "twente",
        "dpia": DAY,
        "publication_url": "https://publicatie.a.example/",
        "upgrading_from": "0.9.0",
        "processors": {"firma": model.Processor(name="Firma", agreement=agreement)},
        "organisations": {"a": card},
        "members": {"gerda": ("a",)},
        "computing_alternates": (("a", "b", "c"),),
    }
    return SOUND.model_copy(update=added).model_dump(mode="json")


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, bool]]:
    """Where texts stand, and whether it is the key there."""
    if isinstance(value, str):
        yield at, False
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key), True
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*at, number))


def with_unseen(value: Any, at: Place, key: bool, unseen: str) -> Any:
    """A copy in which one text has `unseen` in it."""
    copied = json.loads(json.dumps(value))
    parent = copied
    for step in at[:-1]:
        parent = parent[step]
    if key:
        parent[f"{at[-1]}{unseen}"] = parent.pop(at[-1])
    else:
        parent[at[-1]] += unseen
    return copied


def models(root: type[pydantic.BaseModel]) -> set[type[pydantic.BaseModel]]:
    """A model and every model that it holds."""
    found = {root}
    for field in root.model_fields.values():
        for one in _types(field.annotation):
            if isinstance(one, type) and issubclass(one, pydantic.BaseModel):
                found |= models(one)
    return found


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in typing.get_args(annotation):
        yield from _types(inner)


def free_texts(root: type[pydantic.BaseModel]) -> set[tuple[str, str]]:
    """Every field, as model and name, that can hold any text at all."""
    return {
        (one.__name__, name)
        for one in models(root)
        for name, field in one.model_fields.items()
        if any(kind is str for kind in _types(field.annotation))
    }


def test_the_example_sets_every_field_that_can_hold_a_text() -> None:
    # A new field that can hold a text is refused by the rule as well, which looks at all; here it is also tried.
    here = whole()
    card = here["organisations"]["a"]
    parts = {
        "Definition": here,
        "Organisation": card,
        "Gateway": card["gateway"],
        "Processor": here["processors"]["firma"],
        "Question": ASKED.model_dump(mode="json"),
    }
    for name, field in free_texts(model.Definition) | free_texts(model.Question):
        assert parts[name][field], f"{name}.{field} is empty in the example"


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_no_text_of_a_definition_holds_what_nobody_sees(unseen: str) -> None:
    for at, key in places(whole()):
        tried = with_unseen(whole(), at, key, unseen)
        try:
            definition = model.Definition.model_validate_json(json.dumps(tried))
        except pydantic.ValidationError:
            continue  # its shape is refused already: a known word, a day, the name of a field
        with pytest.raises(violation.DefinitionError, match=f"holds the character U\\+{ord(unseen[0]):04X}"):
            rules.require(definition)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_no_text_of_a_question_holds_what_nobody_sees(unseen: str) -> None:
    here = ASKED.model_dump(mode="json")
    for at, key in places(here):
        tried = with_unseen(here, at, key, unseen)
        try:
            asked = model.Question.model_validate_json(json.dumps(tried))
        except pydantic.ValidationError:
            continue
        with pytest.raises(violation.DefinitionError, match="holds the character"):
            questions.require("griep", asked, SOUND)


@given(st.text())
def test_a_text_is_refused_exactly_where_it_holds_what_is_not_printed(text: str) -> None:
    unseen = not text.isprintable() or texts._IGNORED.search(text) is not None
    assert bool(list(texts.unseen({"name": text}))) == unseen


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8::%eth0/64",
        "2001:db8::1%\n} drop; table inet other {/128",
        "2001:db8::1%25/128",
        "192.0.2.1%x/32",
    ],
    ids=ascii,
)
def test_an_egress_range_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(violation.DefinitionError, match="names a zone"):
        compiler.compile_network(with_egress(text))


@pytest.mark.parametrize("text", ["2001:db8::1%eth0", "2001:db8::1%\n}"], ids=ascii)
def test_an_address_of_a_gateway_with_a_zone_is_refused(text: str) -> None:
    card = SOUND.organisations["ggd"]
    assert card.gateway is not None
    gateway = card.gateway.model_copy(update={"addresses": (text,)})
    cards = {**SOUND.organisations, "ggd": card.model_copy(update={"gateway": gateway})}
    with pytest.raises(violation.DefinitionError, match="cannot be the address of a gateway"):
        compiler.compile_network(SOUND.model_copy(update={"organisations": cards}))


def with_egress(text: str) -> model.Definition:
    card = SOUND.organisations["ggd"]
    assert card.gateway is not None
    gateway = card.gateway.model_copy(update={"egress": (text,)})
    cards = {**SOUND.organisations, "ggd": card.model_copy(update={"gateway": gateway})}
    return SOUND.model_copy(update={"organisations": cards})


def test_what_is_compiled_is_printed_from_the_numbers_of_an_address() -> None:
    network = compiler.compile_network(with_egress("2001:DB8::/48"))
    printed = {text for peer in network.stations["ziekenhuis"].peers for text in peer.egress}
    assert "2001:db8::/48" in printed
    assert not any(character.isupper() for text in printed for character in text)
