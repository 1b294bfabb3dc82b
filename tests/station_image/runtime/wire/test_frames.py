"""Frames: only the strict subset passes, whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station_image.runtime.base import documents
from station_image.runtime.wire import frames
from station_image.runtime.wire.connection import Connection, ConnectionLostError

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcd", max_size=3), inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abcd", max_size=3), values, max_size=4))
def test_canonical_text_is_read_back_as_it_was(content: dict[str, object]) -> None:
    assert frames.parse(documents.canonical(content)) == content


@given(st.dictionaries(st.text("abcd"), st.integers(), min_size=2))
def test_canonical_text_does_not_depend_on_order(content: dict[str, int]) -> None:
    assert documents.canonical(dict(reversed(content.items()))) == documents.canonical(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_frame_error(data: bytes) -> None:
    with contextlib.suppress(frames.FrameError):
        assert isinstance(frames.parse(data), dict)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        '{"a":1.5}',
        '{"a":NaN}',
        '{"a":1,"a":2}',
        '{"a":"\\ud800"}',
        '{"\\udfff":1}',
        '{"a":' + "[" * 40 + "]" * 40 + "}",
        '{"a":' + "[" * 100_000,
        '{"a":' + "9" * 5000 + "}",
    ],
)
def test_what_is_outside_the_subset_is_refused(text: str) -> None:
    with pytest.raises(frames.FrameError):
        frames.parse(text.encode())


def test_lengths_over_the_limits_are_refused_before_anything_is_read() -> None:
    with pytest.raises(frames.FrameError, match="header of 101"):
        frames.lengths(frames.PREFIX.pack(101, 0), 100, 0)
    with pytest.raises(frames.FrameError, match="body of 1 bytes"):
        frames.lengths(frames.PREFIX.pack(10, 1), 100, 0)
    assert frames.lengths(frames.PREFIX.pack(10, 1), 100, 1) == (10, 1)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_a_connection_that_sends_any_bytes_and_closes_gives_a_frame_or_a_known_error(data: bytes) -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        connection = Connection(ours)
        theirs.sendall(data)
        theirs.close()
        with contextlib.suppress(frames.FrameError, ConnectionLostError):
            header, _ = await connection.receive(timeout=2)
            assert isinstance(header, dict)
        connection.close()

    asyncio.run(run())


def test_a_frame_is_read_to_its_last_byte_and_no_further() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            connection = Connection(ours)
            theirs.sendall(frames.encode({"a": 1}, 3) + b"xyz" + b"the next process reads this")
            header, body = await connection.receive(body_limit=3)
            assert (header, bytes(body)) == ({"a": 1}, b"xyz")
            handed_on = connection.detach()
            handed_on.setblocking(True)
            with handed_on:
                assert handed_on.recv(100) == b"the next process reads this"

    asyncio.run(run())


def test_a_silent_connection_is_given_up() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            connection = Connection(ours)
            with pytest.raises(ConnectionLostError, match="said nothing"):
                await connection.receive(timeout=0.05)
            connection.close()

    asyncio.run(run())


def test_json_that_python_writes_by_default_is_read() -> None:
    assert frames.parse(json.dumps({"a": ["é", None, True]}).encode()) == {"a": ["é", None, True]}
