"""One question to many organisations of a federation: agreed, with data, asked, and held against the plain sum."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from station_image.runtime.accepted.networks import Networks
from station_image.runtime.analyses import hotspots
from station_image.runtime.data import seal, shares
from tests.benchmarks.national.running import Watch
from tests.benchmarks.national.servers import Nation
from tests.harness.stations import Proposal
from tests.station_image.runtime import questions

FIRST = 1000
SILENCE = 1800.0
PASSED = re.compile(r" from\.(\S+) .* in (\d+) out \d+ bytes")
"""In the log of a gateway: whose connection ended, and how much came over it."""


@dataclasses.dataclass
class Asked:
    """What one session came to. Seconds by phase; megabytes and processor seconds by part, of the party with most."""

    phases: dict[str, float]
    held: dict[str, float]
    processor: dict[str, float]
    sent: float
    """Bytes that one contributor brought to all gateways, by what these passed on; `sealed` of them are its shares."""
    sealed: int

    @property
    def seconds(self) -> float:
        """In all."""
        return sum(self.phases.values())


class Question:
    """A question about `areas` areas to so many contributors, of counts of so many bits; the parties are among them."""

    def __init__(self, nation: Nation, size: int, areas: int, bits: int) -> None:
        self.nation, self.areas = nation, areas
        self.name = f"griep-{size}"
        others = random.Random(size).sample(nation.contributors, size - len(nation.parties))  # noqa: S311
        self.servers = [*nation.parties, *others]
        with contextlib.redirect_stdout(io.StringIO()):  # a station's journal is no figure
            network = Networks(nation.parties[0].root / "networks.d").find(nation.name)
        people = sorted(one.id for one in self.servers)
        whole = questions.document(network)
        named = {key: {one: whole[key][one] for one in people} for key in ("operators", "statement_keys", "agreements")}
        parameters = {"areas": [f"{FIRST}-{FIRST + areas - 1}"], "bits": bits}
        about: dict[str, Any] = {"question": self.name, "parameters": parameters, "contributors": people}
        self.document = questions.document(network, **about, **named)
        self.length = hotspots.length(hotspots.parameters(parameters))

    def carried_out(self) -> Asked:
        """Deliver it, wait until all have seen it, and ask it."""
        self.deliver()
        time.sleep(1.5 * self.nation.look_every)
        return self.ask()

    def deliver(self) -> None:
        """To all that it asks: the question, their steward's consent, their data."""
        chance, areas = random.Random(self.name), range(FIRST, FIRST + self.areas)  # noqa: S311
        weights = [chance.random() ** 4 for _ in areas]  # few areas have many cases, as places with many people do
        self.cases = {one.id: chance.choices(areas, weights, k=3 * self.areas // 8) for one in self.servers}
        for one in self.servers:
            one.put(self.nation.name, "questions.json", {self.name: self.document})
            questions.allow(one.root / "allowances", self.document, allowed=0)
            folder = one.root / "data" / "in" / self.nation.name / self.name
            folder.mkdir(parents=True)
            (folder / "meldingen.csv").write_text("\n".join(["postcode4", *map(str, self.cases[one.id])]) + "\n")

    def ask(self) -> Asked:
        """Ask it, and look at all computing parties meanwhile. Raises AssertionError where the result is another."""
        parties = self.nation.parties
        before = self._passed()
        with ExitStack() as stack:
            watches = [stack.enter_context(Watch(one)) for one in parties]
            began = time.time()
            proposal = Proposal(parties[0].root / "control" / "agent.sock", self._request, SILENCE)
            accepted = self._until(proposal, "accepted", 1)
            gathered = self._until(proposal, "computing", len(parties))
            answer = proposal.answer()
            ended = time.time()
        self._sound(answer)
        opened = max((one.root / "state" / "runs.json").stat().st_mtime for one in parties)
        there = (parties[0].root / "data" / "out" / answer["session"] / "result.json").stat().st_mtime
        moments = (began, accepted, gathered, opened, there, ended)
        names = ("answers", "contributions", "computing", "opening", "handing over")
        phases = {name: round(max(0.0, b - a), 2) for name, a, b in zip(names, moments, moments[1:], strict=False)}
        return Asked(
            phases,
            _most([one.held for one in watches]),
            _most([one.seconds for one in watches]),
            (self._passed() - before) / (len(self.servers) - len(parties)),
            len(parties) * (self.length * shares.WIDTH + seal.OVERHEAD),
        )

    def _passed(self) -> int:
        """Bytes from contributors over connections that are over, by the gateways of all computing parties."""
        parties = {one.id for one in self.nation.parties}
        lines = (PASSED.finditer(one.log("gateway")) for one in self.nation.parties)
        return sum(int(found[2]) for some in lines for found in some if found[1] not in parties)

    @property
    def _request(self) -> dict[str, Any]:
        return {"verb": "propose", "network": self.nation.name, "question": self.name}

    def _until(self, proposal: Proposal, event: str, times: int) -> float:
        """The moment at which something was told so often."""
        while sum(one.get("event") == event for one in proposal.events) < times:
            proposal.next()
        return time.time()

    def _sound(self, answer: Mapping[str, Any]) -> None:
        totals = Counter(area for rows in self.cases.values() for area in rows)
        present = Counter(area for rows in self.cases.values() for area in set(rows))
        wanted = {str(area): total for area, total in totals.items() if total >= 10 and present[area] >= 3}
        told = {key: answer.get(key) for key in ("outcome", "reason", "left_out")}
        if answer["outcome"] != "done" or answer["left_out"]:
            raise AssertionError(json.dumps(told))
        if {row["area"]: row["cases"] for row in answer["result"]["areas"]} != wanted:
            raise AssertionError("a session with a wrong result measures nothing")
        if answer["result"]["suppressed"] != self.areas - len(wanted):
            raise AssertionError("areas are hidden that suffice, or shown that do not")


def _most(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: max(row.get(name, 0.0) for row in rows) for name in ("agent", "computer", "gateway")}
