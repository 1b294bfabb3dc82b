"""What an analysis sees of a session: its inputs as shares, and the operations that are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import shares
from .agreement import open_rows, weights
from .mesh import PartyLostError


@dataclass(frozen=True)
class Shared:
    """An outcome: own shares of numbers for the result parties, and numbers opened to all computing parties."""

    row: list[int]
    public: list[int]


class Run:
    """Handed to `compute(run)` of an analysis."""

    def __init__(
        self, mpc: Any, plan: Mapping[str, Any], contributors: Sequence[str], matrix: Any, coin: bytes
    ) -> None:
        self.mpc = mpc
        self.parameters: Mapping[str, Any] = plan["parameters"]
        self.minimum_cell: int = plan["minimum_cell"]
        self.minimum_contributors: int = plan["minimum_contributors"]
        self.contributors = list(contributors)
        self.secint = mpc.SecInt(shares.BIT_LENGTH)
        self.field = self.secint.field
        self._matrix = matrix
        self._coin = coin

    def matrix(self) -> Any:
        """This party's shares: object array of shape (contributors, numbers). Linear work on it costs no message."""
        return self._matrix

    def weights(self, purpose: str, count: int) -> Any:
        """Public random numbers that nobody could know before all shares were fixed; others for each `purpose`."""
        return weights(self._coin, f"analysis {purpose}", count)

    def array(self, own_shares: Any) -> Any:
        """A secure array of which `own_shares` are this party's shares."""
        return self.secint.array(self.field.array(own_shares))

    def sum_rows(self, secure: Any) -> Any:
        """Sum over the first axis."""
        return self.mpc.np_sum(secure, axis=0)

    async def settle(self, secure: Any) -> Any:
        """Wait until `secure` is computed, so that memory stays bounded and the loop answers."""
        return await self.mpc.gather(secure)

    async def zero(self, own_values: Sequence[int]) -> list[bool]:
        """Which of these numbers are 0, told to all computing parties, who learn nothing else about the others.

        `own_values` lie on polynomials of degree up to 2t. They are shared anew, each is multiplied by a random number
        that nobody knows (0 with probability 2^-96), and the products are opened.
        """
        values = await self.mpc._reshare(self.field.array(np.array(own_values, dtype=object)))
        unknown = self.mpc._np_randoms(self.field, len(own_values))
        if self.mpc.options.no_prss:
            unknown = await unknown
        return [value == 0 for value in await self.open(self.secint.array(values * unknown))]

    async def open(self, secure: Any) -> list[int]:
        """Numbers of a flat secure array, opened to all computing parties, checked over all their shares."""
        rows = await open_rows(self.mpc, await self._fresh(secure))
        try:
            return shares.recombine(rows, self.mpc.threshold)
        except shares.ShareError as error:
            raise PartyLostError(None, "the parties' shares of an opened number do not belong together") from error

    async def shared(self, parts: Sequence[Any], public: Sequence[int] = ()) -> Shared:
        """The outcome: flat secure arrays `parts` one after the other for the result parties, `public` as opened."""
        row = [share for part in parts for share in await self._fresh(part)]
        return Shared(row, list(public))

    async def _fresh(self, secure: Any) -> list[int]:
        # Shared anew first: all m shares are seen by the receivers, and the polynomial must tell nothing but its value.
        own = await self.mpc.gather(secure)
        again = await self.mpc._reshare(own)
        return [int(value) for value in np.asarray(again.value).reshape(-1)]
