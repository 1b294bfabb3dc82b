"""Whatever a peer says, an agent answers by a sentence or closes: no traceback, no hang, and nothing that stays."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import resource
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime.accepted import statement
from station_image.runtime.base.contract import PROTOCOL_VERSIONS
from station_image.runtime.consent.plan import Plan
from station_image.runtime.wire import frames
from station_image.runtime.wire.connection import LARGE, SMALL, Connection, ConnectionLostError
from station_image.runtime.wire.peers import CallFailedError
from station_image.runtime.wire.polling import Polling
from tests.harness.fuzzing import examples
from tests.station_image.runtime.neighbours import pair, plain_plan, report, signed
from tests.station_image.runtime.wire.listening import JSON, OBJECT, Ears, changed, listening

pytestmark = pytest.mark.fuzz
KINDS = (
    *("status", "start", "receipt", "result-key", "result", "deposit", "decline", "channel", "poll", "propose"),
    *("publication", "publication-list", "publication-files"),
)
PIECES = st.lists(
    st.binary(max_size=60)
    | st.tuples(st.integers(0, 2**32 - 1) | st.integers(0, 100), st.integers(0, 2**32 - 1) | st.just(0)).map(
        lambda pair: frames.PREFIX.pack(*pair)
    )
    | OBJECT.map(lambda content: frames.encode(content)),
    max_size=4,
)


ASKED = st.fixed_dictionaries({"ask": JSON, "request": JSON | OBJECT, "content": JSON | OBJECT})


@pytest.fixture(scope="module")
def ears() -> Iterator[Ears]:
    """One agent hears everything in this module; in the end it is as it was after the first that it heard."""
    with listening() as found:
        found.run(_asked(found, {"kind": "status"}, {}))
        before, used = found.state(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield found
        assert found.state() == before
        assert found.blamed == []
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 96 * 1024, "it grew"
        assert found.run(_asked(found, {"kind": "status"}, {}))[0]["station"] == "n.b"


async def _asked(
    ears: Ears, request: dict[str, Any], content: dict[str, Any], body: bytes = b"", announced: int | None = None
) -> list[dict[str, Any]]:
    """All that comes back to a request of a peer that proved who it is."""
    connection = await ears.greeted(request)
    return await ears.said(connection, frames.encode(content, len(body) if announced is None else announced) + body)


def refused_or_closed(ears: Ears, heard: list[dict[str, Any]]) -> None:
    """A sentence in one line, or nothing; and nobody was surprised."""
    for row in heard:
        told = row.get("refused", row.get("answer", "closed"))
        assert isinstance(told, str), row
        assert told.isprintable(), row
        assert told, row
    assert ears.blamed == []


@given(st.binary(max_size=200) | PIECES.map(b"".join))
@examples(60)
def test_bytes_in_place_of_a_hello_are_refused_or_closed(ears: Ears, data: bytes) -> None:
    async def work() -> list[dict[str, Any]]:
        return await ears.said(await ears.brought(), data)

    refused_or_closed(ears, ears.run(work()))


@given(st.binary(max_size=100), st.integers(0, 255))
@examples(60)
def test_what_is_no_identity_of_the_gateway_is_closed(ears: Ears, value: bytes, family: int) -> None:
    async def work() -> list[dict[str, Any]]:
        return await ears.said(await ears.brought(value=value, family=family), b"{}")

    assert ears.run(work()) == []
    assert ears.blamed == []


@given(st.data())
@examples(80)
def test_a_hello_with_one_thing_wrong_is_refused_by_a_sentence(ears: Ears, data: st.DataObject) -> None:
    opening = {"versions": [*PROTOCOL_VERSIONS], "network": "n", "from": "n.a", "to": "n.b", "nonce": statement.nonce()}
    wrong = data.draw(st.composite(lambda draw: changed(opening, draw))())
    after = data.draw(OBJECT)

    async def work() -> list[dict[str, Any]]:
        return await ears.said(await ears.brought(), frames.encode({"hello": wrong}), frames.encode(after))

    heard = [row for row in ears.run(work()) if "accepting" not in row]
    refused_or_closed(ears, heard)


@given(st.sampled_from(KINDS) | st.text(max_size=8), OBJECT, OBJECT, st.binary(max_size=40), st.integers(0, 2**32 - 1))
@examples(120)
def test_a_request_of_any_kind_with_anything_in_it_is_answered_or_refused(
    ears: Ears, kind: str, request: dict[str, Any], content: dict[str, Any], body: bytes, announced: int
) -> None:
    asked = {"session": "ab" * 16, "plan": "0" * 64, "tag": "0" * 32, **request, "kind": kind}
    for length in (None, announced):
        heard = ears.run(_asked(ears, asked, content, body, length))
        if kind == "status" and heard and "station" in heard[0]:
            assert heard[0]["station"] == "n.b"
        else:
            refused_or_closed(ears, [row for row in heard if "ping" not in row])


@given(st.data())
@examples(100)
def test_a_plan_with_one_thing_wrong_is_refused_by_a_signed_sentence(ears: Ears, data: st.DataObject) -> None:
    whole = plain_plan(ears.network, session=secrets.token_hex(16)).content
    content = data.draw(st.composite(lambda draw: changed(whole, draw))())
    signature = ears.small.keys["n.a"].sign(statement.PLAN, content)
    sent = {"plan": content, "signature": signature, "heard": data.draw(JSON)}
    then = data.draw(OBJECT)

    async def work() -> list[dict[str, Any]]:
        connection = await ears.greeted({"kind": "propose"})
        return await ears.said(connection, frames.encode(sent), frames.encode(then))

    for row in ears.run(work()):
        if isinstance(row.get("answer"), dict):
            assert row["answer"]["accepted"] is False or content == whole or _fits(content, whole), row
            assert str(row["answer"]["reason"]).isprintable()
            statement.verify(ears.small.keys["n.b"].public, statement.ANSWER, row["answer"], row["signature"])
        else:
            refused_or_closed(ears, [row])
    assert ears.blamed == []


def _fits(content: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether the one change is to another value that a plan may have."""
    [name] = [name for name in whole if content.get(name) != whole[name]]
    return name in ("proposed", "intake", "deadline", "minimum_cell", "minimum_contributors", "session")


@given(st.data(), st.sampled_from(["start", "result-key"]))
@examples(80)
def test_a_bundle_with_one_thing_wrong_is_refused(ears: Ears, data: st.DataObject, kind: str) -> None:
    agreed = plain_plan(ears.network, session=secrets.token_hex(16))
    whole = signed(ears.small, agreed)[1]
    content = data.draw(st.composite(lambda draw: changed(whole, draw))())
    if content.get("answers") == whole["answers"]:
        party = data.draw(st.sampled_from(sorted(whole["answers"])))
        row = data.draw(st.composite(lambda draw: changed(whole["answers"][party], draw))())
        content = {**content, "answers": {**whole["answers"], party: row}}
    asked = {"kind": kind, "session": agreed.session, "plan": agreed.digest}
    refused_or_closed(ears, ears.run(_asked(ears, asked, content if kind == "start" else {"bundle": content})))


@given(st.data())
@examples(40)
def test_a_report_of_anything_is_refused(ears: Ears, data: st.DataObject) -> None:
    agreed: Plan = plain_plan(ears.network)
    content = report(ears.small, agreed, "n.a")
    wrong = {**content, "report": data.draw(st.composite(lambda draw: changed(content["report"], draw))())}
    refused_or_closed(ears, ears.run(_asked(ears, {"kind": "receipt"}, data.draw(st.just(wrong) | OBJECT))))


@given(PIECES, st.lists(st.fixed_dictionaries({"reply": JSON, "content": JSON}), max_size=3))
@examples(60)
def test_anything_over_a_poll_ends_it_or_is_passed_over(
    ears: Ears, pieces: list[bytes], replies: list[dict[str, Any]]
) -> None:
    async def work() -> list[dict[str, Any]]:
        connection = await ears.greeted({"kind": "poll"}, "n.d")
        asking = asyncio.create_task(_ask_over_poll(ears))
        heard = await ears.said(connection, *map(frames.encode, replies), *pieces)
        await asking
        return heard

    refused_or_closed(ears, [row for row in ears.run(work()) if "ask" not in row])
    assert ears.agent.desk.peers.polls.find("n", "n.d") is None


@given(PIECES, st.lists(ASKED, max_size=3))
@examples(40)
def test_anything_that_is_asked_over_a_poll_is_refused_or_ends_it(
    ears: Ears, pieces: list[bytes], asked: list[dict[str, Any]]
) -> None:
    """A computing party that lies, towards an organisation without inbound port."""
    parts, here = ears.agent, ears.small.networks("n.b").find("n")
    polling = Polling(parts.networks, parts.desk.peers, parts.mesh._answers)

    async def answer(far: Connection) -> None:
        try:
            with contextlib.suppress(ConnectionLostError, frames.FrameError):
                await polling._answer(far, here, "n.a")
        finally:
            far.close()

    async def work() -> list[dict[str, Any]]:
        near, far = pair()
        answering = asyncio.create_task(answer(far))
        heard = await ears.said(near, *map(frames.encode, asked), *pieces)
        await answering
        return heard

    for row in ears.run(work()):
        refused_or_closed(ears, [row["content"]])
    assert ears.blamed == []


async def _ask_over_poll(ears: Ears) -> None:
    """What the agent asks over the poll that is held: an answer of n.d, or that it gave none."""
    with contextlib.suppress(CallFailedError):
        answer, _ = await ears.agent.desk.peers.ask(ears.small.networks("n.b").find("n"), "n.d", {"kind": "status"})
        assert isinstance(answer, dict)


@given(st.integers(SMALL, LARGE + 10), st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
@examples(40)
def test_lengths_that_nobody_fills_take_no_memory(ears: Ears, header: int, body: int, kind: str) -> None:
    async def work() -> list[dict[str, Any]]:
        connection = await ears.greeted({"kind": kind})
        return await ears.said(connection, frames.PREFIX.pack(header, body) + b"{")

    refused_or_closed(ears, [row for row in ears.run(work()) if "ping" not in row])


def test_a_plan_that_is_right_is_accepted_by_the_same_agent(ears: Ears) -> None:
    """Or what is refused above tells nothing."""
    agreed = dataclasses.replace(plain_plan(ears.network), session=secrets.token_hex(16))

    async def work() -> list[dict[str, Any]]:
        connection = await ears.greeted({"kind": "propose"})
        return await ears.said(connection, frames.encode(signed(ears.small, agreed)[0]))

    assert ears.run(work())[0]["answer"]["accepted"] is True
