"""Who together could read the inputs, in words: the threshold counted per operator."""

from collections.abc import Iterable, Sequence

from network_topology import model, names, operators


def sentences(definition: model.Definition) -> tuple[str, ...]:
    """What an organisation must know before it takes part; the strongest statement comes last."""
    served: dict[str, list[str]] = {}
    for slug, card in definition.stations.items():
        operator = operators.operator_of(definition, slug)
        if operator != slug:
            served.setdefault(operator, []).append(card.name)
    said = counted(
        operators.threshold(definition),
        [operators.name_of(definition, slug) for slug in definition.computing],
        [for_others(operators.name_of(definition, operator), owners) for operator, owners in sorted(served.items())],
        [
            (operators.name_of(definition, operator), len(parties))
            for operator, parties in operators.computing_per_operator(definition).items()
        ],
    )
    if names.is_sandbox(definition.network):
        said = (*said, "This is a sandbox: whoever has root on this machine could read every input.")
    return said


def counted(
    threshold: int, parties: Sequence[str], serving: Iterable[str], held: Sequence[tuple[str, int]]
) -> tuple[str, ...]:
    """The sentences of a network of any kind, from the names of its computing parties.

    `serving` are sentences on who operates servers of others; `held` has each operator's name and how many computing
    parties it operates, the one with most first.
    """
    alone = "One of them alone learns" if threshold == 1 else f"Any {threshold} of them together learn"
    return (
        f"Every input is split into secret shares over {len(parties)} computing parties: {_joined(parties)}.",
        f"{alone} nothing from the shares; any {threshold + 1} together could read every input.",
        *serving,
        _together(threshold, len(parties), held),
    )


def for_others(operator: str, owners: Sequence[str], words: str = "") -> str:
    """Whose data an operator can read because it runs the server; `words` for owners who are too many to be named."""
    one = len(owners) == 1
    return (
        f"{operator} operates the {'server' if one else 'servers'} of {words or _joined(owners)}, and could read what "
        f"is on {'it' if one else 'them'} without anybody else."
    )


def _together(threshold: int, parties: int, held: Sequence[tuple[str, int]]) -> str:
    """How few operators suffice, and whether there is a choice."""
    shares, enough = 0, list[str]()
    for name, its in held:
        if shares > threshold:
            break
        shares += its
        enough.append(name)
    if len(enough) == 1:
        return f"{enough[0]} alone could read every input: it operates {shares} of the computing parties."
    if len(held) == parties:
        everybody = _joined([name for name, _ in held])
        return f"So at least {len(enough)} operators would have to work together, any of {everybody}."
    return f"So at least {len(enough)} operators would have to work together, for example {_joined(enough)}."


def _joined(texts: Sequence[str]) -> str:
    """Several as people say them: `one, another and a third`."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
