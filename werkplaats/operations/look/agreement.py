"""Whether stations accepted the same: what a peer's agent tells, against what applies where it was asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from network_topology import diff, names, operators
from publication import acceptance, verified

_WORDS = {
    "definition": "definition",
    "statement_keys": "statement keys",
    "holders": "root and release holders",
    "authority": "CA",
    "release": "release",
}


@dataclasses.dataclass(frozen=True)
class Agreed:
    """What is known here: what applies at each server of this operator, by organisation, and what is published."""

    views: Mapping[str, acceptance.Accepted]
    published: verified.Verified | None

    def digests(self) -> dict[str, list[str]]:
        """What two organisations compare → the organisations for which it applies."""
        found: dict[str, list[str]] = {}
        for organisation, view in sorted(self.views.items()):
            found.setdefault(view.digest, []).append(organisation)
        return found

    def differs(self, source: str, target: str, told: Mapping[str, object]) -> str:
        """What is wrong with what `target` told `source` that it accepted: what differs, who does what.

        `told` is part (as `Accepted.parts`) → digest; an earlier release tells no more than its definition's.
        """
        if not isinstance(told.get("definition"), str):
            return f"the agent of {target} tells no definition; {self._accepts(target)}"
        own = self.views[source].parts
        parts = {part: " ".join(str(told[part]).split()) for part in own if part in told}  # a line of others' stays one
        differing = [part for part, digest in parts.items() if digest != own[part]]
        if not differing:
            return ""
        found = [
            f"the agent of {target} goes by {_WORDS[part]} {parts[part]}, and {source} accepted {own[part]}: "
            + self._what(source, part, parts[part])
            for part in differing
        ]
        newest = acceptance.accept(self.published).parts if self.published else {}
        late = [
            organisation
            for organisation, has in ((source, own), (target, parts))
            if any(has[part] != newest.get(part) for part in differing)
        ]
        return "; ".join([*found, ", and ".join(self._accepts(organisation) for organisation in late)])

    def _what(self, source: str, part: str, told: str) -> str:
        """What differs in a part, of which the peer told the digest, as far as anybody here has the same."""
        known = [*self.views.values(), *([acceptance.accept(self.published)] if self.published else [])]
        theirs = next((view for view in known if view.parts[part] == told), None)
        changes = _changes(part, self.views[source], theirs) if theirs else []
        return "there, " + "; ".join(changes) if changes else "what differs is not known here"

    def _accepts(self, organisation: str) -> str:
        if self.published is None:
            return f"the operator of {organisation} fetches the newest publication, and runs accept and up"
        definition = self.published.definition
        whose = organisation
        if organisation in definition.stations:
            operator = operators.name_of(definition, operators.operator_of(definition, organisation))
            whose = f"{organisation} ({operator})"
        network = self.published.network
        home, own = names.home(network, organisation)  # a federation is brought by `up` of the own network
        return (
            f"the operator of {whose} reads publication {self.published.number}, and runs "
            f"werkplaats accept {network} --only {organisation} and werkplaats up {home} --only {own}"
        )


def _changes(part: str, here: acceptance.Accepted, there: acceptance.Accepted) -> list[str]:
    """What is otherwise in a part of what was accepted there, in words."""
    if part == "definition":
        return [change.text for change in diff.changes(here.definition, there.definition)]
    if part == "statement_keys":
        return list(_keys(here.statement_keys, there.statement_keys))
    if part == "release":
        images = [one.release.image_id if one.release else "none" for one in (there, here)]
        return [f"release {there.definition.release} is image {images[0]}, here {images[1]}"]
    if part == "holders":
        root, here_root = there.holders.fingerprint(there.network), here.holders.fingerprint(here.network)
        releases = getattr(there.holders, "releases", None)
        also = f", and release holders are {releases.keys}" if releases else ""
        return [f"the root is {root}, here {here_root}{also}"]
    return ["another CA signs the network's certificates; ring the coordinator up"]


def _keys(here: Mapping[str, str], there: Mapping[str, str]) -> Iterable[str]:
    for organisation in sorted(here.keys() | there.keys()):
        if organisation not in there:
            yield f"{organisation} has no key"
        elif organisation not in here:
            yield f"{organisation} has a key, and here it has none"
        elif here[organisation] != there[organisation]:
            yield f"{organisation} has another key: compare by telephone which of the two its people have"
