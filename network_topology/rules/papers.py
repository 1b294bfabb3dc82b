"""Rules on agreements and assessments: what must be signed before an organisation takes part."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context, model
from network_topology.rules.rule import Finding, organisation, rule

SOON_DAYS = 60  # lawyers and boards of two parties take weeks to sign


def _lapsed(processors: bool, definition: model.Network, known: context.Context) -> Iterator[Finding]:
    for at, what, agreement in definition.agreements:
        if (at[0] == "processors") == processors and agreement.until is not None and agreement.until < known.today:
            yield Finding((*at, "until"), f"{what} lapsed on {agreement.until}")


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
def agreement_dates(definition: model.Network, known: context.Context) -> Iterator[Finding]:
    for at, what, agreement in definition.agreements:
        if agreement.signed > known.today:
            yield Finding((*at, "signed"), f"{what} is signed on {agreement.signed}")


@rule(
    "organisations",
    "agreement",
    why="every question that it takes part in stops with it",
    remedy="sign it anew and write the new `until:`, or take the organisation out",
    severity="warning",
    outside=True,
)
def agreement_lapsed(definition: model.Network, known: context.Context) -> Iterator[Finding]:
    yield from _lapsed(False, definition, known)


@rule(
    "processors",
    "agreement",
    why="whoever runs a server for another does so under an agreement that holds (GDPR article 28)",
    remedy="sign it anew and write the new `until:`, or name another operator",
    severity="warning",
    outside=True,
)
def processor_lapsed(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    yield from _lapsed(True, definition, known)


@rule(
    "organisations",
    "processors",
    "agreement",
    why="nothing follows it yet",
    remedy="sign it anew and write the new `until:`",
    severity="warning",
    outside=True,
)
def agreement_ends_soon(definition: model.Network, known: context.Context) -> Iterator[Finding]:
    for at, what, agreement in definition.agreements:
        if agreement.until is not None and 0 <= (agreement.until - known.today).days < SOON_DAYS:
            yield Finding((*at, "until"), f"{what} ends on {agreement.until}")


@rule(
    "dpia",
    "personal_data",
    why="a network on personal data is assessed before it starts (GDPR article 35)",
    remedy="add `dpia:` with the day on which it was signed, or write `personal_data: false`",
)
def dpia_signed(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    if definition.personal_data and definition.dpia is None:
        yield Finding(("network",), "no data protection impact assessment is given")


@rule(
    "dpia",
    why="today is earlier, and what is not yet signed does not hold",
    remedy="write the day on which it was signed",
    outside=True,
)
def dpia_date(definition: model.Network, known: context.Context) -> Iterator[Finding]:
    if definition.dpia is not None and definition.dpia > known.today:
        yield Finding(("dpia",), f"the data protection impact assessment is signed on {definition.dpia}")
