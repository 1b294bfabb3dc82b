"""Accepted definitions: read again when they change, and never one that cannot be right."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.accepted import delivered
from station_image.runtime.accepted.gateway import GatewayError
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import CERTIFICATES, Small, gateway


def test_a_network_is_read_again_when_its_file_was_replaced(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert networks.find("n").definition == "sha256:0"
    small.write("n.a", definition="sha256:1")
    assert networks.find("n").definition == "sha256:1"
    assert networks.gateway_uid == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 2},
        {"threshold": 0},
        {"threshold": float("inf")},
        {"self": "n.z"},
        {"computing": ["n.a", "n.b", "n.z"]},
        {"computing": ["n.a", "n.a", "n.b"]},
        {"stations": []},
        {"stations": {"n.a": {"statement_key": "AAAA"}}},
        {"network": "m"},
        {"cut": {"n.d": {}}},
        {"cut": ["n.d"]},
    ],
)
def test_a_definition_that_cannot_be_right_is_not_taken_and_the_file_named(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    before = networks.find("n")
    small.write("n.a", **changes)
    assert networks.find("n") == before
    assert "network.json" in networks.problem


WRONG = {
    **dict.fromkeys(("purpose", "analysis", "at_most"), (5, ["n.a"], None)),
    "parameters": (5, ["n.a"], None),
    **dict.fromkeys(("fields", "operators", "statement_keys"), (5, ["n.a"], {"n.a": 5})),
    **dict.fromkeys(("contributors", "results", "computing"), (5, "n.a", ["n.a", 5], {"n.a": "n.a"})),
    **dict.fromkeys(("threshold", "minimum_cell", "minimum_contributors"), ("5", True, 1.5, None)),
    "agreements": (5, ["none"], {"n.a": "none"}, {"n.a": {"until": 5}}, {"n.a": {"until": "soon"}}),
    **dict.fromkeys(("until", "dpia_annex"), (5, "soon", ["2099-01-01"])),
    "computing_alternates": (5, ["n.a"], [["n.a", 5]]),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, some in WRONG.items() for value in some])
def test_a_question_with_a_field_of_a_wrong_type_is_named_and_all_others_go_on(
    tmp_path: Path, field: str, value: Any
) -> None:
    small = Small.make(tmp_path)
    good = questions.document(small.networks("n.a").find("n"))
    wrong = {**good, "question": "later", field: value}
    (tmp_path / "n.a" / "n" / "questions.json").write_text(json.dumps({questions.NAME: good, "later": wrong}))
    networks = small.networks("n.a")
    assert networks.find("n").questions == {questions.NAME: good}
    assert re.search(rf"questions.json: question 'later': its {field} is no .*; it waits", networks.problem)


def test_a_question_without_what_each_has_is_named(tmp_path: Path) -> None:
    document = questions.document(Small.make(tmp_path).networks("n.a").find("n"))
    assert delivered.wrong(document) == ""
    for field in delivered.FIELDS:
        assert delivered.wrong({name: one for name, one in document.items() if name != field}) == f"it has no {field}"


def test_a_network_that_was_taken_away_is_gone(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert list(networks.current()) == ["n"]
    (small.folder / "n.a" / "n" / "network.json").unlink()
    assert not networks.current()


def second(small: Small, **changes: Any) -> Path:
    """Network m, in the folder of n.a as well."""
    folder = small.folder / "n.a" / "m"
    folder.mkdir(exist_ok=True)
    (folder / "network.json").write_text(json.dumps({**small.view("n.a"), "network": "m", **changes}))
    return folder


def test_in_a_federation_a_gateway_key_is_that_of_the_station_s_home_network(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    second(small)
    home, federation = networks.find("n"), networks.find("m")
    assert (home.at_home, federation.at_home) == (True, False)
    key, shown = small.keys["n.b"], CERTIFICATES["n.b"]
    for network in (home, federation):
        network.require_gateway("n.b", gateway("n", "b", key, shown))
    with pytest.raises(GatewayError):
        federation.require_gateway("n.b", gateway("m", "b", key, shown))


def test_a_view_with_a_computing_party_that_is_cut_is_taken_and_its_key_is_pinned_no_more(tmp_path: Path) -> None:
    """Otherwise a revocation freezes the very agents that should obey it, with the revoked key still pinned."""
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert networks.find("n").problem == ""
    small.write("n.a", **small.without("n.a", "n.c"))
    found = networks.find("n")
    assert (networks.problem, found.computing, found.threshold) == ("", ("n.a", "n.b", "n.c"), 1)
    assert "n.c" not in found.stations
    assert found.problem.startswith("cannot compute: c is cut, ")
    assert "`werkplaats accept`" in found.problem
    assert small.networks("n.a").find("n") == found, "nor is it after a restart"


@pytest.mark.parametrize("parties", [["n.a", "n.b"], ["n.a", "n.b", "n.b"], ["n.a", "n.b", "n.x"]])
def test_another_set_that_could_not_compute_is_not_taken(tmp_path: Path, parties: list[str]) -> None:
    networks = Small.make(tmp_path, [parties]).networks("n.a")
    assert networks.current() == {}
    assert "networks.d cannot be used" in networks.problem


def test_a_network_whose_contributor_is_cut_computes_on(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    small.write("n.a", **small.without("n.a", "n.d"))
    found = small.networks("n.a").find("n")
    assert (found.problem, dict(found.cut)) == ("", {"n.d": "d"})


def test_a_broken_file_concerns_its_own_network_only(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    folder = second(small)
    networks = small.networks("n.a")
    before = networks.find("m")
    second(small, threshold=2)
    small.write("n.a", definition="sha256:1")
    assert networks.find("m") == before
    assert networks.find("n").definition == "sha256:1"
    assert "m/network.json: threshold 2 with 3 computing parties; the last good one stays in force" in networks.problem
    again = small.networks("n.a")
    assert list(again.current()) == ["n"], "after a restart the broken one alone is missing"
    assert "m/network.json" in again.problem
    assert "this station is not in m; `werkplaats up` writes it anew" in again.problem
    shutil.rmtree(folder)
    assert list(networks.current()) == ["n"]
    assert networks.problem == ""


def test_a_broken_file_that_says_who_is_cut_cuts_them_in_the_last_good_view(tmp_path: Path) -> None:
    """It can take away, and add nothing: no key that somebody cut stays pinned because the rest is broken."""
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    networks.current()
    cut = {"n.c": {"organisation": "c"}, "n.z": {"organisation": "z"}, "n.a": {"organisation": "a"}}
    small.write("n.a", threshold=2, definition="sha256:1", cut=cut)
    found = networks.find("n")
    assert set(found.stations) == {"n.a", "n.b", "n.d"}
    assert (dict(found.cut), found.definition, found.threshold) == ({"n.c": "c"}, "sha256:0", 1)
    assert "the last good one stays in force" in networks.problem


def test_without_a_good_host_json_the_last_gateway_stays_and_networks_are_read(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert networks.gateway_uid == 7
    (small.folder / "n.a" / "host.json").write_text("{}")
    assert (networks.gateway_uid, list(networks.current())) == (7, ["n"])
    assert "host.json" in networks.problem
    assert (small.networks("n.a").gateway_uid, list(small.networks("n.a").current())) == (-1, ["n"])


def test_whoever_left_or_has_another_key_is_told_of_and_a_new_definition_alone_is_not(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    second(small)
    networks = small.networks("n.a")
    networks.current()
    left: list[tuple[str, str]] = []
    networks.watch(lambda network, station: left.append((network, station)))
    before = networks.find("n")
    small.write("n.a", definition="sha256:1", release="next")
    assert networks.still(before, "n.c")
    assert left == []
    small.keys["n.b"] = Small.make(tmp_path / "others").keys["n.b"]
    small.write("n.a", **small.without("n.a", "n.c"))
    networks.current()
    assert left == [("n", "n.b"), ("n", "n.c")]
    assert [networks.still(before, name) for name in ("n.a", "n.b", "n.c", "n.z")] == [True, False, False, False]
    shutil.rmtree(small.folder / "n.a" / "m")
    networks.current()
    assert [station for network, station in left if network == "m"] == ["n.a", "n.b", "n.c", "n.d"]


def test_who_leaves_is_noticed_though_nobody_asks(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    networks.current()

    async def noticed() -> None:
        left: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        networks.watch(lambda *who: left.put_nowait(who))
        keeping = asyncio.create_task(networks.keep())
        small.write("n.a", **small.without("n.a", "n.c"))
        assert await asyncio.wait_for(left.get(), 10) == ("n", "n.c")
        keeping.cancel()

    asyncio.run(noticed())
