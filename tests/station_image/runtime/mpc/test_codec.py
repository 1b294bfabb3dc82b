"""What parties send each other: bytes and flat arrays, and never a pickle."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime.mpc import codec


@given(st.lists(st.integers(0, 2**200), max_size=9))
def test_arrays_are_encoded_without_pickle_and_read_back(values: list[int]) -> None:
    data = codec.dumps(np.array(values, dtype=object))
    assert list(codec.loads(data)) == values


@given(st.binary())
def test_any_bytes_are_a_message_or_a_message_error_that_names_its_sender(data: bytes) -> None:
    payload = codec.PeerBytes(data)
    payload.peer = 2
    senders = []
    try:
        codec.loads(payload)
    except codec.MessageError as error:
        senders = [error.peer]
    assert senders in ([], [2])


def test_a_pickle_is_not_read() -> None:
    with pytest.raises(codec.MessageError):
        codec.loads(pickle.dumps({"a": 1}))


def test_what_has_no_encoding_is_not_sent() -> None:
    for content in ([1, 2], {"a": 1}, np.array([[1]], dtype=object), "text"):
        with pytest.raises(TypeError):
            codec.dumps(content)
