"""What was opened before, kept by this station: for the agreed frequency, and against differencing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import analyses, differencing
from .journal import note
from .plan import Plan, PlanRefusedError

HOUR = 3600
AT_MOST: Mapping[str, float] = {
    "unlimited": 0,
    "hourly": HOUR,
    "daily": 24 * HOUR,
    "weekly": 7 * 24 * HOUR,
    "monthly": 28 * 24 * HOUR,
}
EARLY = 0.02
"""A daily question may come this part of its interval early: nobody starts it at the same second each day."""
KEEP = 2 * 366 * 24 * HOUR


@dataclass
class Opened:
    """One opened result. `contributors` is station → edition, empty at a station that did not compute it."""

    network: str
    collaboration: str
    analysis: str
    fields: list[str]
    scope: list[str]
    at: float
    contributors: dict[str, str] = field(default_factory=dict)


class Runs:
    """Opened results in one file, which is replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[Opened] = []
        self.problem = ""
        try:
            self._opened = [Opened(**row) for row in json.loads(path.read_text())]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            # Without it nobody knows what was opened: better no result than a pair of results that tells on somebody.
            self.problem = f"{path.name}: what was opened before cannot be read"
            note("runs-unreadable", why=error)

    def check(self, plan: Plan, document: Mapping[str, Any], now: float) -> None:
        """Raise PlanRefusedError when the question comes too soon, or differs too little from an earlier one."""
        if self.problem:
            raise PlanRefusedError(self.problem)
        wait = AT_MOST[document["at_most"]] * (1 - EARLY)
        same = [one.at for one in self._opened if (one.network, one.collaboration) == _name(plan)]
        if same and now - max(same) < wait:
            raise PlanRefusedError(f"at_most: {plan.collaboration} is agreed {document['at_most']} and ran before")
        scopes = [frozenset(one.scope) for one in self._related(plan, document)]
        if why := differencing.scope_refused(scopes, scope(plan), plan.minimum_cell):
            raise PlanRefusedError(why)

    def earlier(self, plan: Plan, document: Mapping[str, Any]) -> list[dict[str, str]]:
        """Who contributed which edition to earlier results on the same fields that share something with this one."""
        about = scope(plan)
        return [one.contributors for one in self._related(plan, document) if about & frozenset(one.scope)]

    def _related(self, plan: Plan, document: Mapping[str, Any]) -> list[Opened]:
        fields = sorted(document["fields"])
        name = plan.analysis.partition("/")[0]
        return [
            one
            for one in self._opened
            if one.contributors
            and (one.network, one.fields) == (plan.network, fields)
            and one.analysis.partition("/")[0] == name
        ]

    def add(self, plan: Plan, document: Mapping[str, Any], contributors: Mapping[str, str]) -> None:
        """Remember that the result of `plan` is opened; the same again only moves the time."""
        now = time.time()
        fresh = Opened(
            plan.network,
            plan.collaboration,
            plan.analysis,
            sorted(document["fields"]),
            sorted(scope(plan)),
            now,
            dict(contributors),
        )
        same = {**asdict(fresh), "at": 0}
        kept = [one for one in self._opened if {**asdict(one), "at": 0} != same and now - one.at < KEEP]
        self._opened = [*kept, fresh]
        part = self._path.with_suffix(".new")
        part.write_text(json.dumps([asdict(one) for one in self._opened]))
        part.replace(self._path)


def scope(plan: Plan) -> frozenset[str]:
    """What the question is about: areas, or values."""
    return analyses.find(plan.analysis).scope(plan.parameters)


def _name(plan: Plan) -> tuple[str, str]:
    return plan.network, plan.collaboration
