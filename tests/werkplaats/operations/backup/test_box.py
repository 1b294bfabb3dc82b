from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import errors
from werkplaats.operations.backup import box

COST = box.COST
PASSPHRASE = b"een lange zin die niemand raadt"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "COST", 2)


def test_what_goes_in_comes_out_and_nothing_of_it_can_be_read_before() -> None:
    content = b"secret" * 100
    closed = box.close(content, PASSPHRASE)
    assert box.unlock(closed, PASSPHRASE, "here") == content
    assert b"secret" not in closed
    assert box.close(content, PASSPHRASE) != closed, "salt and nonce are new each time"


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(
        errors.VaultError, match="does not open: the passphrase is another one, or the file was changed"
    ):
        box.unlock(box.close(b"content", PASSPHRASE), PASSPHRASE + b"!", "here")


@given(st.data())
def test_a_box_that_was_edited_anywhere_gives_nothing(data: st.DataObject) -> None:
    """Whoever keeps the file for an operator could else put a CA key or pins of its own in it."""
    closed = bytearray(box.close(b"content", PASSPHRASE))
    where = data.draw(st.integers(0, len(closed) - 1))
    closed[where] ^= data.draw(st.integers(1, 255))
    with pytest.raises(errors.VaultError, match=r"does not open|is no backup"):
        box.unlock(bytes(closed), PASSPHRASE, "here")


@given(st.integers(0, 60))
def test_a_box_that_was_cut_short_gives_nothing(length: int) -> None:
    with pytest.raises(errors.VaultError, match=r"does not open|is no backup"):
        box.unlock(box.close(b"content", PASSPHRASE)[:length], PASSPHRASE, "here")


def test_each_passphrase_that_is_tried_costs_memory_that_no_file_can_change() -> None:
    """A backup lies where its owner is not, and who made the file must not choose what reading it takes."""
    assert (COST, box.BLOCK, box.PARALLEL) == (2**17, 8, 1)
    assert len(box.close(b"", PASSPHRASE)) == len(box.MAGIC) + 16 + 12 + 16, "no costs in the file"
