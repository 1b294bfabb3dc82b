"""A computing party's shares of an outcome, brought to each result party, sealed for that one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ..accepted.networks import Network
from ..base.journal import note
from ..base.refusal import RefusedError
from ..consent.bundle import Bundle
from ..data.seal import SealError
from ..wire.peers import CallFailedError, Peers
from . import alive, sealed

DELIVERED_WITHIN = 6.0
"""A gateway that takes over new settings ends connections and polls: for some seconds nobody can be asked there."""
RETRY = 0.3
ACCOUNT = ("contributors", "left_out", "public")
"""What of the outcome all computing parties must say alike."""


class Delivery:
    """Brings what one session came to."""

    def __init__(self, peers: Peers, network: Network, bundle: Bundle, private: X25519PrivateKey) -> None:
        self._peers = peers
        self._network = network
        self._bundle = bundle
        self._plan = bundle.plan
        self._private = private

    async def to_all(self, account: Mapping[str, Any], row: bytes) -> dict[str, str]:
        """Bring every result party the account and our shares; returns who could not be reached, and why."""
        results = self._plan.results
        outcomes = await asyncio.gather(*(self._to(party, account, row) for party in results))
        return {party: why for party, why in zip(results, outcomes, strict=True) if why}

    async def _to(self, party: str, account: Mapping[str, Any], row: bytes) -> str:
        try:
            why = await alive.unless_gone(self._tried(party, account, row), self._peers, self._network, party)
        except alive.GoneError as error:
            why = str(error)
        if why:
            note("result-undelivered", session=self._plan.session, station=party, why=why)
        return why

    async def _tried(self, party: str, account: Mapping[str, Any], row: bytes) -> str:
        until = time.monotonic() + DELIVERED_WITHIN
        while True:
            why, passing = await self._undelivered(party, account, row)
            if not why or not passing or time.monotonic() + RETRY > until:
                return why
            await asyncio.sleep(RETRY)

    async def _undelivered(self, party: str, account: Mapping[str, Any], row: bytes) -> tuple[str, bool]:
        """Why our shares could not be brought to `party`, or "", and whether that may pass."""
        try:
            await self._bring(party, account, row)
        except CallFailedError as error:
            return error.why, not error.refused
        except (RefusedError, SealError) as error:
            return str(error), False
        return "", False

    async def _bring(self, party: str, account: Mapping[str, Any], row: bytes) -> None:
        """Ask a result party for its key, and bring it our row sealed for that."""
        request = {"session": self._plan.session, "plan": self._plan.digest}
        content = {"bundle": self._bundle.content}
        told, _ = await self._peers.ask(self._network, party, {"kind": "result-key", **request}, content)
        if told.get("here") is True:
            return  # it came, and only the answer to that was lost
        pinned, us = self._network.stations[party].statement_key, self._network.self_id
        public = sealed.check_result_key(told, pinned, self._plan, party)
        body = sealed.row(self._private, self._plan, us, party, public, dict(account), row)
        await self._peers.ask(self._network, party, {"kind": "result", **request}, {}, body)
