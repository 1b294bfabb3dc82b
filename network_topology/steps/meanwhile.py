"""What applies at a station while a newer definition is published that its operator has not accepted yet."""

from network_topology import model, rules, violation


def kept(accepted: model.Definition, current: model.Definition) -> model.Definition:
    """What was accepted, without the organisations and sets of computing parties that are published no more.

    A set that computes first from now on is kept too: it was said yes to. Where the definition would not stay sound it
    is left whole: with fewer computing parties the threshold would fall. Who left is cut all the same.
    """
    cards = {slug: one for slug, one in accepted.organisations.items() if slug in current.organisations}
    alternates = tuple(one for one in accepted.computing_alternates if one in current.sets and cards.keys() >= {*one})
    smaller = accepted.model_copy(update={"organisations": cards, "computing_alternates": alternates})
    try:
        rules.require(smaller)
    except violation.DefinitionError:
        return accepted
    return smaller
