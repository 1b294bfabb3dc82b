"""What a contributor does with a plan that all computing parties accepted: check, share out, deposit."""

from __future__ import annotations

import asyncio
import secrets
import time

from . import analyses, background, calls, plan, shares
from .bundle import Bundle
from .journal import note
from .networks import Network
from .station import Station

RETRY = 0.5


def begin(station: Station, network: Network, bundle: Bundle) -> None:
    """Check `bundle` and contribute in the background; a bundle that was seen before is left alone.

    Raises PlanRefusedError with the reason when this station does not take part.
    """
    if network.self_id not in bundle.plan.contributors:
        raise plan.PlanRefusedError(f"contributors: {network.self_id} is not one of them")
    plan.check(bundle.plan, network)
    if station.sessions.contributed(bundle.plan):
        background.start(contribute(station, network, bundle))


async def contribute(station: Station, network: Network, bundle: Bundle) -> None:
    """Share out this station's inputs and bring each computing party its shares, until the intake is over."""
    agreed = bundle.plan
    until = time.monotonic() + agreed.intake
    analysis = analyses.find(agreed.analysis)
    source = analyses.Source(agreed.session, network.self_id, agreed.parameters)
    rows = await asyncio.to_thread(
        lambda: shares.split(analysis.inputs(source), agreed.threshold, len(agreed.computing))
    )
    # The same towards all parties: shares of two different submissions are never mixed.
    tag = secrets.token_hex(16)
    outcomes = await asyncio.gather(
        *(
            _deposit(station, network, bundle, party, tag, shares.pack(row), until)
            for party, row in zip(agreed.computing, rows, strict=True)
        )
    )
    if not network.is_computing(network.self_id):
        station.sessions.remember(network, agreed.session, "contributed" if all(outcomes) else "contributed in part")
    note("contributed", session=agreed.session, parties=sum(outcomes), of=len(outcomes))


async def _deposit(
    station: Station, network: Network, bundle: Bundle, party: str, tag: str, body: bytes, until: float
) -> bool:
    request = {"kind": "deposit", "session": bundle.plan.session, "plan": bundle.plan.digest, "tag": tag}
    while True:
        try:
            await calls.ask(station, network, party, request, {}, body)
        except calls.CallFailedError as error:
            if error.refused or time.monotonic() + RETRY > until:
                note("deposit-failed", session=bundle.plan.session, party=party, why=error.why)
                return False
            await asyncio.sleep(RETRY)
        else:
            return True
