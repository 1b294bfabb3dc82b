"""The signature of a publication: by the network's CA, ECDSA P-256 with SHA-256, over the exact bytes of its index.

The key signs certificates and revocation lists as well. What it signs of a publication begins with a context and the
network's name, and X.509 signs a DER SEQUENCE, which begins with 0x30: neither can ever be taken for the other.
By the letter of RFC 5280 (4.2.1.3) a document is no use of such a key; the only one who verifies it is this module.
"""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

CONTEXT = b"datawerkplaats publication v1\x00"
_ALGORITHM = ec.ECDSA(hashes.SHA256())


def make(key: ec.EllipticCurvePrivateKey, network: str, content: bytes) -> bytes:
    """The signature over an index, as it lies beside it."""
    return text(key.sign(_message(network, content), _ALGORITHM))


def holds(key: ec.EllipticCurvePublicKey, network: str, content: bytes, signed: bytes) -> bool:
    """Whether the text `signed` is a signature by this key over this index of this network."""
    try:
        raw = base64.b64decode(signed.removesuffix(b"\n"), validate=True)
        key.verify(raw, _message(network, content), _ALGORITHM)
    except (InvalidSignature, ValueError):
        return False
    return True


def text(raw: bytes) -> bytes:
    """A signature (DER of r and s) as a line of base64."""
    return base64.b64encode(raw) + b"\n"


def _message(network: str, content: bytes) -> bytes:
    """A name has no zero byte, so that no two pairs of network and content give one message."""
    return CONTEXT + network.encode() + b"\x00" + content
