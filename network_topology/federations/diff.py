"""What differs between two definitions of a federation, in people's words, as for a regional network.

What widens who can reach, compute or see waits for the operators of all who take part; the rest applies by itself.
"""

from collections.abc import Iterator, Mapping

from network_topology import operators
from network_topology.diff import Change, agreement_words, plain
from network_topology.federations.model import Federation, Member

# Fields of the definition itself → (words for it, whether any change of it waits)
_PLAIN: Mapping[str, tuple[str, bool]] = {
    "network": ("the federation's name", True),
    "kind": ("the kind of network", True),
    "title": ("the title", False),
    "illustrative": ("whether it is illustrative", False),
    "coordinator": ("the coordinator", True),
    "technique": ("the technique", True),
    "personal_data": ("whether personal data may be used", True),
    "dpia": ("the day of the impact assessment", False),
    "publication_url": ("where stations fetch the publication", True),
}


def changes(old: Federation | None, new: Federation) -> list[Change]:
    """The changes from `old`, or from nothing, to `new`; empty only where both have the same digest."""
    if old is None:
        return list(_first(new))
    found: list[Change] = []
    for field, (words, waits) in _PLAIN.items():
        found += plain(field, words, getattr(old, field), getattr(new, field), waits)
    for role, before in old.signatures:
        words = f"how many {role.removesuffix('s')} holders must sign"
        found += plain("signatures", words, before, getattr(new.signatures, role), waits=True)
    if old.agreement != new.agreement:
        found.append(Change("agreement", f"between the members: {agreement_words(new.agreement)}", adds=False))
    found += _computing(old, new)
    for slug in sorted(old.members.keys() | new.members.keys()):
        found += _member(slug, old.members.get(slug), new.members.get(slug))
    return found


def _first(new: Federation) -> Iterator[Change]:
    yield Change("network", f"{new.network} ({new.title}) is new here", adds=True)
    for field in ("kind", "illustrative", "coordinator", "technique", "personal_data", "dpia", "publication_url"):
        yield from plain(field, _PLAIN[field][0], None, getattr(new, field), waits=True)
    text = f"at least {new.signatures.root} root holders and {new.signatures.releases} release holders must sign"
    yield Change("signatures", text, adds=True)
    yield Change("agreement", f"between the members: {agreement_words(new.agreement)}", adds=True)
    for one in new.computing:
        yield Change("computing", f"{one} is a computing party and sees results", adds=True)
    for slug, member in sorted(new.members.items()):
        yield from _member(slug, None, member)


def _computing(old: Federation, new: Federation) -> Iterator[Change]:
    """As of a regional network: fewer computing parties wait too, as fewer then suffice to read the inputs."""
    for one in new.computing:
        if one not in old.computing:
            yield Change("computing", f"{one} becomes a computing party and sees results", adds=True)
    for one in old.computing:
        if one not in new.computing:
            yield Change("computing", f"{one} is no computing party any more", adds=False)
    if old.computing != new.computing and set(old.computing) == set(new.computing):
        yield Change("computing", f"the computing parties are numbered anew: {', '.join(new.computing)}", adds=True)
    before, after = operators.threshold(old), operators.threshold(new)
    if before != after:
        text = f"{after + 1} computing parties together can read the inputs, instead of {before + 1}"
        yield Change("threshold", text, adds=after < before)


def _member(slug: str, old: Member | None, new: Member | None) -> Iterator[Change]:
    if new is None:
        yield Change("member", f"region {slug} leaves", adds=False)
    elif old is None:
        who = ", ".join(new.organisations)
        yield Change("member", f"region {slug} joins with {who}; root {new.root}; consent of {new.consent}", adds=True)
    else:
        for change in plain("member", "the root of its publication", old.root, new.root, waits=True):
            yield Change(change.kind, f"{slug}: {change.text}", change.adds)
        for change in plain("member", "the day of its consent", old.consent, new.consent, waits=False):
            yield Change(change.kind, f"{slug}: {change.text}", change.adds)
        for one in new.organisations:
            if one not in old.organisations:
                yield Change("member", f"{slug}: {one} takes part", adds=True)
        for one in old.organisations:
            if one not in new.organisations:
                yield Change("member", f"{slug}: {one} takes part no more", adds=False)
        if old.organisations != new.organisations and set(old.organisations) == set(new.organisations):
            yield Change("member", f"{slug}: the same organisations are written in another order", adds=False)
