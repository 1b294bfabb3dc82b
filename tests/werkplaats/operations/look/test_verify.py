from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from network_topology import load, model
from network_topology.compiling import compile as compiler
from publication import acceptance
from tests.publication.published import HOLDERS, release
from werkplaats.operations.home import places
from werkplaats.operations.look import agreement, verify
from werkplaats.operations.reach import remote

DEFINITION = load.find("proeftuin", places.EXAMPLES)
NETWORK = compiler.compile_network(DEFINITION)


def links(unreachable: dict[str, str]) -> list[verify.Verdict]:
    network = SimpleNamespace(compiled=NETWORK, name="proeftuin")
    return verify.links(cast("Any", network), {}, unreachable, agreement.Agreed({}, None))


def test_a_link_of_a_server_that_was_not_reached_is_bad_and_those_of_others_are_not_looked_at() -> None:
    found = links({"ggd": "is off"})
    assert {verdict.name for verdict in found} == {
        f"{link.source} → {link.target}" for link in NETWORK.links if link.source == "ggd"
    }
    assert found
    assert all(verdict.reason == "its server was not reached: is off" for verdict in found)
    assert links({}) == []


KEYS = {organisation: f"key of {organisation}" for organisation in NETWORK.stations}
VIEW = acceptance.Accepted(
    network="proeftuin",
    publication=7,
    root=1,
    holders=HOLDERS,
    definition=DEFINITION,
    statement_keys=KEYS,
    authority="sha256:" + "a" * 64,
    release=model.Release.model_validate_json(json.dumps(release())),
)


def called(told: dict[str, Any], **changes: Any) -> remote.Done:
    """A server that called every peer: it worked, and each told what it accepted, or of an earlier release less."""
    rows = [
        {
            "network": "proeftuin",
            "peer": f"proeftuin.{o}",
            "ok": True,
            "why": "",
            "definition": told.get(o, NETWORK.digest),
            "accepted": {**VIEW.parts, **told.get(f"{o} accepted", {})},
        }
        for o in NETWORK.stations
    ]
    return remote.Done(json.dumps({"links": [*rows, *({**one, **changes} for one in rows if changes)]}))


def published(**changes: Any) -> Any:
    said = {"network": "proeftuin", "number": 7, "definition": DEFINITION, "statement_keys": KEYS}
    said |= {
        "root_version": 1,
        "holders": HOLDERS,
        "authority_key": VIEW.authority,
        "release": VIEW.release,
        "serial": lambda *_: 1,
    }
    said |= changes
    trusted = (SimpleNamespace(key=said["authority_key"], generation=1),)
    return SimpleNamespace(**said, trusted=trusted, by_generation=trusted, earlier=None)


def told_by_peers(told: dict[str, Any], **changes: Any) -> dict[str, str]:
    """What is wrong with each link of ggd, which accepted VIEW; `changes` are what is published otherwise."""
    network = cast("Any", SimpleNamespace(compiled=NETWORK, name="proeftuin"))
    agreed = agreement.Agreed({"ggd": VIEW}, published(**changes))
    found = verify.links(network, {"ggd": called(told)}, {}, agreed)
    assert found
    return {verdict.name: verdict.reason for verdict in found if not verdict.good}


def test_what_a_peer_accepted_of_another_network_says_nothing_of_this_one() -> None:
    """Two stations of one region are peers in a federation too, where each goes by the federation's definition."""
    network = cast("Any", SimpleNamespace(compiled=NETWORK, name="proeftuin"))
    told = called({}, network="zuid", definition="sha256:" + "0" * 64)
    found = verify.links(network, {"ggd": told}, {}, agreement.Agreed({"ggd": VIEW}, published()))
    assert found
    assert not [verdict for verdict in found if not verdict.good]


def test_a_peer_that_goes_by_another_definition_is_named_with_what_its_operator_does() -> None:
    """The coordinator shows one member another definition: agents told it of each other, and nobody compared."""
    assert told_by_peers({}) == {}
    other = "sha256:" + "0" * 64
    (found,) = told_by_peers({"ziekenhuis": other}).items()
    assert found[0] == "ggd → ziekenhuis"
    assert found[1] == (
        f"the agent of ziekenhuis goes by definition {other}, and ggd accepted {NETWORK.digest}: what differs is not "
        "known here; the operator of ziekenhuis (Ziekenhuis Proeftuin) reads publication 7, and runs "
        "werkplaats accept proeftuin --only ziekenhuis and werkplaats up proeftuin --only ziekenhuis"
    )


def test_what_differs_is_told_where_the_peer_accepted_what_is_published() -> None:
    newer = DEFINITION.model_copy(update={"title": "Another", "release": "1.0.0"})
    (found,) = told_by_peers({"ziekenhuis": compiler.digest(newer)}, definition=newer).values()
    assert ": there, the title is Another instead of " in found
    assert "the release is 1.0.0 instead of dev; the operator of ggd (GGD Proeftuin) reads publication 7" in found
    assert "--only ziekenhuis" not in found


def test_who_tells_neither_what_is_published_nor_a_definition_is_bad() -> None:
    newer = DEFINITION.model_copy(update={"title": "Another"})
    (found,) = told_by_peers({"ziekenhuis": "sha256:" + "0" * 64}, definition=newer).values()
    assert "--only ggd, and the operator of ziekenhuis" in found
    assert "tells no definition; the operator of ziek" in told_by_peers({"ziekenhuis": None})["ggd → ziekenhuis"]


OTHER_KEYS = {**{name: key for name, key in KEYS.items() if name != "thuiszorg"}, "ziekenhuis": "another"}
OTHER_RELEASE = model.Release.model_validate_json(json.dumps(release(image="b")))
OTHER_CA = "sha256:" + "b" * 64
OTHER_HOLDERS = HOLDERS.model_copy(update={"root": HOLDERS.releases})


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        (
            "statement_keys",
            {"statement_keys": OTHER_KEYS},
            "there, thuiszorg has no key; ziekenhuis has another key: compare by telephone which of the two",
        ),
        (
            "authority",
            {"authority_key": OTHER_CA},
            f"goes by CA {OTHER_CA}, and ggd accepted {VIEW.authority}: there, ",
        ),
        (
            "holders",
            {"holders": OTHER_HOLDERS},
            f"there, the root is {OTHER_HOLDERS.fingerprint('proeftuin')}, here {VIEW.root_fingerprint}, and ",
        ),
        ("release", {"release": OTHER_RELEASE}, f"there, release dev is image {OTHER_RELEASE.image_id}, here "),
    ],
)
def test_under_the_same_definition_each_other_thing_that_was_accepted_is_named(
    part: str, change: dict[str, Any], words: str
) -> None:
    """The coordinator shows two members one definition, and other keys, another CA or another image with it."""
    theirs = acceptance.accept(published(**change)).parts
    told = {"ziekenhuis accepted": {part: theirs[part]}}
    assert [name for name in theirs if theirs[name] != VIEW.parts[name]] == [part]
    (found,) = told_by_peers(told, **change).values()
    assert words in found
    assert "; the operator of ggd (GGD Proeftuin) reads publication 7" in found
    assert "--only ziekenhuis" not in found
    (found,) = told_by_peers(told).values()
    assert "what differs is not known here; the operator of ziekenhuis" in found


def test_of_a_peer_of_an_earlier_release_which_tells_less_the_definition_is_compared() -> None:
    agreed = agreement.Agreed({"ggd": VIEW}, published())
    assert agreed.differs("ggd", "ziekenhuis", {"definition": NETWORK.digest}) == ""
    assert "goes by definition 0" in agreed.differs("ggd", "ziekenhuis", {"definition": "0"})
