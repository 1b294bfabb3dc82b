"""acceptance_sum: sums and sums of squares of numbers that everybody can derive, to see that a network computes.

It reads no data: the inputs follow from the session's id and the contributor's, so anyone can check the outcome, and
no allowance is needed. The sum of squares takes one secure multiplication per number, `rounds` dependent ones follow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from ..data import records, shares
from ..data.cells import Cells
from . import AnalysisError, Opened, Source

VERSION = 1
DATA = False
LENGTH = 8
LARGEST = 2**20
MOST_ROUNDS = 1_000_000


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """`rounds`: dependent secure multiplications, 3 unless told."""
    rounds = given.get("rounds", 3)
    if set(given) - {"rounds"}:
        raise AnalysisError("acceptance_sum takes no parameter but rounds")
    if not isinstance(rounds, int) or isinstance(rounds, bool) or not 1 <= rounds <= MOST_ROUNDS:
        raise AnalysisError(f"rounds: a number from 1 to {MOST_ROUNDS}")
    return {"rounds": rounds}


def columns(_: Mapping[str, Any]) -> dict[str, records.Column]:
    """None: it reads no data."""
    return {}


def cells(_: Mapping[str, Any]) -> Cells:
    """None: it is about nobody."""
    return ()


def length(_: Mapping[str, Any]) -> int:
    """Eight numbers of each contributor."""
    return LENGTH


def numbers(source: Source, _: Collection[records.Row]) -> list[int]:
    """The numbers of `source.station` in `source.session`; anyone can derive them."""
    return derived(source.session, source.station)


def derived(session: str, station: str) -> list[int]:
    """Numbers below 2^20 from SHA-256 over session, station and position."""
    texts = (f"acceptance_sum|{session}|{station}|{position}".encode() for position in range(LENGTH))
    return [int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % LARGEST for text in texts]


async def check(_: Any) -> list[int]:
    """Nothing to check: a contributor whose numbers are others makes the outcome incorrect, which is its point."""
    return []


async def compute(run: Any) -> Any:
    """Sums, sums of squares, and a chain of squarings whose end the computing parties open and check among them."""
    rows = run.rows()
    columns, sums = rows.columns(0, LENGTH).T, rows.sum()
    squares = await run.inner(columns, columns)
    chain = sums[:1]
    for _ in range(run.parameters["rounds"]):
        chain = (await run.multiply(chain, chain) + 1) % shares.FIELD
    return await run.shared([sums, squares], public=await run.open(chain))


def outcome(opened: Opened) -> dict[str, Any]:
    """`correct` compares with the inputs that the contributors must have had."""
    rows = [derived(opened.session, station) for station in opened.contributors]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    squares = [sum(value * value for value in column) for column in zip(*rows, strict=True)]
    chain = sums[0]
    for _ in range(opened.parameters["rounds"]):
        chain = (chain * chain + 1) % opened.field
    correct = list(opened.values) == sums + squares and list(opened.public) == [chain]
    return {"correct": correct, "sum": sum(opened.values[:LENGTH]), "sum_of_squares": sum(opened.values[LENGTH:])}
