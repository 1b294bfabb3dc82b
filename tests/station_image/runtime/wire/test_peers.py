"""How this station asks others, and itself: over its gateway's sockets with a real hello, and over polls."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted.networks import Network
from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.wire import hello
from station_image.runtime.wire import peers as asked
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import Connection
from station_image.runtime.wire.frames import FrameError
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.peers import CallFailedError, Peers
from station_image.runtime.wire.proxy import Identity
from tests.station_image.runtime.neighbours import FakeComputer as Listening
from tests.station_image.runtime.neighbours import pair, run, until
from tests.station_image.runtime.views import PRINTS, Small

REQUEST = {"kind": "who"}


@dataclass
class Two:
    """n.a with what it asks others with, and n.b, that answers where the gateway would bring it what n.a sends."""

    small: Small
    sockets: Path
    seen: Callable[[], Identity] = lambda: Identity("n.a", PRINTS["n.a"])
    answers: Answers = field(default_factory=Answers)
    own: Answers = field(default_factory=Answers)

    def __post_init__(self) -> None:
        self.key = self.small.keys["n.b"]
        self.answers.add("who", who, lambda _: 3)
        self.own.add("who", who)

    @property
    def network(self) -> Network:
        return self.small.networks("n.a").find("n")

    def meet(self, work: Callable[[Peers], Coroutine[Any, Any, None]]) -> None:
        async def both() -> None:
            peers = Peers(self.small.keys["n.a"], self.small.networks("n.a"), self.sockets, self.own.serve)
            async with Listening(self.sockets / "n.b.sock", self._serve):
                await work(peers)

        run(both())

    async def _serve(self, connection: Connection) -> None:
        try:
            caller = await hello.accept(connection, self.key, self.small.networks("n.b"), self.seen())
        except (hello.HelloError, FrameError):
            return
        await self.answers.serve(connection, caller)


async def who(caller: Caller, content: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    if content.get("secret"):
        raise RefusedError("question: none of the name was delivered")
    return {"peer": caller.peer, "network": caller.network.name, "body": len(body)}


@pytest.fixture
def two(tmp_path: Path) -> Two:
    sockets = tmp_path / "peers"
    sockets.mkdir()
    return Two(Small.make(tmp_path), sockets)


def why_not(
    two: Two, peer: str = "n.b", content: Mapping[str, Any] | None = None, body: bytes = b""
) -> CallFailedError:
    """Why `peer` could not be asked."""
    found: list[CallFailedError] = []

    async def work(peers: Peers) -> None:
        with pytest.raises(CallFailedError) as caught:
            await peers.ask(two.network, peer, REQUEST, content, body)
        found.append(caught.value)

    two.meet(work)
    assert str(found[0]) == f"{peer}: {found[0].why}"
    return found[0]


def test_a_peer_is_asked_under_the_name_that_its_gateway_verified(two: Two) -> None:
    async def work(peers: Peers) -> None:
        assert peers.last_contact("n.b") is None
        answer, _ = await peers.ask(two.network, "n.b", REQUEST, {}, b"abc")
        assert answer == {"peer": "n.a", "network": "n", "body": 3}
        assert peers.last_contact("n.b") is not None

    two.meet(work)


def test_this_station_asks_itself_without_a_socket_or_hello(two: Two) -> None:
    async def work(peers: Peers) -> None:
        assert not peers.can_call("n.a")
        answer, _ = await peers.ask(two.network, "n.a", REQUEST)
        assert answer == {"peer": "n.a", "network": "n", "body": 0}

    two.meet(work)


def test_a_refusal_of_the_part_that_is_asked_is_told_as_one(two: Two) -> None:
    error = why_not(two, content={"secret": True})
    assert (error.why, error.refused) == ("refused: question: none of the name was delivered", True)


def test_who_refuses_before_it_read_everything_is_still_heard(two: Two) -> None:
    """More than fits between them: the other side closes while this one still writes."""
    error = why_not(two, body=bytes(8 * 1024 * 1024))
    assert (error.why, error.refused) == ("refused: a body of 8388608 bytes; at most 3 are read here", True)


def test_who_calls_while_its_own_certificate_is_renewed_is_heard_a_moment_later(two: Two) -> None:
    """Its gateway shows the new one before its agent speaks for that: a session failed at that moment."""
    views = iter([Identity("n.a", PRINTS["n.d"])] * 2)

    async def work(peers: Peers) -> None:
        answer, _ = await peers.ask(two.network, "n.b", REQUEST)
        assert answer["peer"] == "n.a"

    two.seen = lambda: next(views, Identity("n.a", PRINTS["n.a"]))
    two.meet(work)
    assert list(views) == []


def test_a_hello_that_is_refused_is_told_without_the_name_twice(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "RENEWED_WITHIN", 0.3)
    two.seen = lambda: Identity("n.a", PRINTS["n.d"])
    error = why_not(two)
    assert error.why.startswith("refused: the gateway saw another certificate of n.a")
    assert error.refused


def test_another_station_under_the_peers_name_is_told_from_one_that_is_away(two: Two) -> None:
    two.key = StatementKey(Ed25519PrivateKey.generate())
    error = why_not(two)
    assert error.why.startswith("did not sign with its pinned statement key: ")
    assert error.refused


def test_what_is_asked_never_reaches_another_station_under_the_peers_name(two: Two) -> None:
    asked: list[Caller] = []

    async def heard(caller: Caller, *_: object) -> None:
        asked.append(caller)

    two.key = StatementKey(Ed25519PrivateKey.generate())
    two.answers = Answers()
    two.answers.add("who", heard)
    why_not(two)
    assert asked == []


def test_a_peer_that_nobody_listens_for_does_not_answer(two: Two) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(two.sockets / "n.c.sock"))
    error = why_not(two, "n.c")
    assert error.why.startswith("does not answer (nobody listens on ")
    assert not error.refused


@pytest.mark.parametrize("peer", ["n.c", "n.z"])
def test_who_has_no_link_or_is_in_no_accepted_definition_is_not_called(two: Two, peer: str) -> None:
    if peer == "n.z":
        (two.sockets / "n.z.sock").touch()
    error = why_not(two, peer)
    assert (error.why, error.refused) == ("has no link with this station in this direction", False)


def test_without_the_own_gateways_certificate_nobody_is_called(two: Two) -> None:
    (two.small.folder / "n.a" / "n" / "gateway.json").unlink()
    assert "no fingerprint of the own gateway" in why_not(two).why


def test_what_breaks_while_they_talk_is_told_of_the_peer(two: Two) -> None:
    async def hang_up(connection: Connection, _: Caller) -> None:
        await connection.receive()

    two.answers.add_stream("talk", hang_up)

    async def work(peers: Peers) -> None:
        with pytest.raises(CallFailedError, match=r"n\.b: .*the other side closed the connection"):
            await talk(peers)

    async def talk(peers: Peers) -> None:
        async with peers.open(two.network, "n.b", {"kind": "talk"}) as line:
            await line.send({"event": "bye"})
            await line.receive()

    two.meet(work)


def test_a_peer_that_polls_us_is_asked_over_its_poll_and_only_directly_over_a_call(two: Two) -> None:
    async def work(peers: Peers) -> None:
        near, far = pair()
        holding = asyncio.create_task(peers.polls.serve(near, Caller(two.network, "n.b", {"kind": "poll"})))
        await until(lambda: peers.polls.find("n", "n.b"))
        asking = asyncio.create_task(peers.ask(two.network, "n.b", REQUEST, {"more": 1}, b"xyz"))
        header, body = await far.receive(body_limit=3)
        assert (header["request"], header["content"], bytes(body)) == (REQUEST, {"more": 1}, b"xyz")
        await far.send({"reply": header["ask"], "content": {"over": "poll"}})
        assert (await asking)[0] == {"over": "poll"}
        assert (await peers.ask_directly(two.network, "n.b", REQUEST))[0]["peer"] == "n.a"
        asking = asyncio.create_task(peers.ask(two.network, "n.b", REQUEST))
        header, _ = await far.receive()
        await far.send({"reply": header["ask"], "content": {"refused": "busy"}})
        with pytest.raises(CallFailedError, match=r"n\.b: refused: busy"):
            await asking
        asking = asyncio.create_task(peers.ask(two.network, "n.b", REQUEST))
        await far.receive()
        far.close()
        with pytest.raises(CallFailedError, match=r"n\.b: its poll ended"):
            await asking
        with pytest.raises(ConnectionError):
            await holding

    two.meet(work)


def test_the_links_outward_are_the_sockets_of_the_gateway(two: Two) -> None:
    async def work(peers: Peers) -> None:
        (two.sockets / "n.c.sock").touch()
        (two.sockets / "n.c.new").touch()
        assert peers.callable() == ["n.b", "n.c"]
        assert [peers.can_call(name) for name in ("n.b", "n.c", "n.d")] == [True, True, False]

    two.meet(work)


def test_a_definition_with_another_key_of_the_peer_is_not_answered_by_the_old_one(two: Two) -> None:
    rows = two.small.view("n.a")["stations"]
    fresh = StatementKey(Ed25519PrivateKey.generate())
    rows["n.b"]["statement_key"] = base64.b64encode(fresh.public).decode()
    two.small.write("n.a", stations=rows)
    assert "pinned statement key" in why_not(two).why
