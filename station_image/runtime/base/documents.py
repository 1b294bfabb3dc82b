"""JSON as it is signed, compared and digested."""

from __future__ import annotations

import json


def canonical(content: object) -> bytes:
    """The one text of `content`: keys sorted, no blanks, UTF-8. Signatures and digests are taken over it."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
