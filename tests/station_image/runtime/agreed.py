"""A question over real gateways: what the coordinator delivers, what stewards allow, and what organisations bring."""

from __future__ import annotations

import dataclasses
import itertools
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network, Networks
from station_image.runtime.consent import plan
from tests.harness.region import Region
from tests.harness.stations import Proposal, Station, replace, wait_until
from tests.station_image.runtime import questions
from tests.station_image.runtime.impostor import as_station

MEMBERS = ("ggd", "gelre", "sensire", "yunio", "huisarts")
PLANTED = {4: (4, 4, 4, 0, 1), 31: (3, 2, 2, 2, 2)}
"""Area → cases per organisation: nobody has ten of its own anywhere, together these two areas have."""
ELSEWHERE = {10: (9, 0, 0, 0, 0), 11: (2, 2, 2, 0, 0), 12: (8, 8, 0, 0, 0)}
"""Too few cases, or too few organisations: area 12 has sixteen cases of two organisations."""
PLANTED_TOTALS = {area: sum(counts) for area, counts in PLANTED.items()}
AREAS = 40


class Agreed:
    """A question of its own for one test: a name and areas that no earlier result was about."""

    counter = itertools.count()

    def __init__(self, region: Region) -> None:
        self.region = region
        number = next(self.counter)
        self.name, self.first = f"griep-{number}", 1000 + 100 * number

    def __getitem__(self, member: str) -> Station:
        return self.region[member]

    def asked(self, **changes: Any) -> dict[str, Any]:
        network = Networks(self["ggd"].root / "networks.d").find("drie")
        own = {"question": self.name, "parameters": {"areas": [f"{self.first}-{self.first + AREAS - 1}"]}}
        return questions.document(network, **{**own, **changes})

    def deliver(self, *documents: dict[str, Any], to: Iterable[str] = MEMBERS) -> None:
        """From now on these are the questions of the network, and no others; none: the coordinator took them back."""
        for member in to:
            path = self[member].root / "networks.d" / "drie" / "questions.json"
            replace(path, {document["question"]: document for document in documents})

    def allow(self, document: dict[str, Any], by: Iterable[str] = MEMBERS, **how: Any) -> None:
        for member in by:
            questions.allow(self[member].root / "allowances", document, **how)

    def everywhere(self, **changes: Any) -> dict[str, Any]:
        """Deliver a changed question to everybody, and have all stewards allow it."""
        document = self.asked(**changes)
        self.deliver(document)
        self.allow(document)
        return document

    def opened(self, answer: dict[str, Any]) -> dict[int, int]:
        """Area → cases, areas counted from the first of this question."""
        return {int(row["area"]) - self.first: row["cases"] for row in answer["result"]["areas"]}

    def allowance(self, member: str) -> Path:
        return self[member].root / "allowances" / f"drie~{self.name}.json"

    def put(self, member: str, text: str, name: str = "") -> None:
        folder = self[member].root / "data" / "in" / "drie" / (name or self.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meldingen.csv").write_text(text)

    def cases(self, member: str, more: Iterable[int] = ()) -> str:
        position = MEMBERS.index(member)
        rows = [area for area, counts in (PLANTED | ELSEWHERE).items() for _ in range(counts[position])]
        return "\n".join(["postcode4", *(str(self.first + area) for area in (*rows, *more))]) + "\n"

    def propose(self, name: str = "") -> Proposal:
        return self._begin("ggd", "propose", question=name or self.name)

    def ask(self) -> dict[str, Any]:
        return self.propose().answer()

    def tell(self, member: str, verb: str, **request: Any) -> dict[str, Any]:
        return self._begin(member, verb, **request).answer()

    def until_entered(self, member: str, session: str, *kinds: str) -> set[str]:
        """Wait until something is in the register of a member, and return all that is there of this session."""

        def entered() -> set[str]:
            told = self.tell(member, "register", last=50)
            assert told["sound"], told
            found = {entry["kind"] for entry in told["entries"] if entry.get("session") == session}
            return found if found.issuperset(kinds) else set()

        found: set[str] = wait_until(entered, f"{member} to enter {kinds}")
        return found

    def by_hand(self, **changes: Any) -> dict[str, str]:
        """Propose a plan with changed fields with the key of ggd and without its checks: who refuses, and why."""

        async def work(assembled: Any, network: Network) -> dict[str, str]:
            with mock.patch.object(plan, "check"):
                session = secrets.token_hex(16)
                whole = plan.question(network, network.questions[self.name], session=session, intake=5, deadline=60)
            changed = dataclasses.replace(whole, **changes)
            people = changed.participants
            keys = {one: network.stations[one].key_digest for one in people if one in network.stations}
            changed = dataclasses.replace(changed, statement_keys=keys)
            return {party: await answer_of(assembled, network, party, changed) for party in network.computing[1:]}

        return as_station(self["ggd"], "drie", work)

    def _begin(self, member: str, verb: str, **request: Any) -> Proposal:
        path = self[member].root / "control" / "agent.sock"
        return Proposal(path, {"verb": verb, "network": "drie", **request})


async def answer_of(assembled: Any, network: Network, party: str, proposed: plan.Plan) -> str:
    """What a party answers to a plan: why not, or "" for yes."""
    request = {"kind": "propose", "session": proposed.session}
    async with assembled.peers.open(network, party, request) as line:
        signature = assembled.key.sign(statement.PLAN, proposed.content)
        await line.send({"plan": proposed.content, "signature": signature})
        row, _ = await line.receive()
    return str(row["answer"]["reason"]) if "answer" in row else str(row)
