"""What is done to a follower: by whoever stores or relays a publication, and by whoever took over the part that parses.

Each is refused by a sentence, and nothing on the server is another; each is seen to work with its defence off.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tuf.api.metadata import Metadata

from network_topology import load, model
from on_server.follow import places, placing, rules, seen, signed
from publication import publication, verified
from tests.harness import pki
from tests.harness.coordinator import NETWORKS, founded
from tests.on_server.follow.served import BOTH, NETWORK, OWN, Served, taken_over
from tests.publication import publications
from tests.publication.publications import Files
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import revocation

OTHER = "thuiszorg"
ELSEWHERE = pki.Authority(NETWORK)
UPGRADING = {"upgrading_from": "0.9.0", "upgrading_until": datetime.date(2099, 7, 1)}


@pytest.fixture
def definition() -> model.Definition:
    """Of a network in the middle of an upgrade."""
    return load.find(NETWORK, NETWORKS).model_copy(update=UPGRADING)


def maker(server: Served) -> publications.Maker:
    """Who has the coordinator's online key, and no other of the network."""
    return publications.Maker(online=server.coordinator.roles.online())


def rollback(server: Served, older: Files, newer: Files) -> Files:
    """Gains: who was revoked is let in again. The coordinator's own key says that the older is the newest."""

    def back(one: Any) -> None:
        one.version += 7
        one.snapshot_meta.version = 1

    made = {**older, **newer}
    return maker(server).resigned(made, "timestamp", back)


def frozen(server: Served, _: Files, newer: Files) -> Files:
    """Gains: whoever relays keeps a revocation away for ever."""
    return publications.expired(newer, server.coordinator.roles.online())


def mixed(_: Served, older: Files, newer: Files) -> Files:
    """Gains: the list of one moment beside the members of another."""
    made = dict(newer)
    made[publications.named(newer, "definition.json")] = older[publications.named(older, "definition.json")] + b" "
    return made


def cut_off(_: Served, __: Files, newer: Files) -> Files:
    """Gains: a publication without its list is taken for one that revokes nobody."""
    return {name: content for name, content in newer.items() if not name.endswith(".crl.pem")}


def released_alone(server: Served, _: Files, newer: Files) -> Files:
    """Gains: the coordinator alone ships an image, which reads all data."""
    made = publications.Maker(online=server.coordinator.roles.online())
    return made.resigned(newer, "releases", lambda _: None, [server.coordinator.roles.online()])


RELAYED: dict[str, tuple[Callable[[Served, Files, Files], Files], str]] = {
    "rollback": (rollback, "is of an older publication than was read before"),
    "freeze": (frozen, "timestamp was good until"),
    "mix and match": (mixed, "its digest differs"),
    "cut off": (cut_off, "crl.pem is missing"),
    "a release by the coordinator alone": (released_alone, "is not signed by those of whom the root says"),
}


@pytest.mark.parametrize("name", RELAYED)
def test_what_is_relayed_is_refused_and_named_and_changes_nothing(server: Served, name: str) -> None:
    attack, why = RELAYED[name]
    older = publications.gathered(server.folder)
    server.publish()
    server.bring()
    assert server.run(), server.told
    before = server.state()
    server.publish(questions={})
    source = server.inbox(attack(server, older, publications.gathered(server.folder)), peer="ziekenhuis")
    server.run()
    assert why in server.told["sources"][str(source)]
    assert server.state() == before


def test_a_rollback_is_taken_by_who_remembers_nothing(server: Served) -> None:
    older = publications.gathered(server.folder)
    number = publication.take(server.inbox(older), NETWORK, None).verified.number
    server.publish()
    server.bring()
    assert number < publication.take(server.paths.kept(NETWORK), NETWORK, None).verified.number


@pytest.mark.parametrize("network", [NETWORK, "elders"])
def test_a_publication_of_another_root_or_network_is_refused_and_named(
    server: Served, network: str, tmp_path: Path
) -> None:
    """Gains: whoever relays says who is in the network. With the memory off it is read as its own word."""
    posing = founded(tmp_path / "posing", server.coordinator.definition.model_copy(update={"network": network}))
    for organisation in posing.definition.stations:
        posing.approve(organisation)
    folder = tmp_path / "posing" / "publication"
    publishing.publish(folder, posing.definition, BOTH, posing.authority)
    before = server.state()
    source = server.inbox(publications.gathered(folder), peer="ziekenhuis")
    server.run()
    assert "is another root of proeftuin than was accepted here" in server.told["sources"][str(source)]
    assert server.state() == before
    assert publication.take(source, network, None).verified.network == network


def test_a_root_that_was_written_into_what_is_kept_is_not_believed(server: Served) -> None:
    """Gains: whoever took over the part that parses once has every later run follow a root of its own."""
    posing = publications.Maker()
    folder = server.paths.kept(NETWORK) / "metadata"
    second = Metadata.from_bytes(posing.roots[0])
    second.signed.version = 2
    second.signatures.clear()
    for one in posing.root:
        second.sign(one, append=True)
    (folder / "2.root.json").write_bytes(second.to_bytes())
    server.publish()
    server.inbox()
    before = server.state()
    server.run()
    assert "what this server keeps of the publication is no publication" in server.told["refused"]
    assert server.state() == before


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Have a part of an answer be another; `accepted` is JSON in it."""

    def do(answer: dict[str, Any]) -> None:
        *names, last = path.split("/")
        place, accepted = answer["place"], json.loads(answer["place"]["accepted"])
        found: Any = {**place, "accepted": accepted}
        for name in names:
            found = found[name]
        found[last] = value
        place["accepted"] = json.dumps(accepted)

    return do


def without(path: str) -> Callable[[dict[str, Any]], None]:
    """Have a part of what is accepted not be there."""

    def do(answer: dict[str, Any]) -> None:
        *names, last = path.split("/")
        found = accepted = json.loads(answer["place"]["accepted"])
        for name in names:
            found = found[name]
        del found[last]
        answer["place"]["accepted"] = json.dumps(accepted)

    return do


def published(name: str, text: str) -> Callable[[dict[str, Any]], None]:
    def do(answer: dict[str, Any]) -> None:
        answer["publication"][name] = text

    return do


def cut(answer: dict[str, Any]) -> None:
    view = answer["place"]["entry"]["network_json"]
    view["cut"][STATION] = {"organisation": view["stations"].pop(STATION)["organisation"]}


def numbered(answer: dict[str, Any]) -> None:
    """Else every later one is plainly older, that of `up` too."""
    files = answer["publication"]
    newest = json.loads(files[seen.NEWEST])
    newest["signed"]["version"] = 2**31 - 1
    files[seen.NEWEST] = json.dumps(newest)


STATION = f"{NETWORK}.{OTHER}"


def raised(answer: dict[str, Any]) -> None:
    """Gains: this server refuses a member, whose own number is lower, until its operator mends it by hand."""
    place = answer["place"]
    accepted = json.loads(place["accepted"])
    key = accepted["statement_keys"][OTHER]
    accepted["seen"].setdefault(OTHER, {})[key] = 2**31 - 1
    place["accepted"] = json.dumps(accepted)
    place["entry"]["network_json"]["stations"][STATION]["gateway_serial"] = 2**31 - 1


def later(answer: dict[str, Any]) -> None:
    """Gains: no gateway key of this server's is ever installed again, since each has a lower number."""
    answer["place"]["entry"]["statement"]["serial"] = 2**31 - 1


def without_list(answer: dict[str, Any]) -> None:
    """Gains: what is kept is read by nobody any more, this server's next run first, and has the newest word in it."""
    (name,) = (name for name in answer["publication"] if name.endswith(".crl.pem"))
    del answer["publication"][name]


def another_list(answer: dict[str, Any]) -> None:
    (name,) = (name for name in answer["publication"] if name.endswith(".crl.pem"))
    answer["publication"][name] += " "


def own_authority(answer: dict[str, Any]) -> None:
    """Gains: certificates for every name, which this gateway lets in."""
    own = pki.Authority(NETWORK)
    answer["place"]["entry"] |= {"ca_pem": own.pem, "crl_pem": own.crl()}


UNTIL, LONGER = "accepted/definition/upgrading_until", "last longer, or no day"
TAKEN_OVER: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another statement key": (change(f"accepted/statement_keys/{OTHER}", "A" * 43 + "="), "adds a statement key"),
    "a key of a stranger": (change("accepted/statement_keys/vreemd", "A" * 43 + "="), "adds a statement key"),
    "another CA": (change("accepted/authority", "sha256:" + "0" * 64), "changes authority"),
    "another release": (change("accepted/release/image_id", "sha256:" + "1" * 64), "changes release"),
    "another release to come from": (change("accepted/definition/upgrading_from", "0.8.0"), "changes upgrading_from"),
    "another image of it": (change("accepted/earlier/image_id", "sha256:" + "1" * 64), "changes earlier"),
    "an upgrade that is later over": (change(UNTIL, "2099-07-02"), LONGER),
    "an upgrade until no such day": (change(UNTIL, "2099-02-31"), LONGER),
    "an upgrade until a day in other words": (change(UNTIL, "20990101"), LONGER),
    "an upgrade until a day in other digits": (change(UNTIL, "\u0662\u0660\u0669\u0669-01-01"), LONGER),
    "an upgrade until nothing": (change(UNTIL, ""), LONGER),
    "an upgrade until text": (change(UNTIL, "0"), LONGER),
    "an upgrade until a number": (change(UNTIL, 0), LONGER),
    "an upgrade until null": (change(UNTIL, None), LONGER),
    "an upgrade from nothing": (change("accepted/definition/upgrading_from", ""), "changes upgrading_from"),
    "an upgrade without its beginning": (without("definition/upgrading_from"), "changes a part of an upgrade"),
    "an upgrade without its end": (without("definition/upgrading_until"), "changes a part of an upgrade"),
    "an upgrade without the image of before": (without("earlier"), "changes a part of an upgrade"),
    "other holders": (change("accepted/holders/root/threshold", 1), "changes holders"),
    "an older number": (change("accepted/publication", 0), "goes back to an older publication"),
    "a number that nobody published": (change("accepted/publication", 2**31 - 1), "is none that was published"),
    "a root that nobody signed": (change("accepted/root", 2**31 - 1), "is none that was published"),
    "another address": (
        change(f"accepted/definition/organisations/{OTHER}/gateway/name", "evil.example"),
        "changes thuiszorg: gateway: name",
    ),
    "another egress": (
        change(f"accepted/definition/organisations/{OTHER}/gateway/egress", ["203.0.113.0/24"]),
        "adds an address",
    ),
    "a stranger": (change("accepted/definition/organisations/vreemd", {"name": "V"}), "adds to organisations"),
    "another set of them": (
        change("accepted/definition/computing_alternates", [["ggd", "ziekenhuis", "huisartsen"]]),
        "it adds a set of computing parties",
    ),
    "fewer computing parties": (change("accepted/definition/computing", ["ggd"]), "fewer computing parties"),
    "personal data": (change("accepted/definition/personal_data", False), "changes personal_data"),
    "another place": (
        change("accepted/definition/publication_url", "https://evil.example/"),
        "changes publication_url",
    ),
    "forgotten keys": (change("accepted/seen", {}), "forgets who was seen"),
    "another key for the agent": (
        change(f"entry/network_json/stations/{STATION}/statement_key", "A" * 43 + "="),
        "it has another key of",
    ),
    "a threshold of none": (change("entry/network_json/threshold", 0), "another threshold"),
    "another self": (change("entry/network_json/self", STATION), "changes self"),
    "a release that nobody accepted": (change("entry/network_json/release", "9.9.9"), "has another release than"),
    "an older gateway key": (change(f"entry/network_json/stations/{STATION}/gateway_serial", 0), "its serial"),
    "a CA that goes first": (change("accepted/successor", "sha256:" + "0" * 64), "has other fields"),
    "a CA for the gateway": (own_authority, "adds a CA"),
    "another definition for the agent": (
        change("entry/network_json/definition", "sha256:" + "2" * 64),
        "another definition than follows",
    ),
    "another digest for its peers": (
        change("entry/network_json/accepted/statement_keys", "sha256:" + "2" * 64),
        "another accepted than follows",
    ),
    "a part that nobody accepts": (
        change("entry/network_json/accepted/more", "sha256:" + "2" * 64),
        "another accepted than follows",
    ),
    "another digest for people": (change("accepted/digest", "sha256:" + "2" * 64), "its digest is of another document"),
    "contributes": (change(f"entry/network_json/stations/{STATION}/contributes", False), "has another contributes of"),
    "inbound": (change(f"entry/network_json/stations/{STATION}/inbound", False), "has another inbound of"),
    "another name for people": (change(f"entry/network_json/stations/{STATION}/name", "GGD"), "has another name of"),
    "another operator": (change(f"entry/network_json/stations/{STATION}/operator", "ggd"), "has another operator of"),
    "a later gateway key": (
        change(f"entry/network_json/stations/{STATION}/gateway_serial", 2**31 - 1),
        "another gateway_serial of",
    ),
    "a number that a member did not sign": (raised, "is none that it signed"),
    "a statement that its key did not sign": (later, "its statement is not signed by this server's key"),
    "a number that is none": (change(f"entry/network_json/stations/{STATION}/gateway_serial", True), "its serial"),
    "who is in is cut for the agent alone": (cut, "it cuts others than have no key here"),
    "text that a terminal obeys": (
        change(f"accepted/definition/organisations/{OTHER}/name", "GGD\x1b[2J"),
        "a character that does not print",
    ),
    "another certificate": (change("entry/certificate_pem", "-----BEGIN CERTIFICATE-----\n"), "cannot be read"),
    "an older statement": (change("entry/statement", {"serial": 0, "signature": ""}), "its statement is older"),
    "another file": (change("files/host", "{}"), "has other files"),
    "a published file elsewhere": (published("metadata/../../evil.json", "{}"), "has a file"),
    "a number that nobody signed": (numbered, "is not signed by the coordinator"),
    "no list beside the newest word": (without_list, ".crl.pem is missing"),
    "another list under its name": (another_list, "has another digest than is said of it"),
    "a second list": (published(f"targets/{'0' * 64}.crl.pem", "-"), "does not follow from its newest word"),
    "a snapshot that nobody names": (
        published("metadata/999999999.snapshot.json", "{}"),
        "does not follow from its newest word",
    ),
    "a root that nobody needs": (published("metadata/0.root.json", "{}"), "does not follow from its newest word"),
    "another first root": (published("metadata/1.root.json", "{}"), "takes away or changes"),
}


@pytest.mark.parametrize("name", TAKEN_OVER)
def test_whoever_took_over_the_part_that_parses_adds_nothing(
    server: Served, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: bytes of a stranger become a key, a peer or an address that this server trusts."""
    before = server.state()
    assert not server.run(taken_over(server.ask, NETWORK, TAKEN_OVER[name][0]))
    assert TAKEN_OVER[name][1] in server.told["problem"]
    assert server.state() == before
    held = ("require", "published", "newer", "accepted", "view", "agreed", "statement", "certificate", "authorities")
    for rule in held:
        monkeypatch.setattr(rules, rule, lambda *_: None)
    monkeypatch.setattr(placing, "_require_number", lambda *_: None)
    monkeypatch.setattr(signed, "require", lambda *_: None)
    server.run(taken_over(server.ask, NETWORK, TAKEN_OVER[name][0]))
    assert server.state() != before, "it lands with the rules off"


def test_an_upgrade_is_over_or_sooner_by_itself_and_none_begins(server: Served) -> None:
    """What the rules on upgrades must not refuse, and that they take no part of another one for the end of one."""
    begun = server.accepted()
    sooner = server.coordinator.definition.model_copy(update={"upgrading_until": datetime.date(2099, 6, 1)})
    over = sooner.model_copy(update={"upgrading_from": "", "upgrading_until": None})
    for definition in (sooner, over):
        server.publish(definition)
        server.inbox()
        assert server.run(), server.told
        assert server.accepted()["definition"].get("upgrading_until") == verified.document(definition).get(
            "upgrading_until"
        )
    assert "earlier" not in server.accepted()
    with pytest.raises(rules.RuleError, match="changes a part of an upgrade"):
        rules.accepted(server.accepted(), {**server.accepted(), "definition": begun["definition"]})


@pytest.mark.parametrize("whose", [OTHER, OWN])
def test_the_number_of_a_gateway_key_rises_where_its_station_signed_that(server: Served, whose: str) -> None:
    """What the rules on numbers must not refuse: a key that its station changed, which nobody accepts anew."""
    keys = server.keys[whose]
    keys.serial, keys.private = 7, ec.generate_private_key(ec.SECP256R1())
    server.coordinator.approve(whose, keys)
    if whose == OWN:
        server.paths.own_keys[0].write_text(keys.request_pem)
        server.paths.own_keys[2].write_text(keys.statement_of(NETWORK, OWN).model_dump_json() + "\n")
    server.publish()
    server.inbox()
    assert server.run(), server.told
    assert server.accepted()["seen"][whose] == {keys.statement_key: 7}
    placed = server.paths.at(f"/etc/werkplaats/gateway/compiled/networks/{NETWORK}/statement.json")
    assert json.loads(placed.read_text())["serial"] == (7 if whose == OWN else 1)


def of_then(files: Files, which: str, now: dict[str, str]) -> dict[str, str]:
    """What is kept, but for the files of one role: those are of an older publication, or all of it is."""
    then = {name: content.decode() for name, content in files.items()}
    if which == "all":
        return then
    older = {name: text for name, text in then.items() if name.endswith(f"{which}.json")}
    return {name: text for name, text in now.items() if not name.endswith(f"{which}.json")} | older


@pytest.mark.parametrize("which", ["all", "timestamp", "snapshot", "network"])
def test_whoever_took_over_the_part_that_parses_brings_back_no_older_publication(
    server: Served, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: the next run, and whoever this station relays to, takes a revocation for one that never was."""
    older = publications.gathered(server.folder)
    server.publish()
    server.bring()
    assert server.run(), server.told
    server.publish(questions={})
    server.inbox()
    before = server.state()

    def ask(question: bytes) -> bytes:
        answer = json.loads(server.ask(question))
        one = answer["networks"][NETWORK]
        one["publication"], one["place"] = of_then(older, which, places.texts(server.paths.kept(NETWORK))), None
        return json.dumps(answer).encode()

    assert not server.run(ask)
    assert "goes back to an older" in server.told["problem"]
    assert server.state() == before
    monkeypatch.setattr(rules, "newer", lambda *_: None)
    monkeypatch.setattr(signed, "require", lambda *_: None)
    server.run(ask)
    assert server.state() != before, "it lands with the rules off"


def test_whoever_took_over_the_part_that_parses_brings_back_no_older_list(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: at its next start, when none is loaded, the gateway lets in who was revoked."""
    path = server.paths.at(f"/etc/werkplaats/gateway/compiled/networks/{NETWORK}/crl.pem")
    older = path.read_text()
    revocation.withdraw(server.coordinator.authority, "huisartsen", "keyCompromise")
    server.publish()
    server.inbox()
    assert server.run(), server.told
    assert path.read_text() != older
    server.publish(questions={})
    server.inbox()
    list_of = {"older": older, "two": older + path.read_text(), "other": ELSEWHERE.crl(), "none": "", "beside": " "}

    def ask(question: bytes) -> bytes:
        answer = json.loads(server.ask(question))
        answer["networks"][NETWORK]["place"]["entry"]["crl_pem"] = list_of[which]
        return json.dumps(answer).encode()

    placed = path.read_text()
    for which in list_of:
        assert not server.run(ask), which
        assert "list" in server.told["problem"]
        assert path.read_text() == placed
    which = "older"
    monkeypatch.setattr(rules, "listed", lambda *_: None)
    server.run(ask)
    assert path.read_text() == older, "it lands with the rule off"


def test_an_answer_of_another_network_is_placed_nowhere(server: Served) -> None:
    """Gains: what is right for one network lies in the folder of another, or outside of all."""
    before = server.state()

    def ask(question: bytes) -> bytes:
        answer = json.loads(server.ask(question))
        answer["networks"][NETWORK]["place"]["entry"]["network"] = "."
        return json.dumps(answer).encode()

    assert not server.run(ask)
    assert "it is of another network" in server.told["problem"]
    assert server.state() == before


def test_an_answer_that_is_none_is_a_problem_that_is_told(server: Served) -> None:
    before = server.state()
    deep = {"networks": {NETWORK: {"place": {"accepted": "[" * 100_000, "entry": {"network": NETWORK}}}}}
    odd = (
        b"",
        b"[]",
        b'{"networks": 1}',
        b'{"networks": {"proeftuin": []}}',
        b"[" * 100_000,
        json.dumps(deep).encode(),
    )
    answers = iter(odd)
    for _ in odd:
        assert not server.run(lambda _: next(answers))
        assert server.told["problem"]
    assert server.state() == before
