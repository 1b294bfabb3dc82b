"""What was opened before, kept by this station: for the agreed frequency, and against differencing."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import analyses
from ..base import files
from ..base.contract import FREQUENCIES, HOUR
from ..base.journal import note
from ..base.refusal import RefusedError
from ..data import differencing
from .plan import Plan

EARLY = 0.02
"""A daily question may come this part of its interval early: nobody starts it at the same second each day."""
KEEP = 2 * 366 * 24 * HOUR


@dataclass
class OpenedResult:
    """One opened result. `contributors` is station → edition, empty at a station that did not compute it."""

    network: str
    question: str
    scope: list[str]
    at: float
    contributors: dict[str, str] = field(default_factory=dict)


class Opened:
    """Opened results in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: list[OpenedResult] = []
        self.problem = ""
        try:
            self._results = [_result(row) for row in json.loads(path.read_text())]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, RecursionError) as error:
            # Without it nobody knows what was opened: better no result than a pair of results that tells on somebody.
            self.problem = (
                f"{path.name}: what was opened before cannot be read; this station's operator puts the file back from "
                "a backup and starts the agent again: docker restart station-agent"
            )
            note("runs-unreadable", why=type(error).__name__)

    def check(self, plan: Plan, at_most: str, now: float) -> None:
        """Raise RefusedError when the question comes too soon, or differs too little from an earlier one."""
        if self.problem:
            raise RefusedError(self.problem)
        wait = FREQUENCIES[at_most] * (1 - EARLY)
        same = [one.at for one in self._results if (one.network, one.question) == _name(plan)]
        if same and now - max(same) < wait:
            raise RefusedError(f"at_most: {plan.question} may run {at_most} at most and ran before")
        scopes = [frozenset(one.scope) for one in self._results if one.network == plan.network]
        if why := differencing.scope_refused(scopes, scope(plan), plan.minimum_cell):
            raise RefusedError(why)

    def earlier(self, plan: Plan) -> list[dict[str, str]]:
        """Who contributed which edition to earlier results about some of the same; of those computed here."""
        about = scope(plan)
        return [
            one.contributors
            for one in self._results
            if one.contributors and one.network == plan.network and not about.isdisjoint(one.scope)
        ]

    def add(self, plan: Plan, contributors: Mapping[str, str]) -> None:
        """Remember that the result of `plan` is opened; the same again only moves the time."""
        now = time.time()
        fresh = OpenedResult(
            plan.network,
            plan.question,
            sorted(scope(plan)),
            now,
            dict(contributors),
        )
        same = {**asdict(fresh), "at": 0}
        kept = [one for one in self._results if {**asdict(one), "at": 0} != same and now - one.at < KEEP]
        self._results = [*kept, fresh]
        files.replace(self._path, json.dumps([asdict(one) for one in self._results]))


def _result(row: Mapping[str, Any]) -> OpenedResult:
    one = OpenedResult(**row)
    texts = (one.network, one.question, *one.scope, *one.contributors, *one.contributors.values())
    if not (isinstance(one.scope, list) and isinstance(one.contributors, dict) and math.isfinite(one.at)):
        raise TypeError("no opened result")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("no opened result")
    return one


def scope(plan: Plan) -> frozenset[str]:
    """What the question is about: areas, or values."""
    return analyses.find(plan.analysis).scope(plan.parameters)


def meet(one: Plan, other: Plan) -> bool:
    """Whether two questions are about some of the same."""
    return one.network == other.network and not scope(one).isdisjoint(scope(other))


def _name(plan: Plan) -> tuple[str, str]:
    return plan.network, plan.question
