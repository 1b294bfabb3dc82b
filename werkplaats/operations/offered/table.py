"""The one table of everything that can be found of an offered server; `doctor` tells it, `up` refuses on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from werkplaats.operations.offered import access, around, engine, machine, packages
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Finding, Severity, Wanted, judged

PARTS = (*machine.PARTS, *access.PARTS, *engine.PARTS, *around.PARTS, *packages.PARTS)


def judge(facts: Facts, wanted: Wanted) -> list[Finding]:
    """Every finding, in the order of the table."""
    return judged(PARTS, facts, wanted)


def stops(found: Iterable[Finding]) -> str:
    """Why no station can be placed, in one sentence; "" where one can."""
    return "; ".join(f"{one.seen}; {one.remedy} ({one.why})" for one in found if one.severity is Severity.STOPS)


def of(found: Iterable[Finding], severity: Severity) -> Sequence[Finding]:
    """Those of one severity."""
    return [one for one in found if one.severity is severity]
