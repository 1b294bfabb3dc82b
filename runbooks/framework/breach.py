"""A notification of a personal data breach, filled in as far as a network knows: article 33 of the GDPR.

The article: Regulation (EU) 2016/679, article 33. Its third paragraph says what a notification holds at least, (a) to
(d); the first gives 72 hours from when the controller became aware; the fourth allows to follow in phases; the fifth
has the controller keep facts, effects and measures in any case. Each organisation is the controller of its own data, so
each has its own. What only people know is left open, and marked so that nobody takes it for filled in.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from base import canonical
from network_topology import operators
from runbooks.framework import report, seen
from runbooks.framework.record import Record
from runbooks.framework.steps import StepError

HOURS = 72
LONGEST = 4000
"""Characters of what a question says of all its fields."""
KNOWN = re.compile(r"\bknown (?:since )?(\d{4}-\S+)", re.IGNORECASE)
"""In a reason: since when it is known, where that was before the record began."""
_OPENED = ("opening", "result")
_SHARED = ("contributed", "run", *_OPENED)


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question, as it is defined: what it is for, what its fields hold in words, to whom its results go."""

    purpose: str
    fields: Mapping[str, str]
    results_to: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of one organisation: `entries` of its register, what is kept and what was not, which links work."""

    network: str
    organisation: str
    known: datetime.datetime
    names: Mapping[str, str]
    """Organisation → as people know it."""
    questions: Mapping[str, Asked]
    sets: tuple[tuple[str, ...], ...]
    """Every set of computing parties that a session may have had."""
    entries: tuple[Mapping[str, Any], ...] = ()
    kept: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lost: Mapping[str, str] = dataclasses.field(default_factory=dict)
    working: tuple[str, ...] = ()

    def name(self, organisation: str) -> str:
        """An organisation as people know it, and as the network does."""
        return _line(f"{self.names[organisation]} ({organisation})" if organisation in self.names else organisation)


def known(told: Record) -> datetime.datetime:
    """Since when it is known: when the record began, or an earlier moment that a reason names.

    Raises StepError for one that is none in the last reason; in one before it, it was said better since.
    """
    found = [canonical.moment(told.entries[0].at)]
    reasons = [one.told["reason"] for one in told.of_kind("runs")]
    for reason in reasons:
        for text in KNOWN.findall(reason):
            try:
                found.append(_moment(text.rstrip(".,;:)\"'")))
            except StepError:
                if reason == reasons[-1]:
                    raise
    return min(found)


def _moment(text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise StepError(f"known {text}: say of which zone: 2027-01-04T02:40Z, or 2027-01-04T03:40+01:00")
        moment = moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise StepError(f"known {text}: that is no moment as in 2027-01-04T02:40Z") from error
    if moment > canonical.now():
        raise StepError(f"known {text}: that is still to come")
    return moment


def deadline(facts: Facts) -> str:
    """Until when it is to be notified."""
    return canonical.stamp(facts.known + datetime.timedelta(hours=HOURS))


def notification(told: Record, facts: Facts) -> str:
    """As Markdown; holds no value of anybody's data."""
    return "\n".join(line for part in PARTS for line in part(told, facts)) + "\n"


def _line(text: str) -> str:
    """A text of another organisation: a line of it, which is no heading, row or mark of this document."""
    return report.plain(seen.text(text, LONGEST))


def _open(what: str) -> str:
    return f"**[TO FILL IN: {what}]**"


def _head(told: Record, facts: Facts) -> Iterator[str]:
    yield f"# Notification of a personal data breach: {facts.organisation}, network {facts.network}"
    yield ""
    yield "A draft under article 33 of the GDPR, filled in from what the network knows. What stands in capitals between"
    yield "brackets only people know. A suspicion is no breach yet: whether it is one, and one that is to be notified,"
    yield "is for the controller to decide, with its data protection officer."
    yield ""
    yield f"- Record: {report.plain(told.id)}, head {told.head}, made {canonical.stamp(canonical.now())}"
    yield f"- Known since: {canonical.stamp(facts.known)}. Was it known earlier to the controller, that counts."
    yield f"- To be notified without undue delay, and before {deadline(facts)}: {HOURS} hours (33(1))"
    yield f"- Controller: {facts.name(facts.organisation)}. {_open('its number at the authority, where it has one')}"
    yield ""


def _nature(told: Record, facts: Facts) -> Iterator[str]:
    yield "## (a) Nature of the breach: article 33(3)(a)"
    yield ""
    reasons = dict.fromkeys(one.told["reason"] for one in told.of_kind("runs"))
    yield from (f"- Reported as: {report.plain(reason)}" for reason in reasons)
    yield f"- {_open('what happened: confidentiality, integrity or availability; how, when, by whom if known')}"
    yield f"- {_open('categories of data subjects, and approximately how many')}"
    yield f"- {_open('approximately how many records; the scientist sees rows of a question by `station data NAME`')}"
    yield ""
    yield f"Questions that {facts.organisation} took part in, by its register as it was kept:"
    yield ""
    rows = list(_questions(facts))
    if rows:
        yield "| question | purpose | categories of data, as the question names them | sessions | from | until |"
        yield "|---|---|---|---|---|---|"
        yield from rows
    else:
        yield _open("no register of it was kept here, or it has none; its steward looks: `station register`")
    yield ""
    yield "Results that were handed over, or may have been:"
    yield ""
    handed = list(_handed(facts))
    yield from handed or ["- none that its register as it was kept here tells of"]
    yield ""


def _sessions(facts: Facts, kinds: Collection[str]) -> dict[str, dict[str, int]]:
    """Question → session → when, of entries about data; of another network than this one it is NETWORK/QUESTION."""
    found: dict[str, dict[str, int]] = {}
    for one in facts.entries:
        name, session, network = one.get("question"), one.get("session"), one.get("network")
        asked = one.get("kind") in kinds and name != ACCEPTANCE
        if asked and isinstance(name, str) and isinstance(session, str):
            whole = name if network == facts.network else f"{network}/{name}"
            found.setdefault(seen.text(whole, 80), {})[session] = one["at"]
    return dict(sorted(found.items()))


ACCEPTANCE = "acceptance"
"""The session without anybody's data, as registers name it."""


def _questions(facts: Facts) -> Iterator[str]:
    for name, sessions in _sessions(facts, _SHARED).items():
        asked = facts.questions.get(name)
        purpose = _line(asked.purpose) if asked else _open("it is not defined here, or no more")
        holds = "; ".join(f"{field}: {words}" for field, words in asked.fields.items()) if asked else ""
        first, last = (_day(pick(sessions.values())) for pick in (min, max))
        cells = (report.plain(name), purpose, _line(holds), str(len(sessions)), first, last)
        yield f"| {' | '.join(cells)} |"


def _handed(facts: Facts) -> Iterator[str]:
    opened = _sessions(facts, _OPENED)
    ended = (one for one in facts.entries if one.get("kind") in ("run", "receipt") and one.get("outcome") == "done")
    for name, sessions in _sessions(dataclasses.replace(facts, entries=tuple(ended)), ("run", "receipt")).items():
        opened.setdefault(name, {}).update(sessions)
    for name, sessions in sorted(opened.items()):
        asked = facts.questions.get(name)
        whom = ", ".join(map(facts.name, asked.results_to)) if asked else _open("to whom: it is not defined here")
        yield f"- {report.plain(name)}: to {whom}; {len(sessions)} sessions, the last on {_day(max(sessions.values()))}"


def _day(seconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M}"


def _contact(_: Record, __: Facts) -> Iterator[str]:
    yield "## (b) Who can be asked: article 33(3)(b)"
    yield ""
    yield f"- {_open('name and contact details of the data protection officer, or of another contact point')}"
    yield ""


def _consequences(_: Record, facts: Facts) -> Iterator[str]:
    yield "## (c) Likely consequences: article 33(3)(c)"
    yield ""
    for parties in facts.sets:
        most = operators.threshold(parties)
        whom = ", ".join(map(facts.name, parties))
        which = "" if parties == facts.sets[0] else ", where another set computed it,"
        yield f"- Inputs of a session{which} are split into secret shares over {whom}."
        yield f"  Up to {most} of them learn nothing from shares; any {most + 1} together could read every input of it."
    yield "- Files that an organisation brought lie on its own server, readable for whoever was root there."
    yield "- Results hold totals of at least the agreed minimum. They lie where they were handed over, and cannot be"
    yield "  taken back."
    yield f"- {_open('what it likely means for the people whose data it is')}"
    yield ""


TAKEN = ("began", "runs", "already", "begins", "done", "failed")
"""Lines of a record that are measures; what was asked word for word stands in the record."""


def _measures(told: Record, facts: Facts) -> Iterator[str]:
    yield "## (d) Measures: article 33(3)(d)"
    yield ""
    yield "Taken, by the record until now:"
    yield ""
    yield from (f"- {one.at} {report.plain(report.sentence(one))}" for one in told.of_kind(*TAKEN))
    yield ""
    if facts.working:
        yield f"Links that still worked when this was written: {report.plain(', '.join(facts.working))}."
    else:
        yield "No link that can be looked at from here worked when this was written."
    yield ""
    yield f"- {_open('measures that are proposed, also to make consequences for people smaller')}"
    yield ""


def _later(_: Record, __: Facts) -> Iterator[str]:
    yield "## Later, and to whom else"
    yield ""
    yield f"- {_open('where it is later than the deadline: the reasons for the delay (33(1))')}"
    yield f"- {_open('what follows in a next phase, and when (33(4))')}"
    yield f"- {_open('whether the people are told, and how: a high risk to them (article 34)')}"
    yield f"- {_open('which other organisations and processors were told, when (33(2))')}"
    yield ""


def _evidence(_: Record, facts: Facts) -> Iterator[str]:
    yield "## Evidence that is kept (33(5))"
    yield ""
    yield from (f"- {report.plain(name)}, sha256 {digest}" for name, digest in facts.kept.items())
    yield from (f"- not kept of {report.plain(name)}: {report.plain(why)}" for name, why in facts.lost.items())
    if not (facts.kept or facts.lost):
        yield "- nothing"


PARTS = (_head, _nature, _contact, _consequences, _measures, _later, _evidence)
