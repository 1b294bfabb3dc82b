from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from publication import acceptance, publication, reading, trusted, verified
from publication.following import applied, kept, own_keys
from tests.harness import coordinator as coordinators
from tests.publication import publications
from tests.publication.published import RELEASES
from werkplaats.operations.bring_up import carried, hand_over
from werkplaats.operations.coordinator import approval, revocation
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.reach import remote


class Servers:
    """Servers that all have one accepted document; `placed` is what was written on them."""

    def __init__(self, accepted: acceptance.Accepted) -> None:
        self._text = json.dumps(accepted.document()) + "\n"
        self.placed: dict[str, str] = {}
        self.away: set[str] = set()
        self.odd: dict[str, str] = {}
        self.keys: dict[str, coordinators.Keys] = {}

    def ask(self, organisation: str, *_: str) -> remote.Done:
        said = self.odd.get(organisation, self._text)
        return remote.Done(said + (self.keys[organisation].as_read(organisation) if organisation in self.keys else ""))

    def replace(self, organisation: str, _: str, __: str | None, text: str, ___: str) -> None:
        if organisation in self.away:
            raise errors.HalfWayError(f"{organisation} went away")
        self.placed[organisation] = text


@pytest.fixture
def keys(coordinator: Any) -> dict[str, coordinators.Keys]:
    return {organisation: coordinators.make_keys() for organisation in coordinator.definition.stations}


@pytest.fixture
def network(coordinator: Any, approve: Callable[..., Any], keys: dict[str, coordinators.Keys], tmp_path: Path) -> Any:
    for organisation in coordinator.definition.stations:
        approve(organisation, keys[organisation])
    return SimpleNamespace(
        name=coordinator.definition.network, publication=tmp_path / "publication", trusted=tmp_path / "kept"
    )


@pytest.fixture
def servers(coordinator: Any, network: Any) -> Servers:
    """An earlier publication is accepted; the one there is now says the same anew, so it applies by itself."""

    def publish() -> verified.Verified:
        return publishing.publish(network.publication, coordinator.definition, RELEASES, coordinator.authority)

    made = Servers(acceptance.accept(publish()))
    again = coordinator.definition.model_copy(update={"title": "A title that asks nobody's yes"})
    publishing.publish(network.publication, again, RELEASES, coordinator.authority)
    return made


def test_reading_what_applies_by_itself_writes_nothing_and_keeping_writes_it(network: Any, servers: Servers) -> None:
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    assert set(found.views) == found.unkept == {"ggd", "ziekenhuis"}
    assert servers.placed == {}
    hand_over.keep(network, cast("Any", servers), found)
    assert set(servers.placed) == {"ggd", "ziekenhuis"}
    assert json.loads(servers.placed["ggd"]) == found.views["ggd"].document()


def test_what_is_brought_to_servers_is_what_was_judged_and_is_read_once(
    network: Any, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read again for the bringing, another publication could lie there by then, which nobody judged."""
    read, brought = [], dict[str, Any]()
    real = publication.take_as

    def take(verify: Any, folder: Path, *given: Any, **how: Any) -> publication.Taken:
        read.append(folder)
        return real(verify, folder, *given, **how)

    class Asked(Servers):
        def ask(self, organisation: str, *_: str, given: str = "") -> remote.Done:
            brought[organisation] = json.loads(given)
            return remote.Done("{}")

        def ask_all(self, organisations: Any, *_: str) -> dict[str, Any]:
            return {organisation: remote.Done("", exited=1) for organisation in organisations}

    root = publication.read(network.publication, network.name).root
    monkeypatch.setattr(publication, "take_as", take)
    found = hand_over.applicable(network, cast("Any", servers), ["ggd"], root=root)
    assert found.publication
    network.publication.unlink()  # where nothing lies any more, nothing can be read again
    there = cast("Any", Asked(acceptance.accept(found.publication)))
    assert carried.bring(network.name, there, ["ggd"], found.taken) == {}
    assert read == [network.publication]
    assert brought["ggd"]["number"] == found.publication.number
    laid = {name: text.encode() for name, text in brought["ggd"]["publication"].items()}
    known = kept.known(laid)
    assert known is not None
    assert known.roots == trusted.load(network.trusted).roots  # type: ignore[union-attr]
    assert publications_read(laid, network.name) == found.publication.number


def publications_read(laid: Mapping[str, bytes], name: str) -> int:
    return reading.read(laid.get, PurePath("brought"), name)[0].number


@pytest.mark.parametrize(
    ("spoil", "brought"),
    [
        ("true", False),
        ("rm targets/*.crl.pem", True),
        ("touch more", True),
        ("echo >> $(ls metadata/*.snapshot.json)", True),
    ],
)
def test_a_server_with_the_newest_word_beside_other_files_is_brought_all_of_it(
    network: Any, servers: Servers, tmp_path: Path, spoil: str, brought: bool
) -> None:
    """It told that nothing was new there, until the next publication."""
    calls = []

    class Here(Servers):
        def ask(self, organisation: str, *_: str, **__: Any) -> remote.Done:
            calls.append(organisation)
            return remote.Done("{}")

        def ask_all(self, organisations: Any, *command: str) -> dict[str, Any]:
            done = subprocess.run([*command[:-1], str(tmp_path / "there")], capture_output=True, text=True, check=False)
            return {one: remote.Done(done.stdout, done.stderr, done.returncode) for one in organisations}

    root = publication.read(network.publication, network.name).root
    found = hand_over.applicable(network, cast("Any", servers), ["ggd"], root=root)
    assert found.publication
    assert found.taken
    laid = {name: text.encode() for name, text in kept.laid(found.taken.following, found.taken.files).items()}
    there = publications.put(tmp_path / "there", laid)
    subprocess.run(["sh", "-c", spoil], cwd=there, check=True)
    here = cast("Any", Here(acceptance.accept(found.publication)))
    assert carried.bring(network.name, here, ["ggd"], found.taken) == {}
    assert calls == (["ggd"] if brought else [])


def test_without_a_known_root_nothing_is_brought(network: Any, servers: Servers) -> None:
    found = hand_over.applicable(network, cast("Any", servers), [])
    assert found.publication is not None
    assert found.taken is None
    assert carried.bring(network.name, cast("Any", servers), ["ggd"], found.taken) == {}


def test_a_server_that_went_away_before_it_could_keep_is_refused_and_the_others_keep(
    network: Any, servers: Servers
) -> None:
    servers.away = {"ggd"}
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    hand_over.keep(network, cast("Any", servers), found)
    assert set(found.views) == set(servers.placed) == {"ziekenhuis"}
    assert "went away" in found.refused["ggd"]


class There(Servers):
    """One whose accepted document is a file, into which what is sent to it writes."""

    def __init__(self, accepted: acceptance.Accepted, root: Path) -> None:
        super().__init__(accepted)
        self.root = root
        self.file.parent.mkdir(parents=True)
        self.file.write_text(self._text)

    @property
    def file(self) -> Path:
        return self.root / "etc/werkplaats/accepted/proeftuin.json"

    def ask(self, organisation: str, *command: str, given: str = "", seconds: float = 0) -> remote.Done:
        if command[0] == "cat":
            keys = self.keys[organisation].as_read(organisation) if self.keys else ""
            return remote.Done(self.file.read_text() + keys)
        words = [*command[:-2], *(f"{self.root}{path}" for path in command[-2:])]
        done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=seconds, check=False)
        return remote.Done(done.stdout, done.stderr, done.returncode)

    replace = remote.Remotes.replace  # type: ignore[assignment]


def waiting(coordinator: Any, network: Any) -> verified.Verified:
    """Have something published that waits for every operator."""
    changed = coordinator.definition.model_copy(update={"personal_data": not coordinator.definition.personal_data})
    return publishing.publish(network.publication, changed, RELEASES, coordinator.authority)


def test_a_yes_takes_nothing_back_that_the_server_took_by_itself_while_somebody_thought(
    coordinator: Any, network: Any, servers: Servers, keys: dict[str, coordinators.Keys], tmp_path: Path
) -> None:
    """A revocation came to the server after it was looked at: the yes wrote the publication of before over it."""
    waiting(coordinator, network)
    there = There(acceptance.load(json.loads(servers._text)), tmp_path / "server")  # type: ignore[arg-type]
    there.keys = keys
    found = hand_over.applicable(network, cast("Any", there), ["ggd"])
    assert found.waiting["ggd"]
    one = approval.find(coordinator.authority.records, "huisartsen")
    assert one is not None
    revocation.revoke(coordinator.authority, one.station_certificate.serial_number)
    later = waiting(coordinator, network)
    taken = acceptance.accepted_view(acceptance.load(json.loads(there.file.read_text())), later)
    assert taken is not None
    there.file.write_text(applied.text(taken))
    failed = hand_over.accept(network, cast("Any", there), found, ["ggd"])
    assert failed == {
        "ggd": "ggd: what is accepted there is another by now than was looked at; run it again, and read what it is now"
    }
    assert there.file.read_text() == applied.text(taken)
    assert "huisartsen" not in taken.statement_keys
    again = hand_over.applicable(network, cast("Any", there), ["ggd"])
    assert hand_over.accept(network, cast("Any", there), again, ["ggd"]) == {}
    assert json.loads(there.file.read_text())["publication"] == later.number


def test_nor_is_it_taken_back_by_what_applies_by_itself(network: Any, servers: Servers, tmp_path: Path) -> None:
    before = acceptance.load(json.loads(servers._text))
    assert before is not None
    there = There(before, tmp_path / "server")
    found = hand_over.applicable(network, cast("Any", there), ["ggd"])
    view = found.views["ggd"]
    there.file.write_text(applied.text(view.model_copy(update={"publication": view.publication + 1})))
    lies = there.file.read_text()
    hand_over.keep(network, cast("Any", there), found)
    assert "is another by now" in found.refused["ggd"]
    assert found.views == {}
    assert there.file.read_text() == lies


def test_what_the_follower_kept_already_is_kept_by_nobody_again(network: Any, servers: Servers, tmp_path: Path) -> None:
    there = There(acceptance.load(json.loads(servers._text)), tmp_path / "server")  # type: ignore[arg-type]
    found = hand_over.applicable(network, cast("Any", there), ["ggd"])
    there.file.write_text(applied.text(found.views["ggd"]))
    hand_over.keep(network, cast("Any", there), found)
    assert found.refused == {}
    assert set(found.views) == {"ggd"}


ODD = ["", "no JSON", "null", "[0]", "{}", "[" * 100_000, '{"network": "\\ud800"}', '{"statement_keys": {"ggd": "A"}}']


@pytest.mark.parametrize("said", ODD)
def test_a_server_that_says_something_else_is_refused_and_the_others_are_read(
    network: Any, servers: Servers, said: str
) -> None:
    servers.odd = {"ggd": said}
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    assert set(found.views) == {"ziekenhuis"}
    assert "the accepted definition on the server cannot be read" in found.refused["ggd"]
    assert set(found.applies) == {"ziekenhuis"}
    assert found.applies["ziekenhuis"][0].startswith("the title is A title that asks nobody's yes instead of")


@pytest.mark.parametrize("said", ODD)
def test_nothing_is_accepted_over_what_does_not_tell_which_keys_were_seen(
    network: Any, servers: Servers, said: str
) -> None:
    """Whoever holds the CA and a key that was given up waits for a full disk: after it the key would be a new one."""
    servers.odd = {"ggd": said}
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    assert found.waiting == {}
    assert "where there is none remove the network's file there" in found.refused["ggd"]
    failed = hand_over.accept(network, cast("Any", servers), found, ["ggd", "ziekenhuis"])
    assert "nor which keys were seen before" in failed["ggd"]
    assert set(servers.placed) == {"ziekenhuis"}


@pytest.mark.parametrize("change", [{"release": 1}, {"of_a_later_version": {}}, {"digest": "sha256:0"}, {"network": 0}])
def test_accepting_mends_what_cannot_be_read_and_keeps_what_was_seen_of_keys(
    network: Any, servers: Servers, change: dict[str, Any]
) -> None:
    given_up, document = "A" * 43 + "=", json.loads(servers._text)
    document["seen"]["ziekenhuis"][given_up] = 7
    servers.odd = {"ggd": json.dumps(document | change)}
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    assert "the accepted definition on the server " in found.refused["ggd"]
    assert any("the root of proeftuin is new here" in text for text in found.waiting["ggd"]), "accepting mends it"
    assert hand_over.accept(network, cast("Any", servers), found, ["ggd"]) == {}
    assert acceptance.load(json.loads(servers.placed["ggd"])), "it can be read again"
    assert json.loads(servers.placed["ggd"])["seen"]["ziekenhuis"][given_up] == 7


def test_another_identity_for_the_own_organisation_than_its_keys_is_refused_loudly_and_nobody_else_is(
    network: Any, servers: Servers, keys: dict[str, coordinators.Keys], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds the CA gives the organisation's name to keys of its own: its server would install them."""
    servers.keys = {**keys, "ggd": coordinators.make_keys()}
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    assert set(found.views) == {"ziekenhuis"}
    assert re.search(
        r"^WARNING: the identity of ggd in publication 2 is SHA256:\S+, and the keys on its own server are SHA256:",
        found.refused["ggd"],
    )
    assert "werkplaats trust request proeftuin --only ggd" in found.refused["ggd"]
    monkeypatch.setattr(own_keys, "require", lambda *_: None)
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"])
    assert set(found.views) == {"ggd", "ziekenhuis"}, "without the defence"


@pytest.mark.parametrize("part", ["private", "statement"])
def test_one_other_key_is_enough_to_be_refused(
    network: Any, servers: Servers, keys: dict[str, coordinators.Keys], part: str
) -> None:
    other = dataclasses.replace(keys["ggd"], **{part: getattr(coordinators.make_keys(), part)})
    servers.keys = {**keys, "ggd": other}
    assert set(hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"]).refused) == {"ggd"}
    servers.keys = keys
    assert set(hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"]).views) == {
        "ggd",
        "ziekenhuis",
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "no key\n-----BEGIN CERTIFICATE REQUEST-----\n" + text,
        lambda text: text.replace("-----END PUBLIC", "x-----END PUBLIC"),
        lambda text: text + "\x1b[2J",
        lambda text: text.replace("-----BEGIN PUBLIC", "beside\n-----BEGIN PUBLIC"),
    ],
)
def test_a_server_that_says_odd_things_of_its_keys_is_refused(
    network: Any, servers: Servers, keys: dict[str, coordinators.Keys], change: Callable[[str], str]
) -> None:
    servers.odd = {"ggd": servers._text + change(keys["ggd"].as_read("ggd"))}
    assert set(hand_over.applicable(network, cast("Any", servers), ["ggd", "ziekenhuis"]).refused) == {"ggd"}


def test_what_a_server_saw_of_keys_stays_known_when_its_operator_accepts(network: Any, servers: Servers) -> None:
    document = json.loads(servers._text)
    document["seen"]["ziekenhuis"]["A" * 43 + "="] = 7
    servers.odd = {"ggd": json.dumps(document)}
    found = hand_over.applicable(network, cast("Any", servers), ["ggd"])
    hand_over.accept(network, cast("Any", servers), found, ["ggd"])
    assert json.loads(servers.placed["ggd"])["seen"]["ziekenhuis"]["A" * 43 + "="] == 7


def test_whoever_is_out_is_told_why_and_asked_for_no_yes_that_would_bring_it_back(
    coordinator: Any, network: Any, servers: Servers
) -> None:
    """A new party waits at the same time: its operator accepted that, and was then told to ask for a certificate."""
    cards = {name: one for name, one in coordinator.definition.organisations.items() if name != "thuiszorg"}
    cards["huisartsen"] = cards["huisartsen"].model_copy(
        update={
            "egress": (),
            "operator": "itself",
            "gateway": coordinator.definition.organisations["thuiszorg"].gateway,
        }
    )
    changed = {"organisations": cards, "computing": ("ggd", "ziekenhuis", "huisartsen")}
    revoked = approval.find(coordinator.authority.records, "huisartsen")
    assert revoked is not None
    revocation.revoke(coordinator.authority, revoked.station_certificate.serial_number)
    publishing.publish(
        network.publication, coordinator.definition.model_copy(update=changed), RELEASES, coordinator.authority
    )
    found = hand_over.applicable(network, cast("Any", servers), ["ggd", "thuiszorg", "huisartsen"])
    assert found.refused["thuiszorg"].startswith("no station of proeftuin any more by publication 3 of ")
    assert "werkplaats destroy proeftuin --only thuiszorg" in found.refused["thuiszorg"]
    assert found.refused["huisartsen"].startswith("its certificate is withdrawn by publication 3 of ")
    assert set(found.waiting) == set(found.views) == {"ggd"}
    assert any("(thuiszorg) leaves" in change for change in found.applies["thuiszorg"])


def test_a_server_that_renewed_its_key_takes_lists_while_that_waits_for_its_certificate(
    network: Any, servers: Servers, keys: dict[str, coordinators.Keys]
) -> None:
    """It was told that its name was given to others, and was left out of every `up` until then."""
    before = keys["ggd"]
    kept = dataclasses.replace(coordinators.make_keys(), statement=before.statement, serial=2)
    servers.keys["ggd"] = kept
    found = hand_over.applicable(network, cast("Any", servers), ["ggd"])
    assert "WARNING: the identity of ggd in publication 2 is" in found.refused["ggd"], "the key before is not kept"
    for renews, taken in ((1, True), (2, False)):
        servers.keys["ggd"] = Renewed(kept.private, kept.statement, kept.serial, renews)
        found = hand_over.applicable(network, cast("Any", servers), ["ggd"])
        assert ("ggd" in found.views) == taken
    servers.keys["ggd"] = Renewed(kept.private, coordinators.make_keys().statement, kept.serial, 1)
    found = hand_over.applicable(network, cast("Any", servers), ["ggd"])
    assert "WARNING: the identity of ggd in publication 2 is" in found.refused["ggd"], "another statement key"


@dataclasses.dataclass
class Renewed(coordinators.Keys):
    """Keys of a server that keeps the gateway key of that number."""

    renews: int = 1

    def as_read(self, organisation: str, network: str = "proeftuin") -> str:
        text = super().as_read(organisation, network).removesuffix("}\n")
        return f'{text}, "renews": {self.renews}}}\n'


def test_who_accepted_before_its_own_keys_were_ever_approved_is_not_out(
    coordinator: Any, network: Any, servers: Servers
) -> None:
    one = approval.find(coordinator.authority.records, "huisartsen")
    assert one is not None
    revocation.revoke(coordinator.authority, one.station_certificate.serial_number)
    published = publishing.publish(network.publication, coordinator.definition, RELEASES, coordinator.authority)
    servers.odd = {"huisartsen": json.dumps(acceptance.accept(published).document())}
    assert hand_over.applicable(network, cast("Any", servers), ["huisartsen"]).refused == {}
