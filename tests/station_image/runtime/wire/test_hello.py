"""The hello, message by message: what each side refuses, with real keys and no processes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.wire import frames, hello
from station_image.runtime.wire.connection import Connection, ConnectionLostError
from station_image.runtime.wire.proxy import Identity
from tests.station_image.runtime.views import PRINTS, Small

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
    except (hello.HelloError, frames.FrameError, ConnectionLostError) as error:
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
        (2, _with("accepting", fingerprint=PRINTS["n.d"])),
        (3, lambda message: {**message, "request": {"kind": "poll"}}),
        (3, _with("asking", fingerprint=PRINTS["n.d"])),
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
