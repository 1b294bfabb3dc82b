"""The hello, message by message: what each side refuses, with real keys and no processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.gateway import Gateway, GatewayError
from station_image.runtime.accepted.networks import Network, NetworkError
from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.wire import frames, hello
from station_image.runtime.wire.connection import Connection, ConnectionLostError
from station_image.runtime.wire.proxy import Identity
from tests.station_image.runtime.views import CERTIFICATES, PRINTS, Small, certificate, gateway

REQUEST = {"kind": "status"}
Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small.make(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small.make(tmp_path_factory.mktemp("kept"))


def meet(
    small: Small,
    caller_key: StatementKey | None = None,
    acceptor_key: StatementKey | None = None,
    seen: Identity | None = None,
    between: dict[int, Change] | None = None,
) -> tuple[Any, Any]:
    """n.a calls n.b, with somebody in between who may change messages 1 to 4. Returns both outcomes."""

    async def run() -> tuple[Any, Any]:
        (ours, left), (right, theirs) = socket.socketpair(), socket.socketpair()
        wires = [Connection(sock) for sock in (ours, left, right, theirs)]
        passing = asyncio.create_task(_pass_on(wires[1], wires[2], between or {}))
        network = small.networks("n.a").find("n")
        identity = seen or Identity("n.a", PRINTS["n.a"])
        calling = hello.call(wires[0], caller_key or small.keys["n.a"], network, "n.b", REQUEST)
        accepting = hello.accept(wires[3], acceptor_key or small.keys["n.b"], small.networks("n.b"), identity)
        outcomes = await asyncio.gather(_until_over(calling, wires[0]), _until_over(accepting, wires[3]))
        await passing
        return outcomes[0], outcomes[1]

    return asyncio.run(run())


async def _until_over(side: Coroutine[Any, Any, Any], wire: Connection) -> Any:
    try:
        return await side
    except (hello.HelloError, frames.FrameError, ConnectionLostError, NetworkError) as error:
        return error
    finally:
        wire.close()


async def _pass_on(left: Connection, right: Connection, between: dict[int, Change]) -> None:
    with contextlib.suppress(ConnectionLostError, frames.FrameError):
        for number, (source, target) in enumerate([(left, right), (right, left), (left, right), (right, left)], 1):
            message, _ = await source.receive(64 * 1024)
            await target.send(between[number](message) if number in between else message)
    left.close()
    right.close()


def test_two_members_greet_each_other_and_the_request_arrives(small: Small) -> None:
    called, accepted = meet(small)
    assert called is None
    assert (accepted.peer, accepted.network.name, accepted.request) == ("n.a", "n", REQUEST)


def test_a_caller_with_another_key_is_told_so_in_a_signed_answer(small: Small) -> None:
    called, accepted = meet(small, caller_key=StatementKey(Ed25519PrivateKey.generate()))
    assert "pinned statement key" in str(called)
    assert isinstance(accepted, hello.HelloError)


def test_an_acceptor_with_another_key_never_sees_the_request(small: Small) -> None:
    called, accepted = meet(small, acceptor_key=StatementKey(Ed25519PrivateKey.generate()))
    assert "n.b did not sign" in str(called)
    assert isinstance(accepted, ConnectionLostError)


def test_a_relay_is_seen_by_the_certificate_of_the_gateway(small: Small) -> None:
    called, accepted = meet(small, seen=Identity("n.a", PRINTS["n.d"]))
    assert "another certificate" in str(called)
    assert "another certificate" in str(accepted)


def test_a_member_may_not_speak_for_another(small: Small) -> None:
    called, _ = meet(small, seen=Identity("n.d", PRINTS["n.d"]))
    assert "not who the gateway verified" in str(called)


def _swapped(small: Small, name: str) -> str:
    """Put another gateway key on the server of a station, with all that its own statement key ever signed.

    Whoever holds the CA can: the certificate is good, and the gateway that sees it tells its fingerprint. Returns that.
    """
    swapped = dataclasses.replace(small.gateway(name), certificate=OTHER.public_bytes(Encoding.DER))
    (small.folder / name / "n" / "gateway.json").write_text(json.dumps(swapped.document))
    return swapped.fingerprint


OTHER = certificate("n.a")


def test_a_station_does_not_speak_for_a_gateway_key_that_it_did_not_sign(small: Small) -> None:
    seen = Identity("n.a", _swapped(small, "n.a"))
    called, accepted = meet(small, seen=seen)
    assert "gateway.json: this station has a gateway certificate of a key that its pinned statement key" in str(called)
    assert isinstance(accepted, ConnectionLostError)


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stations that do not look at their own gateway: an attacker's, or one with a fault."""
    monkeypatch.setattr(Network, "own_gateway", lambda self: Gateway.read(_own(self)))


def _own(network: Network) -> Any:
    return json.loads((network.folder / "gateway.json").read_text())


@pytest.mark.usefixtures("believing")
def test_a_swapped_gateway_key_is_refused_by_the_acceptor_and_taken_where_nobody_asks_who_signed_it(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay of old, with the fingerprint that the acceptor's gateway saw: it gains the whole connection."""
    seen = Identity("n.a", _swapped(small, "n.a"))
    called, accepted = meet(small, seen=seen)
    assert "n.a has a gateway certificate of a key that its pinned statement key did not sign" in str(called)
    assert str(accepted) in str(called)
    monkeypatch.setattr(Gateway, "require", lambda *_: None)
    called, accepted = meet(small, seen=seen)
    assert (called, accepted.peer) == (None, "n.a")


@pytest.mark.usefixtures("believing")
def test_a_swapped_gateway_key_of_the_acceptor_is_refused_by_the_caller(small: Small) -> None:
    _swapped(small, "n.b")
    called, accepted = meet(small)
    assert "n.b has a gateway certificate of a key that its pinned statement key did not sign" in str(called)
    assert isinstance(accepted, ConnectionLostError)


@pytest.mark.usefixtures("believing")
@pytest.mark.parametrize("how", [("m", "a"), ("n", "b"), ("n", "a", "key")])
def test_a_statement_about_another_network_or_organisation_or_by_another_key_is_refused(
    small: Small, how: tuple[str, ...]
) -> None:
    key = StatementKey(Ed25519PrivateKey.generate()) if how[2:] else small.keys["n.a"]
    wrong = gateway(how[0], how[1], key, CERTIFICATES["n.a"])
    (small.folder / "n.a" / "n" / "gateway.json").write_text(json.dumps(wrong.document))
    assert "its pinned statement key did not sign" in str(meet(small)[0])


@pytest.mark.parametrize(("least", "serial", "taken"), [(1, 1, True), (2, 1, False), (2, 2, True), (2, 9, True)])
def test_an_older_gateway_key_than_was_seen_is_refused_and_a_newer_one_asks_nobody(
    small: Small, least: int, serial: int, taken: bool
) -> None:
    """A gateway key that was given up and then stolen: its certificate and statement are both good."""
    (small.folder / "n.a" / "n" / "gateway.json").write_text(json.dumps(small.gateway("n.a", serial=serial).document))
    rows = small.view("n.b")["stations"]
    rows["n.a"]["gateway_serial"] = least
    small.write("n.b", stations=rows)
    called, _ = meet(small)
    assert (called is None) is taken
    if not taken:
        assert "n.a has an older gateway key, statement 1, than was seen here, 2" in str(called)


def test_a_renewed_certificate_of_the_same_key_needs_no_new_statement(small: Small) -> None:
    again = x509.CertificateBuilder(
        OTHER.subject, OTHER.issuer, CERTIFICATES["n.a"].public_key(), 2, OTHER.not_valid_before_utc, END
    ).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    renewed = dataclasses.replace(small.gateway("n.a"), certificate=again.public_bytes(Encoding.DER))
    (small.folder / "n.a" / "n" / "gateway.json").write_text(json.dumps(renewed.document))
    assert meet(small, seen=Identity("n.a", renewed.fingerprint))[0] is None


END = OTHER.not_valid_after_utc


@pytest.mark.parametrize(
    "change",
    [
        {"certificate": "AAAA"},
        {"certificate": "é"},
        {"certificate": None},
        {"serial": True},
        {"serial": -1},
        {"serial": 2**70},
        {"serial": 1.0},
        {"signature": 1},
        {"more": 1},
    ],
)
def test_a_gateway_of_another_shape_gives_a_known_error(change: dict[str, Any]) -> None:
    shown = Gateway(CERTIFICATES["n.a"].public_bytes(Encoding.DER), 1, "AAAA")
    with pytest.raises(GatewayError):
        Gateway.read({**shown.document, **change}).require("n", "a", bytes(32), 1)


def _forged_ok(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "answer": "ok"}


def test_nobody_in_between_can_turn_a_refusal_into_ok(small: Small) -> None:
    called, _ = meet(small, seen=Identity("n.a", PRINTS["n.d"]), between={4: _forged_ok})
    assert isinstance(called, hello.HelloError)


def _with(part: str, **changes: Any) -> Change:
    return lambda message: {**message, part: {**message[part], **changes}}


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (1, _with("hello", nonce=statement.nonce())),
        (1, _with("hello", versions=[1, 0])),
        (2, _with("accepting", nonce=statement.nonce())),
        (2, _with("accepting", gateway={})),
        (3, lambda message: {**message, "request": {"kind": "poll"}}),
        (3, _with("asking", gateway={})),
        (3, _with("asking", request="0" * 64)),
        (4, lambda message: {**message, "signature": "AAAA"}),
        (4, lambda message: {**message, "answer": "ok "}),
    ],
)
def test_a_changed_message_ends_the_hello(small: Small, number: int, change: Change) -> None:
    called, _ = meet(small, between={number: change})
    assert isinstance(called, hello.HelloError | ConnectionLostError)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_with("hello", network="elders"), "no network"),
        (_with("hello", to="n.c"), "this station is n.b"),
        (_with("hello", versions=[7]), "no protocol version"),
        (_with("hello", versions="1"), "no protocol version"),
        (_with("hello", versions=[[]]), "no protocol version"),
        (_with("hello", nonce="x"), "nonce"),
        (_with("hello", nonce=5), "nonce"),
    ],
)
def test_an_opening_that_does_not_fit_is_refused_with_the_reason(small: Small, change: Change, said: str) -> None:
    called, _ = meet(small, between={1: change})
    assert said in str(called)


def test_a_station_that_left_the_definition_is_refused(small: Small) -> None:
    rows = {name: row for name, row in small.view("n.b")["stations"].items() if name != "n.a"}
    small.write("n.b", stations=rows, computing=["n.b", "n.c", "n.d"])
    called, _ = meet(small)
    assert "not in the accepted definition" in str(called)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 4),
    st.dictionaries(
        st.sampled_from(["hello", "accepting", "asking", "request", "signature", "answer", "refused"]),
        st.none()
        | st.integers()
        | st.text(max_size=9)
        | st.lists(st.integers(), max_size=2)
        | st.dictionaries(st.sampled_from(["versions", "network", "from", "to", "nonce", "request"]), st.integers()),
        max_size=3,
    ),
)
def test_any_message_in_place_of_the_right_one_gives_a_known_error(
    kept: Small, number: int, message: dict[str, Any]
) -> None:
    called, accepted = meet(kept, between={number: lambda _: message})
    known = hello.HelloError | frames.FrameError | ConnectionLostError
    assert isinstance(called, known)
    assert isinstance(accepted, known | hello.Caller)
