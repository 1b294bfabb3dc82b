"""The hello: both stations prove who they are with their statement keys before anything else is said.

    1  caller → acceptor   versions, network, from, to, nonce
    2  acceptor → caller   version, nonce, own gateway, signature over the transcript so far
    3  caller → acceptor   request, own gateway, signature over the transcript and the request's digest
    4  acceptor → caller   ok or a reason, signature over the transcript, the request's digest and the answer

A gateway is its certificate with the statement by which the statement key signed its key (`accepted.gateway`).

What it is for: whoever holds the network's CA can mint a second certificate with a member's name. Such a
certificate has no statement key, so its holder can answer neither 2 nor 3. A relay that has minted both ends' names can
pass the messages on, but the acceptor's gateway then saw the relay's certificate, not the one whose fingerprint the
caller signed in 3; and the relay cannot forge 4. Nor can the CA's holder have the caller speak for the relay's
certificate, by placing it on the caller's server: its key is none that the caller's statement key signed.
From 4 on the connection is the caller's gateway's own TLS connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..accepted import statement
from ..accepted.gateway import Gateway, GatewayError
from ..accepted.networks import Network, NetworkError, Networks
from ..accepted.statement import StatementError, StatementKey
from ..base.contract import PROTOCOL_VERSIONS
from ..base.journal import plain
from .connection import Connection
from .frames import FrameError
from .proxy import Identity

HEADER = 8 * 1024


class HelloError(Exception):
    """The other side is not who it must be, or refused us; the text says which and why. Below it: PeerError."""


class PeerError(HelloError):
    """It is about one station: `why` says what, the text names it too."""

    def __init__(self, peer: str, why: str) -> None:
        super().__init__(f"{peer} {why}")
        self.why = why


class RenewedError(PeerError):
    """Its gateway saw another certificate than ours; it passes where ours was renewed a moment ago."""


@dataclass(frozen=True)
class Caller:
    """Who asks, in which network, for what; nothing of it is taken from unsigned bytes."""

    network: Network
    peer: str
    request: dict[str, Any]


async def call(
    connection: Connection, key: StatementKey, network: Network, peer: str, request: Mapping[str, Any]
) -> None:
    """Say hello as the caller; returns once the acceptor's signed ok was verified. Raises PeerError."""
    opening = {
        "versions": list(PROTOCOL_VERSIONS),
        "network": network.name,
        "from": network.self_id,
        "to": peer,
        "nonce": statement.nonce(),
    }
    await connection.send({"hello": opening})
    reply, _ = await connection.receive(HEADER)
    if "refused" in reply:
        raise PeerError(peer, f"refused: {plain(reply['refused'])}")
    accepting = _part(reply, "accepting", {"version", "nonce", "gateway"})
    if accepting["version"] not in PROTOCOL_VERSIONS:
        raise PeerError(peer, "chose a protocol version that was not offered")
    transcript = {"hello": opening, "accepting": accepting}
    _verify(network, peer, statement.HELLO_ACCEPTOR, transcript, reply)
    _gateway(network, peer, accepting)
    asking = {"request": statement.digest(request), "gateway": network.own_gateway().document}
    signed = {**transcript, "asking": asking}
    await connection.send({"request": request, "asking": asking, "signature": key.sign(statement.HELLO_CALLER, signed)})
    reply, _ = await connection.receive(HEADER)
    answer = reply.get("answer")
    _verify(network, peer, statement.HELLO_ANSWER, {**signed, "answer": answer}, reply)
    if answer != "ok":
        refusal = RenewedError if answer == _another_certificate(network.self_id) else PeerError
        raise refusal(peer, f"refused: {plain(answer)}")


async def accept(connection: Connection, key: StatementKey, networks: Networks, seen: Identity) -> Caller:
    """Say hello as the acceptor of a connection whose far end the gateway identified as `seen`. Raises HelloError."""
    message, _ = await connection.receive(HEADER)
    try:
        opening = _part(message, "hello", {"versions", "network", "from", "to", "nonce"})
        network = _check_opening(opening, networks, seen)
        accepting = {
            "version": _common_version(opening["versions"], network, seen.peer),
            "nonce": statement.nonce(),
            "gateway": network.own_gateway().document,
        }
    except (HelloError, NetworkError) as error:
        await connection.send({"refused": plain(error)})
        raise HelloError(str(error)) from error
    transcript = {"hello": opening, "accepting": accepting}
    signature = key.sign(statement.HELLO_ACCEPTOR, transcript)
    await connection.send({"accepting": accepting, "signature": signature})
    message, _ = await connection.receive(HEADER)
    asking = _part(message, "asking", {"request", "gateway"})
    signed = {**transcript, "asking": asking}
    answer = _judge(network, seen, message, signed)
    reply = {"answer": answer, "signature": key.sign(statement.HELLO_ANSWER, {**signed, "answer": answer})}
    await connection.send(reply)
    if answer != "ok":
        raise HelloError(answer)
    return Caller(network, seen.peer, message["request"])


def _check_opening(opening: Mapping[str, Any], networks: Networks, seen: Identity) -> Network:
    network = networks.find(str(opening["network"]))
    if opening["from"] != seen.peer:
        raise HelloError(f"{plain(opening['from'], 80)} is not who the gateway verified ({seen.peer})")
    if opening["to"] != network.self_id:
        raise HelloError(f"this station is {network.self_id}, not {plain(opening['to'], 80)}")
    if seen.peer not in network.stations:
        raise HelloError(f"{seen.peer} is not in the accepted definition of {network.name}")
    if not isinstance(opening["nonce"], str) or len(opening["nonce"]) != 44:
        raise HelloError("a nonce that is not 32 bytes")
    return network


def _judge(network: Network, seen: Identity, message: Mapping[str, Any], signed: Mapping[str, Any]) -> str:
    """Return "ok", or the reason why the caller's request is refused."""
    try:
        _verify(network, seen.peer, statement.HELLO_CALLER, signed, message)
        fingerprint = _gateway(network, seen.peer, signed["asking"])
    except HelloError as error:
        return str(error)
    if fingerprint != seen.fingerprint:
        return _another_certificate(seen.peer)
    request = message.get("request")
    if not isinstance(request, dict) or statement.digest(request) != signed["asking"]["request"]:
        return "the request is not the one that was signed"
    return "ok"


def _another_certificate(peer: str) -> str:
    return (
        f"the gateway saw another certificate of {peer} than the one its station speaks for: somebody is in between, "
        "or the certificate was renewed a moment ago"
    )


def _common_version(offered: object, network: Network, caller: str) -> int:
    speaks = [item for item in offered if type(item) is int] if isinstance(offered, list) else []
    if versions := {*PROTOCOL_VERSIONS} & {*speaks}:
        return max(versions)
    ahead = max(speaks, default=0) > max(PROTOCOL_VERSIONS)
    older = network.stations[network.self_id if ahead else caller]
    raise HelloError(
        f"no protocol version in common: {network.self_id} speaks {list(PROTOCOL_VERSIONS)}, {caller} "
        f"{plain(speaks, 80)}; bring {older.id} up with `werkplaats upgrade start {older.home} --to VERSION`"
    )


def _part(message: Mapping[str, Any], name: str, keys: set[str]) -> dict[str, Any]:
    part = message.get(name)
    if not isinstance(part, dict) or set(part) != keys:
        raise FrameError(f"a message without its part {name!r}")
    return part


def _gateway(network: Network, peer: str, part: Mapping[str, Any]) -> str:
    """The fingerprint of the gateway that a peer speaks for; raises PeerError for one that is not its own."""
    try:
        found = Gateway.read(part["gateway"])
        network.require_gateway(peer, found)
    except GatewayError as error:
        raise PeerError(peer, str(error)) from error
    return found.fingerprint


def _verify(network: Network, peer: str, purpose: str, content: object, message: Mapping[str, Any]) -> None:
    try:
        statement.verify(network.stations[peer].statement_key, purpose, content, message.get("signature"))
    except (StatementError, KeyError) as error:
        raise PeerError(
            peer,
            "did not sign with its pinned statement key: it is another station under this name, or its key changed "
            "and its organisation's new key was not accepted here",
        ) from error
