"""Who together could read the inputs, in words: the threshold counted per operator."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from network_topology import model, names, operators

Name = Callable[[str], str]


def sentences(definition: model.Definition) -> tuple[str, ...]:
    """What an organisation must know before it takes part; the strongest statement comes last."""
    served = operators.grouped(
        (operators.operator_of(definition, slug), slug)
        for slug in definition.stations
        if operators.operator_of(definition, slug) != slug
    )
    name = functools.partial(operators.name_of, definition)
    held = operators.computing_per_operator(definition)
    said = counted(
        operators.threshold(definition), definition.computing, name, name, dict(sorted(served.items())), held
    )
    if names.is_sandbox(definition.network):
        said = (*said, "This is a sandbox: whoever has root on this machine could read every input.")
    return said


def counted(
    threshold: int,
    parties: Sequence[str],
    name: Name,
    operator_name: Name,
    served: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[str]],
) -> tuple[str, ...]:
    """The sentences of any network: `served` has the stations that an operator runs for others, `held` the parties."""
    alone = "One of them alone learns" if threshold == 1 else f"Any {threshold} of them together learn"
    everybody = _joined(map(name, parties))
    return (
        f"Every input is split into secret shares over {len(parties)} computing parties: {everybody}.",
        f"{alone} nothing from the shares; any {threshold + 1} together could read every input.",
        *(_runs(operator_name(operator), [name(one) for one in owners]) for operator, owners in served.items()),
        _together(threshold, parties, operator_name, held),
    )


def _runs(operator: str, owners: Sequence[str]) -> str:
    """Whose data an operator can read because it runs the server."""
    one = len(owners) == 1
    return (
        f"{operator} operates the {'server' if one else 'servers'} of {_joined(owners)}, and could read what is on "
        f"{'it' if one else 'them'} without anybody else."
    )


def _together(threshold: int, parties: Sequence[str], name: Name, held: Mapping[str, Sequence[str]]) -> str:
    """How few operators suffice, and whether there is a choice."""
    shares, enough = 0, []
    for operator, its in held.items():
        if shares > threshold:
            break
        shares += len(its)
        enough.append(name(operator))
    if len(enough) == 1:
        return f"{enough[0]} alone could read every input: it operates {shares} of the computing parties."
    if len(held) == len(parties):
        return f"So at least {len(enough)} operators would have to work together, any of {_joined(map(name, held))}."
    return f"So at least {len(enough)} operators would have to work together, for example {_joined(enough)}."


def _joined(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
