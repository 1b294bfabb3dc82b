"""Rehearse a question in a sandbox: synthetic records at every organisation, stewards who allow it, and the answer.

Everything goes through the accounts of the organisations' own people, over ssh: their scientists put the records,
their stewards allow, the scientist of a result party asks. Nothing here has another way in.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from base import errors, together, values
from network_topology import model, names, tables
from station_image.runtime import analyses
from werkplaats.operations import progress
from werkplaats.operations.home import networks, people
from werkplaats.operations.rehearsal import synthetic

FILE = "synthetisch.csv"
ANALYSIS = "hotspots/1"
Asked = networks.Network | networks.Federation


@dataclasses.dataclass(frozen=True)
class Contrast:
    """What each sees alone and what they see together. `alone`: organisation, or region → its areas with enough."""

    planted: Sequence[str]
    alone: Mapping[str, Sequence[str]]
    together: Sequence[Mapping[str, Any]]
    suppressed: int
    contributors: int
    left_out: Mapping[str, str]
    session: str

    @property
    def good(self) -> bool:
        """Whether together they found exactly what was planted, and nobody alone found anything."""
        return [one["area"] for one in self.together] == sorted(self.planted) and not any(self.alone.values())


def question(network: Asked, name: str | None) -> str:
    """The question to rehearse: the one that is named, or the first that asks for hotspots."""
    if not network.made_here:
        raise errors.RefusedError(
            f"{network.name} is not a sandbox", "synthetic records never go to a server with people's data"
        )
    known = [one for one, asked in sorted(network.questions.items()) if asked.analysis == ANALYSIS]
    if name is None and known:
        return known[0]
    if name not in known:
        raise errors.UsageError(
            f"{network.name} has no question {name or 'on ' + ANALYSIS} to rehearse",
            f"those that ask for {ANALYSIS}: {', '.join(known) or '(none)'}",
        )
    return name


def _areas(network: Asked, asked: model.Question) -> list[object]:
    """The areas of a question as its analysis completes them: it may name a table that knows which there are."""
    completed = analyses.find(asked.analysis).parameters(tables.resolved(asked.parameters, network.figures))
    return cast("list[object]", completed["areas"])


def run(network: Asked, name: str, seed: int, say: progress.Say) -> Contrast:
    """Put the records, allow, ask; the same seed gives the same records.

    In a federation who sees nothing alone is a whole region.
    """
    asked, accounts = network.questions[name], _Accounts(network, name)
    areas, alone = synthetic.areas(_areas(network, asked)), accounts.sees_with
    domains = {one: network.compiled.stations[one].domain for one in asked.contributes}
    records, planted = synthetic.cases(
        seed,
        areas,
        domains,
        minimum_cell=asked.minimum_cell,
        minimum_contributors=asked.minimum_contributors,
        alone=alone,
    )
    together.each(lambda one: accounts.put(one, synthetic.csv("postcode4", records[one])), asked.contributes)
    say(f"synthetic records (seed {seed}) put at {len(records)} organisations")
    taking_part = sorted({*asked.contributes, *asked.results_to, *network.definition.computes})
    together.each(accounts.allow, taking_part)
    say(f"{name} is allowed by the stewards of {', '.join(taking_part)}")
    asker = asked.results_to[0]
    account = accounts.say(asker, people.SCIENTIST, "propose")
    if "result" not in account:
        raise errors.FoundError(
            f"the question of {asker} got no answer: {account.get('reason') or account.get('error')}",
            f"station register, as steward of {asker}, shows what became of it",
        )
    result = account["result"]
    seen: dict[str, Counter[Any]] = {}
    for one in asked.contributes:
        seen.setdefault(alone(one), Counter()).update(records[one])
    return Contrast(
        planted,
        {who: sorted(str(area) for area, cases in found.items() if cases >= asked.minimum_cell)
         for who, found in seen.items()},
        result["areas"],
        result["suppressed"],
        len(account["contributors"]),
        account["left_out"],
        account["session"],
    )  # fmt: skip


class _Accounts:
    """The accounts of people of all organisations of a network, for one question of it."""

    def __init__(self, network: Asked, question: str) -> None:
        self.network, self.question = network.name, question
        self._regions = (
            {network.name: network}
            if isinstance(network, networks.Network)
            else {slug: network.member(slug) for slug in network.members}
        )
        self.sees_with = str if isinstance(network, networks.Network) else self._region

    def _region(self, one: str) -> str:
        return self._at(one)[0].name

    def _at(self, one: str) -> tuple[networks.Network, str]:
        region, organisation = names.home(self.network, one)
        return self._regions[region], organisation

    def put(self, one: str, content: bytes) -> None:
        people.put(*self._at(one), f"{self.network}/{self.question}", FILE, content)

    def allow(self, one: str) -> None:
        """As a steward does it: look at the question, allow what was looked at."""
        shown = self.say(one, people.STEWARD, "questions")
        (row,) = [row for row in shown["questions"] if row["question"] == self.question]
        if row["state"] != "allowed":
            self.say(one, people.STEWARD, "allow", "--digest", row["digest"])

    def say(self, one: str, account: str, verb: str, *words: str) -> dict[str, Any]:
        """What the station of an organisation answers its people."""
        asked = (verb, self.question, "--network", self.network, *words, "--json")
        done = people.ssh(*self._at(one), account, *asked)
        try:
            answer = values.mapping(done.stdout)
        except ValueError as error:
            raise errors.FoundError(f"{account} of {one}: station {verb}: {done.stderr.strip()}") from error
        if answer.get("exit", 0) > 1 and "session" not in answer:
            raise errors.FoundError(f"{account} of {one}: station {verb}: {answer.get('error')}")
        return answer
