"""Stations that misbehave, or that lack one defence, so that a test can see the attack that the defence stops.

python -m tests.harness.sabotage <function of this module>[+<another>…] agent|computer
"""

from __future__ import annotations

import asyncio
import importlib
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.gateway import Gateway
from station_image.runtime.analyses import _cells, hotspots
from station_image.runtime.consent import opened, register
from station_image.runtime.data import cells, differencing, seal, shares
from station_image.runtime.session.contribution import Contributions
from station_image.runtime.wire import hello
from station_image.runtime.wire.proxy import Identity
from tests.station_image.runtime import phases

PICKLE = b"\x80\x04"

# Defences switched off


def no_fingerprint_check() -> None:
    """Accept a caller whose gateway certificate is not the one that it speaks for."""
    judge = hello._judge

    def believe(network: Any, seen: Identity, message: Any, signed: Any) -> str:
        said = Gateway.read(signed["asking"]["gateway"])
        return judge(network, Identity(seen.peer, said.fingerprint), message, signed)

    hello._judge = believe


def believes_names() -> None:
    """Take a caller for who it says it is, whatever its gateway verified."""
    check = hello._check_opening

    def believe(opening: Any, networks: Any, seen: Identity) -> Any:
        return check(opening, networks, Identity(str(opening["from"]), seen.fingerprint))

    hello._check_opening = believe


def no_statement_keys() -> None:
    """Believe certificates alone."""
    hello._verify = lambda *_: None
    any_gateway()


def any_gateway() -> None:
    """Ask of no gateway who signed its key: not of the own, which an attacker has too, nor of others'."""
    Gateway.require = lambda *_: None  # type: ignore[method-assign]


def any_own_gateway() -> None:
    """Speak for whatever gateway there is, as an attacker does, or whoever does not look at its own."""
    from station_image.runtime.accepted.networks import Network

    require = Network.require_gateway

    def believe(self: Network, station: str, found: Gateway) -> None:
        if station != self.self_id:
            require(self, station, found)

    Network.require_gateway = believe  # type: ignore[method-assign]


def unpickles() -> None:
    """Read what peers send as MPyC does."""
    from station_image.runtime.mpc import lines

    receive = lines.Lines.receive

    async def trusting(self: lines.Lines, number: int) -> Any:
        content = await receive(self, number)
        return pickle.loads(content) if content.startswith(PICKLE) else content  # noqa: S301  # that is the point

    lines.Lines.receive = trusting  # type: ignore[method-assign]


def unpickles_unconfined() -> None:
    """The same, in a process that may do whatever its account may."""
    from station_image.runtime.mpc import confine

    unpickles()
    confine.confine = lambda: None


def no_agreement() -> None:
    """Sum whatever is there."""
    from station_image.runtime.mpc import agreement

    async def alone(_: Any, __: Any, ___: Any, tags: dict[str, str]) -> tuple[agreement.Agreed, bytes]:
        return agreement.Agreed(sorted(tags), {}), b""

    async def unchecked(_: Any, agreed: agreement.Agreed, *__: Any) -> agreement.Agreed:
        return agreed

    async def silent(*_: Any) -> None:
        return None

    replaced: Any = agreement
    replaced.agree, replaced.check_degrees, replaced.confirm = alone, unchecked, silent


def no_degree_check() -> None:
    """Take a contributor's shares as they are."""
    from station_image.runtime.mpc import agreement

    async def unchecked(_: Any, agreed: agreement.Agreed, *__: Any) -> agreement.Agreed:
        return agreed

    agreement.check_degrees = unchecked  # type: ignore[assignment]


def no_verification() -> None:
    """Believe that every product is what it says."""
    from station_image.runtime.mpc.verified.products import Verified

    async def believing(self: Verified) -> None:
        self._records = []

    Verified.verify = believing  # type: ignore[method-assign]


def no_input_check() -> None:
    """Take a contributor's numbers as they are."""
    from station_image.runtime.mpc import agreement

    async def unchecked(_: Any, __: Any, agreed: agreement.Agreed) -> agreement.Agreed:
        return agreed

    agreement.check_inputs = unchecked  # type: ignore[assignment]


def no_presence() -> None:
    """Open every cell that has enough cases, whoever brought them."""

    async def anybody(run: Any, present: Any) -> Any:
        return 1 - await run.below(present, 0, len(run.contributors))

    _cells.enough_present = anybody


def no_differencing() -> None:
    """Open any two results side by side."""
    differencing.refused = lambda *_: ""
    cells.apart = lambda *_: ""


def no_own_cells() -> None:
    """Contribute beside whatever was opened before."""
    opened.Opened.check_own = lambda *_: None  # type: ignore[method-assign]


def no_witness() -> None:
    """Remember of nobody what its register held."""
    register.Register.heard = lambda *_: {}  # type: ignore[method-assign]


def no_shame() -> None:
    """Not see what this station signed itself of its register."""
    register.Register.weigh = lambda *_: None  # type: ignore[method-assign]


def no_scope() -> None:
    """Know of no two questions that they are about some of the same."""
    opened.meet = lambda *_: False


def no_sealing() -> None:
    """Send in the clear what is sealed from end to end, and take what comes as it is."""
    as_it_is: Any = lambda *given: bytes(given[-1])  # noqa: E731  # a name for its type
    seal.seal = seal.open = as_it_is
    seal.Channel.seal = seal.Channel.open = as_it_is  # type: ignore[method-assign]


def no_signed_deposits() -> None:
    """Take a deposit from whoever brought it."""
    _believe(statement.DEPOSIT)


def no_signed_result_keys() -> None:
    """Take a key to seal a result for from whoever brought it."""
    _believe(statement.RESULT_KEY)


def _believe(believed: str) -> None:
    verify = statement.verify

    def believing(public: bytes, purpose: str, content: object, signature: object) -> None:
        if purpose != believed:
            verify(public, purpose, content, signature)

    statement.verify = believing


def impatient() -> None:
    """Wait for a party that keeps silent as long as a test may last."""
    from station_image.runtime.mpc import patience

    patience.LEAST = 2.0


# Attacks


def five_in_a_bit() -> None:
    """A contributor that shares 5 where the lowest bit of its count of the fifth area belongs."""
    _bend_numbers(lambda cells, numbers: _put(numbers, 4 * cells.bits, 5))


def lifts_alone() -> None:
    """A contributor that says it has as many cases in the eleventh area as one can have."""

    def lifted(cells: _cells.Cells, numbers: list[int]) -> list[int]:
        for bit in range(cells.bits):
            numbers = _put(numbers, 10 * cells.bits + bit, 1)
        return _put(numbers, cells.count * cells.bits + 10, 1)

    _bend_numbers(lifted)


def lifts_and_counts_for_two() -> None:
    """The same, and it says that it is there twice."""
    lifts_alone()
    _bend_numbers(lambda cells, numbers: _put(numbers, cells.count * cells.bits + 10, 2))


def _put(numbers: Sequence[int], place: int, value: int) -> list[int]:
    return [*numbers[:place], value, *numbers[place + 1 :]]


def _bend_numbers(bend: Any) -> None:
    honest = hotspots.numbers

    def bent(source: Any, rows: Any) -> list[int]:
        return list(bend(hotspots._layout(source.parameters), honest(source, rows)))

    hotspots.numbers = bent


class _Command:
    def __reduce__(self) -> tuple[Any, ...]:
        # Where it is unpickled, in the folder of that station.
        return os.system, ('touch "$STATION_ROOT/compute/owned"',)


def sends_pickle() -> None:
    """A computing party that sends a pickle with a command where numbers belong."""
    from station_image.runtime.mpc.verified.party import Party

    async def poisoned(self: Party, own: Any) -> Any:
        await self._each([pickle.dumps(_Command(), 4)] * self.parties)
        return own

    Party._reshare = poisoned  # type: ignore[method-assign]


def lies_when_opening() -> None:
    """A computing party that sends a wrong share of an opened number."""
    from station_image.runtime.mpc.verified.party import Party

    honest = Party._open

    async def shifted(self: Party, own: Any) -> list[int]:
        return await honest(self, [(int(own[0]) + 1) % shares.FIELD, *own[1:]])

    Party._open = shifted  # type: ignore[method-assign]


def adds_to_what_is_open() -> None:
    """A computing party that adds to its share of a product: to whether the first cell may be opened it adds 1."""
    from station_image.runtime.mpc import run

    _bend_first(run.Run, "multiply", lambda *_: (0, 1))


def covers_a_five() -> None:
    """A computing party that helps the third contributor, which shares 5 where its first bit belongs.

    It knows what the check of inputs comes to for that one, 5 * (5 - 1) times a public weight, and takes it off.
    """
    from station_image.runtime.mpc import run

    def taken(self: run.Run) -> tuple[int, int]:
        layout = hotspots._layout(self.parameters)
        return 2, -5 * 4 * int(self.weights("cells", layout.length + len(layout.groups))[0])

    _bend_first(run.Run, "inner", taken)


def _bend_first(kind: Any, name: str, bend: Any) -> None:
    """Add to one of the products of the first call of a method: `bend` says to which and what."""
    from station_image.runtime.mpc.verified.party import Party

    method, reshare = getattr(kind, name), Party._reshare
    first = iter((True,))

    async def bent(self: Any, left: Any, right: Any) -> Any:
        if next(first, False):
            place, added = bend(self)

            async def adding(party: Party, own: Any) -> Any:
                Party._reshare = reshare  # type: ignore[method-assign]
                own = own.copy()
                own[place] += added * pow(party._weights_at_0()[party.number], -1, shares.FIELD)
                return await reshare(party, own % shares.FIELD)

            Party._reshare = adding  # type: ignore[method-assign, assignment]
        return await method(self, left, right)

    setattr(kind, name, bent)


def lies_to_result_party() -> None:
    """An agent that brings the result party a wrong share."""
    from station_image.runtime.session.delivery import Delivery

    to_all = Delivery.to_all

    async def shifted(self: Delivery, account: Mapping[str, Any], row: bytes) -> dict[str, str]:
        return await to_all(self, account, bytes([row[0] ^ 1]) + row[1:])

    Delivery.to_all = shifted  # type: ignore[method-assign]


def claims_more_keys() -> None:
    """A computing party that sends the PRSS keys of another number than its own."""
    from station_image.runtime.mpc import exchanger

    write = exchanger.Exchanger.write

    def longer(self: exchanger.Exchanger, kind: int, label: int, payload: bytes = b"") -> None:
        write(self, kind, label, payload + bytes(16) if kind == exchanger.KEYS else payload)

    exchanger.Exchanger.write = longer  # type: ignore[method-assign]


def keeps_silent() -> None:
    """A computing party that gives signs of life, and sends no share of a product."""
    from station_image.runtime.mpc.verified.party import Party

    async def waits(*_: Any) -> Any:
        await asyncio.Event().wait()

    Party._reshare = waits  # type: ignore[method-assign, assignment]


def says_goodbye_to_one() -> None:
    """A computing party that says to the first one only that it is done, and goes when the others have said so."""
    from station_image.runtime.mpc import exchanger, mesh

    async def goes(self: mesh.Mesh) -> None:
        self._peers[0].write(exchanger.BYE, 0)
        await self.first(self._over)

    mesh.Mesh.finish = goes  # type: ignore[method-assign]


def two_polynomials() -> None:
    """A contributor whose shares do not lie on one polynomial of the agreed degree."""
    split = shares.split

    def crooked(values: Sequence[int], threshold: int, parties: int, field: int = shares.FIELD) -> list[list[int]]:
        rows = split(values, threshold, parties, field)
        rows[1][3] = (rows[1][3] + 12345) % field
        return rows

    shares.split = crooked


def outside_field() -> None:
    """A contributor that sends one party numbers outside the field."""
    _bend_second_deposit(lambda body: b"\xff" * len(body))


def too_long() -> None:
    """A contributor that sends one party more than belongs."""
    _bend_second_deposit(lambda body: body + bytes(shares.WIDTH))


def forgets_second_party() -> None:
    """A contributor whose shares never reach the second computing party."""
    deposit = Contributions._deposit

    async def forgetful(self: Contributions, network: Any, bundle: Any, party: str, *rest: Any) -> bool:
        return party != bundle.plan.computing[1] and await deposit(self, network, bundle, party, *rest)

    Contributions._deposit = forgetful  # type: ignore[method-assign, assignment]


def _bend_second_deposit(bend: Any) -> None:
    deposit = Contributions._deposit

    async def bent(
        self: Contributions, network: Any, bundle: Any, party: str, tag: str, body: bytes, until: float
    ) -> bool:
        body = bend(body) if party == bundle.plan.computing[1] else body
        return await deposit(self, network, bundle, party, tag, body, until)

    Contributions._deposit = bent  # type: ignore[method-assign]


def stands_still() -> None:
    """A station that goes no further than one phase of each session (`phases`)."""
    getattr(phases, sys.argv[2])()


def any_set() -> None:
    """Compute in whatever set of parties a plan names."""
    from station_image.runtime.accepted.networks import Network

    class Whatever(tuple[Any, ...]):
        def __contains__(self, parties: object) -> bool:
            return True

    Network.sets = property(lambda self: Whatever((self.computing, *self.alternates)))  # type: ignore[assignment, method-assign]
    Network.threshold_of = lambda self, _: self.threshold  # type: ignore[assignment, method-assign]


def many_sessions() -> None:
    """Compute in as many acceptance sessions as there are phases."""
    from station_image.runtime.session import sessions

    sessions.ACCEPTANCE_MOST = sessions.ACCEPTANCE_OF_ONE = len(phases.PHASES)


if __name__ == "__main__":
    for name in sys.argv[1].split("+"):
        globals()[name]()
    part = importlib.import_module(f"station_image.runtime.{sys.argv[2]}")
    sys.argv = [str(Path(str(part.__file__)))]
    raise SystemExit(part.main())
