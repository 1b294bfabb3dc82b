"""The calendar of a network: everything in it that ends, from when on somebody has to act, who that is, and how."""

from __future__ import annotations

import dataclasses
import datetime
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from base import canonical
from network_topology import model
from publication import identity, metadata, profile, verified

EARLY = {
    "CA": datetime.timedelta(days=365),
    "agreement": datetime.timedelta(days=60),  # lawyers and boards of two parties take weeks to sign
    "DPIA": datetime.timedelta(days=90),
    "question": datetime.timedelta(days=60),
    "allowance": datetime.timedelta(days=30),
    "gateway key": datetime.timedelta(days=365),
    "upgrade": datetime.timedelta(days=14),
}
"""How long before the end somebody has to begin, by kind; of certificates and lists it is a share of their life."""
DPIA_YEARS = 3
"""After which an assessment is looked at again: a habit. The law asks for it where the risk changes (GDPR, 35.11)."""
KEY_YEARS = 2
"""After which a gateway key is called too old: a habit, of which a year before its end there is time for the other one.
Nothing refuses it then; a key that somebody copied unseen is of use for as long as it counts."""
LATER, DUE, ENDED = "later", "due", "ended"


@dataclasses.dataclass(frozen=True)
class End:
    """One thing that ends at a moment, and what is to be done about it from another moment on."""

    kind: str
    what: str
    ends: datetime.datetime
    due: datetime.datetime
    who: str
    remedy: str
    on_day: bool = False
    """Whether it ends with a day, as agreements do."""

    def state(self, moment: datetime.datetime) -> str:
        """LATER, DUE or ENDED."""
        return ENDED if self.ends <= moment else DUE if self.due <= moment else LATER

    @property
    def until(self) -> str:
        """The last day, or the last minute, that it holds (UTC)."""
        return str(self.ends.date()) if self.on_day else self.ends.strftime("%Y-%m-%d %H:%M")

    def line(self, moment: datetime.datetime) -> str:
        """For people."""
        state = self.state(moment)
        when = {LATER: f"from {self.due.date()}", DUE: "now", ENDED: "too late"}[state]
        return f"{state:<6} {self.until:<16} {self.what}; {when} {self.who}: {self.remedy}"

    def document(self, moment: datetime.datetime) -> dict[str, str]:
        """For programs."""
        said = {"kind": self.kind, "what": self.what, "state": self.state(moment), "until": self.until}
        moments = {"due": self.due.isoformat(), "ends": self.ends.isoformat()}
        return said | moments | {"who": self.who, "remedy": self.remedy}


def of(
    network: str,
    definition: model.Definition,
    published: verified.Verified | None,
    questions: Mapping[str, model.Question],
    allowed: Mapping[str, Iterable[Mapping[str, Any]]] = types.MappingProxyType({}),
) -> list[End]:
    """Everything that ends, in order. `allowed`: organisation → rows of `station questions --json` there."""
    found = [
        *(_signed(network, published) if published else ()),
        *_upgrade(network, published.definition if published else definition),
        *_papers(network, definition),
        *(_asked(network, name, one) for name, one in questions.items()),
        *(_allowed(organisation, row) for organisation, rows in allowed.items() for row in rows if row.get("until")),
    ]
    return sorted(found, key=lambda one: (one.ends, one.what))


def now_to_do(ends: Iterable[End], moment: datetime.datetime) -> list[End]:
    """Those of which something is due, or that have ended."""
    return [one for one in ends if one.state(moment) != LATER]


def _signed(network: str, published: verified.Verified) -> Iterator[End]:
    """What the coordinator signed: lists and certificates by a share of their life, as they are signed anew."""
    again, up = f"werkplaats trust publish {network}", f"then each operator: werkplaats up {network}"
    for organisation, one in published.identities.items():
        certificate = one.station_certificate
        yield End(
            "certificate",
            f"certificate of {organisation}",
            certificate.not_valid_after_utc,
            profile.due(certificate),
            "coordinator",
            f"{again}; then the operator of {organisation}: werkplaats up {network}",
        )
        yield _gateway_key(network, organisation, one)
    for by in published.trusted:
        listed, of = by.revocations, f" of CA-{by.generation}" if len(published.trusted) > 1 else ""
        if listed.next_update_utc is not None:
            life = listed.next_update_utc - listed.last_update_utc - profile.BACKDATED
            due = listed.next_update_utc - life * 2 / 3
            yield End("list", f"revocation list{of}", listed.next_update_utc, due, "coordinator", f"{again}; {up}")
    yield from _roles(network, published)
    if len(published.trusted) > 1:
        yield _rolling(network, published)
        return
    ends = published.authority.not_valid_after_utc
    remedy = (
        f"werkplaats trust roll {network}, for which root holders sign: werkplaats trust root sign {network} --key "
        f"FILE; {again}, and then as this calendar says"
    )
    yield End("CA", f"CA of {network}", ends, ends - EARLY["CA"], "coordinator", remedy)


def _rolling(network: str, published: verified.Verified) -> End:
    """The step to which a CA came that takes the place of another, and who takes the next one.

    It ends with what the earlier one signed: its certificate, or its last list, where it makes no other.
    """
    before, after = published.by_generation
    ends = before.authority.not_valid_after_utc
    ends = min(ends, before.revocations.next_update_utc or ends)
    again = f"werkplaats trust publish {network}"
    accept = f"each operator that did not yet: werkplaats accept {network}; werkplaats up {network}"
    if published.trusted[0] is before:
        what = f"CA-{after.generation} is trusted beside CA-{before.generation}, of which all certificates are"
        remedy = f"{accept}; when all did, the coordinator: werkplaats trust roll {network} --switch"
    else:
        what = f"certificates are of CA-{after.generation}, and CA-{before.generation} is trusted too"
        remedy = (
            f"{accept}; when no gateway shows a certificate of CA-{before.generation}, the coordinator: werkplaats "
            f"trust roll {network} --drop; root holders sign for that: werkplaats trust root sign {network} --key "
            f"FILE; {again}"
        )
    said = canonical.moment(published.published)
    return End("CA", what, ends, min(said, ends), "each operator, then coordinator", remedy)


def _roles(network: str, published: verified.Verified) -> Iterator[End]:
    """What is signed of the publication itself: by its coordinator, and by root and release holders."""
    said = canonical.moment(published.published)
    for role, ends in published.ends.items():
        life = ends - said if role in metadata.COORDINATORS else metadata.LIFETIMES[role]
        who, remedy = metadata.who(role).removeprefix("the "), f"werkplaats trust publish {network}"
        if role not in metadata.COORDINATORS:
            sign = f"{metadata.signs(role)} {network} --key FILE"
            who, remedy = f"coordinator, {who}", f"{remedy}, which asks them anew; each of them: {sign}; {remedy}"
        yield End("role", f"{role} of the publication", ends, ends - life / 3, who, remedy)


def _gateway_key(network: str, organisation: str, one: identity.Identity) -> End:
    """How old the key of a gateway is: its certificate is signed anew again and again, for the same key."""
    approved = canonical.moment(one.approved)
    ends = _moment_years_later(approved, KEY_YEARS)
    remedy = (
        f"werkplaats trust renew-key {network} {organisation}, its request goes to the coordinator: werkplaats trust "
        f"publish {network}; then werkplaats up {network}"
    )
    who, what = f"operator of {organisation}", f"gateway key of {organisation}, of {approved.date()}"
    return End("gateway key", what, ends, ends - EARLY["gateway key"], who, remedy)


def _papers(network: str, definition: model.Definition) -> Iterator[End]:
    remedy = f"sign it anew, write the new `until:` in the definition; werkplaats trust publish {network}"
    for groups in (definition.organisations, definition.processors):
        for slug, card in groups.items():
            if card.agreement and card.agreement.until:
                yield _on_day("agreement", f"agreement of {slug}", card.agreement.until, f"{slug}, coordinator", remedy)
    if definition.dpia:
        until = _years_later(definition.dpia, DPIA_YEARS)
        remedy = f"look at it again, and write the day in the definition; werkplaats trust publish {network}"
        yield _on_day("DPIA", f"DPIA of {definition.dpia}", until, "coordinator, all organisations", remedy)


def _upgrade(network: str, definition: model.Definition) -> Iterator[End]:
    """The last day on which a station may run the release before: by what is published, which is what others go by."""
    if definition.upgrading_until is None:
        return
    what = f"upgrade of {network} from release {definition.upgrading_from} to {definition.release}"
    remedy = (
        f"werkplaats accept {network}, then werkplaats upgrade start {network} --to {definition.release}; once all "
        "have moved the coordinator takes upgrading_from and upgrading_until out: werkplaats trust publish "
        f"{network}"
    )
    who = "each operator that did not yet, then coordinator"
    yield _on_day("upgrade", what, definition.upgrading_until, who, remedy)


def _asked(network: str, name: str, asked: model.Question) -> End:
    remedy = f"agree on a new term or take its file away; werkplaats trust publish {network}"
    return _on_day("question", f"question {name}", asked.term.until, "coordinator, its stewards", remedy)


def _allowed(organisation: str, row: Mapping[str, Any]) -> End:
    until, name = datetime.date.fromisoformat(row["until"]), row["question"]
    remedy = f"station questions {name}; then station allow {name} --digest DIGEST, or station refuse {name}"
    return _on_day("allowance", f"allowance of {organisation} for {name}", until, f"steward of {organisation}", remedy)


def _on_day(kind: str, what: str, last: datetime.date, who: str, remedy: str) -> End:
    ends = datetime.datetime.combine(last, datetime.time.max, datetime.UTC)
    first = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return End(kind, what, ends, ends - min(EARLY[kind], ends - first), who, remedy, on_day=True)


def _moment_years_later(moment: datetime.datetime, years: int) -> datetime.datetime:
    return datetime.datetime.combine(_years_later(moment.date(), years), moment.timetz())


def _years_later(day: datetime.date, years: int) -> datetime.date:
    year = min(day.year + years, datetime.MAXYEAR)
    return day.replace(year=year, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=year)
