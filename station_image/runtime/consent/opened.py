"""What was opened before, kept by this station: for the agreed frequency, and against differencing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import analyses
from ..accepted import statement
from ..base import contract, files
from ..base.contract import FREQUENCIES, HOUR
from ..base.journal import note
from ..base.refusal import RefusedError
from ..data import cells, differencing, editions
from ..data.cells import Asked
from ..data.differencing import Earlier
from .plan import Plan

EARLY = 0.02
"""A daily question may come this part of its interval early: nobody starts it at the same second each day."""
KEEP = 2 * 366 * 24 * HOUR
LATEST = 253_402_300_800
"""The year 10000, in seconds since 1970: a date of before it can be written; what others tell is held to it."""
TOLD_AT_ONCE = 256 * 1024
LEARNT_AT_ONCE = 3 * TOLD_AT_ONCE
"""Characters of results after which an answer ends, and in one that is taken: a result of a large question is long."""


@dataclass(frozen=True)
class OpenedResult:
    """One opened result. `contributors` is station → edition, of a station that did not compute it only itself.

    `session`: the one that this station contributed to, as long as it does not know whether anything was opened.
    `releases`: those of the computing parties, every time that it was opened, where a plan told them.
    """

    network: str
    question: str
    asked: Asked
    at: float
    contributors: Mapping[str, str]
    computed: bool
    session: str = ""
    releases: tuple[str, ...] = field(default=(), compare=False)

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON, as others are told it: of a release that knows nothing of releases too."""
        found = {name: value for name, value in vars(self).items() if name != "releases"}
        return {**found, "contributors": dict(self.contributors), "asked": self.asked.content}

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> OpenedResult:
        """From its JSON; what was written before cells were, states none. Raises TypeError, ValueError, KeyError."""
        people = dict(row["contributors"])
        if not (0 <= row["at"] < LATEST and all(isinstance(text, str) for text in (*people, *people.values()))):
            raise TypeError("no opened result")
        if "asked" in row:
            asked = row["asked"]
            parsed = asked if isinstance(asked, Asked) else Asked.parse(asked)
            releases = tuple(row.get("releases", ()))
            if not all(isinstance(release, str) for release in releases):
                raise TypeError("no releases")
            return cls(**{**row, "asked": parsed, "contributors": people, "releases": releases})
        return cls(row["network"], row["question"], Asked("", "", None, 0, 0), row["at"], people, bool(people))

    @property
    def same(self) -> tuple[object, ...]:
        """Equal for two that differ in their time only."""
        people = tuple(sorted(self.contributors.items()))
        return self.network, self.question, self.asked, people, self.computed, self.session

    def check(self, network: str) -> None:
        """Raise ValueError unless another station can have told this of a network."""
        asked = self.asked
        texts = (self.question, asked.analysis, asked.parameters)
        numbers = (asked.minimum_cell, asked.minimum_contributors)
        kinds = all(isinstance(one, str) for one in texts) and all(type(one) is int for one in numbers)
        kinds = kinds and type(asked.by_region) is bool
        if self.network != network or not kinds or type(self.computed) is not bool or self.session:
            raise ValueError("no opened result of this network")

    def beside(self, now: Asked, network: str, apart: str) -> Earlier:
        """What there is to know of it for a result that is asked for now; `apart` is what `cells.apart` says.

        It may be of another network: a station's data are the same in all of them.
        """
        minimum = max(self.asked.minimum_contributors, now.minimum_contributors)
        day = time.strftime("%Y-%m-%d", time.gmtime(self.at))
        alike = None in (self.asked.columns, now.columns) or self.asked.columns == now.columns
        where = "" if self.network == network else f" in {self.network}"
        named = f"{self.question}{where} of {day}"
        return Earlier(self.contributors, minimum, apart, alike, named, self.asked.regions)


class Opened:
    """Opened results in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: list[OpenedResult] = []
        self.problem = ""
        try:
            _, self._results = read(files.read(path))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            # Without it nobody knows what was opened: better no result than a pair of results that tells on somebody.
            self.problem = (
                f"{path.name}: what was opened before cannot be read; this station's operator puts the file back from "
                "a backup and starts the agent again: docker restart station-agent"
            )
            note("runs-unreadable", why=type(error).__name__)

    def check(self, plan: Plan, at_most: str, now: float) -> None:
        """Raise RefusedError when the question comes too soon, or nobody knows what was opened before."""
        if self.problem:
            raise RefusedError(self.problem)
        wait = FREQUENCIES[at_most] * (1 - EARLY)
        same = [one.at for one in self._results if (one.network, one.question) == _name(plan) and not one.session]
        if same and now - max(same) < wait:
            raise RefusedError(f"at_most: {plan.question} may run {at_most} at most and ran before")

    def check_own(self, plan: Plan, station: str, edition: str) -> None:
        """Raise RefusedError when this organisation's data are those of a result that could be subtracted.

        Each sees to its own: whether others brought new data only computing parties know.
        """
        for one, before in self._meeting(plan):
            if before.apart and before.alike and editions.same(one.contributors.get(station), edition):
                raise RefusedError(differencing.subtracted(before))

    def earlier(self, plan: Plan) -> list[Earlier]:
        """Earlier results about some of the same; of those computed here."""
        return [before for one, before in self._meeting(plan) if one.computed]

    def add(self, plan: Plan, contributors: Mapping[str, str], computed: bool = True) -> None:
        """Remember that the result of `plan` is opened; the same again only moves the time."""
        now = time.time()
        fresh = OpenedResult(plan.network, plan.question, asked(plan), now, dict(contributors), computed)
        again = [one for one in self._results if replace(one, at=now, session="") == fresh]
        releases = {*_releases(plan), *(release for one in again for release in one.releases)}
        known = {id(one) for one in again}
        others = [one for one in self._results if id(one) not in known and now - one.at < KEEP]
        self._results = _sharing([*others, replace(fresh, releases=tuple(sorted(releases)))])
        self._write()

    def expect(self, plan: Plan, own: Mapping[str, str]) -> None:
        """Remember, before a share leaves, what this station contributes to: until `forget` it may be opened.

        Who computes it tells how it ended, but perhaps while this station is down.
        """
        found = OpenedResult(plan.network, plan.question, asked(plan), time.time(), dict(own), False, plan.session)
        self._results = _sharing([*self._results, replace(found, releases=_releases(plan))])
        self._write()

    def forget(self, plan: Plan) -> None:
        """Nothing of the session of `plan` was opened."""
        self._results = [one for one in self._results if one.session != plan.session]
        self._write()

    def _write(self) -> None:
        files.replace(self._path, written(self._results, contract.OPENED.version))

    def told(self, network: str, station: str, computing: bool, begin: int) -> tuple[str, int]:
        """What `station` may be given back of results of a network: JSON from the `begin`-th on, and where to go on.

        Of all results who contributed what is for computing parties: they saw it when they computed. Who only
        contributes hears of its own. 0 where there are no more.
        """
        rows: list[str] = []
        for place, one in enumerate(self._results[begin:], begin):
            if one.network != network or not one.computed or not (computing or station in one.contributors):
                continue
            if sum(map(len, rows)) >= TOLD_AT_ONCE:
                return f"[{','.join(rows)}]", place
            own = {name: edition for name, edition in one.contributors.items() if computing or name == station}
            rows.append(json.dumps({**one.content, "contributors": own, "computed": computing}))
        return f"[{','.join(rows)}]", 0

    def learn(self, network: str, text: object) -> int:
        """Remember too what others remember of results of a network; returns how many. Raises RefusedError."""
        if self.problem:
            raise RefusedError(self.problem)
        now, known = time.time(), {one.same: one for one in self._results}
        try:
            learnt = _learnt(network, text)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise RefusedError("remembered: what cannot be read") from error
        for one in learnt:
            at = min(float(one.at), now)
            before = known.get(one.same)
            of_it = () if before is None else before.releases
            known[one.same] = replace(one, at=at if before is None else max(at, before.at), releases=of_it)
        self._results = _sharing(sorted(known.values(), key=lambda one: one.at))
        self._write()
        return len(learnt)

    def _meeting(self, plan: Plan) -> list[tuple[OpenedResult, Earlier]]:
        """Each earlier result about some of the same, in whatever network, and what there is to know of it."""
        now, results = asked(plan), self._results
        # The same question is asked every day: cells are compared once for all of its results.
        different = {id(one.asked): one.asked for one in results}
        apart = {key: cells.apart(one, now) for key, one in different.items() if cells.meet(one, now)}
        return [(one, one.beside(now, plan.network, apart[id(one.asked)])) for one in results if id(one.asked) in apart]


def read(text: str | bytes) -> tuple[int, list[OpenedResult]]:
    """Which format a file has, and the results in it. Raises KeyError, ValueError, TypeError and the like."""
    content = json.loads(text)
    if isinstance(content, list):  # until format 2 what was asked stood in each
        return 2, _sharing(map(OpenedResult.parse, content))
    asked = [Asked.parse(one) for one in content["asked"]]
    tables: dict[str, list[Any]] = {"asked": asked}
    if "releases" in content:
        tables["releases"] = list(content["releases"])
    rows = list(content["results"])
    if any(type(row[name]) is not int or row[name] < 0 for row in rows for name in tables):
        raise ValueError("no place among what was asked, or the releases")
    placed = ({**row, **{name: table[row[name]] for name, table in tables.items()}} for row in rows)
    return 3 if len(tables) == 1 else 4, _sharing(map(OpenedResult.parse, placed))


def written(results: Iterable[OpenedResult], version: int) -> str:
    """The text of a file in format 3 or 4."""
    results = [*results]
    # Each asked set once: the same question is asked every day, and says of thousands of areas which cells it has.
    asked = {one: place for place, one in enumerate(dict.fromkeys(one.asked for one in results))}
    releases = {one: place for place, one in enumerate(dict.fromkeys(one.releases for one in results))}
    rows = [
        {
            **vars(one),
            "contributors": dict(one.contributors),
            "asked": asked[one.asked],
            "releases": releases[one.releases],
        }
        for one in results
    ]
    tables: dict[str, Any] = {"asked": [one.content for one in asked], "releases": [list(one) for one in releases]}
    if version < 4:
        del tables["releases"]
        rows = [{name: value for name, value in row.items() if name != "releases"} for row in rows]
    return json.dumps({**tables, "results": rows})


def _releases(plan: Plan) -> tuple[str, ...]:
    return tuple(sorted({release for one, release in plan.ran.get("releases", {}).items() if one in plan.computing}))


def _learnt(network: str, text: object) -> list[OpenedResult]:
    """What another station told of results of a network. Raises TypeError, ValueError, KeyError and the like."""
    if not isinstance(text, str) or len(text) > LEARNT_AT_ONCE:
        raise TypeError("no text, or a long one")
    found = [OpenedResult.parse(row) for row in list(json.loads(text))]
    for one in found:
        one.check(network)
    return found


def _sharing(results: Iterable[OpenedResult]) -> list[OpenedResult]:
    """These results, where equal `asked` are one object."""
    known: dict[Asked, Asked] = {}
    return [replace(one, asked=known.setdefault(one.asked, one.asked)) for one in results]


def asked(plan: Plan) -> Asked:
    """What decides which numbers the plan's result has. Raises AnalysisError."""
    stated = analyses.cells_of(plan.analysis, plan.parameters)
    parameters = statement.digest(plan.parameters)
    by_region = analyses.by_region(plan.analysis, plan.parameters)
    return Asked(plan.analysis, parameters, stated, plan.minimum_cell, plan.minimum_contributors, by_region)


def meet(one: Plan, other: Plan) -> bool:
    """Whether two questions are about some of the same, in one network or in two."""
    return cells.meet(asked(one), asked(other))


def _name(plan: Plan) -> tuple[str, str]:
    return plan.network, plan.question
