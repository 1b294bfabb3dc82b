"""The box that a backup travels in: bytes under a passphrase, with scrypt (RFC 7914) and AES-256-GCM.

    MAGIC ‖ salt (16 bytes) ‖ nonce (12 bytes) ‖ ciphertext and tag

The costs belong to the format and are in no header: whoever edits a file could have its reader take all memory. A box
that was edited, cut short or opened with another passphrase gives nothing at all, and cannot say which it was.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from base import errors

MAGIC = b"werkplaats backup 1\n"
# 128 MiB for each passphrase that is tried: a backup lies where its owner is not.
COST, BLOCK, PARALLEL = 2**17, 8, 1
_SALT, _NONCE = 16, 12


def close(content: bytes, passphrase: bytes) -> bytes:
    """The content in a box."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    return MAGIC + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, content, MAGIC)


def unlock(box: bytes, passphrase: bytes, place: object) -> bytes:
    """The content of a box; raises VaultError for what is none, and for one that does not open."""
    if not box.startswith(MAGIC):
        raise errors.VaultError(
            f"{place} is no backup of this suite", "name the file that `werkplaats backup make` made"
        )
    salt, nonce, sealed = (box[len(MAGIC) :][part] for part in _PARTS)
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, MAGIC)
    except (InvalidTag, ValueError) as error:
        raise errors.VaultError(
            f"{place} does not open: the passphrase is another one, or the file was changed or cut short",
            "give the passphrase of the vault that it is of; where that is right take another copy of the file",
        ) from error


_PARTS = (slice(0, _SALT), slice(_SALT, _SALT + _NONCE), slice(_SALT + _NONCE, None))


def _key(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt, 32, COST, BLOCK, PARALLEL).derive(passphrase)
