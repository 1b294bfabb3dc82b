"""Sealing from end to end: what only the station can read and change that it is for, whoever holds the TLS keys.

HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM; names of labels and steps are the
RFC's. A computing party makes a key pair for one answer to one plan and signs the public key with its statement key:

    deposits   single-shot: whoever has the public key can seal, only the private key opens
    channels   both ends have such a key, and each is the other's: no third can have made what opens

Base mode does not say who sealed. A deposit is therefore signed by its contributor; a channel needs nothing more.
"""

from __future__ import annotations

import functools
import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEM = b"KEM" + struct.pack("!H", 0x0020)
SUITE = b"HPKE" + struct.pack("!HHH", 0x0020, 0x0001, 0x0001)
BASE = b"\x00"
PUBLIC = 32
KEY, NONCE, TAG, SECRET = 16, 12, 16, 32
OVERHEAD = PUBLIC + TAG
"""Bytes that a sealed content is longer than the content."""
CHANNEL_OVERHEAD = TAG
DOMAIN = "datawerkplaats seal 1"
LAST = 2**64 - 1


class SealError(ValueError):
    """What came does not open, or a key is none; the text says what that can mean."""


@dataclass(frozen=True)
class Context:
    """What both ends of an exchange have, and nobody else."""

    key: bytes
    base_nonce: bytes
    exporter_secret: bytes

    def export(self, purpose: bytes, length: int) -> bytes:
        """`length` secret bytes for one purpose (section 5.3). At most 8160."""
        return _expand(SUITE, self.exporter_secret, b"sec", purpose, length)


class Channel:
    """One end of a channel: what is opened is what the other end sealed, in its order, each once.

    Keys are those of `channel_keys`. Not for several threads at once.
    """

    def __init__(self, send_key: bytes, receive_key: bytes) -> None:
        self._sending, self._sent = _cipher(send_key), _counter(send_key)
        self._receiving, self._received = _cipher(receive_key), _counter(receive_key)
        self.sealed = self.opened = 0

    def seal(self, content: bytes) -> bytes:
        """`content` for the other end, `CHANNEL_OVERHEAD` bytes longer. Whatever is sealed must be sent, in order."""
        if self.sealed > LAST:
            raise SealError("a channel is used up; nothing more may be sealed with its key")
        sealed = self._sending.encrypt(_nonce(self._sent, self.sealed), content, None)
        self.sealed += 1
        return sealed

    def open(self, sealed: bytes | bytearray | memoryview) -> bytes:
        """The next content that the other end sealed. Raises SealError on anything else."""
        try:
            content = self._receiving.decrypt(_nonce(self._received, self.opened), sealed, None)
        except (InvalidTag, ValueError) as error:
            raise SealError(
                "a message that is not the next one of the other end: it was changed, repeated, left out or made on "
                "its way"
            ) from error
        self.opened += 1
        return content


def generate() -> X25519PrivateKey:
    """A fresh private key, for one answer."""
    return X25519PrivateKey.generate()


def public(private: X25519PrivateKey) -> bytes:
    """The public key, 32 bytes."""
    return private.public_key().public_bytes_raw()


def binding(purpose: str, session: str, plan: str, sender: str, receiver: str) -> bytes:
    """The `info` of an exchange: for what, in which session, under which plan (its digest), from whom, for whom."""
    parts = [part.encode() for part in (DOMAIN, purpose, session, plan, sender, receiver)]
    return b"".join(struct.pack("!I", len(part)) + part for part in parts)


def seal(public_key: bytes, info: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """`plaintext` for whoever has the private key, `OVERHEAD` bytes longer. Raises SealError when the key is none."""
    ephemeral = generate()
    context = sender(ephemeral, public_key, info)
    return public(ephemeral) + AESGCM(context.key).encrypt(context.base_nonce, plaintext, aad)


def open(private_key: X25519PrivateKey, info: bytes, aad: bytes, sealed: bytes | bytearray) -> bytes:
    """What was sealed for `private_key` with the same `info` and `aad`. Raises SealError."""
    enc, ciphertext = bytes(sealed[:PUBLIC]), memoryview(sealed)[PUBLIC:]
    context = receiver(private_key, enc, info)
    try:
        return AESGCM(context.key).decrypt(context.base_nonce, ciphertext, aad)
    except (InvalidTag, ValueError) as error:
        raise SealError(
            "it was not sealed for this station, session and purpose with this key, or was changed on its way"
        ) from error


def channel_keys(private: X25519PrivateKey, peer: bytes, info: bytes, first: bool) -> tuple[bytes, bytes]:
    """The keys to send and to receive with, of a channel with the holder of the public key `peer`.

    Both ends give the same `info`; one of them, and it alone, is `first`. Raises SealError when `peer` is no key.
    """
    context = sender(private, peer, info) if first else receiver(private, peer, info)
    forth, back = (context.export(way, KEY + NONCE) for way in (b"first to second", b"second to first"))
    return (forth, back) if first else (back, forth)


def sender(ephemeral: X25519PrivateKey, public_key: bytes, info: bytes) -> Context:
    """SetupBaseS with a given key instead of a fresh one: its public key is `enc`. Raises SealError."""
    return _key_schedule(_shared(ephemeral, public_key, public(ephemeral) + public_key), info)


def receiver(private: X25519PrivateKey, enc: bytes, info: bytes) -> Context:
    """SetupBaseR. Raises SealError."""
    return _key_schedule(_shared(private, enc, enc + public(private)), info)


def _shared(private: X25519PrivateKey, other: bytes, kem_context: bytes) -> bytes:
    """ExtractAndExpand of DHKEM (section 4.1)."""
    try:
        # A point of small order, that would make the secret known to everybody, is refused by the exchange itself.
        secret = private.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError as error:
        raise SealError(
            "a public key that is none: not 32 bytes, or a point that makes every secret the same"
        ) from error
    return _expand(KEM, _extract(KEM, b"", b"eae_prk", secret), b"shared_secret", kem_context, SECRET)


def _key_schedule(shared_secret: bytes, info: bytes) -> Context:
    """KeySchedule in base mode (section 5.1)."""
    schedule = BASE + _no_psk_id() + _extract(SUITE, b"", b"info_hash", info)
    secret = _extract(SUITE, shared_secret, b"secret", b"")
    return Context(
        _expand(SUITE, secret, b"key", schedule, KEY),
        _expand(SUITE, secret, b"base_nonce", schedule, NONCE),
        _expand(SUITE, secret, b"exp", schedule, SECRET),
    )


@functools.cache
def _no_psk_id() -> bytes:
    return _extract(SUITE, b"", b"psk_id_hash", b"")


def _extract(suite: bytes, salt: bytes, label: bytes, content: bytes) -> bytes:
    """LabeledExtract (section 4)."""
    return hmac.digest(salt, b"HPKE-v1" + suite + label + content, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, content: bytes, length: int) -> bytes:
    """LabeledExpand (section 4)."""
    info = struct.pack("!H", length) + b"HPKE-v1" + suite + label + content
    return HKDFExpand(SHA256(), length, info).derive(key)


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY + NONCE:
        raise SealError(f"a channel's key of {len(key)} bytes; it has {KEY + NONCE}")
    return AESGCM(key[:KEY])


def _counter(key: bytes) -> int:
    return int.from_bytes(key[KEY:], "big")


def _nonce(base: int, number: int) -> bytes:
    """ComputeNonce (section 5.2): no two messages under one key have the same."""
    return (base ^ number).to_bytes(NONCE, "big")
