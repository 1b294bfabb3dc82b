"""Figures that questions name, such as inhabitants by CBS: delivered beside them, known by the digest they give."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ..base.documents import canonical
from ..base.refusal import RefusedError

PARAMETER = "population"
Tables = Mapping[str, Mapping[str, Any]]
"""Digest → the table's document."""


def check(found: Mapping[str, Any]) -> Tables:
    """The tables that were delivered. Raises ValueError for one that is not what its digest says."""
    for digest, document in found.items():
        if digest != f"sha256:{hashlib.sha256(canonical(document)).hexdigest()}" or not isinstance(document, dict):
            raise ValueError(f"table {digest[:20]!r} has another digest")
    return found


def resolved(parameters: Mapping[str, Any], known: Tables) -> dict[str, Any]:
    """The parameters of a question with the figures of the table that it names, if any. Raises RefusedError."""
    named = parameters.get(PARAMETER)
    if not isinstance(named, Mapping) or "digest" not in named:
        return dict(parameters)
    table = known.get(str(named["digest"]))
    if table is None:
        raise RefusedError(
            f"parameters: the table {str(named.get('table'))[:60]!r} was not delivered to this station; "
            "`werkplaats up` brings it"
        )
    return {**parameters, PARAMETER: {**named, "counts": table.get("counts")}}
