"""A session as this organisation's people ask for one: a question, or acceptance, with the set that is there."""

from __future__ import annotations

import secrets
from collections.abc import Container, Mapping, Sequence
from typing import Any

from ..accepted.networks import Network
from ..consent import plan
from ..releases.draining import Waiting
from ..session import sets
from ..session.proposal import ProposalRefusedError
from .desk import Desk, Tell, stations
from .requests import Request, WrongUseError

INTAKE_DATA, DEADLINE_DATA = 60, 3600


async def propose(desk: Desk, request: Request, tell: Tell) -> dict[str, Any]:
    """Ask an agreed question: everything about it is in its document."""
    plan.check_whole(desk.network(request.network))
    network, document = desk.question(request)
    desk.gate.permitted(network, document["question"])
    agreed = [document["computing"], *document.get("computing_alternates", [])]
    patience = Waiting(desk.meetings.patience)

    async def one(parties: tuple[str, ...]) -> dict[str, Any]:
        network, document = desk.question(request)  # somebody may have been waited for
        session = secrets.token_hex(16)
        own = {"session": session, "intake": INTAKE_DATA, "deadline": DEADLINE_DATA}
        proposed = plan.question(network, document, computing=parties, **own)
        met = await desk.meetings.of(network, proposed, patience)
        tell({"event": "proposed", "session": session, "contributors": proposed.contributors})
        account = await desk.proposals.run(network, met.agree(proposed), tell)
        # Who contributes is the question's: those who cannot are asked too, and say no.
        unable = met.left_out(proposed)
        left_out = {one: unable.get(one, why) for one, why in account.get("left_out", {}).items()}
        return {**account, "left_out": left_out} if left_out else account

    usable = [parties for parties in _sets(network, request) if list(parties) in agreed]
    if request.computing and not usable:
        raise WrongUseError(
            f"computing: {document['question']} does not name set {request.computing}, and is not asked of it"
        )
    account = await sets.first(network, usable or [network.computing], one, tell, patience)
    return {"exit": _session_exit(account), **account}


async def session(desk: Desk, request: Request, tell: Tell) -> dict[str, Any]:
    """Acceptance with everybody; without whom not all computing parties know while somebody joins or leaves."""
    network = desk.network(request.network)
    plan.check_whole(network)
    patience = Waiting(desk.meetings.patience)

    async def one(parties: tuple[str, ...]) -> dict[str, Any]:
        network = desk.network(request.network)  # somebody may have been waited for
        left_out: dict[str, str] = {}
        while True:
            proposed = _acceptance(network, parties, request, left_out)
            met = await desk.meetings.of(network, proposed, patience)
            tell({"event": "proposed", "session": proposed.session, "contributors": proposed.contributors})
            agreed = met.agree(proposed)
            if unable := met.left_out(proposed):
                left_out |= unable
                continue
            try:
                account = await desk.proposals.run(network, agreed, tell)
            except ProposalRefusedError as error:
                unknown = plan.unknown_elsewhere(proposed, error.reasons)
                if not unknown or len(unknown) == len(proposed.contributors):
                    raise
                left_out |= unknown
            else:
                return {**account, "left_out": left_out | account.get("left_out", {})}

    account = await sets.first(network, _sets(network, request), one, tell, patience)
    return {"exit": _session_exit(account), **account}


def _sets(network: Network, request: Request) -> Sequence[tuple[str, ...]]:
    """The sets of computing parties to try: all of them, or the one that was asked for, counted from 1."""
    if not request.computing:
        return network.sets
    if not 1 <= request.computing <= len(network.sets):
        raise WrongUseError(f"computing: {network.name} has {len(network.sets)} set(s) of computing parties")
    return network.sets[request.computing - 1 : request.computing]


def _acceptance(network: Network, parties: tuple[str, ...], request: Request, without: Container[str]) -> plan.Plan:
    members = network.stations.items()
    contributors = sorted(name for name, member in members if member.contributes and name not in without)
    return plan.make(
        network,
        request.analysis,
        request.parameters,
        session=secrets.token_hex(16),
        computing=list(parties),
        contributors=contributors,
        results=stations(network, request.results or [network.self_id]),
        minimum_cell=0,
        minimum_contributors=min(2, len(contributors)),
        intake=request.intake,
        deadline=request.deadline,
    )


def _session_exit(account: Mapping[str, Any]) -> int:
    """0 right and complete, 1 right without somebody, 4 failed or wrong."""
    if account["outcome"] != "done" or account.get("result", {}).get("correct") is False:
        return 4
    return 1 if account["left_out"] else 0
