"""A follower on a server in a folder: what applies by itself is placed, what adds waits, and nothing is left half."""

from __future__ import annotations

import datetime
import itertools
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from on_server.follow import main, places, seen, telling
from publication import acceptance, folder, profile, publication
from publication.following import applied, kept, looking
from tests.harness.coordinator import make_keys
from tests.on_server.follow.served import NETWORK, OWN, Served
from tests.publication import publications
from tests.publication.published import release, without
from werkplaats.operations.coordinator import approval, revocation
from werkplaats.operations.coordinator import publish as publishing

GONE = "huisartsen"


def revoke(server: Served, organisation: str = GONE) -> None:
    """By the coordinator: its certificate is revoked, and the publication says so."""
    revocation.withdraw(server.coordinator.authority, organisation, "keyCompromise")
    server.publish()


def test_a_server_that_is_up_is_followed_once_and_then_nothing_is_to_do(server: Served) -> None:
    before = server.state()
    asked = []

    def ask(question: bytes) -> bytes:
        asked.append(question)
        return server.ask(question)

    assert server.run(ask), server.told
    assert server.run(ask)
    assert len(asked) == server.reloads == 1
    assert server.state() == before, "what `up` placed is byte for byte what the follower places"


def test_questions_come_and_wait_for_their_steward(server: Served) -> None:
    server.publish()
    server.inbox()
    assert server.run()
    path = server.paths.networks / NETWORK / "questions.json"
    assert list(json.loads(path.read_text())) == ["griep"]
    assert server.told["applied"]["from"] == str(server.paths.inbox(NETWORK))
    assert server.told["applied"]["by"] == "werkplaats-follow"


def test_who_is_revoked_is_out_by_list_view_and_gateway(server: Served) -> None:
    peer = server.paths.at(server.peer(f"{NETWORK}.{GONE}", "serial"))
    assert peer.parent.exists()
    revoke(server)
    server.inbox(peer="ziekenhuis")  # of another server, over the mesh
    crl = server.paths.at(f"/etc/werkplaats/gateway/compiled/networks/{NETWORK}/crl.pem")
    before = crl.read_bytes()
    assert server.run(), server.told
    assert GONE not in server.accepted()["statement_keys"]
    assert crl.read_bytes() != before
    assert not peer.parent.exists()
    view = json.loads((server.paths.networks / NETWORK / "network.json").read_text())
    assert f"{NETWORK}.{GONE}" in view["cut"]
    assert server.told["applied"]["applies"]


def test_an_own_statement_key_that_waits_for_its_operator_keeps_no_revocation_away(server: Served) -> None:
    """The pinned one is the key of before, and the published statement is by the key that this server has now."""
    made = make_keys()
    revocation.withdraw(server.coordinator.authority, OWN, "keyCompromise")
    server.coordinator.approve(OWN, made)
    pem, begins, rest = made.as_read(OWN).partition("-----BEGIN PUBLIC")
    public, ends, statement = (begins + rest).partition("END PUBLIC KEY-----\n")
    for path, text in zip(server.paths.own_keys, (pem, public + ends, statement), strict=True):
        path.write_text(text)
    revoke(server)
    server.inbox()
    assert server.run(), server.told
    assert GONE not in server.accepted()["statement_keys"]
    assert server.accepted()["statement_keys"][OWN] != made.statement_key, "it waits"


def test_what_its_operator_places_while_the_follower_reads_is_not_taken_back(server: Served) -> None:
    """The answer was about what was accepted before: the key that `accept` and `up` had just brought was gone again."""
    revoke(server)
    server.inbox()
    accepted = server.paths.accepted(NETWORK)

    def meanwhile(question: bytes) -> bytes:
        answer = server.ask(question)
        accepted.write_text(accepted.read_text() + "\n")
        return answer

    before = server.state()
    assert server.run(meanwhile)
    path = f"werkplaats/accepted/{NETWORK}.json"
    assert server.state() == before | {path: before[path] + b"\n"}
    assert server.run(), server.told
    assert GONE not in server.accepted()["statement_keys"]


def test_what_adds_waits_and_is_told(server: Served) -> None:
    now = server.coordinator.definition
    given = now.model_copy(update={"personal_data": not now.personal_data})
    before = server.state()
    server.publish(given, questions={})
    server.inbox()
    assert server.run(), server.told
    assert any("personal data" in line for line in server.told["waits"]), server.told
    after = server.state()
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name for name in changed if "/publication/" not in name} == {f"werkplaats/accepted/{NETWORK}.json"}
    assert server.accepted()["definition"] == json.loads(before[f"werkplaats/accepted/{NETWORK}.json"])["definition"]


def test_a_release_that_was_accepted_and_is_not_brought_yet_holds_up_no_news(server: Served) -> None:
    """`accept` writes one document, and each station moves later: what the agent reads is of before until then."""
    own, both = server.coordinator, {"dev": release(), "1.0.0": release("1.0.0", image="1")}
    moves = {"release": "1.0.0", "upgrading_from": "dev", "upgrading_until": datetime.date(2099, 7, 1)}
    publishing.publish(server.folder, own.definition.model_copy(update=moves), both, own.authority)
    taken = publication.take(server.folder, NETWORK, None)
    yes = acceptance.accept(taken.verified, acceptance.remembered(server.accepted()))
    server.place({f"/etc/werkplaats/accepted/{NETWORK}.json": applied.text(yes)})
    publishing.publish(server.folder, own.definition.model_copy(update={"release": "1.0.0"}), both, own.authority)
    server.inbox()
    assert server.run(), server.told
    assert server.told["applied"]["applies"] == ["no station may run release dev any more"]
    assert "earlier" not in server.accepted()
    told = json.loads((server.paths.networks / NETWORK / "network.json").read_text())
    assert told["release"] == "1.0.0"


def test_a_new_certificate_of_the_own_key_is_placed(server: Served) -> None:
    own = server.coordinator.authority
    before = approval.find(own.records, OWN)
    assert before is not None
    key: Any = before.station_certificate.public_key()
    certificate = own.issue(OWN, key)
    approval.record(own.records, certificate, key, before.statement_key, before.statement)
    made = before.model_copy(update={"certificate_chain_pem": profile.as_pem(certificate).decode()})
    own.records.write("identities", OWN, made.model_dump())
    server.publish(questions={})
    server.inbox()
    assert server.run(), server.told
    path = server.paths.at(f"/etc/werkplaats/gateway/compiled/networks/{NETWORK}/certificate.pem")
    assert path.read_text() == made.certificate_chain_pem


def test_a_broken_source_hides_no_other_and_each_says_why(server: Served) -> None:
    inbox = server.inbox({"metadata/timestamp.json": b"{}"})
    server.publish()
    relayed = server.inbox(peer="ziekenhuis")
    assert server.run(), server.told
    assert server.told["sources"][str(relayed)] == ""
    assert (
        "cannot be read as a publication" in server.told["sources"][str(inbox)]
        or "missing" in server.told["sources"][str(inbox)]
    )
    assert (server.paths.networks / NETWORK / "questions.json").read_text() != "{}\n"


def test_what_plainly_is_older_starts_nothing(server: Served) -> None:
    older = publications.gathered(server.folder)
    server.publish()
    server.bring()
    server.inbox(older)
    assert server.run()
    assert not seen.news(server.paths, NETWORK)


def test_what_a_thief_counted_keeps_no_later_root_away(server: Served) -> None:
    """With a timestamp of 2**31 - 1 kept, what root holders signed after it began anew, and was plainly older."""
    kept_newest = server.paths.kept(NETWORK) / seen.NEWEST
    document = json.loads(kept_newest.read_text())
    document["signed"]["version"] = 2**31 - 1
    kept_newest.write_text(json.dumps(document))
    made = publications.gathered(server.folder)
    server.inbox(made)
    assert not seen.news(server.paths, NETWORK)
    later = {**made, "metadata/2.root.json": made["metadata/1.root.json"]}
    server.inbox(later)
    assert seen.news(server.paths, NETWORK)
    given = {name: content.decode() for name, content in later.items()}
    assert not main._older(server.paths, NETWORK, given)
    del given["metadata/2.root.json"]
    assert main._older(server.paths, NETWORK, given)


def test_a_source_that_is_exchanged_all_the_time_keeps_none_of_the_others_waiting(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them took the time that the part that parses has, and nothing at all was followed."""
    revoke(server)
    server.inbox(peer="ziekenhuis")
    hostile = server.inbox({**publications.gathered(server.folder), seen.NEWEST: b"{}"}, peer="aaa")
    taken = folder.stamp

    def exchanged(place: Path) -> folder.Stamp:
        if place == hostile:
            (place / seen.NEWEST).write_text(" " * next(sizes))
        return taken(place)

    sizes = itertools.count(3)
    monkeypatch.setattr(folder, "stamp", exchanged)
    begun = time.monotonic()
    assert server.run()
    assert time.monotonic() - begun < publication.PATIENCE_SECONDS / 2
    assert "is being replaced again and again" in server.told["sources"][str(hostile)]
    assert server.told["applied"]["from"].endswith("/ziekenhuis")


def test_sources_that_take_long_are_left_for_the_next_run(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    revoke(server)
    server.inbox()
    heard = server.inbox({**publications.gathered(server.folder), seen.NEWEST: b"{}"}, peer="ziekenhuis")
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.0)
    server.run()
    assert server.told["sources"][str(heard)] == "was not looked at: those before it took too long"


@pytest.mark.parametrize("what", ["link", "fifo", "folder", "large"])
def test_a_source_that_is_no_file_is_passed_over(server: Served, what: str) -> None:
    """Gains: the part that runs as root reads a secret into its own hands, or waits for ever."""
    assert server.run()
    source = server.paths.relayed(NETWORK) / "ziekenhuis" / "metadata"
    source.mkdir(parents=True)
    place = source / "timestamp.json"
    if what == "link":
        place.symlink_to(server.paths.accepted(NETWORK))
    elif what == "fifo":
        os.mkfifo(place)
    elif what == "folder":
        place.mkdir()
    else:
        place.write_bytes(b" " * (seen.LARGEST + 1))
    assert not seen.news(server.paths, NETWORK)


class Killed(BaseException):
    """As by a signal: nothing after it runs."""


def test_killed_between_any_two_placements_the_next_run_finishes(
    server: Served, monkeypatch: pytest.MonkeyPatch, note: Any
) -> None:
    """A revocation, a question and a removal: at each step the old or the new lies there, and the next run ends it."""
    revoke(server)
    server.inbox()
    before = server.state()
    real_put, real_folder, real_away = places.put, places.put_folder, places.take_away
    allowed = steps = 0

    def step(real: Any) -> Any:
        def do(*given: Any) -> Any:
            nonlocal steps
            if steps == allowed:
                raise Killed
            steps += 1
            return real(*given)

        return do

    for name, real in (("put", real_put), ("put_folder", real_folder), ("take_away", real_away)):
        monkeypatch.setattr(places, name, step(real))
    ends = []
    while True:
        restore(server, before)
        steps = 0
        try:
            server.run()
        except Killed:
            was, allowed = allowed, 1000
            assert server.run(), server.told
            ends.append(server.state())
            allowed = was + 1
            continue
        break
    final = server.state()
    assert ends
    assert all(end == final for end in ends)
    assert final != before
    note(f"a follower was killed before each of {len(ends)} placements")


def restore(server: Served, before: dict[str, bytes]) -> None:
    top = server.paths.at("/etc")
    for path in [path for path in top.rglob("*") if path.is_file() and str(path.relative_to(top)) not in before]:
        path.unlink()
    for name, content in before.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
    server.paths.told.unlink(missing_ok=True)


def test_without_a_publication_of_its_operator_nothing_is_taken_from_whoever_relays(server: Served) -> None:
    """Gains: the first publication that a server sees says whose the network is."""
    shutil.rmtree(server.paths.kept(NETWORK))
    server.publish()
    server.inbox(peer="ziekenhuis")
    before = server.state()
    server.run()
    assert "no publication was brought here yet" in server.told["refused"]
    assert server.state() == before


def test_a_removed_member_leaves_the_definition_too(server: Served) -> None:
    smaller = without(server.coordinator.definition, GONE)
    server.publish(smaller, questions={})
    server.inbox()
    assert server.run(), server.told
    assert GONE not in server.accepted()["definition"]["organisations"]
    assert telling.before(server.paths)


def test_up_of_an_operator_that_read_less_takes_nothing_back(server: Served) -> None:
    older = publication.take(server.folder, NETWORK, None)
    server.publish()
    server.inbox()
    assert server.run()
    before = server.state()
    given = {"number": 1, "publication": kept.laid(older.following, older.files)}
    assert not main.bring(server.paths, NETWORK, json.dumps(given).encode())
    assert server.state() == before
    root = server.paths.kept(NETWORK) / seen.root(1)
    root.write_bytes(root.read_bytes() + b"\n")
    assert not main.bring(server.paths, NETWORK, json.dumps(given).encode()), "it is the same root in other bytes"


def test_up_puts_right_what_is_kept_in_other_line_ends(server: Served) -> None:
    server.bring()
    before = server.state()
    (path,) = (server.paths.kept(NETWORK) / "targets").glob("*.ca.pem")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    server.bring()
    assert server.state() == before


def test_what_is_no_good_of_one_network_hides_no_other(server: Served) -> None:
    other = server.paths.networks / "anders"
    other.mkdir()
    (other / "network.json").write_text("{}")
    server.publish()
    server.inbox()
    assert not server.run()
    assert telling.before(server.paths)["anders"]["problem"]
    assert (server.told["problem"], server.told["number"]) == ("", 2)


def test_what_many_peers_have_is_read_once_and_a_broken_copy_of_it_hides_none(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish()
    whole = publications.gathered(server.folder)
    server.inbox({name: content for name, content in whole.items() if not name.endswith(".crl.pem")}, peer="a")
    for peer in "bcdef":
        server.inbox(peer=peer)
    read = []
    real = publication.take_as

    def take(verify: Any, folder: Path, *given: Any, **how: Any) -> publication.Taken:
        read.append(folder.name)
        return real(verify, folder, *given, **how)

    monkeypatch.setattr(publication, "take_as", take)
    assert server.run()
    assert read == ["publication", "a", "b"]
    assert server.told["from"].endswith("/b")


def test_a_follower_that_was_stopped_applies_nothing_and_says_so_until_it_is_started(server: Served) -> None:
    main.stop(server.paths, "the coordinator's keys were stolen")
    server.publish()
    server.inbox()
    before = server.state()
    assert server.run()
    assert server.state() == before
    (said,) = telling.stopped(server.paths)
    assert "(the coordinator's keys were stolen), so no revocation reaches this station by itself" in said
    server.paths.stopped.unlink()
    assert server.run()
    assert server.told["applied"]["by"] == "werkplaats-follow"


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_mark_that_cannot_be_read_stops_a_follower_too(server: Served, text: str) -> None:
    server.paths.stopped.write_text(text)
    server.publish()
    server.inbox()
    before = server.state()
    assert server.run()
    assert server.state() == before
    assert "no reason is told" in telling.stopped(server.paths)[0]
