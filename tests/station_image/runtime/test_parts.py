"""Small parts of the agent and the computer, without processes."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from mpyc import finfields

from station_image.runtime import analyses
from station_image.runtime.accepted.statement import StatementError, StatementKey
from station_image.runtime.analyses import acceptance_sum
from station_image.runtime.base import background, journal
from station_image.runtime.consent.seen import Seen
from station_image.runtime.data import shares
from station_image.runtime.mpc import codec, engine
from tests.station_image.runtime.views import Small

ROOT = Path(__file__).parents[3]

# What parties send each other


@given(st.lists(st.integers(0, 2**200), max_size=9))
def test_arrays_are_encoded_without_pickle_and_read_back(values: list[int]) -> None:
    data = codec.dumps(np.array(values, dtype=object))
    assert list(codec.loads(data)) == values


@pytest.mark.parametrize(("threshold", "parties"), [(0, 1), (1, 3), (2, 5), (3, 7)])
def test_numbers_that_mpyc_shares_anew_are_on_fresh_polynomials_of_the_threshold(threshold: int, parties: int) -> None:
    field = finfields.GF(shares.FIELD)
    secret = [0, 1, shares.FIELD - 1]
    for given_as in (np.array(secret, dtype=object), field.array(np.array(secret, dtype=object))):
        rows = engine.split(field, given_as, threshold, parties).tolist()
        assert shares.recombine(rows, threshold) == secret
        if threshold:
            assert rows != engine.split(field, given_as, threshold, parties).tolist()
            assert shares.inconsistent(rows, threshold - 1) == [0, 1, 2]


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


# Definitions


def test_a_network_is_read_again_when_its_file_was_replaced(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert networks.find("n").definition == "sha256:0"
    small.write("n.a", definition="sha256:1")
    assert networks.find("n").definition == "sha256:1"
    assert networks.gateway_uid == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 2},
        {"threshold": 0},
        {"self": "n.z"},
        {"computing": ["n.a", "n.b", "n.z"]},
        {"computing": ["n.a", "n.a", "n.b"]},
        {"stations": []},
        {"stations": {"n.a": {"statement_key": "AAAA"}}},
    ],
)
def test_a_definition_that_cannot_be_right_is_not_taken_and_the_file_named(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    before = networks.find("n")
    small.write("n.a", **changes)
    assert networks.find("n") == before
    assert "network.json" in networks.problem


def test_a_network_that_was_taken_away_is_gone(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert list(networks.current()) == ["n"]
    (small.folder / "n.a" / "n" / "network.json").unlink()
    assert not networks.current()


# Keys and state


def test_a_statement_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "statement.key"
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o640)
    with pytest.raises(StatementError, match="others can read"):
        StatementKey.read(path)
    path.chmod(0o600)
    assert len(StatementKey.read(path).public) == 32
    path.write_text("no key")
    with pytest.raises(StatementError, match="no readable"):
        StatementKey.read(path)


def test_a_seen_id_is_seen_after_a_restart_until_its_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    assert Seen(path, 100).add("x")
    assert not Seen(path, 100).add("x")
    path.write_text(json.dumps({"x": 1.0}))
    assert Seen(path, 100).add("x")


def test_a_journal_line_cannot_be_forged_by_what_a_peer_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    journal.note("refused", why="bad\nsession-ended outcome=done\x1b[31m\u202e")
    assert capsys.readouterr().out.count("\n") == 1
    assert journal.plain("a\x1bb\u2028c") == "a b c"


def test_an_unexpected_error_is_noted_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        async def work() -> None:
            raise KeyError("value 12345")

        await asyncio.wait({background.start(work())})
        await asyncio.sleep(0)

    asyncio.run(run())
    out = capsys.readouterr().out
    assert "KeyError" in out
    assert "12345" not in out


# Analyses


@pytest.mark.parametrize("name", ["acceptance_sum/2", "acceptance_sum", "os/1", "__init__/1", "../plan/1", "", "x/1"])
def test_only_analyses_of_this_release_are_found(name: str) -> None:
    with pytest.raises(analyses.AnalysisError):
        analyses.find(name)


def test_the_acceptance_sum_is_right_only_for_the_inputs_that_everybody_can_derive() -> None:
    session, people, field = "ab" * 16, ("n.a", "n.b"), 2**96 - 17
    rows = [acceptance_sum.numbers(analyses.Source(session, name, {}), []) for name in people]
    assert rows[0] != rows[1]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    squares = [sum(value**2 for value in column) for column in zip(*rows, strict=True)]
    chain = (sums[0] ** 2 + 1) % field
    for values, public, correct in (
        ((*sums, *squares), (chain,), True),
        ((sums[0] + 1, *sums[1:], *squares), (chain,), False),
        ((*sums, *squares), (chain + 1,), False),
        ((*sums, *squares), (), False),
    ):
        opened = analyses.Opened(session, {"rounds": 1}, people, tuple(values), public, field)
        assert acceptance_sum.outcome(opened)["correct"] is correct


# The agent's end


ORPHAN = """
import asyncio, socket
from station_image.runtime.mpc.agent_link import AgentLink

async def run():
    agent, ours = socket.socketpair()
    link = AgentLink(ours)
    if {unread}:
        link.send({{"event": "beat"}})
    agent.close()
    await link.receive()

asyncio.run(run())
"""


@pytest.mark.parametrize("unread", [False, True])
def test_a_session_whose_agent_was_killed_ends_without_a_word_so_that_others_name_its_own_party(unread: bool) -> None:
    command = [sys.executable, "-c", ORPHAN.format(unread=unread)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Size


def test_the_agent_imports_neither_numpy_nor_mpyc() -> None:
    code = (
        "import station_image.runtime.agent, sys; print(sorted({'numpy','mpyc','gmpy2','pickle'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
