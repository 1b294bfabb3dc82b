"""Which definitions are published one after the other, so that sessions stay possible from the first to the last.

What is added comes first, beside what there is; it takes over once everybody accepted it; what is removed goes last.
"""

import datetime
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from network_topology import context, diff, model, operators, rules, violation
from network_topology.steps import sessions
from network_topology.steps.sessions import Parties

Chain = tuple[model.Definition, ...]
Sets = tuple[Parties, ...]
Base = Callable[[model.Definition, model.Definition, Sets], model.Definition]
DAYS = 60
"""How long stations may run the release of before, where nobody wrote another day."""
_MOST_PATHS = 24


def definitions(old: model.Definition, new: model.Definition, known: context.Context | None = None) -> Chain:
    """What is published one after the other; the last is `new`. Empty where both are the same.

    All of them hold the rules. Of the ways there are, it is the one in which sessions stop least often and fewest
    organisations are left out for a while, and the shortest of those.
    """
    if not diff.changes(old, new):
        return ()
    best: Chain = (new,)
    least = _cost(old, (new,), known)
    for chain in _chains(old, new, known):
        if least[:2] == (0, 0):
            break
        cost = _cost(old, chain, known)
        if cost < least and all(_sound(one, known) for one in chain[:-1]):
            best, least = chain, cost
    return best


def _cost(old: model.Definition, chain: Chain, known: context.Context | None) -> tuple[int, int, int]:
    steps = [*itertools.pairwise((old, *chain))]
    ends = sum(bool(sessions.ended(*one, known)) for one in steps)
    left_out = sum(len(sessions.unheard(*one)) + sessions.jumps(*one) for one in steps)
    return ends, left_out, len(chain)


def _chains(old: model.Definition, new: model.Definition, known: context.Context | None) -> Iterator[Chain]:
    """The ways from one to the other, the shorter ones first."""
    today = known.today if known else datetime.date.today()

    def early(sets: Sets) -> model.Definition:
        return _ranged(old, _beside(new, old, sets), today)

    def late(sets: Sets) -> model.Definition:
        return _beside(old, new, sets)

    last = early(new.sets)
    for middles in sets_between(old.computing, new.computing):
        for base in (early, late):
            if base is late and not middles:
                continue
            chain = tuple(base(with_others(sets, old, new)) for sets in middles)
            yield (*chain, new)
            yield (*chain, last, new)


def sets_between(first: Parties, last: Parties) -> Iterator[tuple[Sets, ...]]:
    """The sets of each definition in between: a set takes over only once all know it, and goes only after that."""
    yield ()
    if {*first} == {*last}:
        return  # numbered anew, which no definition can have beside the other numbering; or the same
    yield ((last, first),)
    for path in itertools.islice(_paths(first, last), _MOST_PATHS):
        yield tuple(sets for one, other in itertools.pairwise(path) for sets in ((one, other), (other, one)))


def _paths(first: Parties, last: Parties) -> Iterator[tuple[Parties, ...]]:
    """Sets from the first to the last of which each shares enough with the one before, of nobody but their parties."""
    if _overlap(first, last):
        yield first, last
        return
    staying = min(map(operators.threshold, (first, last))) + 1
    mine = sorted(first, key=lambda slug: (slug not in last, first.index(slug)))
    for stay in itertools.combinations(mine, staying):
        others = [slug for slug in last if slug not in stay]
        for come in itertools.combinations(others, len(last) - staying):
            nearer = _in_order((*stay, *come), last)
            if {*nearer} != {*first} and len({*nearer} & {*last}) > len({*first} & {*last}):
                for rest in _paths(nearer, last):
                    yield first, *rest


def _in_order(parties: Iterable[str], last: Parties) -> Parties:
    """The parties, those of the last set at their number there."""
    chosen = tuple(parties)
    others = (slug for slug in chosen if slug not in last)
    return tuple(slug if slug in chosen else next(others) for slug in last)


def _overlap(one: Parties, other: Parties) -> bool:
    """Whether both may stand in one definition; see `sets_overlap` in rules/computing.py."""
    return {*one} != {*other} and len({*one} & {*other}) > min(map(operators.threshold, (one, other)))


def with_others(sets: Sets, old: model.Network, new: model.Network) -> Sets:
    """These sets, and those of before and after that may stand beside them."""
    found = list(sets)
    for one in (*new.sets, *old.sets):
        if all(_overlap(one, other) for other in found):
            found.append(one)
    return tuple(found)


def _beside(base: model.Definition, other: model.Definition, sets: Sets) -> model.Definition:
    """One of both definitions with these sets, and with what of the other one they need or callers are let in by."""
    needed = {slug for parties in sets for slug in parties}
    theirs = needed - {*base.computes}
    cards = {
        slug: _card(card, other.organisations.get(slug), slug in needed, slug in theirs)
        for slug, card in base.organisations.items()
        if slug in needed or card.contributes or slug in other.organisations  # who only computes joins when it does
    }
    cards |= {slug: other.organisations[slug] for slug in sorted(needed & other.stations.keys() - base.stations.keys())}
    update = {"computing": sets[0], "computing_alternates": sets[1:], "organisations": cards}
    return base.model_copy(update={**update, "processors": _processors(base, other, cards)})


def _processors(
    base: model.Definition, other: model.Definition, cards: Mapping[str, model.Organisation]
) -> dict[str, model.Processor]:
    wanted = {card.operator for card in cards.values()}
    beside = {slug: one for slug, one in other.processors.items() if slug in wanted and slug not in base.processors}
    return {**base.processors, **beside}


def _card(card: model.Organisation, other: model.Organisation | None, needed: bool, theirs: bool) -> model.Organisation:
    """A card with the addresses of both definitions, and with a gateway where it computes in either.

    `theirs`: it computes in the other definition alone, and so under the operator that it has there.
    """
    if other is None or other.role == "coordinator_only":
        return card
    if card.role == "coordinator_only":
        return other if needed else card
    gateway = card.gateway or (other.gateway if needed else None)
    egress = _joined(*((one.gateway.egress if one.gateway else one.egress) for one in (card, other)))
    update: dict[str, object] = {"egress": () if gateway else egress}
    if gateway:
        addresses = _joined(gateway.addresses, other.gateway.addresses if other.gateway else ())
        update["gateway"] = gateway.model_copy(update={"egress": egress, "addresses": addresses})
    if theirs:
        update["operator"] = other.operator
    if not needed and not card.contributes:
        update["contributes"] = other.contributes
    return card.model_copy(update=update)


def _joined(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _ranged(old: model.Definition, middle: model.Definition, today: datetime.date) -> model.Definition:
    """The same, in which stations may go on running the release of before."""
    if old.release == middle.release or middle.upgrading_from:
        return middle
    until = today + datetime.timedelta(days=DAYS)
    return middle.model_copy(update={"upgrading_from": old.release, "upgrading_until": until})


def _sound(definition: model.Definition, known: context.Context | None) -> bool:
    if known:
        return all(one.severity != "error" for one in rules.check(definition, known))
    try:
        rules.require(definition)
    except violation.DefinitionError:
        return False
    return True
