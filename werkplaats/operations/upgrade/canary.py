"""A session over all stations, old and new: what it came to before, it must come to after each wave.

Who was away before the upgrade, or could not compute, may be so afterwards: they are others' stations as well, and none
of them can keep an operator from its own upgrade. Whoever is away for the first time stops it.
"""

from __future__ import annotations

import pydantic

from werkplaats.operations.home import networks
from werkplaats.operations.look import verify
from werkplaats.operations.reach import remote


class Works(pydantic.BaseModel):
    """Which sets of computing parties come to a right sum, counted from 1, and which stations take no part in it."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    sets: tuple[int, ...] = ()
    without: tuple[str, ...] = ()


def look(network: networks.Network, remotes: remote.Remotes) -> tuple[Works, str]:
    """What works now, proposed by the first station of this operator; and why where nothing does, else ""."""
    own = [one for one in (*network.compiled.computes, *remotes.servers) if one in remotes.servers]
    sets, without, reasons = [], set[str](), []
    for number in range(1, len(network.definition.sets) + 1):
        told, verdict = verify.session(network, remotes, own[0], "--computing", str(number))
        if told.get("outcome") == "done" and dict(told.get("result", {})).get("correct") is not False:
            sets.append(number)
            without |= {*told.get("left_out", {})}
        else:
            reasons.append(verdict.reason)
    return Works(sets=tuple(sets), without=tuple(sorted(without))), "" if sets else "; ".join(dict.fromkeys(reasons))


def worse(before: Works, after: Works, why: str) -> str:
    """What works no more; "" where all does that worked before."""
    if why:
        return why
    if lost := {*before.sets} - {*after.sets}:
        return f"set {', '.join(map(str, sorted(lost)))} of computing parties comes to no sum any more"
    if away := {*after.without} - {*before.without}:
        return f"{', '.join(sorted(away))} took part before, and does not any more"
    return ""
