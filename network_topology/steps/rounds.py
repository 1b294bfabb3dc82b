"""One definition that is published: what goes before it, that it is accepted, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from network_topology import diff, model, operators
from network_topology.rules import questions as asking
from network_topology.steps import sessions
from network_topology.steps.listing import COORDINATOR, EVERYBODY, NONE, RELEASES, ROOT, STEWARDS, Listing

Beside = Literal["ca", "stolen-ca", "holders"]
"""What changes beside it: another CA in its time, or because its key was stolen; root or release holders."""
Old = model.Definition | None


def take(
    listing: Listing, old: Old, new: model.Definition, number: int, of: int, beside: frozenset[Beside] = frozenset()
) -> None:
    """Add the steps of definition `number` of `of`, which takes the place of `old`; None where it is the first ever."""
    start, changes = listing.last, diff.changes(old, new)
    ready = [*_joining(listing, old, new, start), *_moving(listing, old, new, start)]
    ready += _signing(listing, old, new, start, beside)
    waits = any(one.adds for one in changes) or bool(beside)
    published = publishing(
        listing, old, new, ready or list(start), which(number, of, changes), _why(listing, old, new, beside)
    )
    if waits:
        accepting(listing, old, new)
    elif not listing.steps[-1].possible:
        listing.add(COORDINATOR, "wait until every station has it", "status {}", sessions="possible again")
    accepted = listing.last
    if old is not None:
        ask_anew(listing, old, new)
        _moved(listing, old, new, accepted)
        _left(listing, old, new, published)
        _upgrading(listing, old, new)
    if "ca" in beside:
        what = "have the certificates of the new CA shown, once every operator said yes, and publish that"
        listing.add(COORDINATOR, what, "trust roll {} --switch", "trust publish {}")


def drop(listing: Listing) -> None:
    """Add how the CA of before goes, at the very end."""
    listing.add(COORDINATOR, "drop the CA of before, once no gateway shows a certificate of it", "trust roll {} --drop")
    listing.add(ROOT, "sign for the new CA alone", "trust root sign {} --key KEY")
    listing.add(COORDINATOR, "publish that", "trust publish {}")


def which(number: int, of: int, changes: Sequence[diff.Change]) -> str:
    """What is published, in words."""
    if not changes:
        return "publish that; the definition stays as it is"
    return "publish the definition as the file has it" if number == of else f"publish definition {number} of {of}"


def _why(listing: Listing, old: Old, new: model.Definition, beside: frozenset[Beside]) -> str:
    """Why no session is possible until it is accepted; "" where they go on."""
    if old is None:
        return "no station is up yet"
    if "stolen-ca" in beside:
        return "only stations of which the operator accepted the new CA find each other"
    return sessions.ended(old, new, listing.known)


def publishing(listing: Listing, old: Old, new: model.Definition, ready: Sequence[int], what: str, why: str) -> int:
    """Add that it is published once `ready`, and what becomes of sessions; `why`: they stop. Returns its number."""
    effect = (
        f"impossible from here until step {listing.next + 1}, because {why}" if why else _at_once(listing, old, new)
    )
    return listing.add(
        COORDINATOR,
        what,
        "check {}",
        "trust publish {}",
        after=tuple(ready),
        sessions=effect,
        possible=not why,
        publishes=1 + sum(one.publishes is not None for one in listing.steps),
    )


def _at_once(listing: Listing, old: Old, new: model.Definition) -> str:
    """What becomes of sessions as soon as stations have the publication, where they go on."""
    gone = sorted(old.stations.keys() - new.stations.keys()) if old else []
    if not gone:
        return NONE
    named = [name for name, one in listing.questions.items() if {*gone} & {*one.contributes, *one.results_to}]
    who = ", ".join(gone)
    return f"go on without {who} within minutes; questions that name {who}{_listed(named)} are left out until edited"


def accepting(listing: Listing, old: Old, new: model.Definition, *up: str) -> None:
    """Add that every operator says yes, and brings it by `up` of the network itself, or of these."""
    joined = _new_stations(old, new)
    effect = f"go on, without {', '.join(joined)} until the others accepted that" if joined else NONE
    if not listing.steps[-1].possible:
        effect = "possible again once the computing parties have done so"
    listing.add(
        EVERYBODY,
        "accept what is published, and bring it to the own servers",
        "accept {}",
        *(up or ("up {}",)),
        sessions=effect,
    )


def _joining(listing: Listing, old: Old, new: model.Definition, start: Sequence[int]) -> list[int]:
    found = []
    for slug in _new_stations(old, new):
        words = (f"up {{}} --only {slug}", f"trust request {{}} --only {slug}")
        what = f"prepare the server of {slug}, and ask for its certificate"
        asked = listing.aside(_operator(new, slug), what, *words, after=start)
        what = f"approve {slug}, by the fingerprint that its people read out"
        word = f"trust approve {{}} {slug} --fingerprint SHA256:…"
        found.append(listing.aside(COORDINATOR, what, word, after=(asked,)))
    return found


def _places(definition: model.Definition, slug: str) -> list[str]:
    gateway = definition.organisations[slug].gateway
    return [f"{one}:{gateway.port}" for one in (gateway.name, *gateway.addresses)] if gateway else []


def _movers(old: model.Definition, new: model.Definition) -> Iterable[tuple[str, list[str], list[str]]]:
    """Who stays and has its gateway elsewhere too: organisation, new places, old places that go."""
    for slug in sorted(old.stations.keys() & new.stations.keys()):
        before, after = _places(old, slug), _places(new, slug)
        if before and after and {*before} != {*after}:
            yield slug, [one for one in after if one not in before], [one for one in before if one not in after]


def _moving(listing: Listing, old: Old, new: model.Definition, start: Sequence[int]) -> list[int]:
    how = "by a second record in DNS, or by its firewall passing one port on to the other"
    return [
        listing.aside(
            _operator(new, slug),
            f"have {', '.join(come)} lead to the gateway of {slug} beside {', '.join(_places(old, slug))}: {how}",
            after=start,
        )
        for slug, come, _ in (_movers(old, new) if old else ())
        if old and come
    ]


def _moved(listing: Listing, old: model.Definition, new: model.Definition, accepted: Sequence[int]) -> None:
    for slug, _, go in _movers(old, new):
        if go:
            listing.aside(
                _operator(new, slug), f"take {', '.join(go)} away, which nobody calls any more", after=accepted
            )
    for slug in sorted(old.stations.keys() & new.stations.keys()):
        before = sessions.ranges(old, slug)
        if added := [one for one in sessions.ranges(new, slug) if one not in before]:
            listing.add(_operator(new, slug), f"call from {', '.join(added)} for {slug}", after=accepted)
        if (after := operators.operator_of(new, slug)) != (earlier := operators.operator_of(old, slug)):
            what = (
                f"take over the server of {slug} from {earlier}, whose logins go; {earlier} could read its keys: where "
                "that matters have them revoked, and new ones approved"
            )
            listing.aside(f"operator of {slug} ({after})", what, after=accepted)


def _left(listing: Listing, old: model.Definition, new: model.Definition, published: int) -> None:
    for slug in sorted(old.stations.keys() - new.stations.keys()):
        word = f"destroy {{}} --name {{}} --only {slug}"
        listing.aside(_operator(old, slug), f"take the station of {slug} off its server", word, after=(published,))


def _signing(
    listing: Listing, old: Old, new: model.Definition, start: Sequence[int], beside: frozenset[Beside]
) -> list[int]:
    """Who has to sign before it can be published: release holders a release, root holders all that is about keys."""
    found, made = [], []
    if old is None or old.release != new.release:
        what = f"build release {new.release} themselves to the same digest, and sign it"
        found.append(listing.aside(RELEASES, what, "release sign {} --key KEY", after=start))
    for who, what, word in keys(old, new, beside):
        made.append(listing.aside(who, what, word, after=start))
    if made:
        found.append(listing.aside(ROOT, "sign for these keys", "trust root sign {} --key KEY", after=made))
    return found


def keys(old: Old, new: model.Definition, beside: frozenset[Beside]) -> Iterable[tuple[str, str, str]]:
    """Who does what to which keys before it is published, and by which command."""
    if old is None:
        word = "trust root found {} --root FILE.pub --release FILE.pub"
        yield COORDINATOR, "name the holders of root and releases", word
    elif "holders" in beside or old.signatures != new.signatures:
        yield COORDINATOR, "name who holds root and releases from now on", "trust root change {}"
    if old is not None and old.coordinator != new.coordinator:
        what = f"make a key to publish with, beside the records of {old.coordinator} and a restored backup of its vault"
        yield f"coordinator ({new.coordinator})", what, "trust root coordinator {}"
    if "ca" in beside:
        yield COORDINATOR, "make another CA, which is trusted beside the one there is", "trust roll {}"
    if "stolen-ca" in beside:
        yield COORDINATOR, "make another CA, and trust nothing of before", "trust roll {} --stolen"


def ask_anew(listing: Listing, old: model.Definition, new: model.Definition) -> None:
    """Questions say who computes, who operates and by which agreement: they become others where that does."""
    if old.sets != new.sets:
        which = f"all questions{_listed(listing.questions)}"
    else:
        both = old.stations.keys() & new.stations.keys()
        changed = sorted(slug for slug in both if _stands(old, slug) != _stands(new, slug))
        taking_part = ((name, asking.taking_part(one, new.computes)) for name, one in listing.questions.items())
        named = [name for name, people in taking_part if {*changed} & {*people}]
        if not changed or (listing.questions and not named):
            return
        which = f"questions in which {', '.join(changed)} takes part{_listed(named)}"
    effect = f"{which} wait, at each station from when it has the new definition until its steward allowed them"
    listing.add(STEWARDS, "allow the questions anew that this makes others", sessions=effect)


def _stands(definition: model.Definition, slug: str) -> tuple[str, model.Agreement | None]:
    return operators.operator_of(definition, slug), definition.organisations[slug].agreement


def _upgrading(listing: Listing, old: model.Definition, new: model.Definition) -> None:
    earlier = new.upgrading_from
    if earlier and old.release != new.release:
        effect = f"none: stations of releases {earlier} and {new.release} compute together"
        word = f"upgrade start {{}} --to {new.release}"
        listing.add(EVERYBODY, f"move the stations to release {new.release}, in waves", word, sessions=effect)


def _listed(found: Iterable[str]) -> str:
    named = ", ".join(found)
    return f" ({named})" if named else ""


def _new_stations(old: Old, new: model.Definition) -> list[str]:
    return sorted(new.stations.keys() - (old.stations.keys() if old else set()))


def _operator(definition: model.Definition, slug: str) -> str:
    operator = operators.operator_of(definition, slug)
    return f"operator of {slug}" if operator == slug else f"operator of {slug} ({operator})"
