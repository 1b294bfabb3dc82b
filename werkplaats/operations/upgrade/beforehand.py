"""What a yes that was said beforehand covers, and what waits for a person: pure, so that each reason is in a table.

It covers the step from one release to a later one: `release`, `upgrading_from` and `upgrading_until` of the definition,
and the release's image. Where anything else waits for the operator's yes at the same time nothing is accepted at all,
since a publication is accepted as a whole. Of who signed all must have that the operator named, and beside them as many
release holders as the network asks for: a threshold among those who were named would let fewer of them do.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from network_topology import model, released
from publication import acceptance, verified
from publication.following import applied
from werkplaats.operations.reach import windows
from werkplaats.operations.upgrade import preflight

RELEASE = "release"
"""The kind of change (`diff.Change.kind`) that a yes beforehand may be about; each of these is looked at below."""
ALLOWS: Mapping[windows.Size, Sequence[str]] = {"patch": ("patch",), "minor": ("patch", "minor")}


class Verdict(enum.StrEnum):
    """What a yes beforehand comes to now, of one station."""

    MOVES = "moves"
    CLOSED = "closed"
    """Not before the next window."""
    THERE = "there"
    """Its station runs the release that is published; whatever else waits there is none of an upgrade's."""
    PERSON = "person"
    """Somebody has to say yes, or look."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """What may be done of one station now. `why`: what a person has to look at, each a sentence.

    `at` is when the window closes that is open, or when the next one opens, UTC.
    """

    rule: windows.Rule
    verdict: Verdict
    at: datetime.datetime
    is_open: bool
    accepts: bool = False
    """Whether something of it waits for the yes that was said beforehand."""
    why: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """When, as a clock in the zone of the rule shows it."""
        return f"{'open until' if self.is_open else 'next on'} {self.rule.there(self.at):%A %Y-%m-%d %H:%M %Z}"


def decide(
    rule: windows.Rule,
    published: verified.Verified,
    judged: applied.Applied,
    runs: model.Release | None,
    now: datetime.datetime,
    known: Collection[model.Release] = (),
) -> Decision:
    """What a rule allows now of a station whose server was judged, and which `runs` a release (None: a strange one).

    `known`: releases of which it is known what they say, beside those that are published.
    """
    if runs is not None and runs.image_id == published.release.image_id:
        return timed(rule, now, Verdict.THERE)
    waits = judged.comparison.waits if judged.comparison else ()
    if why := tuple(dict.fromkeys(persons(rule, published, judged, runs, known))):
        return timed(rule, now, Verdict.PERSON, why)
    return dataclasses.replace(
        timed(rule, now, Verdict.MOVES if rule.open_at(now) else Verdict.CLOSED), accepts=bool(waits)
    )


def timed(rule: windows.Rule, now: datetime.datetime, verdict: Verdict, why: Sequence[str] = ()) -> Decision:
    """A decision with the window of now, or the next one."""
    is_open = rule.open_at(now)
    return Decision(rule, verdict, rule.closes(now) if is_open else rule.opens(now), is_open, why=tuple(why))


def persons(
    rule: windows.Rule,
    published: verified.Verified,
    judged: applied.Applied,
    runs: model.Release | None,
    known: Collection[model.Release] = (),
) -> Iterator[str]:
    """Every reason why a person has to look; none where the yes beforehand covers all that waits."""
    accepted, comparison = judged.accepted, judged.comparison
    if judged.refused:
        yield judged.refused
    if accepted is None or comparison is None or judged.root is not applied.Root.SAME:
        yield "what was accepted on its server is of no root, or of another than this publication"
        return
    yield from (change.text for change in comparison.waits if change.kind != RELEASE)
    told = (change.text for change in (*comparison.waits, *comparison.applies))
    yield from (text for text in told if text.startswith(acceptance.WARNING))
    yield from _others(accepted, published)
    yield from _not_newer(accepted, published.release)
    yield from _signatures(rule, published)
    if runs is None:
        yield "its station runs an image of no release that is known here"
        return
    yield from _step(rule, runs, published.release)
    yield from _jumped_over(runs, published.release, (*published.releases.values(), *accepted.releases, *known))
    yield from _breaks(runs, published.release)


def _others(accepted: acceptance.Accepted, published: verified.Verified) -> Iterator[str]:
    """Images that a yes to this publication would be a yes to as well."""
    known = {one.release: one for one in accepted.releases}
    for one in filter(None, (published.release, published.earlier)):
        if known.get(one.release, one) != one:
            yield f"release {one.release} is not the one that was accepted: its contents changed"
    earlier = published.earlier
    if earlier and earlier.release not in known:
        yield f"release {earlier.release}, which stations may go on running, was never accepted on its server"


def _not_newer(accepted: acceptance.Accepted, to: model.Release) -> Iterator[str]:
    """Whoever publishes an earlier one again keeps from stations what the later one repairs."""
    for one in accepted.releases:
        if one.release != to.release and not (_are_versions(one, to) and numbers(one) < numbers(to)):
            yield f"release {to.release} is not newer than {one.release}, which was accepted on its server"


def _signatures(rule: windows.Rule, published: verified.Verified) -> Iterator[str]:
    for key in rule.signed_by:
        if key not in published.released_by:
            yield f"{key} has not signed for the releases as they are published now"


def _step(rule: windows.Rule, runs: model.Release, to: model.Release) -> Iterator[str]:
    if not _are_versions(runs, to):
        yield f"from {runs.release} to {to.release} is no step from one numbered release to another"
        return
    before, after = numbers(runs), numbers(to)
    if after <= before:
        yield f"release {to.release} is not newer than {runs.release}, which its station runs"
    elif (size := _size(before, after)) not in ALLOWS[rule.releases]:
        yield f"from release {runs.release} to {to.release} is a {size} step, and what was said covers {rule.releases}"
    yield from (one.text for one in preflight.jump(to, [runs], (runs, to)))


def _are_versions(*releases: model.Release) -> bool:
    return all(released.is_version(one.release) for one in releases)


def numbers(release: model.Release) -> tuple[int, ...]:
    """The numbers of a release that has them."""
    return tuple(map(int, release.release.split(".")))


def _size(before: Sequence[int], after: Sequence[int]) -> str:
    """The first number in which they differ, by its name."""
    return next(
        name for name, one, other in zip(("major", "minor", "patch"), before, after, strict=True) if one != other
    )


def _jumped_over(runs: model.Release, to: model.Release, known: Iterable[model.Release]) -> Iterator[str]:
    """What the releases in between say, which its station never runs; where one is not known nobody can tell."""
    if not _are_versions(runs, to):
        return
    first, last = numbers(runs), numbers(to)
    between = [one for one in known if _are_versions(one) and first < numbers(one) < last]
    for one in between:
        yield from _notes(one)
    named = {name for one in (to, *between) for name in one.may_upgrade_from if released.is_version(name)}
    counted = itertools.chain(_counted(first, last), sorted(tuple(map(int, name.split("."))) for name in named))
    there = {numbers(one) for one in between}
    if unknown := next((one for one in counted if first < one < last and one not in there), None):
        name = ".".join(map(str, unknown))
        yield f"release {name} lies between {runs.release} and {to.release}, and what it breaks is not known here"


def _counted(first: Sequence[int], last: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The numbers between two of one major release that there must have been, as they are counted."""
    (major, minor, patch), (_, until_minor, until_patch) = first, last
    yield from ((major, between, 0) for between in range(minor + 1, until_minor))
    begins = patch + 1 if minor == until_minor else 0
    yield from ((major, until_minor, between) for between in range(begins, until_patch))


def _notes(release: model.Release) -> Iterator[str]:
    for one in release.breaking:
        yield f"release {release.release}: this only affects you if {one.affects}: {one.do}"


def _breaks(runs: model.Release, to: model.Release) -> Iterator[str]:
    yield from _notes(to)
    for name in sorted({*runs.analyses} - {*to.analyses}):
        yield f"release {to.release} has no analysis {name}, which {runs.release} has"
    if not {*runs.protocols} & {*to.protocols}:
        yield f"release {to.release} speaks no protocol of {runs.release}: it meets nobody who runs that one"
