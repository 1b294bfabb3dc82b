"""Deposits, channels and rows: each for one station in one session, by one station, and for nothing else."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import plan
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import seal
from station_image.runtime.data.seal import Channel, SealError
from station_image.runtime.session import sealed
from station_image.runtime.wire import frames
from tests.station_image.runtime.views import PARTIES, Small

CONTRIBUTOR, PARTY, OTHER = "n.d", PARTIES[1], PARTIES[2]
TAG, SHARES = "t" * 32, bytes(range(96))
STRANGER = StatementKey(Ed25519PrivateKey.generate())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small.make(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="module")
def agreed(small: Small) -> Plan:
    usual: dict[str, Any] = {"session": "ab" * 16, "contributors": sorted(small.keys), "results": ["n.a"]}
    limits = {"minimum_cell": 0, "minimum_contributors": 1, "intake": 5, "deadline": 60}
    return plan.make(small.networks("n.a").find("n"), "acceptance_sum/1", {}, **usual, **limits)


def _again(agreed: Plan) -> Plan:
    """The same question in another session."""
    return dataclasses.replace(agreed, session="cd" * 16, proposed=int(time.time()))


# Deposits


class Deposit:
    """What `n.d` brings to `n.b`, and how that opens it; both with changes."""

    def __init__(self, small: Small, agreed: Plan) -> None:
        self.private = seal.generate()
        self.brought: dict[str, Any] = {
            "key": small.keys[CONTRIBUTOR],
            "plan": agreed,
            "contributor": CONTRIBUTOR,
            "party": PARTY,
            "public": seal.public(self.private),
            "tag": TAG,
            "body": SHARES,
        }
        self.taken: dict[str, Any] = {
            "private": self.private,
            "plan": agreed,
            "contributor": CONTRIBUTOR,
            "pinned": small.keys[CONTRIBUTOR].public,
            "party": PARTY,
            "tag": TAG,
        }

    def bring(self, **changes: Any) -> tuple[bytes, str]:
        return sealed.deposit(**{**self.brought, **changes})

    def take(self, body: bytes, signature: object, **changes: Any) -> bytes:
        return sealed.open_deposit(**{**self.taken, **changes}, signature=signature, sealed=body)


@pytest.fixture
def deposit(small: Small, agreed: Plan) -> Deposit:
    return Deposit(small, agreed)


def test_a_deposit_is_opened_by_the_party_that_it_is_for(deposit: Deposit) -> None:
    body, signature = deposit.bring()
    assert len(body) == len(SHARES) + seal.OVERHEAD
    assert deposit.take(body, signature) == SHARES


def test_a_deposit_of_which_anything_was_changed_is_refused_as_unsigned(deposit: Deposit) -> None:
    body, signature = deposit.bring()
    for changed in (body[:-1], body + b"\0", bytes([body[0] ^ 1]) + body[1:], body[:-1] + bytes([body[-1] ^ 1])):
        with pytest.raises(RefusedError, match=r"not what n\.d signed"):
            deposit.take(changed, signature)
    for other in ("", None, 5, "AAAA", signature[:-4] + "AAA="):
        with pytest.raises(RefusedError, match=r"not what n\.d signed"):
            deposit.take(body, other)


def test_what_somebody_else_sealed_is_refused_whatever_it_signed_with(deposit: Deposit) -> None:
    with pytest.raises(RefusedError, match=r"not what n\.d signed"):
        deposit.take(*deposit.bring(key=STRANGER))


@pytest.mark.parametrize("other", [{"tag": "u" * 32}, {"party": OTHER}, "plan"])
def test_a_deposit_for_something_else_is_refused(deposit: Deposit, agreed: Plan, other: Any) -> None:
    """Though it was signed and sealed for the same key."""
    changes = {"plan": _again(agreed)} if other == "plan" else other
    with pytest.raises(RefusedError, match=r"not what n\.d signed"):
        deposit.take(*deposit.bring(), **changes)


def test_a_deposit_under_another_name_does_not_open(small: Small, deposit: Deposit) -> None:
    """Somebody who signs anew what it cannot read: the name of the contributor is sealed in."""
    body, _ = deposit.bring()
    thief = small.keys["n.c"]
    signature = thief.sign(statement.DEPOSIT, sealed._deposited(deposit.taken["plan"], PARTY, TAG, body))
    with pytest.raises(RefusedError, match="not sealed for this station, session and purpose"):
        deposit.take(body, signature, contributor="n.c", pinned=thief.public)


def test_a_deposit_for_another_key_does_not_open(deposit: Deposit) -> None:
    body, signature = deposit.bring(public=seal.public(seal.generate()))
    with pytest.raises(RefusedError, match="not sealed for this station, session and purpose"):
        deposit.take(body, signature)


def test_nothing_is_sealed_for_a_key_that_is_none(deposit: Deposit) -> None:
    with pytest.raises(SealError, match="a public key that is none"):
        deposit.bring(public=bytes(32))


# Channels


def test_each_two_parties_have_a_channel_of_their_own(agreed: Plan) -> None:
    keys = {party: seal.generate() for party in PARTIES}

    def channel(here: str, peer: str, about: Plan = agreed) -> Channel:
        return Channel(*sealed.channel_keys(keys[here], about, here, peer, seal.public(keys[peer])))

    for here in PARTIES:
        for peer in set(PARTIES) - {here}:
            assert channel(peer, here).open(channel(here, peer).seal(b"share")) == b"share"
            for other in (channel(peer, here, _again(agreed)), channel(here, peer), _third(channel, here, peer)):
                with pytest.raises(SealError):
                    other.open(channel(here, peer).seal(b"share"))


def _third(channel: Any, here: str, peer: str) -> Channel:
    (third,) = set(PARTIES) - {here, peer}
    opened: Channel = channel(third, here)
    return opened


# Rows


def test_a_result_party_tells_its_key_under_its_own_signature(small: Small, agreed: Plan) -> None:
    private = seal.generate()
    told = sealed.sign_result_key(small.keys["n.a"], agreed, "n.a", private)
    pinned = small.keys["n.a"].public
    assert sealed.check_result_key(told, pinned, agreed, "n.a") == seal.public(private)
    another = sealed.sign_result_key(STRANGER, agreed, "n.a", seal.generate())
    for changed, about, station in (
        ({**told, "key": another["key"]}, agreed, "n.a"),
        (another, agreed, "n.a"),
        ({"ok": True}, agreed, "n.a"),
        ({**told, "key": None}, agreed, "n.a"),
        (told, _again(agreed), "n.a"),
        (told, agreed, "n.b"),
    ):
        with pytest.raises(RefusedError, match=r"key: not what n\.[ab] signed"):
            sealed.check_result_key(changed, pinned, about, station)


def test_a_row_is_opened_by_the_result_party_that_it_is_for(agreed: Plan) -> None:
    party, result, other = (seal.generate() for _ in range(3))
    opened: Any = sealed.open_row
    common = {"contributors": ["n.d"], "left_out": {}, "public": [2**90]}
    row = sealed.row(party, agreed, PARTY, "n.a", seal.public(result), common, SHARES)
    assert b"n.d" not in row
    taken = [result, agreed, PARTY, "n.a", seal.public(party)]
    assert opened(*taken, row) == (common, SHARES)
    for position, wrong in enumerate((other, _again(agreed), OTHER, "n.d", seal.public(other), bytes(32))):
        given: list[Any] = [*taken]
        given[min(position, 4)] = wrong
        with pytest.raises(RefusedError, match="row: "):
            opened(*given, row)
    for changed in (b"", row[:-1], row + b"\0", bytes([row[0] ^ 1]) + row[1:]):
        with pytest.raises(RefusedError, match="row: "):
            opened(*taken, changed)


@pytest.mark.parametrize("content", [b"", b"12345678", b"\0\0\0\x02\0\0\0\0[]", b"\0\0\0\x02\0\0\0\0{", b"\xff" * 40])
def test_a_row_that_cannot_be_read_is_refused_with_a_sentence(
    agreed: Plan, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    party, result = seal.generate(), seal.generate()
    monkeypatch.setattr(frames, "encode", lambda *_: content)
    row = sealed.row(party, agreed, PARTY, "n.a", seal.public(result), {}, b"")
    monkeypatch.undo()
    with pytest.raises(RefusedError, match="row: "):
        sealed.open_row(result, agreed, PARTY, "n.a", seal.public(party), row)
