"""A plan with the proposer's signature and the signed answers of all computing parties: the licence to start."""

from __future__ import annotations

import base64
import binascii
import functools
from dataclasses import dataclass
from typing import Any

from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementError, StatementKey
from ..base.refusal import RefusedError
from ..data import seal
from . import plan as plans
from .plan import Plan

HEAD = {"entries": int, "digest": str}
SIGNED = {**HEAD, "at": int, "signature": str}


@dataclass(frozen=True)
class Bundle:
    """What everybody holds before a share leaves a contributor."""

    plan: Plan
    signature: str
    answers: dict[str, dict[str, Any]]

    @property
    def registers(self) -> dict[str, dict[str, Any]]:
        """The heads of the computing parties' registers, and the keys that they were signed with."""
        heads = {party: row["answer"]["register"] for party, row in self.answers.items()}
        keys = self.plan.statement_keys
        return {
            name: {key: head[key] for key in SIGNED if key in head} | {"key": keys[name]}
            for name, head in heads.items()
        }

    def key(self, party: str) -> bytes:
        """The public key that a computing party made for this session."""
        return public_key(self.answers[party]["answer"]["key"], party)

    @functools.cached_property
    def content(self) -> dict[str, Any]:
        """The bundle as JSON. Made once: each contributor is told it, and it is as long as there are contributors."""
        return {"plan": self.plan.content, "signature": self.signature, "answers": self.answers}


def parse_proposal(content: dict[str, Any], network: Network, proposer: str | None = None) -> tuple[Plan, str]:
    """Plan and signature of a proposal, the signature verified. Raises RefusedError."""
    plan = plans.parse(content.get("plan"))
    if proposer is not None and plan.proposer != proposer:
        raise RefusedError(f"proposer: the plan is not proposed by {proposer}, who sent it")
    signature = str(content.get("signature"))
    _verify(network, plan.proposer, statement.PLAN, plan.content, signature)
    return plan, signature


def parse(content: dict[str, Any], network: Network, answered: Plan | None = None) -> Bundle:
    """A bundle of which every signature holds and every computing party accepted; of the plan that was answered.

    Raises RefusedError.
    """
    plan, signature = parse_proposal(content, network)
    if answered is not None and plan.digest != answered.digest:
        raise RefusedError("plan: not the one that was answered")
    answers = content.get("answers")
    # Whether these are a set of the accepted definition is looked at with the rest of the plan (`plan.check`).
    if not isinstance(answers, dict) or set(answers) != set(plan.computing):
        raise RefusedError("answers: not one of each computing party that the plan names")
    for party, row in answers.items():
        if not isinstance(row, dict) or set(row) != {"answer", "signature"}:
            raise RefusedError(f"answers: {party} gave none")
        check_answer(row, plan.digest, party, network)
    return Bundle(plan, signature, answers)


def sign_answer(
    key: StatementKey, digest: str, party: str, reason: str, register: dict[str, Any], public: bytes = b""
) -> dict[str, Any]:
    """A computing party's answer: accepted, or refused with a reason; the head of its register goes with it.

    `public` is the key that it made for this session, so that what is meant for it can be sealed; none with a refusal.
    """
    answer = {"plan": digest, "party": party, "accepted": not reason, "reason": reason, "register": register}
    answer["key"] = base64.b64encode(public).decode()
    return {"answer": answer, "signature": key.sign(statement.ANSWER, answer)}


def public_key(text: object, station: str) -> bytes:
    """The public key in a signed statement of `station`. Raises RefusedError."""
    try:
        key = base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != seal.PUBLIC:
        raise RefusedError(f"key: {station} gave none that shares can be sealed for")
    return key


def check_answer(row: dict[str, Any], digest: str, party: str, network: Network) -> None:
    """Raise RefusedError unless `row` is the signed acceptance of `party`."""
    answer = row["answer"]
    _verify(network, party, statement.ANSWER, answer, row["signature"])
    own = {"register", "key"}
    said = {name: value for name, value in answer.items() if name not in own} if isinstance(answer, dict) else {}
    if said != {"plan": digest, "party": party, "accepted": True, "reason": ""}:
        raise RefusedError(f"answers: {party} did not accept this plan")
    check_head(answer.get("register"), party, network)
    public_key(answer.get("key"), party)


def check_head(head: object, station: str, network: Network) -> dict[str, Any]:
    """The head of a station's register, as it told it. Raises RefusedError.

    A signed one can be shown to that station later.
    """
    signed = isinstance(head, dict) and "signature" in head
    kinds = SIGNED if signed else HEAD
    if not isinstance(head, dict) or {name: type(head.get(name)) for name in kinds} != kinds:
        raise RefusedError(f"answers: {station} did not tell the head of its register")
    found = {name: head[name] for name in kinds}
    if signed:
        about = {name: value for name, value in found.items() if name != "signature"}
        _verify(network, station, statement.REGISTER_HEAD, about, found["signature"])
    return found


def _verify(network: Network, station: str, purpose: str, content: object, signature: object) -> None:
    member = network.stations.get(station)
    if member is None:
        raise RefusedError("a signature of somebody who is not in the accepted definition")
    try:
        statement.verify(member.statement_key, purpose, content, signature)
    except StatementError as error:
        raise RefusedError(f"{station} did not sign this with its pinned statement key") from error
