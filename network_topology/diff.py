"""What differs between two definitions of a network, in people's words: what an operator reads before accepting."""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from network_topology import model, operators


@dataclasses.dataclass(frozen=True)
class Change:
    """One difference. `kind` is the noun that it concerns.

    `adds` is True for whatever widens what can reach, compute, see or run at an organisation: such a change waits
    until the operator accepts it. Removals and mere descriptions apply by themselves.
    """

    kind: str
    text: str
    adds: bool


# Fields of the definition itself → (words for it, whether any change of it waits)
_PLAIN: Mapping[str, tuple[str, bool]] = {
    "network": ("the network's name", True),
    "kind": ("the kind of network", True),
    "title": ("the title", False),
    "region": ("the region", False),
    "technique": ("the technique", True),
    "release": ("the release", True),
    "dpia": ("the day of the impact assessment", False),
    "publication_url": ("where stations fetch the publication", True),
}
_CARD: Mapping[str, tuple[str, bool]] = {
    "name": ("its name", False),
    "domain": ("its domain", False),
    "role": ("its role", True),
}
_GATEWAY: Mapping[str, str] = {"name": "the name of its gateway", "port": "the port of its gateway"}


def changes(old: model.Definition | None, new: model.Definition) -> list[Change]:
    """The changes from `old`, or from nothing, to `new`; empty only where both have the same digest."""
    if old is None:
        return list(_first(new))
    found: list[Change] = []
    for field, (words, waits) in _PLAIN.items():
        found += _plain(field, words, getattr(old, field), getattr(new, field), waits)
    found += _upgrade(old, new)
    found += _switches(old, new)
    if old.coordinator != new.coordinator:
        text = f"the coordinator is {_name(new, new.coordinator)} instead of {_name(old, old.coordinator)}"
        found.append(Change("coordinator", text, adds=True))
    for role in ("root", "releases"):
        before, after = getattr(old.signatures, role), getattr(new.signatures, role)
        found += _plain("signatures", f"how many {role.removesuffix('s')} holders must sign", before, after, waits=True)
    found += _members(old, new)
    found += _computing(old, new)
    found += _alternates(old, new)
    found += _organisations(old, new)
    found += _processors(old, new)
    return found


def _first(new: model.Definition) -> Iterator[Change]:
    yield Change("network", f"{new.network} ({new.title}) is new here", adds=True)
    yield Change("coordinator", f"the coordinator is {_name(new, new.coordinator)}", adds=True)
    if new.release:
        yield Change("release", f"stations run release {new.release}", adds=True)
    if new.upgrading_from or new.upgrading_until:
        yield Change("release", _meanwhile(new), adds=True)
    for slug, root in sorted(_roots(new).items()):
        yield Change("member", f"{slug} takes part, whose root is {root}", adds=True)
    for field in ("kind", "region", "technique", "dpia"):
        yield Change(field, f"{_PLAIN[field][0]} is {_said(getattr(new, field))}", adds=True)
    releases = f" and {new.signatures.releases} release holders" if new.release else ""
    text = f"at least {new.signatures.root} root holders{releases} must sign"
    yield Change("signatures", text, adds=True)
    if new.publication_url:
        yield Change("publication_url", f"stations fetch the publication from {new.publication_url}", adds=True)
    yield Change("personal_data", _personal_data(new), adds=True)
    yield Change("illustrative", _illustrative(new), adds=True)
    for slug in sorted(new.organisations):
        yield Change("organisation", _joins(new, slug), adds=True)
    yield from _computing_words(new)
    yield from _alternates(None, new)
    for slug, processor in sorted(new.processors.items()):
        yield Change("processor", _operates(slug, processor), adds=True)


def _plain(field: str, words: str, before: object, after: object, waits: bool) -> Iterator[Change]:
    if before != after:
        yield Change(field, f"{words} is {_said(after)} instead of {_said(before)}", waits)


def _upgrade(old: model.Definition, new: model.Definition) -> Iterator[Change]:
    """That an upgrade ends waits for nobody: it takes a release away that was said yes to, and adds none."""
    before, after = ((one.upgrading_from, one.upgrading_until) for one in (old, new))
    if before == after:
        return
    if not after[0]:
        yield Change("release", f"no station may run release {before[0]} any more", adds=False)
    else:
        yield Change("release", _meanwhile(new), adds=before[0] != after[0] or _later(before[1], after[1]))


def _meanwhile(new: model.Definition) -> str:
    earlier, until = new.upgrading_from, new.upgrading_until
    return f"stations may run release {earlier} until {until}, while release {new.release} comes to them"


def _later(before: datetime.date | None, after: datetime.date | None) -> bool:
    return before is None or after is None or after > before


def _switches(old: model.Definition, new: model.Definition) -> Iterator[Change]:
    if old.illustrative != new.illustrative:
        yield Change("illustrative", f"from now on {_illustrative(new)}", adds=False)
    if old.personal_data != new.personal_data:
        yield Change("personal_data", f"from now on {_personal_data(new)}", adds=True)


def _illustrative(definition: model.Definition) -> str:
    return f"the definition is called {'illustrative' if definition.illustrative else 'real'}"


def _personal_data(definition: model.Definition) -> str:
    return f"{'' if definition.personal_data else 'no '}personal data may be used"


def _roots(definition: model.Definition) -> Mapping[str, str]:
    """Member → its root, of a federation."""
    return definition.roots if isinstance(definition, model.Joined) else {}


def _members(old: model.Definition, new: model.Definition) -> Iterator[Change]:
    before, after = _roots(old), _roots(new)
    for slug in sorted(before.keys() | after.keys()):
        if slug not in after:
            yield Change("member", f"{slug} takes part no more", adds=False)
        elif slug not in before:
            yield Change("member", f"{slug} takes part, whose root is {after[slug]}", adds=True)
        elif before[slug] != after[slug]:
            text = f"the root of {slug} is {after[slug]} instead of {before[slug]}"
            yield Change("member", f"WARNING: {text}. Ring one of its root holders up before you accept", adds=True)


def _computing(old: model.Definition, new: model.Definition) -> Iterator[Change]:
    """Removing computing parties waits too where it lowers the threshold: fewer then suffice to read the inputs."""
    for slug in new.computing:
        if slug not in old.computing:
            yield Change("computing", f"{_name(new, slug)} becomes a computing party and sees results", adds=True)
    for slug in old.computing:
        if slug not in new.computing:
            yield Change("computing", f"{_name(old, slug)} is no computing party any more", adds=False)
    if old.computing != new.computing and set(old.computing) == set(new.computing):
        order = ", ".join(new.computing)
        yield Change("computing", f"the computing parties are numbered anew: {order}", adds=True)
    before, after = operators.threshold(old.computing), operators.threshold(new.computing)
    if before != after:
        text = f"{after + 1} computing parties together can read the inputs, instead of {before + 1}"
        yield Change("threshold", text, adds=after < before)


def _alternates(old: model.Definition | None, new: model.Definition) -> Iterator[Change]:
    """Another set waits: its parties see shares and results as those of the first do."""
    before, after = (old.computing_alternates if old else ()), new.computing_alternates
    for parties in after:
        if parties not in before:
            who = ", ".join(_name(new, slug) for slug in parties)
            text = f"another set may compute and see results: {who}; any {operators.threshold(parties) + 1} of it"
            yield Change("computing", f"{text} together can read the inputs", adds=True)
    for parties in before:
        if parties not in after and old is not None:
            who = ", ".join(_name(old, slug) for slug in parties)
            yield Change("computing", f"this set computes no more: {who}", adds=False)
    if before != after and sorted(before) == sorted(after):
        yield Change("computing", "the other sets of computing parties are tried in another order", adds=False)


def _computing_words(new: model.Definition) -> Iterator[Change]:
    for slug in new.computing:
        yield Change("computing", f"{_name(new, slug)} is a computing party and sees results", adds=True)


def _organisations(old: model.Definition, new: model.Definition) -> Iterator[Change]:
    for slug in sorted(old.organisations.keys() | new.organisations.keys()):
        if slug not in old.organisations:
            yield Change("organisation", _joins(new, slug), adds=True)
        elif slug not in new.organisations:
            yield Change("organisation", f"{_name(old, slug)} leaves", adds=False)
        else:
            yield from _card(old, new, slug)


def _joins(new: model.Definition, slug: str) -> str:
    """Everything on the card of who joins: it is accepted as a whole."""
    card = new.organisations[slug]
    who, domain = f"{card.name} ({slug})", f"domain {card.domain.replace('_', ' ')}"
    papers = _agreement(card.agreement)
    if card.role == "coordinator_only":
        return f"{who} joins without a station; {domain}; {papers}"
    gateway = card.gateway
    where = f"with gateway {gateway.name}:{gateway.port}" if gateway else "without a gateway"
    also = f", also reached at {', '.join(gateway.addresses)}" if gateway and gateway.addresses else ""
    ranges = [*(gateway.egress if gateway else ()), *card.egress]
    calls = f", calls from {', '.join(ranges)}" if ranges else ""
    data = "puts in data" if card.contributes else "puts in no data"
    server = f"its server is operated by {_operator(new, slug)}"
    return f"{who} joins {where}{also}{calls}; {domain}; it {data}; {server}; {papers}"


def _card(old: model.Definition, new: model.Definition, slug: str) -> Iterator[Change]:
    before, after = old.organisations[slug], new.organisations[slug]
    for field, (words, waits) in _CARD.items():
        for change in _plain("organisation", words, getattr(before, field), getattr(after, field), waits):
            yield Change(change.kind, f"{slug}: {change.text}", change.adds)
    operator_before, operator_after = operators.operator_of(old, slug), operators.operator_of(new, slug)
    if operator_before != operator_after or before.operator != after.operator:
        text = f"{slug}: its server is operated by {_operator(new, slug)} instead of {_operator(old, slug)}"
        yield Change("operator", text, adds=True)
    if before.contributes != after.contributes:
        text = f"{slug}: it {'now puts in data' if after.contributes else 'puts in data no more'}"
        yield Change("organisation", text, adds=after.contributes)
    if before.agreement != after.agreement:
        yield Change("agreement", f"{slug}: {_agreement(after.agreement)}", adds=False)
    yield from _gateway(slug, before, after)


def _gateway(slug: str, before: model.Organisation, after: model.Organisation) -> Iterator[Change]:
    old, new = before.gateway, after.gateway
    if new is None and old is not None:
        yield Change("gateway", f"{slug}: it has no gateway any more", adds=False)
    elif new is not None and old is None:
        yield Change("gateway", f"{slug}: it has a gateway at {new.name}:{new.port}", adds=True)
    elif new is not None and old is not None:
        for field, words in _GATEWAY.items():
            for change in _plain("gateway", words, getattr(old, field), getattr(new, field), waits=True):
                yield Change(change.kind, f"{slug}: {change.text}", change.adds)
    addresses = ((old.addresses if old else ()), (new.addresses if new else ()))
    yield from _addresses(slug, "its gateway is also reached at", *addresses)
    ranges = (old.egress if old else before.egress, new.egress if new else after.egress)
    yield from _addresses(slug, "it calls from", *ranges)
    moved = before.egress != after.egress and ranges[0] == ranges[1] and (old is None) == (new is None)
    if moved:
        yield Change("address", f"{slug}: its 'egress' beside the gateway is another", adds=True)


def _addresses(slug: str, words: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Change]:
    for address in after:
        if address not in before:
            yield Change("address", f"{slug}: {words} {address}", adds=True)
    for address in before:
        if address not in after:
            yield Change("address", f"{slug}: no longer: {words} {address}", adds=False)
    if before != after and set(before) == set(after):
        yield Change("address", f"{slug}: the same addresses are written in another order", adds=False)


def _processors(old: model.Definition, new: model.Definition) -> Iterator[Change]:
    for slug in sorted(old.processors.keys() | new.processors.keys()):
        before, after = old.processors.get(slug), new.processors.get(slug)
        if after is None and before is not None:
            yield Change("processor", f"{before.name} ({slug}) operates no servers any more", adds=False)
        elif after is not None and before is None:
            yield Change("processor", _operates(slug, after), adds=True)
        elif after is not None and before is not None and after != before:
            text = f"processor {slug} is {after.name}, {_agreement(after.agreement)}; it was {before.name}"
            yield Change("processor", text, adds=after.name != before.name)


def _operates(slug: str, processor: model.Processor) -> str:
    return f"{processor.name} ({slug}) may operate servers; {_agreement(processor.agreement)}"


def _name(definition: model.Definition, slug: str) -> str:
    card = definition.organisations.get(slug)
    return f"{card.name} ({slug})" if card else slug


def _operator(definition: model.Definition, slug: str) -> str:
    operator = operators.operator_of(definition, slug)
    return "itself" if operator == slug else operators.name_of(definition, operator)


def _agreement(agreement: model.Agreement | None) -> str:
    if agreement is None:
        return "no agreement"
    until = f" until {agreement.until}" if agreement.until else ""
    return f"agreement {agreement.kind} of {agreement.signed}{until}"


def _said(value: Any) -> str:
    return "(none)" if value is None else str(value)
