"""Who together could read the inputs, in words: the threshold counted per operator."""

from collections.abc import Iterable

from network_topology import model, names, operators


def sentences(definition: model.Definition) -> tuple[str, ...]:
    """What an organisation must know before it takes part; the strongest statement comes last."""
    threshold, parties = operators.threshold(definition), definition.computing
    alone = "One of them alone learns" if threshold == 1 else f"Any {threshold} of them together learn"
    said = [
        f"Every input is split into secret shares over {len(parties)} computing parties: "
        f"{_joined(operators.name_of(definition, slug) for slug in parties)}.",
        f"{alone} nothing from the shares; any {threshold + 1} together could read every input.",
        *_run_for_others(definition),
        _together(definition, threshold),
    ]
    if names.is_sandbox(definition.network):
        said.append("This is a sandbox: whoever has root on this machine could read every input.")
    return tuple(said)


def _run_for_others(definition: model.Definition) -> list[str]:
    """Whose data an operator can read because it runs the server."""
    served: dict[str, list[str]] = {}
    for slug in definition.stations:
        operator = operators.operator_of(definition, slug)
        if operator != slug:
            served.setdefault(operator, []).append(definition.organisations[slug].name)
    return [
        f"{operators.name_of(definition, operator)} operates the "
        f"{'server' if len(owners) == 1 else 'servers'} of {_joined(owners)}, and could read what is on "
        f"{'it' if len(owners) == 1 else 'them'} without anybody else."
        for operator, owners in sorted(served.items())
    ]


def _together(definition: model.Definition, threshold: int) -> str:
    """How few operators suffice, and whether there is a choice."""
    held = operators.computing_per_operator(definition)
    shares, enough = 0, []
    for operator, parties in held.items():
        if shares > threshold:
            break
        shares += len(parties)
        enough.append(operators.name_of(definition, operator))
    if len(enough) == 1:
        return f"{enough[0]} alone could read every input: it operates {shares} of the computing parties."
    if len(held) == len(definition.computing):
        everybody = _joined(operators.name_of(definition, operator) for operator in held)
        return f"So at least {len(enough)} operators would have to work together, any of {everybody}."
    return f"So at least {len(enough)} operators would have to work together, for example {_joined(enough)}."


def _joined(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
