"""What a definition or an inventory says stays where it belongs in every file of a server, whatever it says.

Gained by a text that breaks out of its place: a rule of the firewall or of sshd, a peer let in, a unit's command.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_topology import model, rules
from network_topology.violation import DefinitionError
from plugins.action import server_part
from plugins.filter import baseline
from tests.harness.fuzzing import examples
from tests.network_topology import hostile
from tests.network_topology.definitions import KNOWN, SIGNED
from tests.roles import grammar, rendered

pytestmark = pytest.mark.fuzz
BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)
PUBLIC = f"ssh-ed25519 {base64.b64encode(BLOB).decode()} name"
PEOPLE = {"steward": {"keys": [PUBLIC], "from": ["192.0.2.0/24"]}}


def passed(tree: dict[str, Any]) -> model.Definition | None:
    """The definition, where it passes the model and the rules; who is refused is told in a sentence."""
    try:
        definition = model.Definition.model_validate(tree)
    except pydantic.ValidationError:  # shapes.violation makes sentences of them, see test_source
        return None
    found = [one for one in rules.check(definition, KNOWN) if one.severity == "error"]
    assert all(str(one) and one.remedy for one in found)
    return None if found else definition


def faults(definition: model.Definition, number: int = 0) -> list[str]:
    chosen = sorted(definition.stations)[number % len(definition.stations)]
    [station] = rendered.stations(definition, PEOPLE, chosen).values()
    return grammar.faults(rendered.server_files(station))


def test_a_sound_definition_however_odd_renders_files_of_the_grammar(note: Callable[[str], None]) -> None:
    seen = []

    @examples(15)
    @given(hostile.sound(), st.integers(0, 24))
    def renders(tree: dict[str, Any], number: int) -> None:
        definition = passed(tree)
        seen.append(definition is not None)
        if definition:
            assert faults(definition, number) == []

    renders()
    note(f"rendered files: {sum(seen)} of {len(seen)} odd definitions passed the rules")
    assert sum(seen) > len(seen) / 3, "the rules refuse most: nothing is tested"


@examples(60)
@given(hostile.spoilt(), st.integers(0, 24))
def test_a_spoilt_text_is_refused_or_renders_files_of_the_grammar(tree: dict[str, Any], number: int) -> None:
    if definition := passed(tree):
        assert faults(definition, number) == []


@pytest.mark.parametrize(
    "login", ["j.jansen@zorg.example", "ZORG\\j.jansen", "jan s, *!", "jan\n    ForceCommand /bin/sh"]
)
def test_a_login_whatever_its_name_is_one_word_of_sshd_s_settings(login: str) -> None:
    definition = passed(whole())
    assert definition
    [station] = rendered.stations(definition, PEOPLE, sorted(definition.stations)[0]).values()
    assert grammar.faults(rendered.server_files(station, login)) == []


def whole() -> dict[str, Any]:
    """A definition in which every field that holds a text has one, but for what the rules keep for later."""
    signed = {**SIGNED, "until": datetime.date(2027, 1, 1)}
    gateway = {"port": 8443, "egress": ("192.0.2.7/32",)}
    cards = {
        slug: {
            "name": slug.upper(),
            "domain": "hospital",
            "role": "member",
            "operator": "itself",
            "gateway": {**gateway, "name": f"{slug}.example", "addresses": (f"192.0.2.{number}",)},
            "agreement": signed,
        }
        for number, slug in enumerate(("een", "twee", "drie", "vijf"), 1)
    }
    cards["vier"] = {**cards["een"], "name": "VIER", "egress": ("192.0.2.8/32",)}
    del cards["vier"]["gateway"]
    return {
        "network": "anywhere",
        "kind": "regional",
        "title": "Anywhere",
        "region": "twente",
        "coordinator": "een",
        "technique": "mpc/mpyc",
        "release": "dev",
        "computing": ("een", "twee", "drie"),
        "computing_alternates": (("een", "twee", "vijf"),),
        "dpia": datetime.date(2026, 2, 1),
        "publication_url": "https://publicatie.een.example/anywhere/",
        "upgrading_from": "0.9.0",
        "upgrading_until": datetime.date(2026, 7, 1),
        "processors": {"company": {"name": "Company", "agreement": dict(SIGNED)}},
        "organisations": cards,
    }


PLACES = list(hostile.texts(model.Definition.model_validate(whole())))


def test_no_field_that_holds_a_text_is_forgotten() -> None:
    definition = model.Definition.model_validate(whole())
    assert passed(whole()) is not None
    met = {hostile.reached(definition, place) for place in PLACES}
    assert met == hostile.fields(model.Definition)


@pytest.mark.parametrize("breaking", hostile.BREAKS, ids=ascii)
def test_a_break_in_any_text_is_refused_or_stays_in_its_place(breaking: str) -> None:
    """One text after the other; all that the rules let pass are rendered together."""
    tree = whole()
    for place in reversed(PLACES):  # what is inside before the key around it
        text = place[-1] if hostile.KEY in place else hostile.at(whole(), place)
        if passed(hostile.put(whole(), place, text + breaking)):
            assert breaking.isprintable(), f"{place}: nobody sees it, and it passes the rules"
            tree = hostile.put(tree, place, text + breaking)
    definition = passed(tree)
    assert definition, "what passes one by one passes together"
    assert faults(definition) == []


FIREWALL = "etc/werkplaats/baseline/firewall.nft"
ZONE = "2001:db8::%x } accept\n}\n/64"


def test_the_rules_the_compiler_and_the_filter_each_keep_a_zone_out_of_the_firewall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A zone of an address is printed as it stands: with all defences off it writes rules of the firewall."""
    tree = hostile.put(whole(), ("organisations", "vier", "egress", 0), ZONE)
    assert passed(tree) is None
    definition = model.Definition.model_validate(tree)
    with pytest.raises(DefinitionError):
        faults(definition)
    monkeypatch.setattr("network_topology.rules.require", lambda _: None)
    assert faults(definition) == [], "the compiler prints the address anew"
    monkeypatch.setattr("network_topology.compiling.addresses.printed", lambda one: one)
    with pytest.raises(Exception, match="names a zone"):
        faults(definition)
    # Ansible has a copy of the filter of its own: here is what it would print without its defence.
    monkeypatch.setattr(baseline, "_network", ipaddress.ip_network)
    rows = [{"direction": "in", "port": 8443, "addresses": [ZONE]}]
    jinja = server_part.environment(rendered.ROOT / "roles/baseline/templates")
    text = jinja.get_template(f"{FIREWALL}.j2").render(
        rules=baseline.firewall_rules(rows), limits=baseline.firewall_limits(rows)
    )
    [fault] = grammar.faults({f"/{FIREWALL}": text})
    assert "is not of its grammar" in fault
