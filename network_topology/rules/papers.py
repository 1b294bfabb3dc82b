"""Rules on agreements and assessments: what must be signed before an organisation takes part."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context, model
from network_topology.rules.rule import Finding, organisation, rule

SOON_DAYS = 60  # lawyers and boards of two parties take weeks to sign


def _agreements(definition: model.Definition) -> Iterator[tuple[str, str, model.Agreement]]:
    """Every agreement: the group that it stands in, the slug there, and itself."""
    for group, cards in (("organisations", definition.organisations), ("processors", definition.processors)):
        for slug, card in cards.items():
            if card.agreement is not None:
                yield group, slug, card.agreement


def _lapsed(group: str, definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    for found, slug, agreement in _agreements(definition):
        if found == group and agreement.until is not None and agreement.until < known.today:
            text = f"{group[:-1]} {slug!r}: the agreement lapsed on {agreement.until}"
            yield Finding((group, slug, "agreement", "until"), text)


@rule(
    "organisations",
    "agreement",
    "role",
    why="an organisation with a station takes part under an agreement",
    remedy="add it when it is signed: `agreement: {kind: gvo, signed: 2026-02-01}`",
)
def agreement_signed(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, card in definition.stations.items():
        if card.agreement is None:
            yield Finding(("organisations", slug), organisation(slug, "no agreement is given"))


@rule(
    "organisations",
    "agreement",
    "processors",
    why="today is earlier, and what is not yet signed does not hold",
    remedy="write the day on which it was signed",
    outside=True,
)
def agreement_dates(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    for group, slug, agreement in _agreements(definition):
        if agreement.signed > known.today:
            text = f"{group[:-1]} {slug!r}: the agreement is signed on {agreement.signed}"
            yield Finding((group, slug, "agreement", "signed"), text)


@rule(
    "organisations",
    "agreement",
    why="every question that it takes part in stops with it",
    remedy="sign it anew and write the new `until:`, or take the organisation out",
    severity="warning",
    outside=True,
)
def agreement_lapsed(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    yield from _lapsed("organisations", definition, known)


@rule(
    "processors",
    "agreement",
    why="whoever runs a server for another does so under an agreement that holds (GDPR article 28)",
    remedy="sign it anew and write the new `until:`, or name another operator",
    severity="warning",
    outside=True,
)
def processor_lapsed(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    yield from _lapsed("processors", definition, known)


@rule(
    "organisations",
    "processors",
    "agreement",
    why="nothing follows it yet",
    remedy="sign it anew and write the new `until:`",
    severity="warning",
    outside=True,
)
def agreement_ends_soon(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    for group, slug, agreement in _agreements(definition):
        if agreement.until is not None and 0 <= (agreement.until - known.today).days < SOON_DAYS:
            text = f"{group[:-1]} {slug!r}: the agreement ends on {agreement.until}"
            yield Finding((group, slug, "agreement", "until"), text)


@rule(
    "dpia",
    "personal_data",
    why="a network on personal data is assessed before it starts (GDPR article 35)",
    remedy="add `dpia:` with the day on which it was signed, or write `personal_data: false`",
)
def dpia_signed(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    if definition.personal_data and definition.dpia is None:
        yield Finding(("network",), "no data protection impact assessment is given")


@rule(
    "dpia",
    why="today is earlier, and what is not yet signed does not hold",
    remedy="write the day on which it was signed",
    outside=True,
)
def dpia_date(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    if definition.dpia is not None and definition.dpia > known.today:
        yield Finding(("dpia",), f"the data protection impact assessment is signed on {definition.dpia}")
