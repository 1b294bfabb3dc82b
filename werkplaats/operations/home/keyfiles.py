"""A holder's own key: a file with the key under a passphrase, 0600, and beside it the public half for the coordinator.

It lies where its holder wants it, on a stick in a safe for one: it is needed a few times a year, and never by a program
that runs by itself. Where the key is on a token, the file says which.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, Signer

from base import errors, files
from publication import metadata, profile
from werkplaats.operations.home import sealed, tokens, vault

PUBLIC = ".pub"
LARGEST = 16 * 1024


def make(path: Path, *, ask: Callable[[str], str] = vault.ask_on_terminal) -> str:
    """Make a key of P-256 and its public half at PATH.pub; returns the fingerprint. Raises UsageError where one is."""
    beside = _beside(path)
    phrase = vault.passphrase(f"the key {path}", ask, new=True)
    key = ec.generate_private_key(ec.SECP256R1())
    files.write_atomically(path, sealed.seal(key, phrase), mode=0o600, replace=False)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    files.write_atomically(beside, pem, mode=0o644, replace=False)
    return profile.key_fingerprint(key.public_key())


def make_of_token(path: Path, label: str, number: int, *, ask: tokens.Ask = tokens.ask_on_terminal) -> str:
    """Make the file of a key on a token, and its public half at PATH.pub; returns the fingerprint.

    Raises UsageError where one is, and as `tokens.find`.
    """
    beside = _beside(path)
    key = tokens.find(label, number, ask=ask)
    files.write_atomically(path, key.written, mode=0o600, replace=False)
    files.write_atomically(beside, key.public_key.keyval["public"].encode(), mode=0o644, replace=False)
    return metadata.key_fingerprint(key.public_key)


def signer(path: Path) -> Signer:
    """What signs with the key of a file, or with the one on a token that it names.

    Raises UsageError where there is none, VaultError for a wrong passphrase or where others can read it.
    """
    if not path.is_file():
        raise errors.UsageError(f"{path} is not the file of a key", "name that of `werkplaats trust root key`")
    vault.refuse_open_to_others(path, 0o600)
    return tokens.read(path) if tokens.names_one(path.read_bytes()) else CryptoSigner(_private(path))


def _beside(path: Path) -> Path:
    """Where the public half is to lie; raises UsageError where a key is already."""
    beside = path.with_name(path.name + PUBLIC)
    if path.exists() or beside.exists():
        raise errors.UsageError(f"{path} or {beside.name} exists already", "name another file: a key is made once")
    return beside


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in a file; raises VaultError for a wrong passphrase."""
    try:
        phrase = vault.passphrase(f"the key {path}", vault.ask_on_terminal, new=False)
        key = serialization.load_pem_private_key(path.read_bytes(), phrase)
    except (ValueError, TypeError) as error:
        raise errors.VaultError(f"{path} does not open with this passphrase", "give the right one") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise errors.VaultError(f"{path} is not an elliptic curve key", "name that of `werkplaats trust root key`")
    return key


def public(path: Path) -> ec.EllipticCurvePublicKey:
    """The public half of a holder's key in a file; raises UsageError for what is none."""
    try:
        with path.open("rb") as file:
            return profile.p256(serialization.load_pem_public_key(file.read(LARGEST)))
    except (OSError, ValueError) as error:
        raise errors.UsageError(f"{path} is not a public key of P-256: {error}", "ask its holder for it") from error
