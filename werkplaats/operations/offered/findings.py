"""What a finding is, and the rows that make them: a row sees one thing, and says why it matters and what to do."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence

from base import errors
from werkplaats.operations.offered.answer import Facts

LONGEST = 400  # characters of a sentence, of which an owner's server may have said a part


class Severity(enum.StrEnum):
    """What a finding means for who offers the server."""

    GOOD = "good"
    TELLS = "tells"  # it is said, and nothing need be done
    DECIDES = "decides"  # the owner decides, or sets something; until then a part of the station may not work
    STOPS = "stops"  # no station here, or something of the owner's would stop: `up` leaves the server out


@dataclasses.dataclass(frozen=True)
class Way:
    """To a gateway that this station's gateway will call: where, by which name, with which certificate."""

    organisation: str
    host: str
    port: int
    name: str
    subject: str


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a station of this organisation needs of its server. `port`: its gateway's, None where it has none.

    `far`: whether ways to others were tried too. `owners`: parts of the server that are its owner's to set, by the
    operator's inventory; `told`: those of which it says whose they are, either way. `inbound`: port → the addresses of
    all who must reach it. `place`: where the publication is fetched at a web server, "" where nowhere.
    """

    organisation: str
    network: str
    port: int | None = None
    ways: Sequence[Way] = ()
    far: bool = True
    owners: Sequence[str] = ()
    told: Sequence[str] = ()
    inbound: Mapping[int, Sequence[str]] = dataclasses.field(default_factory=dict)
    place: str = ""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was seen of one part of a server; `why` it matters and the `remedy` are "" where all is well."""

    part: str
    severity: Severity
    seen: str
    why: str = ""
    remedy: str = ""


Look = Callable[[Facts, Wanted], str]


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that can be found. `found` says what was seen, "" when it is not so."""

    severity: Severity
    found: Look
    why: str
    remedy: str

    def findings(self, part: str, facts: Facts, wanted: Wanted) -> list[Finding]:
        """The one that it makes, if it is so."""
        port = "" if wanted.port is None else str(wanted.port)
        seen = plain(self.found(facts, wanted))
        return [Finding(part, self.severity, seen, self.why, self.remedy.replace("{port}", port))] if seen else []


@dataclasses.dataclass(frozen=True)
class Faults:
    """Things that the roles refuse by too, each with its own remedy: what is so, and what to do about it."""

    severity: Severity
    found: Callable[[Facts, Wanted], Sequence[tuple[str, str]]]
    why: str

    def findings(self, part: str, facts: Facts, wanted: Wanted) -> list[Finding]:
        """One for each of them."""
        rows = self.found(facts, wanted)
        return [Finding(part, self.severity, plain(seen), self.why, plain(remedy)) for seen, remedy in rows]


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a server: what is said of it when nothing is found, and what can be found."""

    name: str
    well: Look
    rows: Sequence[Row | Faults]


def judged(parts: Sequence[Part], facts: Facts, wanted: Wanted) -> list[Finding]:
    """Every finding of these parts; a part of which nothing is found has one that is good."""
    return [finding for part in parts for finding in _of(part, facts, wanted)]


def _of(part: Part, facts: Facts, wanted: Wanted) -> list[Finding]:
    found = [finding for row in part.rows for finding in row.findings(part.name, facts, wanted)]
    if any(one.severity is not Severity.TELLS for one in found):
        return found
    return [Finding(part.name, Severity.GOOD, plain(part.well(facts, wanted))), *found]


def plain(text: str) -> str:
    """A sentence on one line, of which others may have written a part."""
    return errors.printable(errors.shortened(" ".join(text.split()), LONGEST))


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names in a sentence, the first of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
