"""Which set of computing parties computes: the first of which all can be reached now.

Sets are agreed in advance, in the accepted definition and in the question; here is only who is there. It is found by
proposing: a party that is away or dies before all agreed has seen nothing yet. A party that says no ends it, since
no other set may be asked until somebody says yes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..accepted.networks import Network
from ..base.journal import plain
from ..base.refusal import RefusedError
from .proposal import ProposalRefusedError, Tell

Parties = tuple[str, ...]
Account = dict[str, Any]


async def first(
    network: Network, sets: Sequence[Parties], propose: Callable[[Parties], Awaitable[Account]], tell: Tell
) -> Account:
    """What `propose` gives with the first set that is there; `passed` in it are those before, and why.

    Raises ProposalRefusedError when one says no, or when somebody of each set is away; RefusedError when each has
    somebody who is cut.
    """
    away: dict[str, str] = {}
    passed: list[dict[str, Any]] = []
    for parties in sets:
        why = network.missing(parties) or "; ".join(f"{one}: {away[one]}" for one in parties if one in away)
        if not why:
            try:
                account = await propose(parties)
            except ProposalRefusedError as error:
                if error.refused or len(sets) == 1:
                    raise
                away |= error.reasons
                why = str(error)
            else:
                return {**account, "passed": passed} if passed else account
        passed.append({"computing": list(parties), "why": plain(why)})
        tell({"event": "passed", **passed[-1]})
    if not away:
        raise RefusedError("; ".join(one["why"] for one in passed))
    raise ProposalRefusedError(away, refused=False)
