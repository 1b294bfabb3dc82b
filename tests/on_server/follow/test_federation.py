"""A follower in a federation: what it and its members take away is placed, each by its own root; what adds waits."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from base import canonical
from publication.following import fetch, follow
from tests.on_server.follow.federated import GONE, ORGANISATION, OTHER, OWN, Member, member
from tests.on_server.follow.test_fetching import Folder, serving
from tests.publication.published import QUESTION
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions, made_regions, regions, unfederated
from werkplaats.operations.coordinator import revocation

__all__ = ["made_regions", "regions", "unfederated"]
PEER = f"{SALLAND}.{GONE}"
RELAYED = f"{NAME}+{TWENTE}.mst"


@pytest.fixture
def server(regions: Regions, tmp_path: Path) -> Member:
    return member(tmp_path / "server", regions)


def revoke(server: Member, organisation: str = GONE, region: str = SALLAND) -> None:
    """A region revokes the certificate of one of its own, and publishes."""
    revocation.withdraw(server.regions.own[region].authority, organisation, "keyCompromise")
    server.regions.publish(region)


def edit(server: Member, organisation: str, **fields: Any) -> None:
    """A region changes the card of one of its own."""
    own = server.regions.own[SALLAND]
    card = own.definition.organisations[organisation].model_copy(update=fields)
    cards = {**own.definition.organisations, organisation: card}
    changed = own.definition.model_copy(update={"organisations": cards})
    server.regions.own[SALLAND] = dataclasses.replace(own, definition=changed)


def test_a_server_that_is_up_is_followed_once_and_then_nothing_is_to_do(server: Member) -> None:
    before = server.state()
    assert server.run(), server.told
    assert server.told["refused"] == server.told["problem"] == ""
    assert server.run()
    assert server.asked == 1
    assert server.state() == before, "what `up` placed is byte for byte what the follower places"


@pytest.mark.parametrize("peer", ["", RELAYED])
def test_whom_another_region_revokes_is_out_by_list_view_and_gateway(server: Member, peer: str) -> None:
    """By its publication alone, from whoever has it; the federation publishes nothing for that."""
    assert server.gateway(f"peers/{PEER}/serial").exists()
    before = server.gateway("crl.pem").read_bytes()
    revoke(server)
    source = server.given(SALLAND, peer=peer)
    assert server.run(), server.told
    assert OTHER not in server.accepted()["statement_keys"]
    assert PEER in server.view()["cut"]
    assert server.gateway("crl.pem").read_bytes() != before
    assert not server.gateway(f"peers/{PEER}").exists()
    assert server.told["applied"]["from"] == str(source)
    assert any(f"the identity of {OTHER} was withdrawn" in one for one in server.told["applied"]["applies"])
    newest = (server.regions.place(SALLAND) / "metadata/timestamp.json").read_bytes()
    assert (server.paths.kept(f"{NAME}/{SALLAND}") / "metadata/timestamp.json").read_bytes() == newest, "passed on"


def test_what_is_kept_of_a_network_that_is_no_member_any_more_goes_with_the_next_news(server: Member) -> None:
    """Else what lies in its inbox would be news for ever, and all of the federation be read anew at each look."""
    shutil.copytree(server.paths.kept(f"{NAME}/{SALLAND}"), server.paths.kept(f"{NAME}/weg"))
    revoke(server)
    server.given(SALLAND)
    assert server.run(), server.told
    assert {*server.paths.members(NAME)} == {SALLAND}


def test_what_the_home_network_publishes_counts_once_its_own_follower_placed_it(server: Member) -> None:
    """Its publication is followed as any network's; in the federation it is read as it is kept."""
    assert server.run()
    revoke(server, "mst", TWENTE)
    server.given(TWENTE)
    assert server.run()
    assert f"{TWENTE}/mst" in server.accepted()["statement_keys"], "nobody follows the home network in this test"
    assert server.bring(TWENTE)
    assert server.run(), server.told
    assert f"{TWENTE}/mst" not in server.accepted()["statement_keys"]
    assert f"OU={TWENTE}" not in server.gateway("ca.pem").read_text()


def test_who_left_and_who_was_cut_off_are_out_with_all_of_theirs(server: Member) -> None:
    regions = server.regions
    regions.consent(SALLAND, None)
    server.given(SALLAND)
    assert server.run(), server.told
    assert not any(one.startswith(SALLAND) for one in server.accepted()["statement_keys"])
    assert server.gateway("ca.pem").read_text().count("BEGIN") == 1, "the federation's own"
    assert {path.name.rpartition(".")[0] for path in server.gateway("peers").iterdir()} == {TWENTE}


def test_whom_the_federation_cuts_off_is_out(server: Member) -> None:
    server.regions.trust("revoke", SALLAND, "--reason", "certificateHold", "--yes")
    server.given(NAME)
    assert server.run(), server.told
    assert not any(one.startswith(SALLAND) for one in server.accepted()["statement_keys"])
    assert SALLAND in {one.partition("/")[0] for one in server.accepted()["definition"]["organisations"]}
    server.regions.trust("reinstate", SALLAND)
    server.given(NAME)
    assert server.run(), server.told
    assert not any(one.startswith(SALLAND) for one in server.accepted()["statement_keys"]), "its operator says yes"
    assert any("are pinned" in one for one in server.told["waits"])


def left(server: Member) -> None:
    server.regions.consent(TWENTE, None)
    server.bring(TWENTE)


def cut_off(server: Member) -> None:
    server.regions.trust("revoke", TWENTE, "--reason", "certificateHold", "--yes")
    server.given(NAME)


@pytest.mark.parametrize("change", [left, cut_off])
def test_a_station_of_a_region_that_is_none_of_it_any_more_closes_its_doors(server: Member, change: Any) -> None:
    """Gains: who is revoked in another region later is let in here for good, since nothing applies any more."""
    change(server)
    assert server.run(), server.told
    assert [*server.accepted()["statement_keys"]] == [OWN]
    assert [*server.view()["stations"]] == [OWN.replace("/", ".")]
    assert server.gateway("ca.pem").read_text().count("BEGIN") == 1, "the federation's own"
    assert [*server.gateway("peers").iterdir()] == []
    assert f"{TWENTE} takes no part in {NAME} now" in server.told["refused"]
    if change is cut_off:
        server.regions.trust("reinstate", TWENTE)
        server.given(NAME)
        assert server.run(), server.told
        assert [*server.accepted()["statement_keys"]] == [OWN], "its operator says yes to each anew"
        assert server.told["refused"] == ""
        assert any(f"the keys of {OTHER} are pinned" in one for one in server.told["waits"])


def test_a_station_that_its_own_region_revoked_changes_nothing_and_says_so(server: Member) -> None:
    """It comes back with new keys only; until then all others refuse it."""
    revoke(server, ORGANISATION, TWENTE)
    server.bring(TWENTE)
    before = {name: text for name, text in server.state().items() if "/publication/" not in name}
    assert server.run(), server.told
    assert "withdrew its certificate" in server.told["refused"]
    assert {name: text for name, text in server.state().items() if "/publication/" not in name} == before


def test_questions_of_a_federation_come_and_wait_for_their_steward_and_end(server: Member) -> None:
    folder = server.regions.path.parent / "questions"
    folder.mkdir(exist_ok=True)
    three, annex = [OWN, f"{TWENTE}/mst", OTHER], datetime.date(2026, 9, 20)
    asked = QUESTION.model_dump(exclude_defaults=True)
    others = {"contributes": three, "results_to": [OWN], "dpia_annex": annex}
    (folder / "griep.yml").write_text(yaml.safe_dump(asked | others))
    server.regions.trust("publish")
    server.given(NAME)
    assert server.run(), server.told
    placed = server.paths.networks / NAME / "questions.json"
    assert sorted(json.loads(placed.read_text())) == sorted(path.stem for path in folder.iterdir())
    for path in folder.iterdir():
        path.unlink()
    server.regions.trust("publish")
    server.given(NAME)
    assert server.run(), server.told
    assert placed.read_text() == "{}\n"


def test_what_adds_waits_for_the_operator(server: Member) -> None:
    """An address of a member's organisation, in its own definition."""
    gateway = server.regions.own[SALLAND].definition.organisations[GONE].gateway
    assert gateway
    edit(server, GONE, gateway=gateway.model_copy(update={"egress": ("192.0.2.77/32",)}))
    server.regions.publish(SALLAND)
    before = {name: text for name, text in server.state().items() if "/members/" not in name}
    server.given(SALLAND)
    assert server.run(), server.told
    assert any("192.0.2.77/32" in one for one in server.told["waits"])
    assert {name: text for name, text in server.state().items() if "/members/" not in name} == before


def test_a_card_that_breaks_a_rule_of_the_whole_keeps_no_revocation_away(server: Member) -> None:
    """Gains: one region's typing error, or its coordinator, keeps a stolen station of another one let in."""
    there = server.regions.own[TWENTE].definition.organisations[ORGANISATION].gateway
    edit(server, "ggd-ijsselland", gateway=there)  # two at one address: each region is right by itself
    revoke(server)
    server.given(SALLAND)
    before = server.accepted()["definition"]
    assert server.run(), server.told
    assert OTHER not in server.accepted()["statement_keys"]
    assert server.accepted()["definition"] == before, "what was accepted stands"
    assert "nothing is added of what its members say now" in server.told["sources"][str(server.paths.kept(NAME))]


def test_a_member_whose_word_ended_keeps_no_revocation_of_another_away(server: Member) -> None:
    later = canonical.now() + datetime.timedelta(days=36)
    answer = follow.answered(NAME, json.loads(asked_of(server))["networks"][NAME], later)
    assert answer["refused"] == ""
    assert "is not the word of the coordinator any more" in answer["sources"][str(server.paths.kept(NAME))]
    assert json.loads(answer["place"]["accepted"]) == server.accepted()


def asked_of(server: Member) -> bytes:
    """What the part that parses is asked."""
    asked: list[bytes] = []

    def ask(question: bytes) -> bytes:
        asked.append(question)
        return server.ask(question)

    server.run(ask)
    return asked[0]


def test_without_what_up_brings_nothing_is_followed_and_that_is_told(server: Member) -> None:
    shutil.rmtree(server.paths.kept(NAME))
    server.given(NAME)
    before = server.state()
    server.run()
    assert "no publication was brought here yet" in server.told["refused"]
    assert server.state() == before


def test_a_federation_that_is_broken_holds_up_nothing_of_the_home_network(server: Member) -> None:
    """Each is asked about in a question of its own, that of the home network first."""
    asked = []

    def ask(question: bytes) -> bytes:
        asked.append([*json.loads(question)["networks"]])
        return server.ask(question)

    server.place({f"/etc/werkplaats/networks.d/{TWENTE}/network.json": "{}"})
    server.run(ask)
    assert server.paths.names() == [TWENTE, NAME]
    assert asked == [[], [NAME]], "of what is no view nothing can be asked"


def test_what_is_published_at_the_place_of_a_federation_is_fetched(server: Member) -> None:
    """Its own `publication_url`, which the operator accepted; that of another member nobody accepted here."""
    server.regions.definition["publication_url"] = "https://kring.example/proeftuin"
    server.regions.write()
    server.regions.trust("publish")
    server.up()
    server.regions.trust("revoke", SALLAND, "--reason", "certificateHold", "--yes")
    asked: list[str] = []
    with serving(functools.partial(Folder, asked, directory=str(server.regions.place(NAME)))) as url:

        def fetched(question: bytes) -> bytes:
            networks = json.loads(question)["networks"]
            found = {
                name: fetch.fetched(name, url, Path(one["kept"]), 5.0, near=True) for name, one in networks.items()
            }
            return json.dumps({"networks": found}).encode()

        assert server.run(fetch=fetched), server.told
    assert asked
    assert not any(one.startswith(SALLAND) for one in server.accepted()["statement_keys"])
    assert server.told["applied"]["from"] == str(server.paths.fetched(NAME))
