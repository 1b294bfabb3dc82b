"""What computing parties send each other instead of pickles: bytes, and one-dimensional arrays of numbers.

MPyC's array messages and `mpc.transfer` call `pickle.dumps` and `pickle.loads`; this module takes that name inside
`mpyc.runtime`, so that nothing a peer sends is ever unpickled.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..data import shares

ARRAY = struct.Struct("<cHI")
BYTES = b"B"
NUMBERS = b"N"
WIDEST = 4096


class PeerBytes(bytes):
    """A payload that knows which party sent it, so that a malformed one can be named."""

    peer: int = -1


class MessageError(ValueError):
    """A payload that is not in this encoding. `peer` is the party number of its sender."""

    def __init__(self, peer: int, why: str) -> None:
        super().__init__(why)
        self.peer = peer


def dumps(content: object) -> bytes:
    """Encode bytes, or a one-dimensional object array of non-negative integers."""
    if isinstance(content, bytes):
        return BYTES + content
    if not isinstance(content, np.ndarray) or content.ndim != 1:
        raise TypeError(f"no encoding for {type(content).__name__}; analyses exchange bytes and flat arrays")
    values = [int(value) for value in content]
    width = (max(values, default=0).bit_length() + 7) // 8 or 1
    return ARRAY.pack(NUMBERS, width, len(values)) + b"".join(value.to_bytes(width, "little") for value in values)


def loads(data: bytes) -> Any:
    """The content of a payload. Raises MessageError."""
    peer = getattr(data, "peer", -1)
    if data[:1] == BYTES:
        return bytes(data[1:])
    if data[:1] != NUMBERS or len(data) < ARRAY.size:
        raise MessageError(peer, "a message that is neither bytes nor numbers")
    _, width, count = ARRAY.unpack_from(data)
    if not 1 <= width <= WIDEST or len(data) != ARRAY.size + width * count:
        raise MessageError(peer, "an array whose length is not what it says")
    return np.array(shares.numbers(memoryview(data)[ARRAY.size :], width), dtype=object)
