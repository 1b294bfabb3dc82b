"""What a server, a file or another program said in JSON, as a value: the one place where controller code reads it."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str | bytes) -> Any:
    """A value that can be written again as JSON; raises ValueError of whatever else was said."""
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()  # half a surrogate pair is read, never written
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return found


def mapping(text: str | bytes) -> dict[str, Any]:
    """A JSON object; raises ValueError of whatever else was said."""
    found = parsed(text)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  # the text is wrong, and no argument
    return found
