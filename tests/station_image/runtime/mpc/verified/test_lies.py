"""Every lie of a computing party that was thought of: what it gains without the defence, and that it gains nothing.

Parties without a defence are classes below, the liars too. Party 1 lies; it sends last where that helps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from station_image.runtime.data import shares
from station_image.runtime.mpc.mesh import PartyLostError
from station_image.runtime.mpc.verified.party import P
from station_image.runtime.mpc.verified.products import Verified, _weights
from tests.station_image.runtime.mpc.verified.parties import dealt, own, ran, told

LIAR = 1
SIZES = (3, 5, 7)


class Trusting(Verified):
    """Without the verification."""

    async def verify(self) -> None:
        self._records = []


class Lying(Verified):
    """It adds 1 to the first number of the resharing `place`."""

    place = 0

    async def _reshare(self, own: Any) -> Any:
        self.place -= 1
        if self.place == -1:
            own = own.copy()
            own[0] += pow(self._weights_at_0()[self.number], -1, P)
        return await super()._reshare(own % P)


class LyingTrusting(Lying, Trusting):
    """The same among parties that trust it."""


class Selective(Verified):
    """It sends one victim, party 0, another number of its first resharing than the others."""

    first = True

    async def _reshare(self, own: Any) -> Any:
        bend, self.first = self.first, False
        each = self._each

        async def bent(contents: Sequence[bytes]) -> list[bytes]:
            row = shares.unpack(contents[0], len(own))
            return await each([shares.pack([(row[0] + 1) % P, *row[1:]]), *contents[1:]])

        if bend:
            self._each = bent  # type: ignore[method-assign]
        try:
            return await super()._reshare(own)
        finally:
            if bend:
                del self._each


class SelectiveTrusting(Selective, Trusting):
    """The same among parties that trust it."""


def noticed(ends: Sequence[Any], what: str, liar: int = LIAR) -> None:
    """No honest party got further, and one of them says why; the others left or still wait for it."""
    rest = [end for number, end in enumerate(ends) if number != liar]
    assert all(isinstance(end, PartyLostError | asyncio.TimeoutError) for end in rest), rest
    assert any(what in str(end) for end in rest), rest


async def product(party: Any) -> Any:
    return await party.open(await party.multiply(party.three, party.four))


async def inner_product(party: Any) -> Any:
    mine = np.array([[party.three[0], party.four[0]]], dtype=object)
    return await party.open(await party.inner(mine, mine))


async def comparison(party: Any) -> Any:
    party.place = 1  # whether a bit is borrowed; what a prefix changes depends on the public number
    return await party.open(await party.below(party.four, 10, 15))


async def zero(party: Any) -> Any:
    return await party.zero(party.four * 0)


async def outcome(party: Any) -> Any:
    return await party.outcome(await party.multiply(party.three, party.four))


WORKS = {work.__name__: work for work in (product, inner_product, comparison, zero, outcome)}


def lied(size: int, name: str, kind: type[Verified], honest: type[Verified]) -> list[Any]:
    threes, fours = own([3], size), own([4], size)

    async def work(party: Any) -> Any:
        party.three, party.four = threes[party.number], fours[party.number]
        return await WORKS[name](party)

    return ran(size, work, {LIAR: kind}, honest=honest)


# Products


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "right"), [("product", 12), ("inner_product", 25), ("comparison", 1)])
def test_who_adds_to_a_product_makes_it_what_it_likes_only_among_the_trusting(size: int, name: str, right: int) -> None:
    """The gain: whether a total may be opened is such a product."""
    for found in lied(size, name, LyingTrusting, Trusting):
        assert found != [right]
    noticed(lied(size, name, Lying, Verified), "a product is not what it says")


@pytest.mark.parametrize("size", SIZES)
def test_who_adds_to_the_product_of_a_check_helps_a_contributor_past_it_only_among_the_trusting(size: int) -> None:
    """0 becomes 1 times an unknown number here; a contributor's 20 becomes 0 in the same way."""
    assert lied(size, "zero", LyingTrusting, Trusting) == [[False]] * size
    noticed(lied(size, "zero", Lying, Verified), "a product is not what it says")


@pytest.mark.parametrize("size", SIZES)
def test_a_row_of_the_outcome_is_given_out_only_when_it_is_right(size: int) -> None:
    assert told(lied(size, "outcome", LyingTrusting, Trusting), size) == [13]
    noticed(lied(size, "outcome", Lying, Verified), "a product is not what it says")


@pytest.mark.parametrize("size", SIZES)
def test_who_sends_one_victim_another_number_changes_the_product_only_among_the_trusting(size: int) -> None:
    """With t liars the honest points fit every such lie: the check of degrees alone finds it by luck."""
    rows = lied(size, "outcome", SelectiveTrusting, Trusting)
    if size == 3:
        # As the liar would send it to a result party: on the line through the honest points.
        weights = shares.lagrange((1, 3), 2, P)
        rows[LIAR] = [sum(w * int(rows[n][0]) for w, n in zip(weights, (0, 2), strict=True)) % P]
        assert told(rows, 3) != [12]
    noticed(lied(size, "outcome", Selective, Verified), "")


# The verification itself


@pytest.mark.parametrize("place", range(5))
def test_a_lie_in_the_verification_itself_ends_it(place: int) -> None:
    """Resharings: the product, that of the mask, and cross terms of two levels; more than there are is no lie."""

    async def work(party: Any) -> Any:
        mine = np.array([1] * 20, dtype=object)
        party.place = place
        return await party.open((await party.multiply(mine, mine))[:1])

    ends = ran(3, work, {LIAR: Lying})
    if place < 4:
        noticed(ends, "a product is not what it says")
    else:
        assert ends == [[1]] * 3


class Foreseen(Verified):
    """Parties whose coins can be known beforehand."""

    async def coin(self) -> bytes:
        await super().coin()
        return (1).to_bytes(32, "little")


class Cancelling(Foreseen):
    """It adds 1 to a product, and takes it off again in a cross term: z is known to be 2, so that z^-1 is."""

    place = 0

    async def _reshare(self, own: Any) -> Any:
        self.place += 1
        own = own.copy()
        share = pow(self._weights_at_0()[self.number], -1, P)
        if self.place == 1:
            own[0] += share
        if self.place == 3:
            # Two records, two parts, the distances -1 and 1; the second record's weight follows from the coin too.
            weight = int(_weights((1).to_bytes(32, "little"), 2)[1])
            own[0] -= weight * 2 * share
        return await super()._reshare(own % P)


def test_who_knows_the_coin_beforehand_lies_unseen() -> None:
    """Why the coin is committed to, and told only when all messages are there."""
    assert lied(3, "product", Cancelling, Foreseen) == [[13]] * 3
    honest_coin = type("Guessing", (Cancelling,), {"coin": Verified.coin})
    noticed(lied(3, "product", honest_coin, Verified), "a product is not what it says")


# Coins


class OtherSeed(Verified):
    """It tells another seed than it committed to."""

    async def coin(self) -> bytes:
        self._seed = bytes(32)
        return await super().coin()


class TwoCoins(Verified):
    """It commits to two seeds, and tells party 0 the one and all others the other."""

    async def _each(self, contents: Sequence[bytes]) -> list[bytes]:
        if len(contents[0]) == 32 and len(set(contents)) == 1 and not self._commitments:
            contents = [self._commitment(self.number, bytes(32)), *contents[1:]]
        elif len(contents[0]) == 64 and self._coins == 1:
            contents = [bytes(32) + contents[0][32:], *contents[1:]]
        return await super()._each(contents)


class NeverMeets(Verified):
    """Without the comparison of transcripts."""

    opened = 0

    async def meet(self) -> None:
        """Not at all."""

    async def _open(self, own: Any) -> list[int]:
        type(self).opened += 1
        return await super()._open(own)


class Watched(Verified):
    """Counts openings."""

    opened = 0

    async def _open(self, own: Any) -> list[int]:
        type(self).opened += 1
        return await super()._open(own)


def test_another_coin_than_committed_to_is_the_liars_doing() -> None:
    ends = lied(3, "product", OtherSeed, Verified)
    noticed(ends, "another coin than it committed to")
    assert {end.root for end in ends if isinstance(end, PartyLostError)} == {LIAR}


def test_with_two_coins_nothing_is_opened() -> None:
    """With them the mask of what the verification opens cancels, and a combination of secrets is seen."""
    NeverMeets.opened = Watched.opened = 0
    lied(3, "product", type("TwoCoinsToo", (TwoCoins, NeverMeets), {}), NeverMeets)
    assert NeverMeets.opened > 0, "without the comparison of transcripts the honest parties open"
    noticed(lied(3, "product", TwoCoins, Watched), "did not see the same public numbers")
    assert Watched.opened == 0


# Openings, keys, silence


class WrongShare(Verified):
    """It tells a wrong share of an opened number."""

    async def say(self, content: bytes) -> list[bytes]:
        opening = len(content) == shares.WIDTH and not self._records
        return await super().say(shares.pack([(shares.unpack(content, 1)[0] + 1) % P]) if opening else content)


class FirstShares(Verified):
    """Opens with the first t + 1 shares, as MPyC does."""

    async def _open(self, own: Any) -> list[int]:
        rows = self._numbers(await self.say(shares.pack([int(value) for value in own])), len(own))
        return shares.recombine(rows[: self.threshold + 1], self.threshold)


@pytest.mark.parametrize("size", SIZES)
def test_a_wrong_share_of_an_opened_number_is_seen(size: int) -> None:
    """Without a check over all shares the honest parties believe another number."""
    lax = type("WrongShareToo", (WrongShare, FirstShares), {})
    assert lied(size, "product", lax, FirstShares)[size - 1] != [12]
    noticed(lied(size, "product", WrongShare, Verified), "do not belong together")


class Unasked(Verified):
    """Does not compare keys."""

    def _key_digests(self, _: int) -> bytes:
        return b""


@pytest.mark.parametrize("size", [5, 7])
def test_keys_dealt_differently_are_seen_before_anything_else(size: int) -> None:
    """Without: numbers of the wrong size, comparisons that are wrong though no product is.

    Of three parties each two have a key, so that a liar deals none to two others.
    """
    keys = dealt(size)
    common = next(members for members in keys[LIAR] if members[0] == LIAR)
    keys[common[1]][common] = bytes(16)
    rows = own([4] * 40, size)

    async def work(party: Verified) -> Any:
        return await party.open(await party.below(rows[party.number], 10, 15))

    blind = ran(size, work, keys=keys, honest=Unasked)
    assert all(end != [1] * 40 for end in blind)
    noticed(ran(size, work, keys=keys), "keys shared with party")


class Silent(Verified):
    """It sends nothing once all have started."""

    started = False

    async def start(self) -> None:
        await super().start()
        self.started = True

    async def _each(self, contents: Sequence[bytes]) -> list[bytes]:
        if not self.started:
            return await super()._each(contents)
        raise PartyLostError(None, "silence")


def test_nobody_opens_anything_with_a_party_that_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait; the session's own limits end it."""
    monkeypatch.setattr("tests.station_image.runtime.mpc.verified.parties.SOON", 0.3)
    Watched.opened = 0
    ends = lied(3, "product", Silent, Watched)
    assert [type(end) for end in ends] == [TimeoutError, PartyLostError, TimeoutError]
    assert Watched.opened == 0


class Holding(Verified):
    """It lets party 0 wait for its part of a product, until it heard party 2's share of what is opened.

    With its own that tells the number, and then it chooses what party 0 is to have.
    """

    heard: list[int] = []  # noqa: RUF012  # the test empties it

    async def _reshare(self, own: Any) -> Any:
        rows = shares.split([int(value) for value in own], self.threshold, self.parties)
        self._wire.send(2, shares.pack(rows[2]))
        mine = [shares.unpack(await self._wire.receive(number), len(own)) for number in (0, 2)]
        row = [rows[1], mine[0], mine[1]]
        order = (self._weights_at_0()[1], self._weights_at_0()[0], self._weights_at_0()[2])
        share = np.array(order, dtype=object) @ np.array(row, dtype=object) % P
        told = await asyncio.wait_for(self._wire.receive(2), 1)
        theirs = shares.unpack(told, len(own))
        weights = shares.lagrange((2, 3), 0, P)
        self.heard.append((weights[0] * int(share[0]) + weights[1] * theirs[0]) % P)
        raise PartyLostError(None, "it knows enough")


class OpensAtOnce(Verified):
    """Opens without verifying, which is also the wait for all."""

    async def verify(self) -> None:
        self._records = []


def test_who_withholds_a_message_reads_nothing_early() -> None:
    """Without the wait for all it knows the number before it has chosen its error."""
    Holding.heard.clear()
    lied(3, "product", Holding, OpensAtOnce)
    assert Holding.heard == [12]
    Holding.heard.clear()
    Watched.opened = 0
    with_all = lied(3, "product", Holding, Watched)
    assert 12 not in Holding.heard
    assert Watched.opened == 0
    assert not any(isinstance(end, list) for end in with_all)
