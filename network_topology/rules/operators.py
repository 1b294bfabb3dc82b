"""Rules on who operates which server: privacy is counted per operator."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections.abc import Iterator

from network_topology import context, model, names
from network_topology import operators as counted
from network_topology.rules.computing import which
from network_topology.rules.rule import Finding, organisation, rule


@rule(
    "organisations",
    "operator",
    "role",
    why="whoever operates a server can read what is on it, so nothing is assumed",
    remedy=f"write `operator: {model.ITSELF}`, `operator: {model.COORDINATOR}` or the slug of a processor",
)
def operator_stated(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, card in definition.stations.items():
        if card.operator is None:
            yield Finding(("organisations", slug), organisation(slug, "no operator is named"))


@rule(
    "organisations",
    "operator",
    "processors",
    "role",
    why=f"an operator is `{model.ITSELF}`, `{model.COORDINATOR}`, one of `processors`, or an organisation of this "
    "network",
    remedy="correct the name, or add the processor with its agreement",
)
def operator_known(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    known = {model.ITSELF, model.COORDINATOR, None, *definition.processors, *definition.organisations}
    for slug, card in definition.stations.items():
        if card.operator not in known:
            text = organisation(slug, f"the operator {card.operator!r} is not known")
            yield Finding(("organisations", slug, "operator"), text)


@rule(
    "computing",
    "computing_alternates",
    "organisations",
    "operator",
    "coordinator",
    "processors",
    "role",
    "personal_data",
    why="secret sharing protects inputs only while no single operator runs more than the threshold",
    remedy="let each computing party operate its own server, or choose parties with different operators",
)
def operator_below_threshold(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    excused = names.is_sandbox(definition.network) or not definition.personal_data
    for at, computing in definition.placed_sets:
        threshold = counted.threshold(computing)
        for operator, parties in counted.computing_per_operator(definition, computing).items():
            if len(parties) > threshold >= 1:
                text = (
                    f"{counted.name_of(definition, operator)} operates {len(parties)} computing parties "
                    f"({', '.join(parties)}) and so could read every input by itself, where the threshold is "
                    f"{threshold}"
                )
                yield Finding(at, f"{which(at)}{text}", severity="warning" if excused else "error")


@rule(
    "network",
    why="in a sandbox all of them are on this machine, and whoever has root on it can read every input",
    remedy="use invented data only",
    severity="warning",
)
def sandbox_is_one_operator(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    if names.is_sandbox(definition.network):
        text = f"the servers of {definition.network} have their operators on paper only"
        yield Finding(("network",), text)
