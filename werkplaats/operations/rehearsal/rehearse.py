"""Rehearse a question in a sandbox: synthetic records at every organisation, stewards who allow it, and the answer.

Everything goes through the accounts of the organisations' own people, over ssh: their scientists put the records,
their stewards allow, the scientist of a result party asks. Nothing here has another way in.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from base import errors, values
from network_topology import model, tables
from station_image.runtime import analyses
from werkplaats.operations import progress
from werkplaats.operations.home import networks, people
from werkplaats.operations.rehearsal import synthetic

FILE = "synthetisch.csv"
ANALYSIS = "hotspots/1"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """What each organisation sees alone and what they see together. `alone`: organisation → its areas with enough."""

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


def question(network: networks.Network, name: str | None) -> str:
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


def _areas(network: networks.Network, asked: model.Question) -> list[object]:
    """The areas of a question as its analysis completes them: it may name a table that knows which there are."""
    completed = analyses.find(asked.analysis).parameters(tables.resolved(asked.parameters, network.figures))
    return cast("list[object]", completed["areas"])


def run(network: networks.Network, name: str, seed: int, say: progress.Say) -> Contrast:
    """Put the records, allow, ask; the same seed gives the same records."""
    asked = network.questions[name]
    areas = synthetic.areas(_areas(network, asked))
    domains = {slug: network.compiled.stations[slug].domain for slug in asked.contributes}
    records, planted = synthetic.cases(
        seed, areas, domains, minimum_cell=asked.minimum_cell, minimum_contributors=asked.minimum_contributors
    )
    _each(
        asked.contributes, lambda slug: people.put(network, slug, name, FILE, synthetic.csv("postcode4", records[slug]))
    )
    say(f"synthetic records (seed {seed}) put at {len(records)} organisations")
    taking_part = sorted({*asked.contributes, *asked.results_to, *network.compiled.computing})
    _each(taking_part, lambda slug: _allow(network, slug, name))
    say(f"{name} is allowed by the stewards of {', '.join(taking_part)}")
    asker = asked.results_to[0]
    account = _station(network, asker, "scientist", "propose", name)
    if "result" not in account:
        raise errors.FoundError(
            f"the question of {asker} got no answer: {account.get('reason') or account.get('error')}",
            f"station register, as steward of {asker}, shows what became of it",
        )
    result = account["result"]
    return Contrast(
        planted,
        {slug: _enough(records[slug], asked.minimum_cell) for slug in asked.contributes},
        result["areas"],
        result["suppressed"],
        len(account["contributors"]),
        account["left_out"],
        account["session"],
    )


def _enough(records: Sequence[Any], minimum: int) -> list[str]:
    """The areas in which one organisation by itself has as many cases as may be shown."""
    return sorted(str(area) for area, cases in Counter(records).items() if cases >= minimum)


def _allow(network: networks.Network, organisation: str, name: str) -> None:
    """As a steward does it: look at the question, allow what was looked at."""
    shown = _station(network, organisation, "steward", "questions", name)
    (row,) = [one for one in shown["questions"] if one["question"] == name]
    if row["state"] != "allowed":
        _station(network, organisation, "steward", "allow", name, "--digest", row["digest"])


def _station(network: networks.Network, organisation: str, account: str, *words: str) -> dict[str, Any]:
    done = people.ssh(network, organisation, account, *words, "--json")
    try:
        answer = values.mapping(done.stdout)
    except ValueError as error:
        raise errors.FoundError(f"{account} of {organisation}: station {words[0]}: {done.stderr.strip()}") from error
    if answer.get("exit", 0) > 1 and "session" not in answer:
        raise errors.FoundError(f"{account} of {organisation}: station {words[0]}: {answer.get('error')}")
    return answer


def _each(organisations: Sequence[str], action: Callable[[str], object]) -> None:
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(action, organisation) for organisation in organisations]:
            done.result()
