import datetime
from pathlib import Path
from typing import Any

import pydantic
import pytest

from network_topology import diff, load, model
from network_topology.compiling import compile

SOUND = load.read(Path(__file__).with_name("sound.yml"))

# For every field of the model a value that the sound definition does not have.
COMPANY = model.Processor(
    name="Company", agreement=model.Agreement(kind="processing", signed=datetime.date(2026, 1, 1))
)
OTHERS: dict[type[pydantic.BaseModel], dict[str, Any]] = {
    model.Definition: {
        "network": "other",
        "kind": "other",
        "title": "Other",
        "illustrative": False,
        "region": "twente",
        "coordinator": "ggz",
        "technique": "other",
        "release": "1.0.0",
        "upgrading_from": "0.9.0",
        "upgrading_until": datetime.date(2026, 7, 1),
        "personal_data": False,
        "computing": ("ggd",),
        "computing_alternates": (("ggd", "ziekenhuis", "ggz"),),
        "dpia": None,
        "publication_url": "https://publicatie.ggd.example/proefdorp/",
        "signatures": model.Signatures(root=3),
        "processors": {"company": COMPANY},
        "organisations": {},
    },
    model.Signatures: {"root": 3, "releases": 3},
    model.Organisation: {
        "name": "Other",
        "domain": "pharmacy",
        "role": "coordinator_only",
        "operator": "coordinator",
        "contributes": False,
        "gateway": None,
        "egress": ("192.0.2.99/32",),
        "agreement": None,
    },
    model.Gateway: {
        "name": "mesh.other.example",
        "port": 9443,
        "egress": ("192.0.2.99/32",),
        "addresses": ("192.0.2.99",),
    },
    model.Agreement: {"until": datetime.date(2030, 1, 1), "kind": "processing", "signed": datetime.date(2026, 1, 1)},
    model.Processor: {"name": "Other", "agreement": model.Agreement(kind="gvo", signed=datetime.date(2026, 1, 1))},
}


def with_card(slug: str, **update: Any) -> model.Definition:
    card = SOUND.organisations[slug].model_copy(update=update)
    return SOUND.model_copy(update={"organisations": {**SOUND.organisations, slug: card}})


def with_gateway(slug: str, **update: Any) -> model.Definition:
    gateway = SOUND.organisations[slug].gateway
    assert gateway is not None
    return with_card(slug, gateway=gateway.model_copy(update=update))


def without(slug: str) -> model.Definition:
    cards = {key: card for key, card in SOUND.organisations.items() if key != slug}
    return SOUND.model_copy(update={"organisations": cards})


def said(old: model.Definition, new: model.Definition) -> list[tuple[str, bool]]:
    return [(change.text, change.adds) for change in diff.changes(old, new)]


def test_everything_is_new_to_who_has_nothing_yet() -> None:
    changes = diff.changes(None, SOUND)
    assert all(change.adds for change in changes)
    texts = [change.text for change in changes]
    assert "proefdorp (Proefdorp) is new here" in texts
    assert (
        "GGZ Proefdorp (ggz) joins without a gateway, calls from 192.0.2.5/32; domain mental health; it puts in data; "
        "its server is operated by itself; agreement gvo of 2026-02-10" in texts
    )
    assert "Thuiszorg Proefdorp (thuiszorg) is a computing party and sees results" in texts


def test_joining_waits_and_leaving_does_not() -> None:
    joins = (
        "GGZ Proefdorp (ggz) joins without a gateway, calls from 192.0.2.5/32; domain mental health; it puts in data; "
        "its server is operated by itself; agreement gvo of 2026-02-10"
    )
    assert said(without("ggz"), SOUND) == [(joins, True)]
    assert said(SOUND, without("ggz")) == [("GGZ Proefdorp (ggz) leaves", False)]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (SOUND.model_copy(update={"release": "1.0.0"}), [("the release is 1.0.0 instead of dev", True)]),
        (SOUND.model_copy(update={"title": "Dorp"}), [("the title is Dorp instead of Proefdorp", False)]),
        (
            SOUND.model_copy(update={"coordinator": "ggz"}),
            [("the coordinator is GGZ Proefdorp (ggz) instead of GGD Proefdorp (ggd)", True)],
        ),
        (
            with_card("ggz", operator="coordinator"),
            [("ggz: its server is operated by GGD Proefdorp instead of itself", True)],
        ),
        (with_card("ggz", contributes=False), [("ggz: it puts in data no more", False)]),
        (
            with_gateway("ggd", egress=("192.0.2.1/32", "192.0.2.77/32")),
            [("ggd: it calls from 192.0.2.77/32", True)],
        ),
        (with_gateway("ggd", egress=()), [("ggd: no longer: it calls from 192.0.2.1/32", False)]),
        (with_gateway("ggd", port=9443), [("ggd: the port of its gateway is 9443 instead of 8443", True)]),
        (with_gateway("ggd", addresses=("192.0.2.9",)), [("ggd: its gateway is also reached at 192.0.2.9", True)]),
        (SOUND.model_copy(update={"personal_data": False}), [("from now on no personal data may be used", True)]),
        (
            SOUND.model_copy(update={"computing": ("ziekenhuis", "ggd", "thuiszorg")}),
            [("the computing parties are numbered anew: ziekenhuis, ggd, thuiszorg", True)],
        ),
    ],
    ids=lambda value: value[0][0] if isinstance(value, list) else "",
)
def test_a_change_is_said_in_words(new: model.Definition, expected: list[tuple[str, bool]]) -> None:
    assert said(SOUND, new) == expected


def upgrading(earlier: str, until: str) -> model.Definition:
    day = datetime.date.fromisoformat(until) if until else None
    return SOUND.model_copy(update={"upgrading_from": earlier, "upgrading_until": day})


@pytest.mark.parametrize(
    ("old", "new", "text", "waits"),
    [
        (
            *(("", ""), ("0.9.0", "2026-07-01")),
            *("stations may run release 0.9.0 until 2026-07-01, while release dev comes to them", True),
        ),
        (
            *(("0.9.0", "2026-07-01"), ("0.9.0", "2026-07-02")),
            *("stations may run release 0.9.0 until 2026-07-02, while release dev comes to them", True),
        ),
        (
            *(("0.9.0", "2026-07-02"), ("0.9.0", "2026-07-01")),
            *("stations may run release 0.9.0 until 2026-07-01, while release dev comes to them", False),
        ),
        (("0.9.0", "2026-07-01"), ("", ""), "no station may run release 0.9.0 any more", False),
    ],
)
def test_that_an_upgrade_ends_waits_for_nobody_and_that_it_begins_or_lasts_longer_does(
    old: tuple[str, str], new: tuple[str, str], text: str, waits: bool
) -> None:
    assert said(upgrading(*old), upgrading(*new)) == [(text, waits)]


def test_fewer_computing_parties_wait_because_fewer_then_suffice_to_read() -> None:
    five = SOUND.model_copy(update={"computing": (*SOUND.computing, "ggz", "huisartsen")})
    assert ("2 computing parties together can read the inputs, instead of 3", True) in said(five, SOUND)
    assert ("3 computing parties together can read the inputs, instead of 2", False) in said(SOUND, five)
    assert ("GGZ Proefdorp (ggz) becomes a computing party and sees results", True) in said(SOUND, five)
    assert ("GGZ Proefdorp (ggz) is no computing party any more", False) in said(five, SOUND)


def test_another_set_of_computing_parties_waits_and_one_less_does_not() -> None:
    sets = (("ggd", "ziekenhuis", "ggz"), ("ggd", "thuiszorg", "ggz"))
    two, one, turned = (
        SOUND.model_copy(update={"computing_alternates": some}) for some in (sets, sets[:1], sets[::-1])
    )
    names = "GGD Proefdorp (ggd), Thuiszorg Proefdorp (thuiszorg), GGZ Proefdorp (ggz)"
    added = f"another set may compute and see results: {names}; any 2 of it together can read the inputs"
    assert said(one, two) == [(added, True)]
    assert said(two, one) == [(f"this set computes no more: {names}", False)]
    assert said(two, turned) == [("the other sets of computing parties are tried in another order", False)]
    assert added in [change.text for change in diff.changes(None, two) if change.adds]


def test_nothing_changes_between_equals() -> None:
    assert diff.changes(SOUND, SOUND) == []


def differing(shape: type[pydantic.BaseModel], field: str, value: Any) -> tuple[model.Definition, model.Definition]:
    """Two definitions that differ in one field only, in a card or in the definition itself."""
    if shape is model.Definition:
        return SOUND, SOUND.model_copy(update={field: value})
    if shape is model.Processor:
        old, new = COMPANY, COMPANY.model_copy(update={field: value})
        return tuple(SOUND.model_copy(update={"processors": {"company": one}}) for one in (old, new))  # type: ignore[return-value]
    if shape is model.Gateway:
        return SOUND, with_gateway("ggd", **{field: value})
    if shape is model.Signatures:
        return SOUND, SOUND.model_copy(update={"signatures": model.Signatures(**{field: value})})
    if shape is model.Agreement:
        agreement = SOUND.organisations["ggd"].agreement
        assert agreement is not None
        return SOUND, with_card("ggd", agreement=agreement.model_copy(update={field: value}))
    return SOUND, with_card("ggd" if field == "gateway" else "ggz", **{field: value})


@pytest.mark.parametrize(("shape", "field"), [(shape, field) for shape in OTHERS for field in shape.model_fields])
def test_whatever_changes_the_digest_is_said_in_words(shape: type[pydantic.BaseModel], field: str) -> None:
    old, new = differing(shape, field, OTHERS[shape][field])
    assert compile.digest(old) != compile.digest(new)
    assert diff.changes(old, new)
    assert diff.changes(new, old)
    assert all(change.text for change in diff.changes(old, new))


@pytest.mark.parametrize(("shape", "field"), [(shape, field) for shape in OTHERS for field in shape.model_fields])
def test_whatever_is_accepted_at_first_is_said_in_words(shape: type[pydantic.BaseModel], field: str) -> None:
    one, other = differing(shape, field, OTHERS[shape][field])
    assert compile.digest(one) != compile.digest(other)
    assert diff.changes(None, one) != diff.changes(None, other), "two definitions are accepted by the same words"


@pytest.mark.parametrize("shape", [model.Organisation, model.Gateway, model.Agreement])
def test_whatever_is_on_the_card_of_who_joins_is_said_in_words(shape: type[pydantic.BaseModel]) -> None:
    for field in shape.model_fields:
        pair = differing(shape, field, OTHERS[shape][field])
        (slug,) = (one for one in SOUND.organisations if pair[0].organisations[one] != pair[1].organisations[one])
        joins = [said(without(slug), definition)[0] for definition in pair]
        assert joins[0] != joins[1], f"{shape.__name__}.{field} joins unseen"


def test_every_shape_of_the_model_is_looked_at() -> None:
    shapes = {one for one in vars(model).values() if isinstance(one, type) and issubclass(one, pydantic.BaseModel)}
    others = {model.Question, model.Term, model.Release, model.ReleaseOfTree}  # each is a file of its own
    others |= {model.Notes, model.Breaking}  # of a release
    others.add(model.Network)  # what the definition has in common with a federation
    others.add(model.Joined)  # a definition too; what only a federation has is in tests/publication/federations
    assert {shape for shape in shapes if shape.model_fields} - others == set(OTHERS)


def test_another_way_to_write_the_same_is_a_change_too_because_the_digest_differs() -> None:
    two = with_gateway("ggd", egress=("192.0.2.1/32", "192.0.2.9/32"))
    turned = with_gateway("ggd", egress=("192.0.2.9/32", "192.0.2.1/32"))
    assert said(two, turned) == [("ggd: the same addresses are written in another order", False)]
