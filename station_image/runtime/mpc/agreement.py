"""Before anything is summed, the computing parties agree whose shares they all hold, and that these are shares.

    1  commit to the own list of (contributor, submission tag) and to a random number
    2  open both; the lists are intersected, the random numbers become one public coin
    3  open, per contributor, one random combination of its shares plus a fresh random sharing as a mask:
       all parties' values must lie on a polynomial of degree at most t
    4  have the analysis find the contributors whose numbers are not what it takes (`check`)
    5  confirm the digest of the outcome

Without 1 and 2 a share that is missing at one party gives different results at different parties. The coin comes after
the shares are fixed; without the mask, a combination of inputs would be opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analyses import Analysis
from ..base import documents
from ..data import shares
from ..wire import frames
from .mesh import PartyLostError, ViolationError
from .rows import Rows
from .verified.products import Verified

OUTSIDE = "its inputs are outside what the analysis takes"
COIN = 32
SEED = 16
"""Bytes of seed per coefficient: with these the distance to uniform in a 96-bit field is below 2^-32."""


@dataclass(frozen=True)
class Agreed:
    """Who takes part, and who does not and why; the same at all computing parties."""

    contributors: list[str]
    left_out: dict[str, str]


class TooFewError(Exception):
    """Fewer contributors than the plan's minimum."""


async def agree(party: Verified, plan: Mapping[str, Any], digest: str, tags: Mapping[str, str]) -> tuple[Agreed, bytes]:
    """Steps 1 and 2: the contributors that all parties hold under the same tag, and the coin."""
    mine = documents.canonical({"coin": secrets.token_hex(COIN), "held": dict(tags)})
    commitments = await party.say(_commitment(digest, party.number, mine))
    openings = await party.say(mine)
    # Who commits to two things, one for each of two parties, makes two coins, and step 3 would mask by neither.
    party.saw(b"".join(commitments))
    await party.meet()
    held: list[dict[str, str]] = []
    coins: list[str] = []
    for number, (commitment, opening) in enumerate(zip(commitments, openings, strict=True)):
        if _commitment(digest, number, opening) != commitment:
            raise PartyLostError(number, "it opened another list of contributors than it committed to")
        said = _parse(number, opening)
        held.append({name: tag for name, tag in said["held"].items() if name in plan["contributors"]})
        coins.append(said["coin"])
    common = [name for name in sorted(held[0]) if all(row.get(name) == held[0][name] for row in held)]
    left_out = {
        name: _missing_at(plan["computing"], [row.get(name) for row in held])
        for name in plan["contributors"]
        if name not in common
    }
    return Agreed(common, left_out), hashlib.sha256(documents.canonical([digest, coins])).digest()


async def check_degrees(party: Verified, agreed: Agreed, rows: Rows, coin: bytes) -> Agreed:
    """Step 3: leave out contributors whose shares are of a higher degree."""
    count, length = rows.shape
    if not count:
        return agreed
    factors = weights(coin, "degrees", length)
    mask = party.random(count)
    combined = []
    for row, hidden in zip(rows, mask, strict=True):
        combined.append((int(row @ factors) + int(hidden)) % shares.FIELD)
        await asyncio.sleep(0)  # row by row: a product over all of them would hold up signs of life
    bad = shares.inconsistent(await party.rows(combined), party.threshold)
    # Who shows each party another row has them leave out other contributors. Their points of the next row would be of
    # two inputs, and what is opened of it, before step 5, would tell of either.
    party.saw(documents.canonical(bad))
    await party.meet()
    left_out = dict(agreed.left_out)
    for row in bad:
        left_out[agreed.contributors[row]] = "its shares do not belong together"
    kept = [name for row, name in enumerate(agreed.contributors) if row not in set(bad)]
    return Agreed(kept, left_out)


async def check_inputs(analysis: Analysis, run: Any, agreed: Agreed) -> Agreed:
    """Step 4: leave out contributors whose numbers are not what the analysis takes."""
    bad = set(await analysis.check(run)) if agreed.contributors else set()
    left_out = dict(agreed.left_out) | {agreed.contributors[row]: OUTSIDE for row in sorted(bad)}
    return Agreed([name for row, name in enumerate(agreed.contributors) if row not in bad], left_out)


def weights(coin: bytes, purpose: str, count: int) -> Any:
    """`count` public random numbers below the field, for one purpose only: streams of two are independent."""
    seed = hashlib.shake_256(b"werkplaats " + purpose.encode() + b"|" + coin).digest(SEED * count)
    numbers = (int.from_bytes(seed[at : at + SEED], "little") % shares.FIELD for at in range(0, len(seed), SEED))
    return np.fromiter(numbers, object, count=count)


async def confirm(party: Verified, plan: Mapping[str, Any], digest: str, agreed: Agreed) -> None:
    """Step 5. Raises PartyLostError when the parties disagree, TooFewError below the minimum."""
    mine = hashlib.sha256(documents.canonical([digest, agreed.contributors, agreed.left_out])).digest()
    if any(theirs != mine for theirs in await party.say(mine)):
        raise PartyLostError(None, "the computing parties do not agree on who contributed")
    if len(agreed.contributors) < plan["minimum_contributors"]:
        raise TooFewError(f"{len(agreed.contributors)} contributors, at least {plan['minimum_contributors']} must be")


def _commitment(digest: str, number: int, opening: bytes) -> bytes:
    return hashlib.sha256(documents.canonical([digest, number]) + opening).digest()


def _parse(number: int, opening: bytes) -> dict[str, Any]:
    try:
        said = frames.parse(opening)
        texts = [said["coin"], *said["held"], *said["held"].values()]
    except (frames.FrameError, KeyError, TypeError, AttributeError) as error:
        raise ViolationError(number, "a list of contributors that cannot be read") from error
    if not all(isinstance(text, str) and len(text) <= 200 for text in texts) or len(said["coin"]) != 2 * COIN:
        raise ViolationError(number, "a list of contributors that cannot be read")
    return said


def _missing_at(computing: list[str], tags: list[str | None]) -> str:
    absent = [computing[number] for number, tag in enumerate(tags) if tag is None]
    if len(absent) == len(tags):
        return "nothing of it arrived"
    return f"nothing of it arrived at {', '.join(absent)}" if absent else "different submissions arrived"
