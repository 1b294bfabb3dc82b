"""A private key under a passphrase, as PKCS 8: PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC.

The library writes PKCS 8 with PBKDF2 of 2,048 rounds only, which a graphics card tries by the million; it reads this,
and so does `openssl pkey`.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

# 16 MiB and about a third of a second for each passphrase that is tried; more memory than 32 MiB openssl refuses.
COST, BLOCK, PARALLEL = 2**14, 8, 5
QUICK = 2  # under a passphrase that lies beside the key, nobody tries any
_PBES2 = bytes.fromhex("06092a864886f70d01050d")  # 1.2.840.113549.1.5.13
_SCRYPT = bytes.fromhex("06092b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_AES_256_CBC = bytes.fromhex("060960864801650304012a")  # 2.16.840.1.101.3.4.1.42


def seal(key: ec.EllipticCurvePrivateKey, passphrase: bytes, cost: int | None = None) -> bytes:
    """The key encrypted, PEM; `cost` is the N of scrypt, COST where nothing is said."""
    cost = cost or COST
    salt, start = os.urandom(16), os.urandom(16)
    derived = Scrypt(salt, 32, cost, BLOCK, PARALLEL).derive(passphrase)
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pad = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(derived), modes.CBC(start)).encryptor()
    content = encryptor.update(pad.update(plain) + pad.finalize()) + encryptor.finalize()
    scrypt = _sequence(_SCRYPT, _sequence(_octets(salt), *map(_integer, (cost, BLOCK, PARALLEL))))
    scheme = _sequence(_PBES2, _sequence(scrypt, _sequence(_AES_256_CBC, _octets(start))))
    text = base64.b64encode(_sequence(scheme, _octets(content))).decode()
    lines = "\n".join(textwrap.wrap(text, 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{lines}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def strong(pem: bytes) -> bool:
    """Whether an encrypted key is one of `seal`, and not of before there was any."""
    _, _, text = pem.partition(b" PRIVATE KEY-----")
    return _SCRYPT in base64.b64decode(text.partition(b"-----END")[0])


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (length if size < 128 else bytes([128 + len(length)]) + length) + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _octets(content: bytes) -> bytes:
    return _der(0x04, content)


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
