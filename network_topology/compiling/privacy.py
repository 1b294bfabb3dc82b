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
        [[operators.name_of(definition, slug) for slug in parties] for parties in definition.sets],
        [for_others(operators.name_of(definition, operator), owners) for operator, owners in sorted(served.items())],
        [
            [
                (operators.name_of(definition, operator), len(held))
                for operator, held in operators.computing_per_operator(definition, parties).items()
            ]
            for parties in definition.sets
        ],
    )
    if names.is_sandbox(definition.network):
        said = (*said, "This is a sandbox: whoever has root on this machine could read every input.")
    return said


def counted(
    sets: Sequence[Sequence[str]], serving: Iterable[str], held: Sequence[Sequence[tuple[str, int]]]
) -> tuple[str, ...]:
    """The sentences of a network of any kind, from the names of the computing parties of each set.

    `serving` are sentences on who operates servers of others; `held` has for each set every operator's name and how
    many of its parties that operates, the one with most first.
    """
    first, *others = sets
    said = [f"Every input is split into secret shares over {len(first)} computing parties: {_joined(first)}."]
    said += [_alone(first), *serving, _together(first, held[0])]
    for parties, its in zip(others, held[1:], strict=True):
        who = f"Another set may compute, and then every input of that session is shared over it: {_joined(parties)}."
        said += [who, _alone(parties), _together(parties, its)]
    if others:
        said.append("An input is safe only as long as this holds for every set that computes with it.")
    return tuple(said)


def _alone(parties: Sequence[str]) -> str:
    threshold = operators.threshold(parties)
    alone = "One of them alone learns" if threshold == 1 else f"Any {threshold} of them together learn"
    return f"{alone} nothing from the shares; any {threshold + 1} together could read every input."


def for_others(operator: str, owners: Sequence[str], words: str = "") -> str:
    """Whose data an operator can read because it runs the server; `words` for owners who are too many to be named."""
    one = len(owners) == 1
    return (
        f"{operator} operates the {'server' if one else 'servers'} of {words or _joined(owners)}, and could read what "
        f"is on {'it' if one else 'them'} without anybody else."
    )


def _together(parties: Sequence[str], held: Sequence[tuple[str, int]]) -> str:
    """How few operators suffice, and whether there is a choice."""
    shares, enough = 0, list[str]()
    for name, its in held:
        if shares > operators.threshold(parties):
            break
        shares += its
        enough.append(name)
    if len(enough) == 1:
        return f"{enough[0]} alone could read every input: it operates {shares} of the computing parties."
    if len(held) == len(parties):
        everybody = _joined([name for name, _ in held])
        return f"So at least {len(enough)} operators would have to work together, any of {everybody}."
    return f"So at least {len(enough)} operators would have to work together, for example {_joined(enough)}."


def _joined(texts: Sequence[str]) -> str:
    """Several as people say them: `one, another and a third`."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
