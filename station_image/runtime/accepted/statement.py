"""Statement keys: Ed25519 (RFC 8032), made on the station's server, pinned by the other organisations.

Everything signed names its purpose first, so that a signature made for one purpose is worth nothing for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ..base.documents import canonical

DOMAIN = b"datawerkplaats statement 1\n"
HELLO_ACCEPTOR = "hello of the accepting station"
HELLO_CALLER = "request of the calling station"
HELLO_ANSWER = "answer of the accepting station"
PLAN = "plan of a session"
ANSWER = "answer to a plan"
ENDED = "end of a session"
DEPOSIT = "deposit of a contributor"
RESULT_KEY = "key of a result party"
GATEWAY_KEY = "gateway key of a station"
REGISTER_HEAD = "head of a register"
WENT_BACK = "register that went back"
AGREED_BACK = "agreement that a register went back"
RELEASE = "release of a station"


class StatementError(ValueError):
    """A key that cannot be read, or a signature that does not hold."""


class StatementKey:
    """The station's own key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def read(cls, path: Path) -> StatementKey:
        """Read PEM (PKCS 8). Raises StatementError with the path and the remedy."""
        try:
            if path.stat().st_mode & 0o077:
                raise StatementError(f"{path}: others can read the statement key; chmod 600 it and make a new one")
            private = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError) as error:
            if isinstance(error, StatementError):
                raise
            raise StatementError(f"{path}: no readable statement key; run `werkplaats up` again") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise StatementError(f"{path}: not an Ed25519 key; run `werkplaats up` again")
        return cls(private)

    def sign(self, purpose: str, content: object) -> str:
        """Signature over purpose and canonical content, base64."""
        return base64.b64encode(self._private.sign(_message(purpose, content))).decode()


def verify(public: bytes, purpose: str, content: object, signature: object) -> None:
    """Raise StatementError unless `signature` over `content` is by the key `public` (32 raw bytes)."""
    try:
        raw = base64.b64decode(str(signature), validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(raw, _message(purpose, content))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise StatementError("the signature is not by the pinned statement key") from error


def key_digest(public: bytes) -> str:
    """SHA-256 of a public key, in hexadecimal: how a plan names it."""
    return hashlib.sha256(public).hexdigest()


def digest(content: object) -> str:
    """SHA-256 of canonical content, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def nonce() -> str:
    """Thirty-two fresh random bytes, base64."""
    return base64.b64encode(os.urandom(32)).decode()


def _message(purpose: str, content: object) -> bytes:
    return DOMAIN + purpose.encode() + b"\n" + canonical(content)
