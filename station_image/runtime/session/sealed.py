"""What is sealed in a session, by whom and for whom: deposits, channels between computing parties, rows of a result.

Every public key here was made for one plan and is signed with the statement key of whose it is. So whoever holds every
TLS key and certificate of both ends can stop what passes, and neither read it nor change it unnoticed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ..accepted import statement
from ..accepted.statement import StatementError, StatementKey
from ..base.refusal import RefusedError
from ..consent import bundle
from ..consent.plan import Plan
from ..data import seal
from ..data.seal import Channel, SealError
from ..wire import frames
from ..wire.connection import LARGE

DEPOSIT, CHANNEL, ROW = "deposit", "channel", "row of a result"
PLAIN_ROW = 64 * 1024
PER_CONTRIBUTOR = 512


# Deposits


def deposit(
    key: StatementKey, plan: Plan, contributor: str, party: str, public: bytes, tag: str, body: bytes
) -> tuple[bytes, str]:
    """Shares for `party` alone, and the contributor's signature over them. Raises SealError."""
    sealed = seal.seal(public, _info(DEPOSIT, plan, contributor, party), tag.encode(), body)
    return sealed, key.sign(statement.DEPOSIT, _deposited(plan, party, tag, sealed))


def open_deposit(
    private: X25519PrivateKey,
    plan: Plan,
    contributor: str,
    pinned: bytes,
    party: str,
    tag: str,
    signature: object,
    sealed: bytes,
) -> bytes:
    """The shares in a deposit that the holder of the statement key `pinned` brought to us. Raises RefusedError."""
    try:
        # Whoever knows the public key can seal: that it is this contributor's is told by the signature only.
        statement.verify(pinned, statement.DEPOSIT, _deposited(plan, party, tag, sealed), signature)
        return seal.open(private, _info(DEPOSIT, plan, contributor, party), tag.encode(), sealed)
    except StatementError as error:
        raise RefusedError(f"shares: not what {contributor} signed; they were changed or made on their way") from error
    except SealError as error:
        raise RefusedError(f"shares: {error}") from error


def _deposited(plan: Plan, party: str, tag: str, sealed: bytes) -> dict[str, str]:
    return {"plan": plan.digest, "party": party, "tag": tag, "shares": hashlib.sha256(sealed).hexdigest()}


# Channels


def channel_keys(private: X25519PrivateKey, plan: Plan, here: str, peer: str, public: bytes) -> tuple[bytes, bytes]:
    """The keys to send to and to receive from the computing party `peer`. Raises SealError."""
    one, other = sorted((here, peer), key=plan.number)
    return seal.channel_keys(private, public, _info(CHANNEL, plan, one, other), first=here == one)


# Rows of a result


def sign_result_key(key: StatementKey, plan: Plan, station: str, private: X25519PrivateKey) -> dict[str, str]:
    """What a result party tells: its public key for rows of this plan."""
    public = base64.b64encode(seal.public(private)).decode()
    return {"key": public, "signature": key.sign(statement.RESULT_KEY, _result_key(plan, station, public))}


def check_result_key(told: Mapping[str, Any], pinned: bytes, plan: Plan, station: str) -> bytes:
    """The public key of the result party `station`. Raises RefusedError."""
    try:
        statement.verify(
            pinned, statement.RESULT_KEY, _result_key(plan, station, told.get("key")), told.get("signature")
        )
    except StatementError as error:
        raise RefusedError(f"key: not what {station} signed; it was changed on its way") from error
    return bundle.public_key(told.get("key"), station)


def row(
    private: X25519PrivateKey,
    plan: Plan,
    party: str,
    station: str,
    public: bytes,
    common: Mapping[str, Any],
    body: bytes,
) -> bytes:
    """A computing party's row of the outcome, and what goes with it, for one result party. Raises SealError."""
    channel = Channel(*seal.channel_keys(private, public, _info(ROW, plan, party, station), first=True))
    return channel.seal(frames.encode(common, len(body)) + body)


def longest_row(plan: Plan) -> int:
    """Bytes that `row` makes at most: of twice as many numbers as a contributor shares, and some thousand more."""
    return PLAIN_ROW + PER_CONTRIBUTOR * len(plan.contributors) + 2 * plan.body_length


def open_row(
    private: X25519PrivateKey, plan: Plan, party: str, station: str, public: bytes, sealed: bytes
) -> tuple[frames.JSON, bytes]:
    """What `row` sealed. Raises RefusedError."""
    try:
        channel = Channel(*seal.channel_keys(private, public, _info(ROW, plan, party, station), first=False))
        content = channel.open(sealed)
        if len(content) < frames.PREFIX.size:
            raise RefusedError("row: it ends before it begins")
        header, _ = frames.lengths(content[: frames.PREFIX.size], LARGE, len(content))
        start = frames.PREFIX.size + header
        return frames.parse(content[frames.PREFIX.size : start]), content[start:]
    except (SealError, frames.FrameError) as error:
        raise RefusedError(f"row: {error}") from error


def _result_key(plan: Plan, station: str, public: object) -> dict[str, Any]:
    return {"plan": plan.digest, "station": station, "key": public}


def _info(purpose: str, plan: Plan, sender: str, receiver: str) -> bytes:
    return seal.binding(purpose, plan.session, plan.digest, sender, receiver)
