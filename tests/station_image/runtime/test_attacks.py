"""Attacks on running stations through running gateways; each is also seen to work with its defence off."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted import statement
from station_image.runtime.base.contract import PROTOCOL_VERSIONS
from station_image.runtime.consent import plan
from station_image.runtime.session import proposal
from station_image.runtime.wire import frames
from tests.harness import pki
from tests.harness.region import Region
from tests.harness.stations import Station, replace, wait_until
from tests.station_image.runtime.impostor import Relay, as_station, ask_as, raw
from tests.station_image.runtime.test_sessions import right

pytestmark = pytest.mark.slow
THREE = ("ggd", "gelre", "sensire")


@pytest.fixture
def healthy(region: Region) -> Iterator[Region]:
    """Whatever was tried, sessions of others are unharmed."""
    yield region
    assert region.dead() == [], "an attack ended a part of somebody's station"
    region.heal()
    assert right(region["ggd"].ask("session", "--network", "drie"))


def _link(station: Station, peer: Station) -> dict[str, Any]:
    rows = [row for row in station.ask("links")["links"] if row["peer"] == peer.id and row["network"] == "drie"]
    return dict(rows[0])


# A second certificate with a member's name


@pytest.fixture
def impostor(region: Region) -> Iterator[Station]:
    """A station with a certificate of the name of gelre, minted by the holder of the CA, and a key of its own."""
    station = region.impostor("gelre")
    try:
        region.write_gateway(station, ["ggd", "sensire"])
        region.write_view("drie", station, THREE, THREE, (*THREE, "yunio", "huisarts"))
        station.start("computer", "gateway")
        station.start("agent", sabotage="any_own_gateway")
        region.wait_for(station)
        yield station
    finally:
        station.kill()
        region.discard(station)


def test_a_second_certificate_with_a_members_name_cannot_call(healthy: Region, impostor: Station) -> None:
    assert "pinned statement key" in _link(impostor, healthy["ggd"])["why"]


@pytest.mark.soak
def test_a_second_certificate_calls_successfully_where_statement_keys_are_not_checked(
    healthy: Region, impostor: Station
) -> None:
    healthy["ggd"].restart("agent", sabotage="no_statement_keys")
    assert _link(impostor, healthy["ggd"])["ok"]


def test_a_second_certificate_with_a_members_name_cannot_answer(healthy: Region, impostor: Station) -> None:
    gelre = healthy["gelre"]
    healthy.repoint(healthy["ggd"], gelre, impostor.port)
    try:
        link = _link(healthy["ggd"], gelre)
        assert "pinned statement key" in link["why"]
        answer = healthy["ggd"].ask("session", "--network", "drie")
        assert answer["exit"] == 3
        assert list(answer["reasons"]) == [gelre.id]
    finally:
        healthy.repoint(healthy["ggd"], gelre, gelre.port)


def test_a_relay_with_minted_certificates_on_both_sides_is_refused_by_the_acceptor(
    healthy: Region, tmp_path: Path
) -> None:
    ggd, gelre = healthy["ggd"], healthy["gelre"]
    with Relay(healthy, ggd, gelre, tmp_path) as relay:
        healthy.repoint(ggd, gelre, relay.port)
        try:
            assert "another certificate" in _link(ggd, gelre)["why"]
            assert relay.bytes_passed, "the relay was not on the path"
            gelre.restart("agent", sabotage="no_fingerprint_check")
            assert _link(ggd, gelre)["ok"], "with the check off the relay must get through, or this test shows nothing"
        finally:
            healthy.repoint(ggd, gelre, gelre.port)


def test_a_swapped_gateway_key_lets_no_relay_through(healthy: Region, tmp_path: Path) -> None:
    """Whoever holds the CA puts a key of its own in front of the gateway's, beside the statement of the true one.

    Its relay then shows the very certificate that the caller speaks for, and gains all that passes.
    """
    ggd, gelre = healthy["ggd"], healthy["gelre"]
    path, held = ggd.root / "networks.d" / "drie" / "gateway.json", ggd.gateway
    with Relay(healthy, ggd, gelre, tmp_path) as relay:
        swapped = {**held, "certificate": base64.b64encode(relay.as_caller).decode()}
        healthy.repoint(ggd, gelre, relay.port)
        replace(path, swapped)
        try:
            assert "gateway.json: this station has a gateway certificate of a key that" in _link(ggd, gelre)["why"]
            ggd.restart("agent", sabotage="any_own_gateway")
            assert "refused: drie.ggd has a gateway certificate of a key that its pinned" in _link(ggd, gelre)["why"]
            gelre.restart("agent", sabotage="any_gateway")
            assert _link(ggd, gelre)["ok"], "with the defence off the relay must get through"
            assert relay.bytes_passed, "the relay was not on the path"
        finally:
            replace(path, held)
            healthy.repoint(ggd, gelre, gelre.port)


# Names and keys


def _under_the_name_of_gelre(healthy: Region) -> bytes:
    """What ggd answers to a hello of sensire that says it comes from gelre."""
    opening = {
        "versions": [*PROTOCOL_VERSIONS],
        "network": "drie",
        "from": healthy["gelre"].id,
        "to": healthy["ggd"].id,
    }
    hello = frames.encode({"hello": {**opening, "nonce": statement.nonce()}})
    return raw(healthy["sensire"], healthy["ggd"].id, hello)


def test_a_member_under_another_members_name_is_refused(healthy: Region) -> None:
    assert b"is not who the gateway verified" in _under_the_name_of_gelre(healthy)


@pytest.mark.soak
def test_a_member_under_another_members_name_is_heard_where_names_are_believed(healthy: Region) -> None:
    healthy["ggd"].restart("agent", sabotage="believes_names")
    heard = _under_the_name_of_gelre(healthy)
    assert b"accepting" in heard
    assert b"refused" not in heard


def test_a_changed_statement_key_is_refused_until_it_was_accepted(healthy: Region) -> None:
    sensire, key = healthy["sensire"], healthy["sensire"].key
    sensire.write_key(Ed25519PrivateKey.generate())
    sensire.restart("agent")
    try:
        answer = healthy["ggd"].ask("session", "--network", "drie")
        assert answer["exit"] == 3
        assert "pinned statement key" in answer["reasons"][sensire.id]
    finally:
        sensire.write_key(key)
        sensire.restart("agent")


@pytest.mark.parametrize(
    ("caller", "said"),
    [("yunio", "no computing party that opens a channel"), ("sensire", "no computing party that opens a channel")],
)
def test_a_channel_is_refused_to_contributors_and_to_parties_with_higher_numbers(
    healthy: Region, caller: str, said: str
) -> None:
    async def work(assembled: Any, network: Any) -> list[str]:
        """Propose as the caller, and open a channel to the second party before the session starts."""
        agreed = _plan(network, session=statement.digest(time.time())[:32])
        signature = assembled.key.sign(statement.PLAN, agreed.content)
        party = network.computing[1]
        async with assembled.peers.open(network, party, {"kind": "propose"}) as line:
            await line.send({"plan": agreed.content, "signature": signature})
            answer, _ = await line.receive()
            assert answer["answer"]["accepted"] is True
            request = {"kind": "channel", "session": agreed.session, "plan": agreed.digest}
            async with assembled.peers.open(network, party, request) as channel:
                return [str((await channel.receive())[0].get("refused"))]

    assert said in as_station(healthy[caller], "drie", work)[0]


def test_a_stranger_may_not_connect_to_the_agents_socket_past_the_gateway(healthy: Region) -> None:
    with socket.socket(socket.AF_UNIX) as past:
        past.settimeout(5)
        past.connect(str(healthy["ggd"].root / "agent" / "mesh.sock"))
        assert past.recv(1) == b""
    assert "mesh-refused" in healthy["ggd"].log("agent")


# Sessions


def _plan(network: Any, **choices: Any) -> plan.Plan:
    usual: dict[str, Any] = {
        "session": "ab" * 16,
        "contributors": sorted(name for name, row in network.stations.items() if row.contributes),
        "results": [network.self_id],
        "minimum_cell": 0,
        "minimum_contributors": 2,
        "intake": 2,
        "deadline": 60,
    }
    return plan.make(network, "acceptance_sum/1", {}, **{**usual, **choices})


def test_a_session_id_cannot_be_used_again_not_even_after_a_restart(healthy: Region) -> None:
    chosen = statement.digest(time.time())[:32]

    async def propose(assembled: Any, network: Any) -> str:
        try:
            again = _plan(network, session=chosen, results=[network.computing[1]])
            account = await assembled.proposals.run(network, again, _ignore)
        except proposal.ProposalRefusedError as error:
            return str(error)
        return str(account["outcome"])

    assert as_station(healthy["yunio"], "drie", propose) == "done"
    assert "was used before" in as_station(healthy["yunio"], "drie", propose)
    healthy["gelre"].restart("agent")
    said = as_station(healthy["yunio"], "drie", propose)
    assert healthy["gelre"].id in said
    assert "was used before" in said


def _ignore(_: dict[str, Any]) -> None:
    return None


@pytest.mark.parametrize(
    ("sabotage", "why"),
    [
        ("two_polynomials", "its shares do not belong together"),
        ("outside_field", "nothing of it arrived at drie.gelre"),
        ("too_long", "nothing of it arrived at drie.gelre"),
    ],
)
def test_a_contributor_with_bad_shares_is_left_out_and_named(healthy: Region, sabotage: str, why: str) -> None:
    healthy["huisarts"].restart("agent", sabotage=sabotage)
    answer = healthy["ggd"].ask("session", "--network", "drie", "--intake", "2")
    assert answer["exit"] == 1, answer
    assert answer["left_out"] == {healthy["huisarts"].id: why}
    assert answer["result"]["correct"] is True


@pytest.mark.soak
def test_without_the_degree_check_two_polynomials_spoil_the_result(healthy: Region) -> None:
    healthy["huisarts"].restart("agent", sabotage="two_polynomials")
    for name in THREE:
        healthy[name].restart("computer", sabotage="no_degree_check")
    assert healthy["ggd"].ask("session", "--network", "drie", "--intake", "2")["exit"] == 4


def test_a_pickle_with_a_command_is_not_run_and_its_sender_is_told(healthy: Region) -> None:
    """Who sees it leaves at once, and perhaps before the other has seen it: one party's word names nobody."""
    healthy["sensire"].restart("computer", sabotage="sends_pickle")
    answer = healthy["ggd"].ask("session", "--network", "drie")
    sender, seen = healthy["sensire"].id, "it sent 73 bytes where 96 belong"
    assert answer["exit"] == 4
    saw = [report["root"] for report in answer["reports"].values() if report["reason"] == seen]
    assert saw in ([sender], [sender] * 2), answer["reports"]
    assert answer["root"] == (sender if len(saw) == 2 else ""), answer["reports"]
    assert seen in answer["reason"]
    assert not _owned(healthy)


def test_where_pickles_are_read_the_kernel_runs_no_command_of_theirs(healthy: Region) -> None:
    healthy["sensire"].restart("computer", sabotage="sends_pickle")
    for name in ("ggd", "gelre"):
        healthy[name].restart("computer", sabotage="unpickles")
    assert healthy["ggd"].ask("session", "--network", "drie")["exit"] == 4
    assert not _owned(healthy)


@pytest.mark.soak
def test_the_same_pickle_runs_its_command_where_pickles_are_read_and_nothing_confines(healthy: Region) -> None:
    healthy["sensire"].restart("computer", sabotage="sends_pickle")
    for name in ("ggd", "gelre"):
        healthy[name].restart("computer", sabotage="unpickles_unconfined")
    healthy["ggd"].ask("session", "--network", "drie")
    owned = _owned(healthy)
    assert owned
    assert set(owned) <= {"ggd", "gelre"}  # one of them may have been told to stop before it read its own
    for name in owned:
        (healthy[name].root / "compute" / "owned").unlink()


def _owned(region: Region) -> list[str]:
    return [name for name, station in region.stations.items() if (station.root / "compute" / "owned").exists()]


@pytest.mark.parametrize(
    ("part", "sabotage", "said"),
    [
        ("computer", "claims_more_keys", "keys that do not belong to its number"),
        ("computer", "lies_when_opening", "do not belong together"),
        ("agent", "lies_to_result_party", "do not lie on a polynomial"),
    ],
)
def test_a_computing_party_that_lies_spoils_the_session_and_changes_no_result(
    healthy: Region, part: str, sabotage: str, said: str
) -> None:
    healthy["sensire"].restart(part, sabotage=sabotage)
    answer = healthy["ggd"].ask("session", "--network", "drie")
    assert answer["exit"] == 4
    assert said in answer["reason"]
    assert "result" not in answer


# Garbage


def test_garbage_on_the_port_and_inside_tls_harms_nobody(healthy: Region, tmp_path: Path) -> None:
    ggd = healthy["ggd"]
    with socket.create_connection(("127.0.0.1", ggd.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n" * 50)
    for data in (b"\0" * 4096, b"\xff" * 4096, frames.PREFIX.pack(2**31, 0), frames.PREFIX.pack(4, 2**31) + b"null"):
        assert raw(healthy["sensire"], ggd.id, data) == b""
    deep = b'{"hello":' * 2000
    assert raw(healthy["sensire"], ggd.id, frames.PREFIX.pack(len(deep), 0) + deep) == b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["mpc/1"])  # so that it is not the protocol that gives it away
    context.load_cert_chain(pki.Party(healthy.authority, "vreemdeling", tmp_path).file)
    with socket.create_connection(("127.0.0.1", ggd.port)) as line, context.wrap_socket(line) as stranger:
        stranger.settimeout(10)
        stranger.sendall(b"hello")
        assert _closed(stranger)


def _closed(stranger: ssl.SSLSocket) -> bool:
    try:
        return stranger.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_member_cannot_take_all_connections(healthy: Region) -> None:
    ggd, path = healthy["ggd"], healthy["sensire"].root / "peers" / f"{healthy['ggd'].id}.sock"
    held = []
    for _ in range(48):
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(path))
        line.sendall(b"\0")
        held.append(line)
    wait_until(lambda: "connections are open already" in ggd.log("agent"), "the agent to refuse more")
    assert _link(healthy["gelre"], ggd)["ok"]
    for line in held:
        line.close()


def test_unknown_requests_and_early_shares_are_answered_by_a_reason(healthy: Region) -> None:
    ggd, sensire = healthy["ggd"], healthy["sensire"]
    assert "no such request" in ask_as(sensire, "drie", ggd.id, {"kind": "shell"})
    early = {"kind": "deposit", "session": "00" * 16, "plan": "0" * 64, "tag": "0" * 32}
    assert "none with this id" in ask_as(sensire, "drie", ggd.id, early)
