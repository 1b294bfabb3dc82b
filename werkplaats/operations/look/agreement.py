"""Whether stations go by one definition: what a peer's agent tells, against what applies where it was asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from network_topology import diff, operators
from network_topology.compiling import compile as compiler
from publication import acceptance, verified


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

    def differs(self, source: str, target: str, told: object) -> str:
        """What is wrong with the digest of a definition that `target` told `source`: what differs, who does what."""
        own = compiler.digest(self.views[source].definition)
        if told == own:
            return ""
        if not isinstance(told, str):
            return f"the agent of {target} tells no definition; {self._accepts(target)}"
        known = {compiler.digest(view.definition): view.definition for view in self.views.values()}
        published = self.published and compiler.digest(self.published.definition)
        if self.published and published:
            known[published] = self.published.definition
        theirs = known.get(told)
        changes = [change.text for change in diff.changes(self.views[source].definition, theirs)] if theirs else []
        what = "there, " + "; ".join(changes) if changes else "what differs is not known here"
        late = [organisation for organisation, has in ((source, own), (target, told)) if has != published]
        remedy = ", and ".join(self._accepts(organisation) for organisation in late)
        return f"the agent of {target} goes by definition {told}, and {source} accepted {own}: {what}; {remedy}"

    def _accepts(self, organisation: str) -> str:
        if self.published is None:
            return f"the operator of {organisation} fetches the newest publication, and runs accept and up"
        definition = self.published.definition
        whose = organisation
        if organisation in definition.stations:
            operator = operators.name_of(definition, operators.operator_of(definition, organisation))
            whose = f"{organisation} ({operator})"
        name = f"{self.published.network} --only {organisation}"
        return (
            f"the operator of {whose} reads publication {self.published.number}, and runs "
            f"werkplaats accept {name} and werkplaats up {name}"
        )
