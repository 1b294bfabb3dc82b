"""A CA takes the place of another while a server follows: a CA comes with its operator only, and goes by itself."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import values
from network_topology.compiling import compile as compiler
from on_server.follow import rules, texts
from publication import acceptance, profile, publication, trust, verified
from publication.following import applied, entry
from tests.harness import pki
from tests.on_server.follow.served import NETWORK, OWN, Served
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import rolling, steps

OTHER = "thuiszorg"
FOLDER = f"{texts.COMPILED}/networks/{NETWORK}"


@dataclasses.dataclass
class Followed:
    """A server that follows, and its coordinator as a step asks for it."""

    server: Served
    network: Any
    before: acceptance.Accepted

    def come(self, *wanted: Callable[..., None]) -> verified.Verified:
        """Take these steps, each published and put where the server looks."""
        for step in wanted:
            step(self.network, lambda _: None)
            found = steps.publish(self.network, RELEASES["dev"], lambda _: None)
        self.server.inbox()
        return found

    def accept(self, published: verified.Verified) -> None:
        view = acceptance.accept(published, self.before)
        self.server.place({f"/etc/werkplaats/accepted/{NETWORK}.json": applied.text(view)})

    def up(self, published: verified.Verified) -> None:
        """What `up` places of certificates, by what was accepted."""
        view = acceptance.load(self.server.accepted())
        assert view is not None
        made = entry.made(compiler.compile_network(view.definition), OWN, view, published)
        self.server.place({**texts.view(made), **texts.gateway(made)})

    def revoke(self) -> verified.Verified:
        steps.revoke(self.network, OTHER, "keyCompromise", lambda _: None)
        found = steps.publish(self.network, RELEASES["dev"], lambda _: None)
        self.server.inbox()
        return found

    def authorities(self) -> list[int]:
        """The generations of the CAs that the gateway trusts."""
        return self._generations(self.text("ca.pem"))

    def shown(self) -> int:
        """The generation of the CA of which the gateway shows a certificate."""
        (found,) = profile.certificates(self.text("certificate.pem"), 1)
        said = re.match("CN=CA-([0-9]+),", found.issuer.rfc4514_string())
        assert said
        return int(said[1])

    def lists(self) -> int:
        return self.text("crl.pem").count(b"-----BEGIN")

    def cut(self) -> bool:
        """Whether the peer that was revoked is gone."""
        return not self.server.paths.at(self.server.peer(f"{NETWORK}.{OTHER}", "serial")).exists()

    def text(self, name: str) -> bytes:
        """A file that the gateway reads."""
        return self.server.paths.at(f"{FOLDER}/{name}").read_bytes()

    @staticmethod
    def _generations(pem: bytes) -> list[int]:
        return [trust.generation(one) for one in profile.certificates(pem, trust.MOST)]


@pytest.fixture
def followed(server: Served, tmp_path: Path) -> Followed:
    own = server.coordinator
    network = SimpleNamespace(
        name=NETWORK,
        vault=own.vault,
        inventory=own.records.folder,
        definition=own.definition,
        publication=server.folder,
        trusted=tmp_path / "read.json",
        questions={},
        figures={},
        made_here=False,
        tier=profile.REGION,
        ships=True,
    )
    return Followed(server, network, acceptance.accept(publication.read(server.folder, NETWORK)))


OLD, NEW, OTHERS = (pki.Authority(NETWORK, generation).pem for generation in (1, 2, 1))


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (OLD + NEW, ""),
        (NEW + OLD, ""),
        (NEW, ""),
        ("", "its CAs are none"),
        ("no certificate", "its CAs are none"),
        (NEW + "text", "its CAs are none"),
        (OLD + OTHERS, "it adds a CA"),
        (OTHERS, "it adds a CA"),
        (OLD.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "its CAs are none"),
        ("text\n" + OLD, "it adds a CA"),
    ],
)
def test_of_the_cas_of_a_gateway_some_may_go_and_nothing_comes(after: str, why: str) -> None:
    """Gains: certificates for every name that this gateway lets in, or a block that only OpenSSL sees."""
    if not why:
        rules.authorities(OLD + NEW, after)
        return
    with pytest.raises(rules.RuleError, match=why):
        rules.authorities(OLD + NEW, after)


@pytest.mark.parametrize("gone", [1, 2])
def test_a_list_of_a_ca_that_stays_cannot_be_left_out(followed: Followed, gone: int) -> None:
    """Gains: an older one of that CA is taken later, since none lies here to hold it to."""
    begun = followed.come(rolling.begin)
    followed.accept(begun)
    followed.up(begun)
    before = followed.text("crl.pem")

    def ask(question: bytes) -> bytes:
        answer = values.mapping(followed.server.ask(question))
        found = answer["networks"][NETWORK]["place"]["entry"]
        lists = found["crl_pem"].split("-----BEGIN")[1:]
        found["crl_pem"] = "-----BEGIN" + lists[gone - 1]
        return json.dumps(answer).encode()

    assert not followed.server.run(ask)
    assert "a CA of it has no revocation list" in followed.server.told["problem"]
    assert followed.text("crl.pem") == before


def test_a_ca_that_nobody_accepted_here_waits_and_all_else_goes_on(followed: Followed) -> None:
    followed.come(rolling.begin)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown(), followed.lists()) == ([1], 1, 1)
    assert "is to be trusted beside CA-1" in str(followed.server.told["waits"])
    assert followed.server.told["refused"] == ""
    followed.revoke()
    assert followed.server.run(), followed.server.told
    assert followed.cut()
    assert (followed.authorities(), followed.lists()) == ([1], 1)


def test_a_yes_that_up_did_not_bring_yet_keeps_no_revocation_from_the_gateway(followed: Followed) -> None:
    """Its list would lie beside a CA that is not there, of which the gateway loads nothing."""
    followed.accept(followed.come(rolling.begin))
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.lists()) == ([1], 1)
    assert followed.server.accepted()["successor"], "the yes stays"
    followed.revoke()
    assert followed.server.run(), followed.server.told
    assert followed.cut()
    assert (followed.authorities(), followed.lists()) == ([1], 1)
    followed.come(rolling.switch)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown()) == ([1], 1)


def test_who_accepted_shows_the_new_certificate_and_lets_go_of_the_old_ca_by_itself(followed: Followed) -> None:
    begun = followed.come(rolling.begin)
    followed.accept(begun)
    followed.up(begun)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown(), followed.lists()) == ([1, 2], 1, 2)
    followed.come(rolling.switch)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown(), followed.lists()) == ([1, 2], 2, 2)
    followed.revoke()
    assert followed.server.run(), followed.server.told
    assert followed.cut()
    dropped = followed.come(rolling.drop)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown(), followed.lists()) == ([2], 2, 1)
    assert followed.server.accepted()["authority"] == dropped.authority_key
    assert "successor" not in followed.server.accepted()
    assert "is trusted no more: CA-2 has taken its place" in str(followed.server.told["applied"]["applies"])


def test_who_was_away_until_the_switch_keeps_its_certificate_and_hears_of_revocations(followed: Followed) -> None:
    followed.come(rolling.begin, rolling.switch)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown(), followed.lists()) == ([1], 1, 1)
    published = followed.revoke()
    assert followed.server.run(), followed.server.told
    assert followed.cut()
    followed.accept(published)
    followed.up(published)
    assert followed.server.run(), followed.server.told
    assert (followed.authorities(), followed.shown(), followed.lists()) == ([1, 2], 2, 2)


def test_who_was_away_until_the_old_ca_was_dropped_changes_nothing_and_is_told(followed: Followed) -> None:
    followed.come(rolling.begin, rolling.switch, rolling.drop)
    before = followed.server.state()
    followed.server.run()
    assert "WARNING: the CA of proeftuin has another key" in followed.server.told["refused"]
    kept = f"werkplaats/networks.d/{NETWORK}/publication/"
    assert {name: text for name, text in followed.server.state().items() if not name.startswith(kept)} == {
        name: text for name, text in before.items() if not name.startswith(kept)
    }
