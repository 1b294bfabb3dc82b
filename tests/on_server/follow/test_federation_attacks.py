"""What is done to a follower in a federation: by who relays, and by who took over the part that parses.

Each is refused by a sentence, and nothing on the server is another; each is seen to work with its defence off.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from network_topology import load
from on_server.follow import placing, rules, seen, signed, texts
from publication import publication
from publication.following import federation
from tests.harness import pki
from tests.harness.coordinator import founded
from tests.on_server.follow.federated import GONE, OTHER, Member
from tests.on_server.follow.served import taken_over
from tests.on_server.follow.test_federation import PEER, RELAYED, made_regions, regions, revoke, server, unfederated
from tests.publication import publications
from tests.publication.published import RELEASES
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions
from werkplaats.operations.coordinator import publish as publishing

__all__ = ["made_regions", "regions", "server", "unfederated"]


def test_an_older_publication_of_a_member_from_a_neighbour_is_refused_and_named(server: Member) -> None:
    """Gains: who was revoked is let in again, in another region. A stolen key of that region's coordinator helps."""
    older = publications.gathered(server.regions.place(SALLAND))
    revoke(server)
    server.given(SALLAND)
    assert server.run(), server.told
    before = server.state()

    def back(one: Any) -> None:
        one.version += 7
        one.snapshot_meta.version = 1

    maker = publications.Maker(online=server.regions.own[SALLAND].roles.online())
    made = maker.resigned({**older, **publications.gathered(server.regions.place(SALLAND))}, "timestamp", back)
    source = server.given(SALLAND, made, peer=RELAYED)
    server.run()
    assert "is of an older publication than was read before" in server.told["sources"][str(source)]
    assert server.state() == before
    server.given(SALLAND, older, peer=RELAYED)
    assert server.run()
    assert server.state() == before
    assert publication.take(source, SALLAND, None).verified.identities[GONE], "who remembers nothing takes it"


def test_whoever_took_over_the_part_that_parses_brings_back_no_older_publication_of_a_member(
    server: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = {name: text.decode() for name, text in publications.gathered(server.regions.place(SALLAND)).items()}
    revoke(server)
    server.given(SALLAND)
    assert server.run(), server.told
    before = server.state()

    def ask(question: bytes) -> bytes:
        answer = json.loads(server.ask(question))
        answer["networks"][NAME]["members"] = {SALLAND: older}
        return json.dumps(answer).encode()

    server.given(NAME, {seen.NEWEST: b"{}"}, peer=RELAYED)  # something that looks like news
    assert not server.run(ask)
    assert "it goes back to an older publication than is kept" in server.told["problem"]
    assert server.state() == before
    monkeypatch.setattr(rules, "newer", lambda *_: None)
    server.run(ask)
    assert server.state() != before, "it lands with the rule off"


@pytest.mark.parametrize("network", [NAME, SALLAND])
def test_a_publication_of_another_root_is_refused_and_named(
    server: Member, network: str, tmp_path: Path, regions: Regions
) -> None:
    """Gains: whoever relays says who is in a region, or in the federation. With the memory off it is read as right."""
    definition = load.find(SALLAND, regions.home / "networks").model_copy(update={"network": network})
    posing = founded(tmp_path / "posing", definition)
    for organisation in posing.definition.stations:
        posing.approve(organisation)
    folder = tmp_path / "posing" / "publication"
    publishing.publish(folder, posing.definition, RELEASES, posing.authority)
    before = server.state()
    source = server.given(network, publications.gathered(folder), peer=RELAYED)
    server.run()
    assert f"is another root of {network} than was accepted here" in server.told["sources"][str(source)]
    assert server.state() == before
    assert publication.take(source, network, None).verified.network == network


def test_a_publication_of_one_network_in_the_place_of_another_is_refused_and_named(server: Member) -> None:
    """Gains: what one member published counts for another one."""
    before = server.state()
    source = server.given(SALLAND, publications.gathered(server.regions.place(TWENTE)), peer=RELAYED)
    server.run()
    assert f"is another root of {SALLAND} than was accepted here" in server.told["sources"][str(source)]
    assert server.state() == before


def cut_off(server: Member) -> None:
    """The federation cuts a member off, and that lies here."""
    server.regions.trust("revoke", SALLAND, "--reason", "certificateHold", "--yes")
    server.given(NAME)


def test_what_a_member_signs_that_no_server_keeps_holds_up_nothing_of_the_others(server: Member) -> None:
    """Gains: whom anybody revokes stays let in, wherever a station of that region is called."""
    revoke(server)
    deep: list[Any] = []
    for _ in range(40):
        deep = [deep]
    maker = publications.Maker(online=server.regions.own[SALLAND].roles.online())
    published = publications.gathered(server.regions.place(SALLAND))
    server.given(SALLAND, maker.resigned(published, "snapshot", lambda one: one.unrecognized_fields.update(deep=deep)))
    cut_off(server)
    assert not server.run()
    assert f"what was read of {SALLAND} is not kept: it is nested too deep" in server.told["problem"]
    assert PEER in server.view()["cut"]
    assert OTHER not in server.accepted()["statement_keys"]


def test_what_is_too_large_to_be_kept_beside_others_counts_for_nothing_that_is_placed(
    server: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is placed is held to what is kept, so that it would never be placed."""
    monkeypatch.setattr(federation, "MOST_NEW", 10)
    kept = server.paths.kept(f"{NAME}/{SALLAND}")
    before = (kept / seen.NEWEST).read_bytes()
    revoke(server)
    source = server.given(SALLAND)
    assert server.run(), server.told
    assert server.asked == 2, "once more, by what is kept"
    assert "is too large by itself" in server.told["sources"][str(source)]
    assert PEER not in server.view()["cut"]
    assert (kept / seen.NEWEST).read_bytes() == before
    cut_off(server)
    assert server.run(), server.told
    assert PEER in server.view()["cut"]


def test_of_each_federation_is_asked_apart(server: Member) -> None:
    """Gains: one that takes all memory or time of the part that parses stops the others."""
    asked: list[list[str]] = []

    def ask(question: bytes) -> bytes:
        asked.append([*json.loads(question)["networks"]])
        return server.ask(question)

    for place in (server.paths.networks, server.paths.at(f"{texts.COMPILED}/networks")):
        shutil.copytree(place / NAME, place / "tweede")
    shutil.copyfile(server.paths.accepted(NAME), server.paths.accepted("tweede"))
    server.run(ask)
    assert asked == [[NAME], ["tweede"]]


Answer = dict[str, Any]


def change(path: str, value: Any) -> Callable[[Answer], None]:
    """Have a part of an answer be another, by its names with a space between; `accepted` is JSON in it."""

    def do(answer: Answer) -> None:
        *names, last = path.split(" ")
        place, accepted = answer["place"], json.loads(answer["place"]["accepted"])
        found: Any = {**place, "accepted": accepted}
        for name in names:
            found = found[name]
        found[last] = value
        place["accepted"] = json.dumps(accepted)

    return do


def own_authority(answer: Answer) -> None:
    """Gains: certificates for every name in a region, which the gateways of all others let in."""
    own = pki.Authority("elders")
    entry = answer["place"]["entry"]
    entry["ca_pem"] += own.pem
    entry["crl_pem"] += own.crl()


def older_list(answer: Answer) -> None:
    """Gains: nobody sees what a region revokes from now on."""
    entry = answer["place"]["entry"]
    head, ends, _ = entry["crl_pem"].partition("-----END X509 CRL-----\n")
    entry["crl_pem"] = head + ends


def members(name: str, change: Callable[[dict[str, str]], None]) -> Callable[[Answer], None]:
    def do(answer: Answer) -> None:
        found = answer["members"][SALLAND]
        change(found)
        answer["members"] = {name: found}

    return do


def numbered(files: dict[str, str]) -> None:
    newest = json.loads(files[seen.NEWEST])
    newest["signed"]["version"] = 2**31 - 1
    files[seen.NEWEST] = json.dumps(newest)


def raised(answer: Answer) -> None:
    """Gains: this server refuses a station of another region, whose own number is lower."""
    place = answer["place"]
    accepted = json.loads(place["accepted"])
    accepted["seen"].setdefault(OTHER, {})[accepted["statement_keys"][OTHER]] = 2**31 - 1
    place["accepted"] = json.dumps(accepted)
    place["entry"]["network_json"]["stations"][PEER]["gateway_serial"] = 2**31 - 1


CARD = f"accepted definition organisations {OTHER}"
TAKEN_OVER: dict[str, tuple[Callable[[Answer], None], str]] = {
    "a CA of a region": (own_authority, "adds a CA"),
    "a region without its list": (older_list, "a CA of it has no revocation list"),
    "another key": (change(f"accepted statement_keys {OTHER}", "A" * 43 + "="), "adds a statement key"),
    "a key of a stranger": (
        change(f"accepted statement_keys {SALLAND}/vreemd", "A" * 43 + "="), "adds a statement key"),
    "a stranger": (
        change(f"accepted definition organisations {SALLAND}/vreemd", {"name": "V"}), "adds to organisations"),
    "another root of a member": (change(f"accepted definition roots {SALLAND}", "sha256:" + "0" * 64), "adds a member"),
    "another member": (change("accepted definition roots elders", "sha256:" + "0" * 64), "adds a member"),
    "another address": (change(f"{CARD} gateway name", "evil.example"), "gateway: name"),
    "another CA of the federation": (change("accepted authority", "sha256:" + "1" * 64), "changes authority"),
    "another key for the agent": (
        change(f"entry network_json stations {PEER} statement_key", "A" * 43 + "="), "it has another key of"),
    "a peer for the agent": (
        change(f"entry network_json stations {SALLAND}.vreemd", {"organisation": "v"}), "is no station here"),
    "a threshold of none": (change("entry network_json threshold", 0), "another threshold"),
    "another home": (change("entry home", SALLAND), "it is of another home network"),
    "a number that a station did not sign": (raised, "is none that it signed"),
    "a number that a member did not sign": (members(SALLAND, numbered), "is not signed by the coordinator"),
    "a list that a member did not publish": (
        members(SALLAND, lambda files: files.update({f"targets/{'0' * 64}.crl.pem": "-"})), "does not follow from"),
    "what is kept of the home network": (members(TWENTE, lambda _: None), "is no other member of which"),
    "a place of another network": (members("../../elsewhere", lambda _: None), "is no other member of which"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN_OVER)
def test_whoever_took_over_the_part_that_parses_adds_nothing(
    server: Member, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: bytes of one region become a key, a peer or a CA that the servers of another one trust."""
    revoke(server, "ggd-ijsselland")
    server.given(SALLAND)
    before = server.state()
    assert not server.run(taken_over(server.ask, NAME, TAKEN_OVER[name][0]))
    assert TAKEN_OVER[name][1] in server.told["problem"]
    kept = str(server.paths.kept(f"{NAME}/{SALLAND}").relative_to(server.paths.at("/etc")))
    changed = {path for path, text in server.state().items() if before.get(path) != text}
    assert all(path.startswith(kept) for path in changed), "what a member signed itself is kept, and nothing else"
    if kept in "".join(changed):
        publication.take(server.paths.kept(f"{NAME}/{SALLAND}"), SALLAND, None)
    held = ("require", "published", "newer", "accepted", "view", "agreed", "authorities")
    for rule in held:
        monkeypatch.setattr(rules, rule, lambda *_: None)
    monkeypatch.setattr(placing, "_require_number", lambda *_: None)
    monkeypatch.setattr(signed, "require", lambda *_: None)
    after = server.state()
    server.run(taken_over(server.ask, NAME, TAKEN_OVER[name][0]))
    assert server.state() != after, "it lands with the rules off"
