"""Rules on the network as a whole and on who is in it."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context, model, names, source
from network_topology.rules import texts
from network_topology.rules.rule import Finding, organisation, rule

FEWEST, MOST, PREFERRED = 3, 25, 5
LONGEST_TEXT = 120
SLUG_FORM = (
    f"a name in certificates and DNS has {names.SLUG_LENGTH[0]} to {names.SLUG_LENGTH[1]} lower-case letters, digits "
    "and single dashes, begins with a letter and is not reserved"
)


def misnamed(slug: str, at: source.Keys, what: str) -> Iterator[Finding]:
    """A finding where a slug is reserved, or is none."""
    if reason := names.RESERVED.get(slug):
        yield Finding(at, f"{what} has a reserved name ({reason})", "choose another name")
    elif not names.is_slug(slug):
        yield Finding(at, f"{what} has a name that cannot be used")


@rule("network", why=SLUG_FORM, remedy="choose a name like `gerda` or `salland-united`")
def network_slug(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    slug = names.defined(definition.network)
    yield from misnamed(slug, ("network",), f"network {slug!r}")


@rule("network", why="a network is found by the name of its folder", remedy="give both the same name")
def network_in_its_folder(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    path, slug = definition.places.path, names.defined(definition.network)
    if path.name == names.FILE and path.parent.name not in ("", slug):
        yield Finding(("network",), f"network {slug!r} is defined in folder {path.parent.name!r}")


@rule(
    "title",
    "name",
    "organisations",
    "processors",
    why=f"it is printed on maps and papers as one line of 1 to {LONGEST_TEXT} characters",
    remedy="write one line without blanks around it",
)
def one_line_texts(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    for at, what, text in definition.printed:
        if text.isprintable() and not (1 <= len(text) <= LONGEST_TEXT and text == " ".join(text.split())):
            yield Finding(at, f"{what} is empty, too long, or has line breaks or double blanks")


@rule(*model.Definition.model_fields, why=texts.WHY, remedy=texts.REMEDY)
def visible_texts(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    yield from texts.unseen(definition.model_dump())


@rule(
    "region",
    why="a regional network lies in one of the GGD regions",
    remedy="write a slug from regions.yml, as in `region: twente`",
    outside=True,
)
def region_exists(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    if definition.region is None:
        yield Finding(("network",), "no region is given")
    elif definition.region not in known.regions:
        yield Finding(("region",), f"there is no region {definition.region!r}")


@rule(
    "organisations",
    "role",
    why=f"a regional network has {FEWEST} to {MOST}",
    remedy="add organisations, or make two networks",
)
def organisation_count(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    count = len(definition.stations)
    if not FEWEST <= count <= MOST:
        yield Finding(("organisations",), f"{count} organisations have a station")


@rule(
    "organisations",
    "role",
    why=f"with fewer than {PREFERRED} an organisation that subtracts its own figures from a total learns much about "
    "each of the others",
    remedy=f"look for organisations to join until there are {PREFERRED}",
    severity="warning",
)
def few_organisations(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    count = len(definition.stations)
    if FEWEST <= count < PREFERRED:
        yield Finding(("organisations",), f"only {count} organisations have a station")


@rule(
    "organisations",
    "role",
    "domain",
    why="organisations of one kind know each other's figures well enough to guess, and answer few questions on chains "
    "of care",
    remedy="look for organisations from other domains to join",
    severity="warning",
)
def one_domain(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    domains = {card.domain for card in definition.stations.values()}
    if len(domains) == 1 and len(definition.stations) >= FEWEST:
        yield Finding(("organisations",), f"all organisations are from one domain ({domains.pop()})")


@rule("organisations", why=SLUG_FORM, remedy="choose a name like `ggd-nog`")
def organisation_slugs(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug in definition.organisations:
        yield from misnamed(slug, ("organisations", slug), f"organisation {slug!r}")


@rule(
    "organisations",
    why="a federation names an organisation by its regional network, of which it knows the root",
    remedy="write `<regional network>/<organisation>`, of a member",
)
def references(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    known = definition.roots if isinstance(definition, model.Joined) else {}
    for slug in definition.organisations:
        network, organisation = names.referred(slug) or ("", "")
        if network not in known or organisation in names.RESERVED or names.defined(network) in names.RESERVED:
            yield Finding(("organisations", slug), f"{slug!r} is no organisation of a member")
        if names.is_sandbox(network) != names.is_sandbox(definition.network):
            yield Finding(("organisations", slug), f"{slug!r} is of a sandbox, or the federation is a twin")


@rule("processors", "organisations", why=SLUG_FORM, remedy="choose a name like `rekencentrum`")
def processor_slugs(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug in definition.processors:
        yield from misnamed(slug, ("processors", slug), f"processor {slug!r}")
        if slug in definition.organisations:
            remedy = f"write `operator: {slug}` where it operates a server, and remove it here"
            yield Finding(("processors", slug), f"processor {slug!r} is an organisation of this network too", remedy)


@rule(
    "organisations",
    "network",
    why=f"a gateway hands a station's id and certificate fingerprint over in {names.UNIQUE_ID_BYTES} bytes and cuts "
    "what is longer without a word",
    remedy="shorten the name of the network or the organisation",
)
def station_id_fits(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    network = names.twin(names.defined(definition.network))  # the longer of the two names that it will have
    room = names.UNIQUE_ID_BYTES - names.FINGERPRINT_BYTES - len("|")
    for slug in definition.organisations:
        size = len(names.station_id(network, slug).encode(errors="surrogatepass"))
        if size > room:
            yield Finding(("organisations", slug), organisation(slug, f"its station's id would take {size} bytes"))


@rule(
    "organisations",
    "name",
    why="people tell organisations apart by name when they accept a change",
    remedy="give each its own name",
)
def distinct_names(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for slug, card in definition.organisations.items():
        before = first.setdefault(card.name.casefold(), slug)
        if before != slug:
            text = f"the name {card.name!r} is used twice (also {before!r})"
            yield Finding(("organisations", slug, "name"), organisation(slug, text))


@rule(
    "coordinator",
    "organisations",
    why="the coordinator is one of the organisations, if need be with `role: coordinator_only`",
    remedy="name one of them, or add it",
)
def coordinator_exists(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    if definition.coordinator not in definition.organisations:
        yield Finding(("coordinator",), f"there is no organisation {definition.coordinator!r}")


@rule(
    "organisations",
    "role",
    "coordinator",
    "operator",
    "gateway",
    "egress",
    why="`coordinator_only` is for the coordinator where it has no station, hence no server",
    remedy="remove the role, or what belongs to a station",
)
def coordinator_only(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, card in definition.organisations.items():
        if card.role != "coordinator_only":
            continue
        at = ("organisations", slug)
        if slug != definition.coordinator:
            yield Finding((*at, "role"), organisation(slug, "it is not the coordinator"))
        for field in ("operator", "gateway", "egress"):
            if getattr(card, field):
                yield Finding((*at, field), organisation(slug, f"it has {field!r}"))


@rule(
    "organisations",
    "contributes",
    "computing",
    "computing_alternates",
    why="an organisation with a station puts in data, computes, or does both",
    remedy="remove `contributes: false`, add it to `computing`, or take it out of the network",
)
def takes_part(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, card in definition.stations.items():
        if not card.contributes and slug not in definition.computes:
            yield Finding(("organisations", slug, "contributes"), organisation(slug, "it has no part in the network"))
