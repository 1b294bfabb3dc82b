"""An attacker on the wire with every TLS key and certificate: what it can read and change, sealed and unsealed."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.analyses import acceptance_sum
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import seal, shares
from station_image.runtime.mpc import exchanger
from station_image.runtime.session import sealed
from station_image.runtime.wire import frames
from tests.harness.region import Region
from tests.harness.stations import Station, wait_until
from tests.station_image.runtime.impostor import Passed, Relay

pytestmark = pytest.mark.slow
THREE = ("ggd", "gelre", "sensire")
MEMBERS = (*THREE, "yunio", "huisarts")
Tap = Callable[[Sequence[tuple[str, str]]], list[Relay]]
Log = Callable[[Station], str]


@pytest.fixture
def tap(region: Region, tmp_path: Path) -> Iterator[Tap]:
    """Put relays that hold the keys of both gateways between callers and called."""
    with contextlib.ExitStack() as stack:

        def put(links: Sequence[tuple[str, str]]) -> list[Relay]:
            relays = []
            for caller, called in links:
                ours, theirs = region[caller], region[called]
                relay = Relay(region, ours, theirs, tmp_path / f"{caller}-{called}", stolen=True)
                relays.append(stack.enter_context(relay))
                stack.callback(region.repoint, ours, theirs, theirs.port)
                region.repoint(ours, theirs, relay.port)
            return relays

        yield put


@pytest.fixture
def logged(region: Region) -> Log:
    """What an agent wrote since this test began."""
    before = {name: len(station.log("agent")) for name, station in region.stations.items()}
    return lambda station: station.log("agent")[before[station.organisation] :]


def _session(proposer: Station, intake: int = 5) -> dict[str, Any]:
    return proposer.ask("session", "--network", "drie", "--intake", str(intake))


def _sabotage(region: Region, names: Sequence[str], sabotage: str) -> None:
    for name in names:
        region[name].restart("agent", "computer", sabotage=sabotage)


def _kind(one: Passed) -> str:
    """For what a message is; over a poll, whose requests are many, it says so itself."""
    return str(one.header["request"]["kind"]) if "ask" in one.header else one.kind


def _only(relay: Relay, kind: str) -> Passed:
    """The one message of a kind with a body that passed."""
    (found,) = [one for one in relay.passed if _kind(one) == kind and one.body]
    return found


def _on(kind: str, change: Callable[[Passed], Passed]) -> Callable[[Passed], Passed]:
    return lambda one: change(one) if _kind(one) == kind and one.body else one


def _opened(bodies: Sequence[bytes]) -> list[int]:
    """What rows of shares are shares of; nothing where they are none."""
    try:
        return shares.recombine([shares.unpack(body, len(body) // shares.WIDTH) for body in bodies], 1)
    except shares.ShareError:
        return []


def _one_more(body: bytes) -> bytes:
    """The same shares of numbers that are larger by one: one is its own share, on a polynomial of degree 0."""
    row = shares.unpack(body, len(body) // shares.WIDTH)
    return shares.pack([(number + 1) % shares.FIELD for number in row])


# Deposits


def _deposits(tap: Tap) -> list[Relay]:
    return tap([("huisarts", party) for party in THREE])


def test_a_deposit_is_read_by_nobody_on_its_way(region: Region, tap: Tap) -> None:
    relays = _deposits(tap)
    answer = _session(region["ggd"])
    assert answer["exit"] == 0, answer
    bodies = [_only(relay, "deposit").body for relay in relays]
    assert _opened([body[seal.PUBLIC : -seal.TAG] for body in bodies]) == []


@pytest.mark.soak
def test_a_deposit_is_read_on_its_way_where_nothing_is_sealed(region: Region, tap: Tap) -> None:
    _sabotage(region, MEMBERS, "no_sealing")
    relays = _deposits(tap)
    answer = _session(region["ggd"])
    assert answer["exit"] == 0, answer
    inputs = acceptance_sum.derived(answer["session"], region["huisarts"].id)
    assert _opened([_only(relay, "deposit").body for relay in relays]) == inputs


def test_a_deposit_that_was_changed_on_its_way_is_refused(region: Region, tap: Tap, logged: Log) -> None:
    for relay in _deposits(tap):
        relay.change = _on("deposit", lambda one: dataclasses.replace(one, body=one.body[:-1] + b"\0"))
    answer = _session(region["ggd"], intake=2)
    assert (answer["exit"], answer["result"]["correct"]) == (1, True), answer
    assert answer["left_out"] == {region["huisarts"].id: "nothing of it arrived"}
    assert "not what drie.huisarts signed" in logged(region["ggd"])


@pytest.mark.soak
def test_a_deposit_is_changed_on_its_way_unnoticed_where_nothing_is_sealed_and_signed(region: Region, tap: Tap) -> None:
    _sabotage(region, MEMBERS, "no_sealing+no_signed_deposits")
    for relay in _deposits(tap):
        relay.change = _on("deposit", lambda one: dataclasses.replace(one, body=_one_more(one.body)))
    answer = _session(region["ggd"])
    assert answer["left_out"] == {}, answer
    assert answer["result"]["correct"] is False, "the relay did not add one to each number"


@pytest.mark.parametrize("signed", [True, False])
def test_deposits_sealed_by_somebody_else_are_taken_only_where_they_need_no_signature(
    region: Region, tap: Tap, logged: Log, signed: bool
) -> None:
    """Base mode lets everybody seal that knows the key, and the key passes in the clear: the signature tells who."""
    if not signed:
        _sabotage(region, MEMBERS, "no_signed_deposits")
    relays = _deposits(tap)
    rows = [shares.pack(row) for row in shares.split([7] * acceptance_sum.LENGTH, 1, 3)]
    huisarts = region["huisarts"].id
    for number, relay in enumerate(relays):

        def forge(one: Passed, number: int = number, relay: Relay = relay) -> Passed:
            bundle = next(passed.header["content"] for passed in relay.passed if "answers" in _content(passed))
            plan, party = Plan(**bundle["plan"]), region[THREE[number]].id
            public = _public(bundle, party)
            tag = next(passed for passed in relay.passed if passed.kind == "deposit").header["request"]["tag"]
            info = seal.binding(sealed.DEPOSIT, plan.session, plan.digest, huisarts, party)
            return dataclasses.replace(one, body=seal.seal(public, info, tag.encode(), rows[number]))

        relay.change = _on("deposit", forge)
    answer = _session(region["ggd"], intake=2)
    assert answer["result"]["correct"] is signed, answer
    assert answer["left_out"] == ({huisarts: "nothing of it arrived"} if signed else {})
    assert ("not what drie.huisarts signed" in logged(region["sensire"])) is signed


def _content(passed: Passed) -> dict[str, Any]:
    content = passed.header.get("content", passed.header)
    return content if isinstance(content, dict) else {}


def _public(bundle: dict[str, Any], party: str) -> bytes:
    return base64.b64decode(bundle["answers"][party]["answer"]["key"])


# Channels between computing parties


def _said(relay: Relay) -> list[tuple[int, int, bytes]]:
    """Kind, label and payload of what passed on a channel, where that can be read."""
    read = [
        (*exchanger.HEAD.unpack_from(one.body), one.body[exchanger.HEAD.size :]) for one in relay.passed if one.said
    ]
    return [(kind, label, rest) for kind, label, rest in read if kind == exchanger.DATA or (kind < 6 and label == 0)]


def test_nothing_that_computing_parties_say_to_each_other_is_read_on_its_way(region: Region, tap: Tap) -> None:
    (relay,) = tap([("ggd", "gelre")])
    answer = _session(region["yunio"])
    assert answer["exit"] == 0, answer
    messages = [one for one in relay.passed if one.said]
    assert len(messages) > 20
    assert len({one.body[: exchanger.HEAD.size] for one in messages}) == len(messages)
    assert [kind for kind, label, _ in _said(relay) if label == 0] == []


@pytest.mark.soak
def test_keys_and_shares_of_numbers_are_read_on_a_channel_where_nothing_is_sealed(region: Region, tap: Tap) -> None:
    _sabotage(region, MEMBERS, "no_sealing")
    (relay,) = tap([("ggd", "gelre")])
    answer = _session(region["yunio"])
    assert answer["exit"] == 0, answer
    keys = [rest for kind, _, rest in _said(relay) if kind == exchanger.KEYS]
    assert any(len(key) >= 16 for key in keys), "no key of the pseudorandom sharing was seen"
    rows = [rest for kind, _, rest in _said(relay) if _holds_numbers(kind, rest)]
    assert [shares.unpack(row, len(row) // shares.WIDTH) for row in rows], "no shares of numbers were seen"


def _holds_numbers(kind: int, rest: bytes) -> bool:
    """Digests, seeds and lists of contributors are of other lengths, or are JSON."""
    return kind == exchanger.DATA and len(rest) % shares.WIDTH == 0 and rest[:1] != b"{"


def _first_numbers(change: Callable[[bytes], bytes], unsealed: bool) -> Callable[[Passed], Passed]:
    """Change the first message of numbers; sealed, none can be told from another, and the tenth is changed."""
    seen: list[bool] = []

    def changed(one: Passed) -> Passed:
        if not one.said or not one.up:
            return one
        kind = exchanger.HEAD.unpack_from(one.body)[0]
        seen.append(_holds_numbers(kind, one.body[exchanger.HEAD.size :]) if unsealed else len(seen) == 9)
        return dataclasses.replace(one, body=change(one.body)) if seen[-1] and seen.count(True) == 1 else one

    return changed


def _other_end(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


def test_a_change_on_a_channel_ends_the_session_at_once_and_is_told_as_one(region: Region, tap: Tap) -> None:
    (relay,) = tap([("ggd", "gelre")])
    relay.change = _first_numbers(_other_end, unsealed=False)
    answer = _session(region["yunio"])
    assert answer["exit"] == 4, answer
    assert "it was changed, repeated, left out or made on its way" in answer["reason"]
    assert "result" not in answer


@pytest.mark.soak
def test_a_change_on_a_channel_counts_as_what_the_party_said_where_nothing_is_sealed(region: Region, tap: Tap) -> None:
    _sabotage(region, MEMBERS, "no_sealing")
    (relay,) = tap([("ggd", "gelre")])
    relay.change = _first_numbers(_other_end, unsealed=True)
    answer = _session(region["yunio"])
    assert answer["exit"] == 4, answer
    assert "on its way" not in answer["reason"]


# Rows of a result


def _rows(tap: Tap) -> list[Relay]:
    """Between yunio, that does not compute, and the parties, whose rows go to it over its polls."""
    relays = tap([("yunio", party) for party in THREE])
    for relay in relays:
        wait_until(functools.partial(_polled, relay), "the poll", 20)
    return relays


def _polled(relay: Relay) -> bool:
    return any(one.kind == "poll" and not one.up for one in relay.passed)


def _row(body: bytes) -> bytes:
    """The shares in an unsealed row; what goes with it stands in front."""
    header, length = frames.PREFIX.unpack_from(body)
    return body[-length:] if frames.PREFIX.size + header + length == len(body) else b""


def test_a_result_is_read_by_nobody_on_its_way(region: Region, tap: Tap) -> None:
    relays = _rows(tap)
    answer = _session(region["yunio"])
    assert answer["exit"] == 0, answer
    bodies = [_only(relay, "result").body for relay in relays]
    assert [_row(body) for body in bodies] == [b""] * 3
    length = 2 * acceptance_sum.LENGTH * shares.WIDTH
    assert _opened([body[-seal.TAG - length : -seal.TAG] for body in bodies]) == []
    assert not any(b"left_out" in body for body in bodies)


@pytest.mark.soak
def test_a_result_is_read_on_its_way_where_nothing_is_sealed(region: Region, tap: Tap) -> None:
    _sabotage(region, MEMBERS, "no_sealing")
    relays = _rows(tap)
    answer = _session(region["yunio"])
    assert answer["exit"] == 0, answer
    opened = _opened([_row(_only(relay, "result").body) for relay in relays])
    assert sum(opened[: acceptance_sum.LENGTH]) == answer["result"]["sum"]


def test_a_result_that_was_changed_on_its_way_is_refused(region: Region, tap: Tap, logged: Log) -> None:
    for relay in _rows(tap):
        relay.change = _on("result", lambda one: dataclasses.replace(one, body=_other_end(one.body)))
    answer = _session(region["yunio"])
    assert answer["exit"] == 4, answer
    assert "result" not in answer
    assert "it was changed, repeated, left out or made on its way" in logged(region["yunio"])


@pytest.mark.soak
def test_a_result_is_changed_on_its_way_unnoticed_where_nothing_is_sealed(region: Region, tap: Tap) -> None:
    _sabotage(region, MEMBERS, "no_sealing")
    for relay in _rows(tap):
        relay.change = _on(
            "result",
            lambda one: dataclasses.replace(one, body=one.body.removesuffix(row := _row(one.body)) + _one_more(row)),
        )
    answer = _session(region["yunio"])
    assert "sum" in answer["result"], answer
    assert answer["result"]["correct"] is False


@pytest.mark.parametrize("signed", [True, False])
def test_a_result_is_sealed_for_another_only_where_keys_need_no_signature(
    region: Region, tap: Tap, logged: Log, signed: bool
) -> None:
    if not signed:
        _sabotage(region, THREE, "no_signed_result_keys")
    own = seal.generate()
    public = base64.b64encode(seal.public(own)).decode()

    def put_in(one: Passed) -> Passed:
        told = _content(one)
        changed = {**one.header, "content": {**told, "key": public}}
        return dataclasses.replace(one, header=changed) if "key" in told else one

    relays = _rows(tap)
    for relay in relays:
        relay.change = put_in
    answer = _session(region["yunio"])
    assert "result" not in answer, answer
    if signed:
        assert not [one for relay in relays for one in relay.passed if _kind(one) == "result"]
        assert "not what drie.yunio signed" in logged(region["ggd"])
        return
    bodies = []
    for name, relay in zip(THREE, relays, strict=True):
        bundle = next(_content(one)["bundle"] for one in relay.passed if "bundle" in _content(one))
        plan, party = Plan(**bundle["plan"]), region[name].id
        row = _only(relay, "result").body
        bodies.append(sealed.open_row(own, plan, party, region["yunio"].id, _public(bundle, party), row)[1])
    assert _opened(bodies), "the attacker did not read the result"
