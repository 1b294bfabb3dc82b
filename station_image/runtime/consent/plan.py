"""The plan of a session: what all parties sign, and what each checks against the definition it accepted itself."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from .. import analyses
from ..accepted import statement, tables
from ..accepted.networks import Network
from ..base import contract
from ..base.documents import canonical
from ..base.journal import plain
from ..base.refusal import RefusedError
from ..data import shares

ACCEPTANCE = "acceptance"
SESSION = re.compile(r"[0-9a-f]{32}")
CLOCK_SKEW = 300
VALID = 600
LONGEST_INTAKE = 600
"""Ten times what a station asks for: questions about the same wait for it."""
LONGEST_SESSION = 24 * 3600
ACCEPTANCE_INTAKE, ACCEPTANCE_SESSION = 60, 600
"""Acceptance needs nobody's consent, so it may hold a place for minutes only."""
LARGEST_MINIMUM = 1000
LONGEST_NAME = 100
RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""The name of a release, as definitions have it: it stands in commands that people are told to give."""
MEMORY = 640 * 1024 * 1024
"""Bytes of shares that a computer holds for all its sessions, of the 2 GiB of its container (`stacks/parts.py`)."""


@dataclass(frozen=True)
class Plan:
    """One run of a question. Times are seconds; `proposed` is seconds since 1970."""

    protocol: int
    session: str
    network: str
    question: str
    analysis: str
    parameters: dict[str, Any]
    proposer: str
    contributors: list[str]
    computing: list[str]
    results: list[str]
    minimum_cell: int
    minimum_contributors: int
    field: str
    threshold: int
    length: int
    statement_keys: dict[str, str]
    proposed: int
    intake: int
    deadline: int
    releases: dict[str, str] = dataclasses.field(default_factory=dict)
    """Participant → the release that it runs, of those of whom the proposer knows. From protocol 3 on."""

    @property
    def content(self) -> dict[str, Any]:
        """The plan as JSON, with the fields of its protocol."""
        return {name: value for name, value in asdict(self).items() if name in _names(self.protocol)}

    @functools.cached_property
    def digest(self) -> str:
        """What answers, shares, channels and results are bound to. Made once: hundreds of contributors make it long."""
        return statement.digest(self.content)

    @property
    def facts(self) -> dict[str, str]:
        """How an entry of a register names it."""
        # A proposer writes any text there; what is agreed has shorter names.
        network, question = plain(self.network, LONGEST_NAME), plain(self.question, LONGEST_NAME)
        return {"session": self.session, "plan": self.digest, "network": network, "question": question}

    @property
    def ran(self) -> dict[str, Any]:
        """How an entry of a register and a result tell by which releases it was computed."""
        return {"releases": self.releases} if self.releases else {}

    @property
    def body_length(self) -> int:
        """Bytes of one contributor's shares for one computing party."""
        return self.length * shares.WIDTH

    @property
    def participants(self) -> set[str]:
        """Everybody who is named in the plan."""
        return {self.proposer, *self.contributors, *self.computing, *self.results}

    def number(self, station: str) -> int:
        """Party number of a computing party; the only source of party numbers."""
        return self.computing.index(station)


_SINCE: Mapping[str, int] = {"releases": 3}
"""The protocol from which on a plan has a field; it has the others in each."""


def _names(protocol: object) -> set[str]:
    """The fields of a plan of some protocol; what is no number has those of the newest."""
    newest = protocol if isinstance(protocol, int) else contract.PROTOCOL_VERSIONS[-1]
    return {name for name in _KINDS if _SINCE.get(name, 0) <= newest}


def parse(content: object) -> Plan:
    """A plan of well-formed fields. Raises RefusedError naming the first field that is not."""
    if not isinstance(content, dict) or set(content) != _names(content.get("protocol")):
        raise RefusedError("the plan does not have exactly the fields of this protocol version")
    for name, kind in _KINDS.items():
        value = content.get(name, {})
        if not isinstance(value, kind) or isinstance(value, bool):
            raise RefusedError(f"{name}: not {'a text' if kind is str else 'of the right kind'}")
        if isinstance(value, list) and not (value and all(isinstance(item, str) for item in value)):
            raise RefusedError(f"{name}: not a list of station ids")
    if not SESSION.fullmatch(content["session"]):
        raise RefusedError("session: not 32 hexadecimal digits")
    return Plan(**content)


_KINDS: Mapping[str, type] = {
    field.name: {"int": int, "str": str}.get(str(field.type), list if "list" in str(field.type) else dict)
    for field in fields(Plan)
}


def check(plan: Plan, network: Network, now: float | None = None) -> None:
    """Raise RefusedError unless `plan` is what the accepted definition of `network` provides for."""
    now = time.time() if now is None else now
    if tuple(plan.computing) not in network.sets:
        raise RefusedError("computing: not as in the definition that this station accepted")
    if missing := network.missing(plan.computing):
        raise RefusedError(missing)
    for found, wanted, name in (
        (plan.protocol in contract.PROTOCOL_VERSIONS, True, "protocol"),
        (plan.network, network.name, "network"),
        (plan.threshold, network.threshold_of(plan.computing), "threshold"),
        (plan.field, str(shares.FIELD), "field"),
    ):
        if found != wanted:
            raise RefusedError(f"{name}: not as in the definition that this station accepted")
    # Whether it may be asked at all comes before whatever its size makes costly.
    _check_question(plan, network)
    _check_people(plan, network)
    _check_releases(plan)
    _check_analysis(plan)
    if not now - VALID <= plan.proposed <= now + CLOCK_SKEW:
        raise RefusedError("proposed: the proposal expired, or the clocks of the stations differ by minutes")
    acceptance = plan.question == ACCEPTANCE
    intake, deadline = (ACCEPTANCE_INTAKE, ACCEPTANCE_SESSION) if acceptance else (LONGEST_INTAKE, LONGEST_SESSION)
    if not 1 <= plan.intake <= intake or not 1 <= plan.deadline <= deadline:
        raise RefusedError("intake, deadline: outside what a session may last")
    if not 0 <= plan.minimum_cell <= LARGEST_MINIMUM:
        raise RefusedError(f"minimum_cell: outside 0 to {LARGEST_MINIMUM}")
    if not 1 <= plan.minimum_contributors <= len(plan.contributors):
        raise RefusedError("minimum_contributors: outside 1 to the number of contributors")


def check_whole(network: Network) -> None:
    """Raise RefusedError naming who is cut unless all computing parties of `network` are there."""
    if network.problem:
        raise RefusedError(network.problem)


def _check_known(people: Iterable[str], network: Network) -> None:
    strangers = sorted(set(people) - set(network.stations))
    if strangers:
        raise RefusedError((_cut if strangers[0] in network.cut else _unknown)(strangers[0]))


def _cut(station: str) -> str:
    return f"{plain(station, 80)} is cut: its keys are not, or no longer, accepted here"


def _unknown(station: str) -> str:
    return f"{plain(station, 80)} is not in the definition that this station accepted"


def unknown_elsewhere(proposed: Plan, reasons: Mapping[str, str]) -> dict[str, str]:
    """Contributor → party and reason, where a party refused a plan because it does not know that contributor (yet)."""
    needed = {proposed.proposer, *proposed.computing, *proposed.results}
    refusals = {text(one): one for one in set(proposed.contributors) - needed for text in (_cut, _unknown)}
    return {refusals[why]: f"{party}: {why}" for party, why in reasons.items() if why in refusals}


def _check_people(plan: Plan, network: Network) -> None:
    _check_known(plan.participants, network)
    for name, people in (("contributors", plan.contributors), ("results", plan.results)):
        if people != sorted(set(people)):
            raise RefusedError(f"{name}: not sorted, or somebody twice")
    for station in plan.contributors:
        if not network.stations[station].contributes:
            raise RefusedError(f"contributors: {station} contributes nothing according to the definition")
    pinned = {station: network.stations[station].key_digest for station in plan.participants}
    for station in sorted(plan.participants):
        if plan.statement_keys.get(station) != pinned[station]:
            raise RefusedError(f"statement_keys: {station} has another key in the definition that was accepted here")
    if plan.statement_keys != pinned:
        raise RefusedError("statement_keys: names somebody who does not take part")


def _check_releases(plan: Plan) -> None:
    if not plan.releases.keys() <= plan.participants:
        raise RefusedError("releases: names somebody who does not take part")
    if not all(isinstance(one, str) and RELEASE.fullmatch(one) for one in plan.releases.values()):
        raise RefusedError("releases: not names of releases")


def _check_question(plan: Plan, network: Network) -> None:
    """Acceptance reads no data; everything else is a question, and the plan asks exactly what it asks."""
    analysis = _analysis(plan)
    if plan.question == ACCEPTANCE:
        if analysis.DATA:
            raise RefusedError(f"analysis: {plan.analysis} reads data, which takes a question")
        return
    document = network.questions.get(plan.question)
    if document is None:
        raise RefusedError(f"question: none of the name {plain(plan.question, 60)} was delivered to this station")
    if plan.proposer not in document["results"]:
        raise RefusedError(f"proposer: {plan.proposer} is no result party of {plan.question}")
    try:
        fixed = asked(document, network, plan.computing)
    except analyses.AnalysisError as error:
        raise RefusedError(f"question: this release cannot answer {plan.question} ({error})") from error
    for name, wanted in fixed.items():
        if getattr(plan, name) != wanted:
            raise RefusedError(f"{name}: not as in the question that was delivered to this station")
    if set(document["fields"]) != set(analysis.columns(plan.parameters)):
        raise RefusedError("fields: not those that the analysis reads")
    keys = document["statement_keys"]
    for station, key in plan.statement_keys.items():
        if keys.get(station) != key:
            raise RefusedError(f"statement_keys: {station} has another key in the question")


def asked(document: Mapping[str, Any], network: Network, computing: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a plan that a question fixes, with one of its sets of computing parties; else with the first.

    Raises AnalysisError, RefusedError.
    """
    another = list(computing) in document.get("computing_alternates", [])
    parameters = tables.resolved(document["parameters"], network.figures)
    return {
        "network": document["network"],
        "question": document["question"],
        "analysis": document["analysis"],
        "parameters": _completed(document["analysis"], canonical(parameters)),
        "contributors": document["contributors"],
        "computing": list(computing) if another else document["computing"],
        "threshold": (len(computing) - 1) // 2 if another else document["threshold"],
        "results": document["results"],
        "minimum_cell": document["minimum_cell"],
        "minimum_contributors": document["minimum_contributors"],
    }


@functools.lru_cache(maxsize=64)
def _completed(analysis: str, parameters: bytes) -> dict[str, Any]:
    """Parameters of a question that was delivered, as a plan has them: made once, not for each that asks."""
    return analyses.find(analysis).parameters(json.loads(parameters))


def _analysis(plan: Plan) -> analyses.Analysis:
    try:
        return analyses.find(plan.analysis)
    except analyses.AnalysisError as error:
        raise RefusedError(f"analysis: {error}") from error


def _check_analysis(plan: Plan) -> None:
    analysis = _analysis(plan)
    try:
        # Those of a question are complete: they are what the delivered one says.
        if plan.question == ACCEPTANCE and analysis.parameters(plan.parameters) != plan.parameters:
            raise RefusedError("parameters: not complete")
        length = analysis.length(plan.parameters)
    except analyses.AnalysisError as error:
        raise RefusedError(f"analysis: {error}") from error
    if analysis.DATA and plan.minimum_cell < 1:
        raise RefusedError("minimum_cell: 0, where an analysis of data opens no cell below a minimum; at least 1")
    if plan.length != length:
        raise RefusedError(f"length: {plain(plan.length, 20)} where this analysis takes {length}")
    if plan.body_length * len(plan.contributors) > MEMORY:
        raise RefusedError("length: the shares of all contributors would not fit in this station's memory")


def question(network: Network, document: Mapping[str, Any], **choices: Any) -> Plan:
    """A plan of a question, proposed by this station; `computing` may be another of its sets than the first.

    Raises AnalysisError, RefusedError.
    """
    fixed = asked(document, network, choices.pop("computing", ()))
    analysis, parameters = fixed.pop("analysis"), fixed.pop("parameters")
    return make(network, analysis, parameters, **fixed, **choices)


def make(here: Network, analysis_name: str, parameters: Mapping[str, Any], **choices: Any) -> Plan:
    """A plan proposed by this station; `choices` are the remaining fields. Raises AnalysisError, RefusedError."""
    analysis = analyses.find(analysis_name)
    completed = analysis.parameters(parameters)
    draft: dict[str, Any] = {
        "protocol": contract.PROTOCOL_VERSIONS[-1],
        "network": here.name,
        "question": ACCEPTANCE,
        "analysis": analysis_name,
        "parameters": completed,
        "proposer": here.self_id,
        "computing": list(here.computing),
        "field": str(shares.FIELD),
        "length": analysis.length(completed),
        "proposed": int(time.time()),
        **choices,
    }
    draft["threshold"] = here.threshold_of(draft["computing"])
    people = {draft["proposer"], *draft["contributors"], *draft["computing"], *draft["results"]}
    if missing := here.missing(draft["computing"]):
        raise RefusedError(missing)
    _check_known(people, here)
    plan = Plan(statement_keys={name: here.stations[name].key_digest for name in people}, **draft)
    check(plan, here)
    return plan


def agreed_in(plan: Plan, protocol: int, releases: Mapping[str, str]) -> Plan:
    """The same in some protocol, with the releases of those of whom they are known."""
    told = {one: releases[one] for one in sorted(plan.participants) if one in releases}
    return dataclasses.replace(plan, protocol=protocol, releases=told if protocol >= _SINCE["releases"] else {})
