"""Rules on the computing parties, the technique and the release."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections import Counter
from collections.abc import Iterator

from network_topology import context, model, source
from network_topology.rules.rule import Finding, rule

TECHNIQUE = "mpc/mpyc"
COUNTS = (3, 5, 7)

# What an author may have in mind instead, and why it is no spelling of the same thing.
_OTHER_TECHNIQUES = {
    "mpc": "is secret sharing in another vendor's program, whose messages and checks are not the station image's",
    "fl": "is federated learning, another technique: model parameters leave the organisation in the clear",
    "pht": "is a personal health train, another technique: programs travel to the data and results leave one by one",
    "he": "is homomorphic encryption, another technique: somebody holds the key to the outcome",
    "tee": "is computing in protected hardware, another technique: its maker is trusted instead of a majority",
    "dp": "is differential privacy, which changes outcomes and keeps no input secret from who computes",
    "psi": "is private set intersection: here it would be an analysis, not a technique of the network",
}


@rule(
    "technique",
    why=f"the station image computes with secret sharing between organisations ({TECHNIQUE}) only",
    remedy=f"write `technique: {TECHNIQUE}`",
)
def technique_known(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    if definition.technique != TECHNIQUE:
        yield Finding(("technique",), f"{definition.technique!r} {why_another(definition.technique)}")


def why_another(technique: str) -> str:
    """What a technique that is not the one of the station image is, as it goes on after its name."""
    return _OTHER_TECHNIQUES.get(technique.split("/")[0], "is not a technique that is known here")


@rule("release", why="a network runs a release that is pinned by digest", remedy="", outside=True)
def release_exists(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    usable = sorted({*known.releases, context.DEVELOPMENT})
    if definition.release not in usable:
        text = f"there is no release {definition.release!r}"
        yield Finding(("release",), text, f"write one of: {', '.join(usable)}")


@rule(
    "upgrading_from",
    why="an upgrade goes from one release to another, and ends",
    remedy="write both `upgrading_from: VERSION` and `upgrading_until: DAY`, or neither",
)
def upgrade_whole(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    earlier, until = definition.upgrading_from, definition.upgrading_until
    if bool(earlier) != (until is not None):
        yield Finding(("upgrading_from",) if earlier else ("upgrading_until",), "the one stands without the other")
    elif earlier and earlier == definition.release:
        yield Finding(("upgrading_from",), f"release {earlier} is the release itself")


@rule("upgrading_from", why="stations of both releases compute together meanwhile", remedy="", outside=True)
def upgrade_meets(definition: model.Definition, known: context.Context) -> Iterator[Finding]:
    earlier, release = definition.upgrading_from, definition.release
    if not earlier or earlier == release:
        return
    if earlier not in known.releases:
        usable = ", ".join(sorted(known.releases.keys() - {release})) or "(no other is known here)"
        yield Finding(("upgrading_from",), f"there is no release {earlier!r}", f"write one of: {usable}")
    elif release in known.releases and not known.releases[earlier] & known.releases[release]:
        said = (", ".join(map(str, sorted(known.releases[one]))) for one in (earlier, release))
        text = f"release {earlier} speaks session protocol {next(said)}, and release {release} speaks {next(said)}"
        yield Finding(("upgrading_from",), text, "upgrade to a release in between first, which speaks both")


SETS = ("computing", "computing_alternates")


@rule(
    *SETS,
    why="a network has 3, 5 or 7, so that a majority protects the inputs and the work stays affordable",
    remedy="name 3, 5 or 7 organisations with different operators",
)
def computing_count(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    for at, parties in definition.placed_sets:
        if (count := len(parties)) not in COUNTS:
            text = "1 computing party is named" if count == 1 else f"{count} computing parties are named"
            yield Finding(at, f"{which(at)}{text}")


@rule(*SETS, why="one organisation holds one share of every input", remedy="name another organisation")
def computing_distinct(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    for at, parties in definition.placed_sets:
        for slug, count in Counter(parties).items():
            if count > 1:
                second = [number for number, one in enumerate(parties) if one == slug][1]
                yield Finding((*at, second), f"computing party {slug!r} is named {count} times")


@rule(
    *SETS,
    why="only who computed knows of whom a result was opened, and refuses another that could be subtracted from it: an "
    "honest party must be in both",
    remedy="have any two sets share more than the threshold of their parties: 2 of 3, 3 of 5, 4 of 7",
)
def sets_overlap(definition: model.Network, _: context.Context) -> Iterator[Finding]:
    sets = [(at, {*parties}) for at, parties in definition.placed_sets if len(parties) in COUNTS]
    for number, (at, parties) in enumerate(sets):
        for other_at, others in sets[:number]:
            both, other = len(parties & others), which(other_at).rstrip(": ") or "`computing`"
            if parties == others:
                yield Finding(at, f"{which(at)}its parties are those of {other}", "remove one of the two")
            elif both <= min(len(parties) - 1, len(others) - 1) // 2:
                yield Finding(at, f"{which(at)}only {both} of its parties compute in {other} too")


@rule(
    *SETS,
    "organisations",
    "role",
    why="a computing party is an organisation of this network with a station",
    remedy="add it to `organisations`, or name another",
)
def computing_exists(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for at, slug in placed(definition):
        if slug not in definition.organisations:
            yield Finding(at, f"there is no organisation {slug!r}")
        elif slug not in definition.stations:
            yield Finding(at, f"organisation {slug!r} has no station")


@rule(
    *SETS,
    "organisations",
    "gateway",
    "role",
    why="the others call a computing party",
    remedy="give it a gateway with name, port and egress, or name another computing party",
)
def computing_has_gateway(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for at, slug in placed(definition):
        card = definition.stations.get(slug)
        if card is not None and card.gateway is None:
            yield Finding(at, f"computing party {slug!r} has no gateway")


def which(at: source.Keys) -> str:
    """How a finding on a whole set begins: nothing for the first one."""
    return f"alternate {int(at[1]) + 1}: " if len(at) > 1 else ""


def placed(definition: model.Network) -> Iterator[tuple[source.Keys, str]]:
    """Every computing party of every set, and where it stands."""
    for at, parties in definition.placed_sets:
        for number, slug in enumerate(parties):
            yield (*at, number), slug
