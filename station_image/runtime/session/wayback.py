"""The way back of a station that went back, between stations: heads are shown, statements told, agreements fetched.

    pinned       which head of mine do you hold?           a head that the asker signed itself, or none
    head         what is your entry N, of which I hold this head?          its digest
    went-back    I went back, as my steward says and I sign               waits, or the agreement, signed;
                                                                          and of which entries heads are held there
    remembered   what do you remember that I may have forgotten?          opened results, some at a time

A station asks all that it reaches which head of its register they hold, again and again: so it finds that it was put
back before anybody asks a question. `consent.back` says what follows.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..accepted import statement
from ..accepted.networks import Network, Networks
from ..accepted.statement import StatementError, StatementKey
from ..base.journal import note, plain
from ..base.refusal import BusyError, RefusedError
from ..consent import back
from ..consent.back import GoingBack
from ..consent.index import AGREED, GRANTED, TOLD
from ..consent.opened import Opened
from ..consent.plan import ACCEPTANCE, Plan
from ..consent.register import Register
from ..wire.answers import Answer, Answers
from ..wire.budget import Rates
from ..wire.connection import LARGE
from ..wire.hello import Caller
from ..wire.peers import CallFailedError, Peers
from . import alive

LOOK_EVERY, WAITING_EVERY = 60.0, 5.0
"""Seconds between two looks; the second while an agreement is waited for."""
STATEMENTS = 10, 60.0
"""Each station: so many statements at once, then one in so many seconds. The register is read whole for one."""
MOST_NUMBERS = 500
"""Heads of another's register that are compared when it says that it went back, the newest ones."""
MOST_ANSWERS = 200
"""Answers in which one station gives back what it remembers: some fifty megabytes."""


class Heard:
    """What another station says, and of which sessions the register here holds heads that its register lost."""

    def __init__(self, said: GoingBack, held: list[dict[str, Any]]) -> None:
        self.said = said
        self._held = held
        self._digests: Mapping[str, Any] = {}

    @property
    def numbers(self) -> list[int]:
        """Entries that the other station is asked for."""
        return sorted({row["told"] for row in self._held if row["told"] <= self.said.entries})[-MOST_NUMBERS:]

    def compare(self, digests: object) -> None:
        """Take what the other station has there now."""
        self._digests = digests if isinstance(digests, dict) else {}

    @property
    def gone(self) -> list[dict[str, Any]]:
        """Of each session that is not in it any more, oldest first: when, about what, and the entry that it told."""
        asked, rows = set(self.numbers), {}
        for row in self._held:
            number = row["told"]
            if number > self.said.entries or (number in asked and self._digests.get(str(number)) != row["digest"]):
                rows[row["session"]] = {name: value for name, value in row.items() if name != "digest"}
        return list(rows.values())


class WayBack:
    """What this station says of its own register, and hears of others'."""

    def __init__(
        self, key: StatementKey, networks: Networks, register: Register, opened: Opened, peers: Peers, folder: Path
    ) -> None:
        self._key = key
        self._networks = networks
        self._register = register
        self._opened = opened
        self._peers = peers
        self._folder = folder
        self._others: dict[tuple[str, str], Heard] = {}
        self._statements = Rates(*STATEMENTS)

    def answer_in(self, answers: Answers) -> None:
        """Answer other stations."""
        answers.add("pinned", self._pinned)
        answers.add("head", self._head)
        answers.add("went-back", self._hear, content=LARGE)
        answers.add("remembered", self._remembered)

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(WAITING_EVERY if self._waiting() else LOOK_EVERY)

    async def look(self) -> None:
        """Ask every station within reach which head it holds; bring it the statement, and take what it agreed to."""
        for network in list(self._networks.current().values()):
            near = {*self._peers.callable(), *self._peers.polls.peers(network.name)} & network.stations.keys()
            await asyncio.gather(*(self._turn_to(network, peer) for peer in sorted(near - {network.self_id})))

    async def witness(self, network: Network, plan: Plan) -> None:
        """Raise RefusedError where the register of a computing party is not the one that this station heard of."""
        if plan.question == ACCEPTANCE:
            return
        heard = self._register.heard({party: plan.statement_keys[party] for party in plan.computing})
        others = [(party, heard[party]) for party in plan.computing if party in heard and party != network.self_id]
        await asyncio.gather(*(self._compare(network, *other) for other in others))

    def enter(self) -> None:
        """Enter that this station went back, as its steward said. Raises RefusedError, RegisterError, OSError."""
        back.enter(self._register, self._networks.current(), self._folder)
        note("went-back", entry=self._register.head["entries"])

    def agree(self, network: Network, station: str) -> None:
        """Enter that the steward here agrees to what `station` says. Raises RefusedError unless its file says so."""
        heard = self._others.get((network.name, station))
        if heard is None:
            raise RefusedError(f"{plain(station, 80)} does not say that it went back")
        said = heard.said
        if said.digest in self._register.index.agreed:
            return
        if not back.agreed(self._folder, said):
            raise RefusedError(f"the steward here has not agreed to what {station} says now")
        facts = {**said.content, "statement": said.digest, "key": network.stations[station].key_digest}
        gone = heard.gone
        self._register.add(AGREED, **facts, furthest=max([0, *(row["told"] for row in gone)]), sessions=len(gone))

    def others(self) -> list[tuple[Network, Heard]]:
        """What others say now, of those who are in their network yet."""
        networks = self._networks.current()
        rows = [(networks.get(network), heard) for (network, _), heard in sorted(self._others.items())]
        return [(network, heard) for network, heard in rows if network and heard.said.station in network.stations]

    def owed(self) -> list[str]:
        """Stations that wait for the steward here."""
        return [heard.said.station for network, heard in self.others() if self.waits_here(network, heard)]

    def waits_here(self, network: Network, heard: Heard) -> bool:
        """Whether the steward here has to agree before questions go on with a station."""
        agreed = heard.said.digest in self._register.index.agreed
        return not agreed and (network.is_computing(network.self_id) or bool(heard.gone))

    # What others ask

    async def _pinned(self, caller: Caller, _: Mapping[str, Any], __: bytes) -> Answer:
        key = caller.network.stations[caller.peer].key_digest
        return {"head": self._register.heard({caller.peer: key}).get(caller.peer)}

    async def _head(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        head = content.get("head")
        number = head.get("entries") if isinstance(head, dict) else None
        self._register.weigh(head, caller.peer)
        return {"digest": self._register.digest_at(number)}

    async def _hear(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        """Nobody speaks for another: only from the station itself, in its network, and signed with its key."""
        network, said = caller.network, GoingBack.parse(content.get("statement"))
        if (said.network, said.station) != (network.name, caller.peer):
            raise RefusedError(f"went-back: not a statement of {caller.peer}")
        try:
            key = network.stations[caller.peer].statement_key
            statement.verify(key, statement.WENT_BACK, said.content, content.get("signature"))
        except StatementError as error:
            raise RefusedError(f"went-back: {error}") from error
        heard = self._others.get((network.name, caller.peer))
        if heard is None or heard.said != said:
            if wait := self._statements.allow(caller.peer):
                raise BusyError(f"went-back: more statements than a station may make; again in {math.ceil(wait)} s")
            held = await asyncio.to_thread(self._held, caller.peer, network.stations[caller.peer].key_digest)
            heard = self._others[network.name, caller.peer] = Heard(said, held)
        if "digests" in content:
            heard.compare(content["digests"])
        index = self._register.index
        if said.digest not in index.told | index.agreed.keys():
            told = {name: said.content[name] for name in ("network", "station", "entries", "lost", "reason", "moment")}
            self._register.add_asked(TOLD, caller.peer, False, **told, statement=said.digest)
        if said.digest not in index.agreed:
            return {"state": "waits", "numbers": heard.numbers}
        agreement = {"network": network.name, "by": network.self_id, "statement": said.digest}
        return {
            "state": "agreed",
            "agreement": agreement,
            "signature": self._key.sign(statement.AGREED_BACK, agreement),
        }

    async def _remembered(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        begin = content.get("from")
        if type(begin) is not int or begin < 0:
            raise RefusedError("from: not a whole number")
        computing = caller.network.is_computing(caller.peer)
        text, following = self._opened.told(caller.network.name, caller.peer, computing, begin)
        return {"results": text, "next": following}

    def _held(self, station: str, key: str) -> list[dict[str, Any]]:
        """The heads of a station in the register here, and in which session it told them."""
        rows = []
        for entry in self._register.last(self._register.head["entries"]):
            head = entry.get("registers", {}).get(station)
            if head and head["key"] == key:
                about = {name: entry.get(name, "") for name in ("session", "question", "at")}
                rows.append({**about, "told": head["entries"], "digest": head["digest"]})
        return rows

    # What this station asks

    def _waiting(self) -> bool:
        return any(back.waits_for(self._register, network) for network in self._networks.current().values())

    async def _turn_to(self, network: Network, peer: str) -> None:
        try:
            told, _ = await self._peers.ask(network, peer, {"kind": "pinned"})
            head = told.get("head")
            self._register.weigh(head, peer)
            said = back.own(self._register, network)
            # One that was put back itself, to before it agreed, does not remember that it did.
            strange = isinstance(head, dict) and self._register.digest_at(head.get("entries")) != head.get("digest")
            granted = network.is_computing(peer) and peer not in back.waits_for(self._register, network)
            if said is not None and not self._register.problem and (strange or not granted):
                await self._tell(network, peer, said)
        except CallFailedError as error:
            if error.refused:
                note("way-back-refused", station=peer, why=error.why)  # who is only away is asked again
        except (RefusedError, OSError) as error:
            note("way-back-failed", station=peer, why=error)

    async def _tell(self, network: Network, peer: str, said: GoingBack) -> None:
        """Tell the statement; where it is agreed to take back what was forgotten, then enter that."""
        content = {"statement": said.content, "signature": self._key.sign(statement.WENT_BACK, said.content)}
        told, _ = await self._peers.ask(network, peer, {"kind": "went-back"}, content)
        if numbers := told.get("numbers"):
            whole = isinstance(numbers, list) and all(type(number) is int for number in numbers)
            digests = {str(one): self._register.digest_at(one) for one in numbers[:MOST_NUMBERS]} if whole else {}
            told, _ = await self._peers.ask(network, peer, {"kind": "went-back"}, {**content, "digests": digests})
        if told.get("state") != "agreed" or not network.is_computing(peer):
            return
        agreement = {"network": network.name, "by": peer, "statement": said.digest}
        try:
            key = network.stations[peer].statement_key
            statement.verify(key, statement.AGREED_BACK, agreement, told.get("signature"))
        except StatementError as error:
            raise RefusedError(f"agreement: {error}") from error
        count = await self._take_back(network, peer)
        facts = {**agreement, "signed": told.get("signature"), "remembered": count}
        # Meanwhile it may have gone back once more, or have been answered over another way.
        if back.own(self._register, network) == said and peer in back.waits_for(self._register, network):
            self._register.add(GRANTED, **facts)

    async def _take_back(self, network: Network, peer: str) -> int:
        """Remember what `peer` remembers; returns how many results that are."""
        begin, count = 0, 0
        for _ in range(MOST_ANSWERS):
            told, _body = await self._peers.ask(network, peer, {"kind": "remembered"}, {"from": begin})
            count += self._opened.learn(network.name, told.get("results"))
            following = told.get("next")
            if following == 0:
                return count
            if type(following) is not int or following <= begin:
                break
            begin = following
        raise RefusedError("remembered: without end")

    async def _compare(self, network: Network, party: str, head: Mapping[str, Any]) -> None:
        number = head["entries"]
        try:
            asking = self._peers.ask(network, party, {"kind": "head"}, {"head": dict(head)})
            told, _ = await alive.unless_gone(asking, self._peers, network, party)
        except (CallFailedError, alive.GoneError) as error:
            why = error.why if isinstance(error, CallFailedError) else error
            raise RefusedError(f"register: {party} could not be asked for its entry {number} ({why})") from error
        if told.get("digest") != head["digest"]:
            raise RefusedError(f"register: entry {number} of {party} is not the one that it told of before")
