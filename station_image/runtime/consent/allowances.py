"""What the steward of this organisation allows: files that only the steward's account writes; no container can.

An allowance holds the whole question as it was allowed, so that a later difference can be named by its field. It is
read at each use: a withdrawal holds from the next session on.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..accepted import statement
from ..accepted.networks import Network
from ..base import files
from ..base.contract import FREQUENCIES, State
from ..base.refusal import RefusedError


class NotAllowedError(RefusedError):
    """The steward here does not allow a question now; `state` is how it stands."""

    def __init__(self, state: State, why: str) -> None:
        super().__init__(why)
        self.state = state


@dataclass(frozen=True)
class Allowance:
    """The consent of one organisation to one question: until the end of a day (UTC), and how often `at_most`.

    `allowed` is when, in seconds since 1970.
    """

    document: Mapping[str, Any]
    until: datetime.date
    at_most: str
    allowed: int = 0


@dataclass(frozen=True)
class Standing:
    """How a question stands with the steward here; `problem` says why it is not allowed, `until` when it would end."""

    state: State
    problem: str
    until: datetime.date | None


class Allowances:
    """The folder of allowances."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def standing(self, network: str, document: Mapping[str, Any], now: float, since: int = -1) -> Standing:
        """How a question that was delivered stands here; an allowance up to `since` counts no more."""
        allowance = None
        try:
            allowance = self.find(network, document["question"])
            check(document, allowance, now, since)
        except NotAllowedError as error:
            return Standing(error.state, str(error), allowance.until if allowance else None)
        return Standing(State.ALLOWED, "", allowance.until if allowance else None)

    def find(self, network: str, question: str) -> Allowance | None:
        """The allowance of a question, None where there is none. Raises NotAllowedError for a damaged one."""
        path = self._folder / f"{network}~{question}.json"
        try:
            content = json.loads(files.read(path))
            document, until = dict(content["question"]), datetime.date.fromisoformat(content["until"])
            at_most, allowed = str(content.get("at_most", document["at_most"])), int(content.get("allowed", 0))
            found = Allowance(document, until, at_most, allowed)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise _changed(f"allowance: {path.name} cannot be read; its steward allows it anew") from error
        if statement.digest(found.document) != content.get("digest"):
            raise _changed(f"allowance: {path.name} was edited; its steward allows it anew")
        if FREQUENCIES.get(found.at_most, -1) < FREQUENCIES.get(document["at_most"], 0):
            raise _changed(f"at_most: {path.name} is for another frequency; its steward allows it anew")
        return found


def question(network: Network, name: str) -> Mapping[str, Any]:
    """The question as it was delivered to this station. Raises RefusedError where there is none."""
    found = network.questions.get(name)
    if found is None:
        raise RefusedError(f"question: none of the name {name!r} was delivered to this station")
    return found


def check(document: Mapping[str, Any], allowance: Allowance | None, now: float, since: int = -1) -> Allowance:
    """The allowance. Raises NotAllowedError naming the field unless the steward allows this very question today.

    One up to `since`, when this station went back, may have been withdrawn after what came back was copied.
    """
    name, today = document["question"], datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    if allowance is None:
        raise NotAllowedError(State.WAITS, f"allowance: the steward here does not allow {name}")
    for field in sorted({*document, *allowance.document}):
        if document.get(field) != allowance.document.get(field):
            raise _changed(f"{field}: not as the steward here allowed it for {name}")
    if allowance.allowed <= since:
        raise _changed("allowance: given before this station went back in its register; its steward allows it anew")
    for field, until in (("allowance", allowance.until), ("until", _day(document["until"]))):
        if today > until:
            raise _ended(f"{field}: {name} ended on {until}")
    for station, agreement in sorted(document["agreements"].items()):
        if agreement.get("until") and today > _day(agreement["until"]):
            raise _ended(f"agreements: that of {station} lapsed on {agreement['until']}")
    return allowance


def _changed(why: str) -> NotAllowedError:
    return NotAllowedError(State.CHANGED, why)


def _ended(why: str) -> NotAllowedError:
    return NotAllowedError(State.ENDED, why)


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)
