"""Which incidents fit what was seen: causes alone, the likeliest first, nothing destructive before what is mild."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from runbooks.framework import seen
from runbooks.framework.incident import Fit, Incident

BETWEEN = "network"
"""The group of what several servers saw of what is between them; all else a server says of itself."""


@dataclasses.dataclass(frozen=True)
class Found:
    """A cause: the incident, how it fits, what follows from it, and which milder one is to be tried before it."""

    incident: Incident
    fit: Fit
    consequences: tuple[str, ...] = ()
    first: str = ""

    def document(self) -> dict[str, object]:
        """As `--json` shows it."""
        return {
            "incident": self.incident.name,
            "title": self.incident.title,
            "subject": self.fit.subject,
            "score": self.fit.score,
            "evidence": list(self.fit.evidence),
            "explains": list(self.consequences),
            "interrupts": self.incident.interrupts,
            "loses": self.incident.loses,
            "first": self.first,
        }


def diagnose(what: seen.Seen, incidents: Iterable[Incident]) -> list[Found]:
    """The causes of what was seen; empty where nothing is wrong."""
    fits = [(one, fit) for one in incidents for fit in one.fits(what)]
    causes = [one for one in fits if not any(_explains(other, one) for other in fits)]
    found = []
    for incident, fit in causes:
        follow = [f"{of.name} of {at.subject}" for of, at in fits if _explains((incident, fit), (of, at))]
        milder = [of for of, at in causes if not of.destructive and seen.ends(at.subject) & seen.ends(fit.subject)]
        first = min((of.name for of in milder), default="") if incident.destructive else ""
        found.append(Found(incident, fit, tuple(sorted(follow)), first))
    return sorted(found, key=lambda one: (bool(one.first), -one.fit.score, one.incident.name, one.fit.subject))


def _explains(cause: tuple[Incident, Fit], effect: tuple[Incident, Fit]) -> bool:
    """Whether one follows from the other: by the names, at the same place, and not against what others saw there."""
    (incident, fit), (other, its) = cause, effect
    everywhere = incident.about == "network" and other.about != "network"
    at_its_place = everywhere or seen.ends(fit.subject) <= seen.ends(its.subject)
    by_own_word = incident.group != BETWEEN and fit.subject in its.witnessed
    return other.name in incident.explains and at_its_place and not by_own_word and not fit.ahead
