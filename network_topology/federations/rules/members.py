"""Rules on the regional networks in a federation: which they are, with whom they take part, and their consent."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

import re
from collections import Counter
from collections.abc import Iterator

from network_topology import context, model, names
from network_topology.federations.model import FORM, Federation
from network_topology.federations.resolved import listed, resolve
from network_topology.rules import membership
from network_topology.rules.computing import TECHNIQUE, why_another
from network_topology.rules.rule import Finding, rule

FEWEST = 2
_ROOT = re.compile(r"sha256:[0-9a-f]{64}")


@rule(
    "network",
    why="it would be taken for that region, in certificates and on papers",
    remedy="choose a name of its own, like `kansrijke-start-oost`",
)
def name_is_nobodys_region(federation: Federation, known: context.Context) -> Iterator[Finding]:
    name = federation.network
    if name in known.regions:
        yield Finding(("network",), f"federation {name!r} has the name of the region of {known.regions[name]}")
    elif name in federation.members and not isinstance(known.networks.get(name), Federation):
        yield Finding(("network",), f"federation {name!r} has the name of one of its members")


@rule("members", why=membership.SLUG_FORM, remedy="write the name under which the regional network is defined")
def member_slugs(federation: Federation, _: context.Context) -> Iterator[Finding]:
    for slug, member in federation.members.items():
        own = names.defined(slug) if names.is_sandbox(federation.network) else slug  # of a twin they are twins
        yield from membership.misnamed(own, ("members", slug), f"member {slug!r}")
        for number, one in enumerate(member.organisations):
            at = ("members", slug, "organisations", number)
            yield from membership.misnamed(one, at, _member(slug, f"organisation {one!r}"))


@rule(
    "members",
    why="a question within one region is one of its own network",
    remedy="add the other regional networks, or ask it in the one",
)
def member_count(federation: Federation, _: context.Context) -> Iterator[Finding]:
    if (count := len(federation.members)) < FEWEST:
        text = "1 regional network is a member" if count else "no regional network is a member"
        yield Finding(("members",), text)


@rule(
    "members",
    "root",
    why="a regional network is known by the root of its publication, which nobody else can have",
    remedy="have one of its root holders read it to you: `sha256:` and 64 digits or letters a to f",
)
def member_root(federation: Federation, _: context.Context) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for slug, member in federation.members.items():
        at = ("members", slug, "root")
        if not _ROOT.fullmatch(member.root):
            yield Finding(at, _member(slug, "the root is no fingerprint"))
        elif (before := first.setdefault(member.root, slug)) != slug:
            yield Finding(at, _member(slug, f"its root is that of {before!r} too"))


@rule(
    "members",
    "organisations",
    why="a member takes part with those of its organisations that it names, each once",
    remedy="list them, as in `organisations: [ggd-nog, gelre]`",
)
def member_organisations(federation: Federation, _: context.Context) -> Iterator[Finding]:
    for slug, member in federation.members.items():
        if not member.organisations:
            yield Finding(("members", slug), _member(slug, "no organisation takes part"))
        for number, one in enumerate(member.organisations):
            if one in member.organisations[:number]:
                at = ("members", slug, "organisations", number)
                yield Finding(at, _member(slug, f"organisation {one!r} is named twice"))


@rule(
    "members",
    why="what a federation may ask of a region follows from that region's own definition, which is never copied",
    remedy="",
)
def member_defined(federation: Federation, known: context.Context) -> Iterator[Finding]:
    for slug in federation.members:
        if slug not in known.networks and _well_named(slug):
            remedy = f"put its definition, as it publishes it, beside this one as {slug}/{names.FILE}"
            yield Finding(("members", slug), _member(slug, "no network of that name is defined here"), remedy)
        elif known.networks.get(slug, federation) is None:
            text = _member(slug, "its definition has errors and cannot be used")
            yield Finding(("members", slug), text, f"werkplaats check {slug}")


@rule(
    "kind",
    "members",
    why="tiers nest: every region consents for itself, so members are regional networks and never federations",
    remedy="",
)
def tiers_nest(federation: Federation, known: context.Context) -> Iterator[Finding]:
    for slug in federation.members:
        if isinstance(inner := known.networks.get(slug), Federation):
            text = _member(
                slug, "it is this federation itself" if slug == federation.network else f"it is a {inner.kind} network"
            )
            others = [one for one in inner.members if one not in federation.members]
            remedy = f"name its members instead: {', '.join(others)}" if others else "remove it"
            yield Finding(("members", slug), text, remedy)


@rule(
    "kind",
    "members",
    why="a national question counts the whole country",
    remedy="ask these regions to take part, or write `kind: supraregional`",
    severity="warning",
    outside=True,
)
def every_region(federation: Federation, known: context.Context) -> Iterator[Finding]:
    regions = resolve(federation, known).members.values()
    missing = sorted(known.regions.keys() - {one.region for one in regions})
    if missing and federation.kind == "national":
        yield Finding(("members",), f"the network is national and lacks {listed(missing, 'region')}")


@rule(
    "members",
    "organisations",
    why="only an organisation with a station in its regional network can take part",
    remedy="correct the name, or have the region add it first",
)
def organisation_of_member(federation: Federation, known: context.Context) -> Iterator[Finding]:
    for slug, region in resolve(federation, known).members.items():
        for number, one in enumerate(federation.members[slug].organisations):
            if one not in region.stations and _well_named(one):
                text = f"organisation {one!r} {'has no station' if one in region.organisations else 'is not in it'}"
                yield Finding(("members", slug, "organisations", number), _member(slug, text))


@rule(
    "members",
    "consent",
    why="a region takes part by its own decision, which lies on file",
    remedy="write the day on which the region decided it: `consent: 2026-09-01`",
)
def consent_on_file(federation: Federation, _: context.Context) -> Iterator[Finding]:
    for slug, member in federation.members.items():
        if member.consent is None:
            yield Finding(("members", slug), _member(slug, "no consent is given"))


@rule(
    "members",
    "consent",
    why="today is earlier, and what is not yet decided does not hold",
    remedy="write the day on which it was decided",
    outside=True,
)
def consent_date(federation: Federation, known: context.Context) -> Iterator[Finding]:
    for slug, member in federation.members.items():
        if member.consent is not None and member.consent > known.today:
            yield Finding(("members", slug, "consent"), _member(slug, f"it consents on {member.consent}"))


@rule(
    "members",
    "technique",
    why="stations compute together by one technique",
    remedy="have the region move to the technique of the federation, or take it out",
)
def member_technique(federation: Federation, known: context.Context) -> Iterator[Finding]:
    if federation.technique != TECHNIQUE:
        return  # that is the one thing to mend, and nothing is wrong with its members
    for slug, region in resolve(federation, known).members.items():
        if region.technique != federation.technique:
            text = f"it computes by {region.technique!r}, which {why_another(region.technique)}"
            yield Finding(("members", slug), _member(slug, text))


@rule("members", why="stations compute together where their session protocols meet", remedy="", outside=True)
def member_releases(federation: Federation, known: context.Context) -> Iterator[Finding]:
    """Every member that stands aside is named, with the protocol that most members speak, of several the newest."""
    regions = resolve(federation, known).members
    spoken = {slug: _spoken(slug, one, known) for slug, one in regions.items()}
    met = [numbers for numbers in spoken.values() if numbers]
    speaking = Counter(number for numbers in met for number in numbers)
    common = max(speaking, key=lambda number: (speaking[number], number), default=0)
    together = not met or bool(frozenset.intersection(*met))
    way = sorted(release for release, numbers in known.releases.items() if common in numbers or not met)
    remedy = f"have it move to one of: {', '.join(way)}" if way else f"have it move to a release that speaks {common}"
    for slug, numbers in spoken.items():
        release = regions[slug].release
        if numbers is None:
            text = f"of its release {release!r} nobody knows here which session protocol it speaks"
            yield Finding(("members", slug), _member(slug, text), remedy)
        elif numbers and not together and common not in numbers:
            said = ", ".join(map(str, sorted(numbers)))
            text = f"its release {release!r} speaks session protocol {said}"
            others = f"{speaking[common]} of {len(met)} members speak {common}"
            yield Finding(("members", slug), _member(slug, f"{text}, and {others}"), remedy)


def _spoken(slug: str, region: model.Definition, known: context.Context) -> frozenset[int] | None:
    """The session protocols of a member; none of a working tree that nobody described, None where nobody knows.

    While an upgrade goes on in it its stations speak those of either release.
    """
    unknown = frozenset[int]() if region.release == context.DEVELOPMENT else None
    found = known.spoken.get(slug) or known.releases.get(region.release, unknown)
    return found and found | known.releases.get(region.upgrading_from, frozenset())


@rule(
    "members",
    why="that is the last day on which its stations may run the release before",
    remedy="have the others move before that day, or this one later",
    severity="warning",
    outside=True,
)
def member_upgrades(federation: Federation, known: context.Context) -> Iterator[Finding]:
    """Until which day members still meet of which one moves to a release that the others do not speak with."""
    regions = resolve(federation, known).members
    now = {slug: _spoken(slug, one, known) for slug, one in regions.items()}
    if not (met := [numbers for numbers in now.values() if numbers]) or not frozenset.intersection(*met):
        return
    for slug, region in regions.items():
        after = known.later.get(slug) or known.releases.get(region.release)
        later = after if region.upgrading_until else None
        apart = [
            other for other, numbers in now.items() if other != slug and numbers and not numbers & (later or numbers)
        ]
        if later and apart:
            speaks = ", ".join(map(str, sorted(later)))
            until = f"it computes with {', '.join(apart)} until {region.upgrading_until}"
            text = f"{until}: release {region.release} speaks session protocol {speaks}"
            yield Finding(("members", slug), _member(slug, text))


@rule(
    "members",
    "personal_data",
    why="this federation may use data on persons",
    remedy="have the region assess that and change its definition, or write `personal_data: false` here",
)
def member_personal_data(federation: Federation, known: context.Context) -> Iterator[Finding]:
    for slug, region in resolve(federation, known).members.items():
        if federation.personal_data and not region.personal_data:
            yield Finding(("members", slug), _member(slug, "it uses no data on persons"))


@rule(
    "coordinator",
    "members",
    why="the coordinator is an organisation of one of the members",
    remedy=f"write {FORM}, as in `coordinator: gerda/ggd-nog`",
)
def coordinator_of_member(federation: Federation, known: context.Context) -> Iterator[Finding]:
    network, organisation = names.referred(federation.coordinator) or ("", "")
    region = known.networks.get(network)
    if network not in federation.members:
        yield Finding(("coordinator",), f"{federation.coordinator!r} is of no member")
    elif isinstance(region, model.Definition) and organisation not in region.organisations:
        yield Finding(("coordinator",), f"{federation.coordinator!r} is no organisation of {network}")


def _well_named(slug: str) -> bool:
    """Of a name that cannot be used this is said, and not that nothing has it."""
    return names.is_slug(slug) and slug not in names.RESERVED


def said_of(slug: str) -> str:
    """How a sentence about a member begins."""
    return f"member {slug!r}: "


def _member(slug: str, text: str) -> str:
    return said_of(slug) + text
