"""What a contributor does with a plan that all computing parties accepted: check, share out, deposit."""

from __future__ import annotations

import asyncio
import time

from .. import analyses
from ..accepted.networks import Network
from ..base import background
from ..base.journal import note
from ..consent import gate, plan
from ..consent.bundle import Bundle
from ..data import editions, shares
from ..station import Station
from ..wire import calls

RETRY = 0.5


async def begin(station: Station, network: Network, bundle: Bundle) -> None:
    """Check `bundle`, read the data and contribute in the background; a bundle that was seen before is left alone.

    Raises PlanRefusedError with the reason when this station does not take part.
    """
    if network.self_id not in bundle.plan.contributors:
        raise plan.PlanRefusedError(f"contributors: {network.self_id} is not one of them")
    agreed = bundle.plan
    gate.check(station, network, agreed)
    try:
        brought = await station.sessions.once(agreed, lambda: asyncio.to_thread(_bring, station, network, agreed))
    except ValueError as error:
        # What is wrong with the data is for the organisation's own people, not for who asks.
        note("data-refused", session=agreed.session, question=agreed.question)
        where = f"`station data {agreed.question}` there says why"
        raise plan.PlanRefusedError(f"data: its files cannot be used; {where}") from error
    if station.sessions.contributed(agreed):
        background.start(contribute(station, network, bundle, *brought))


def _bring(station: Station, network: Network, agreed: plan.Plan) -> tuple[list[int], str]:
    """What is shared, and the tag of this submission."""
    data = None if agreed.question == plan.ACCEPTANCE else station.folders.data(agreed.question)
    source = analyses.Source(agreed.session, network.self_id, agreed.parameters, data)
    inputs, rows = analyses.bring(agreed.analysis, source)
    asked = [agreed.analysis, agreed.parameters]
    return inputs, editions.tag(editions.of(inputs, rows, asked, station.folders.state))


async def contribute(station: Station, network: Network, bundle: Bundle, inputs: list[int], tag: str) -> None:
    """Share out this station's inputs and bring each computing party its shares, until the intake is over.

    The tag is the same towards all parties: shares of two different submissions are never mixed.
    """
    agreed = bundle.plan
    until = time.monotonic() + agreed.intake
    rows = await asyncio.to_thread(lambda: shares.split(inputs, agreed.threshold, len(agreed.computing)))
    outcomes = await asyncio.gather(
        *(
            _deposit(station, network, bundle, party, tag, shares.pack(row), until)
            for party, row in zip(agreed.computing, rows, strict=True)
        )
    )
    if not network.is_computing(network.self_id):
        station.sessions.remember(network, agreed.session, "contributed" if all(outcomes) else "contributed in part")
    facts = {"session": agreed.session, "plan": agreed.digest, "question": agreed.question}
    station.register.add("contributed", **facts, parties=sum(outcomes))
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
