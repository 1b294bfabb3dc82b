"""Sealing: the numbers of RFC 9180, and nothing opens but what was sealed, for whom and for what it was sealed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from station_image.runtime.data import seal
from station_image.runtime.data.seal import Channel, SealError

VECTOR = {
    name: bytes.fromhex(value)
    for name, value in {
        "info": "4f6465206f6e2061204772656369616e2055726e",
        "skEm": "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
        "skRm": "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
        "pkRm": "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
        "enc": "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        "shared_secret": "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
        "key": "4531685d41d65f03dc48f6b8302c05b0",
        "base_nonce": "56d890e5accaaf011cff4b7d",
        "exporter_secret": "45ff1c2e220db587171952c0592d5f5ebe103f1561a2614e38f2ffd47e99e3f8",
        "pt": "4265617574792069732074727574682c20747275746820626561757479",
    }.items()
}
"""RFC 9180, appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode."""
ENCRYPTIONS = {
    0: (
        "56d890e5accaaf011cff4b7d",
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
    ),
    1: (
        "56d890e5accaaf011cff4b7c",
        "af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a56b8ca42c2063b84",
    ),
    2: (
        "56d890e5accaaf011cff4b7f",
        "498dfcabd92e8acedc281e85af1cb4e3e31c7dc394a1ca20e173cb72516491588d96a19ad4a683518973dcc180",
    ),
    4: (
        "56d890e5accaaf011cff4b79",
        "583bd32bc67a5994bb8ceaca813d369bca7b2a42408cddef5e22f880b631215a09fc0012bc69fccaa251c0246d",
    ),
    255: (
        "56d890e5accaaf011cff4b82",
        "7175db9717964058640a3a11fb9007941a5d1757fda1a6935c805c21af32505bf106deefec4a49ac38d71c9e0a",
    ),
    256: (
        "56d890e5accaaf011cff4a7d",
        "957f9800542b0b8891badb026d79cc54597cb2d225b54c00c5238c25d05c30e3fbeda97d2e0e1aba483a2df9f2",
    ),
}
"""A.1.1.1: sequence number → nonce, ciphertext; the additional data is "Count-" and the number."""
EXPORTS = {
    b"": "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee",
    b"\x00": "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5",
    b"TestContext": "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931",
}
"""A.1.1.2: context → 32 exported bytes."""
SMALL_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""Points of small order on Curve25519 (https://cr.yp.to/ecdh.html#validate)."""
DEPOSIT = ("deposit", "a" * 32, "b" * 64, "gerda.gelre", "gerda.ggd")


def _vector_keys() -> tuple[X25519PrivateKey, X25519PrivateKey]:
    return tuple(X25519PrivateKey.from_private_bytes(VECTOR[name]) for name in ("skEm", "skRm"))  # type: ignore[return-value]


def _pair() -> tuple[Channel, Channel]:
    one, other = seal.generate(), seal.generate()
    info = seal.binding("channel", *DEPOSIT[1:])
    return (
        Channel(*seal.channel_keys(one, seal.public(other), info, first=True)),
        Channel(*seal.channel_keys(other, seal.public(one), info, first=False)),
    )


# The numbers of the RFC


def test_sender_and_receiver_have_the_keys_of_the_rfc() -> None:
    ephemeral, private = _vector_keys()
    assert (seal.public(ephemeral), seal.public(private)) == (VECTOR["enc"], VECTOR["pkRm"])
    assert seal._shared(private, VECTOR["enc"], VECTOR["enc"] + VECTOR["pkRm"]) == VECTOR["shared_secret"]
    for context in (
        seal.sender(ephemeral, VECTOR["pkRm"], VECTOR["info"]),
        seal.receiver(private, VECTOR["enc"], VECTOR["info"]),
    ):
        assert (context.key, context.base_nonce) == (VECTOR["key"], VECTOR["base_nonce"])
        assert context.exporter_secret == VECTOR["exporter_secret"]
        assert {purpose: context.export(purpose, 32).hex() for purpose in EXPORTS} == EXPORTS


def test_what_the_rfc_sealed_is_opened() -> None:
    _, private = _vector_keys()
    sealed = VECTOR["enc"] + bytes.fromhex(ENCRYPTIONS[0][1])
    assert seal.open(private, VECTOR["info"], b"Count-0", sealed) == VECTOR["pt"]


def test_what_is_sealed_with_the_key_of_the_rfc_is_what_the_rfc_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "generate", lambda: _vector_keys()[0])
    sealed = seal.seal(VECTOR["pkRm"], VECTOR["info"], b"Count-0", VECTOR["pt"])
    assert sealed == VECTOR["enc"] + bytes.fromhex(ENCRYPTIONS[0][1])


@pytest.mark.parametrize("number", ENCRYPTIONS)
def test_messages_are_numbered_as_in_the_rfc(number: int) -> None:
    nonce, ciphertext = map(bytes.fromhex, ENCRYPTIONS[number])
    assert seal._nonce(int.from_bytes(VECTOR["base_nonce"], "big"), number) == nonce
    assert AESGCM(VECTOR["key"]).decrypt(nonce, ciphertext, f"Count-{number}".encode()) == VECTOR["pt"]


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=60))
def test_another_implementation_opens_and_seals_the_same(content: bytes, info: bytes) -> None:
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
    private = seal.generate()
    assert suite.decrypt(seal.seal(seal.public(private), info, b"", content), private, info) == content
    theirs = suite.encrypt(content, X25519PublicKey.from_public_bytes(seal.public(private)), info)
    assert seal.open(private, info, b"", theirs) == content


# Sealed for one


@settings(deadline=None)
@given(st.binary(max_size=3000), st.binary(max_size=100), st.binary(max_size=100))
def test_what_was_sealed_is_opened(content: bytes, info: bytes, aad: bytes) -> None:
    private = seal.generate()
    sealed = seal.seal(seal.public(private), info, aad, content)
    assert len(sealed) == len(content) + seal.OVERHEAD
    assert seal.open(private, info, aad, sealed) == content


def test_no_two_sealings_are_alike() -> None:
    private = seal.generate()
    many = {seal.seal(seal.public(private), b"", b"", bytes(100)) for _ in range(50)}
    assert len({sealed[:32] for sealed in many}) == len({sealed[32:] for sealed in many}) == 50


def test_no_single_changed_bit_is_opened() -> None:
    private = seal.generate()
    sealed = seal.seal(seal.public(private), b"info", b"aad", b"sixteen and more")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        # X25519 ignores the highest bit of a public key, HPKE does not: it is part of what the keys come from.
        with pytest.raises(SealError):
            seal.open(private, b"info", b"aad", bytes(changed))


def test_no_part_of_what_was_sealed_is_opened() -> None:
    private = seal.generate()
    sealed = seal.seal(seal.public(private), b"info", b"aad", b"content")
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            seal.open(private, b"info", b"aad", sealed[:length])
    with pytest.raises(SealError, match="changed on its way"):
        seal.open(private, b"info", b"aad", sealed + b"\x00")


@pytest.mark.parametrize("place", range(len(DEPOSIT)))
def test_what_is_for_something_else_is_not_opened(place: int) -> None:
    private = seal.generate()
    sealed = seal.seal(seal.public(private), seal.binding(*DEPOSIT), b"tag", b"content")
    other = [*DEPOSIT]
    other[place] += "x"
    with pytest.raises(SealError, match="not sealed for this station, session and purpose"):
        seal.open(private, seal.binding(*other), b"tag", sealed)
    with pytest.raises(SealError, match="not sealed for this station, session and purpose"):
        seal.open(private, seal.binding(*DEPOSIT), b"another", sealed)
    with pytest.raises(SealError, match="not sealed for this station, session and purpose"):
        seal.open(seal.generate(), seal.binding(*DEPOSIT), b"tag", sealed)
    assert seal.open(private, seal.binding(*DEPOSIT), b"tag", sealed) == b"content"


@given(st.lists(st.text(), min_size=5, max_size=5), st.lists(st.text(), min_size=5, max_size=5))
def test_two_purposes_are_bound_differently(one: list[str], other: list[str]) -> None:
    assert (seal.binding(*one) == seal.binding(*other)) == (one == other)


def test_where_a_text_ends_is_part_of_the_binding() -> None:
    assert seal.binding("a", "b", "c", "gerda.g", "gd") != seal.binding("a", "b", "c", "gerda.", "ggd")


@pytest.mark.parametrize("key", [*SMALL_ORDER, "", "00" * 31, "00" * 33])
def test_a_key_that_is_none_is_refused_with_a_sentence(key: str) -> None:
    private, bad = seal.generate(), bytes.fromhex(key)
    with pytest.raises(SealError, match="a public key that is none"):
        seal.seal(bad, b"", b"", b"content")
    with pytest.raises(SealError, match="a public key that is none"):
        seal.channel_keys(private, bad, b"", first=True)
    with pytest.raises(SealError, match="a public key that is none"):
        seal.channel_keys(private, bad, b"", first=False)
    with pytest.raises(SealError, match="a public key that is none"):
        seal.open(private, b"", b"", bad + bytes(40))


# Channels


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=30))
def test_both_ends_hear_what_the_other_says(messages: list[tuple[bool, bytes]]) -> None:
    one, other = _pair()
    for forth, content in messages:
        sending, receiving = (one, other) if forth else (other, one)
        sealed = sending.seal(content)
        assert len(sealed) == len(content) + seal.CHANNEL_OVERHEAD
        assert receiving.open(sealed) == content


def test_a_message_comes_once_and_in_its_place() -> None:
    one, other = _pair()
    first, second, third = (one.seal(content) for content in (b"first", b"second", b"third"))
    with pytest.raises(SealError, match="left out"):
        other.open(second)
    assert other.open(first) == b"first"
    for elsewhere in (first, third):
        with pytest.raises(SealError, match="not the next one of the other end"):
            other.open(elsewhere)
    assert other.open(second) == b"second"


def test_equal_messages_look_different() -> None:
    one, other = _pair()
    assert len({channel.seal(bytes(16)) for channel in (one, other) for _ in range(300)}) == 600


def test_nobody_hears_itself() -> None:
    one, other = _pair()
    sealed = one.seal(b"content")
    with pytest.raises(SealError):
        one.open(sealed)
    assert other.open(sealed) == b"content"


def test_no_single_changed_bit_is_heard() -> None:
    one, other = _pair()
    sealed = one.seal(b"content")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            other.open(changed)
    for part in (b"", sealed[:15], sealed[:-1], sealed + b"\x00"):
        with pytest.raises(SealError):
            other.open(part)


@pytest.mark.parametrize("change", ["info", "peer", "private", "both first"])
def test_a_channel_with_anybody_else_or_about_anything_else_says_nothing(change: str) -> None:
    one, other = seal.generate(), seal.generate()
    info = seal.binding("channel", *DEPOSIT[1:])
    private, peer, about, first = other, seal.public(one), info, False
    if change == "info":
        about = seal.binding("channel", *DEPOSIT[1:2], "c" * 64, *DEPOSIT[3:])
    elif change == "peer":
        peer = seal.public(seal.generate())
    elif change == "private":
        private = seal.generate()
    else:
        first = True
    here = Channel(*seal.channel_keys(one, seal.public(other), info, first=True))
    there = Channel(*seal.channel_keys(private, peer, about, first=first))
    with pytest.raises(SealError):
        there.open(here.seal(b"content"))
    with pytest.raises(SealError):
        here.open(there.seal(b"content"))


def test_each_way_has_its_own_key() -> None:
    one, other = seal.generate(), seal.generate()
    forth, back = seal.channel_keys(one, seal.public(other), b"", first=True)
    assert seal.channel_keys(other, seal.public(one), b"", first=False) == (back, forth)
    assert forth[: seal.KEY] != back[: seal.KEY]
    assert forth[seal.KEY :] != back[seal.KEY :]


def test_a_used_up_channel_seals_nothing_more() -> None:
    one, _ = _pair()
    one.sealed = seal.LAST
    one.seal(b"the last")
    with pytest.raises(SealError, match="used up"):
        one.seal(b"one more")


def test_a_key_of_another_length_makes_no_channel() -> None:
    with pytest.raises(SealError, match="27 bytes; it has 28"):
        Channel(bytes(27), bytes(28))
    with pytest.raises(SealError, match="29 bytes; it has 28"):
        Channel(bytes(28), bytes(29))
