from __future__ import annotations

import copy
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from on_server.gateway import ends
from on_server.metrics import alerts, looked, table
from tests.harness import pki
from tests.on_server.metrics.server import NETWORK, PEER, STATUS, Server, stand_in

DAY = 86_400


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server(tmp_path)
    stand_in(found, monkeypatch)
    return found


def names(server: Server, later: float = 0) -> set[str]:
    return {name for name, _ in alerts.firing(server.samples(), time.time() + later)}


def changed(**changes: Any) -> dict[str, Any]:
    """What an agent says, with other words somewhere."""
    found: dict[str, Any] = copy.deepcopy(dict(STATUS))
    own = found["networks"][NETWORK]
    for name, value in changes.items():
        (own if name in own else found)[name] = value
    return {"answers": "yes", "document": found}


def test_a_server_that_is_well_tells_of_every_part_and_of_nothing_wrong(server: Server) -> None:
    found = server.values()
    assert found["unit_active", "werkplaats-gateway.service"] == 1
    assert {found["container_running", part] for part in looked.PARTS} == {1}
    assert {found["part_answers", part] for part in looked.PARTS} == {1}
    assert found["release_info", NETWORK, "1.0"] == 1
    assert time.time() - found["peer_heard_timestamp_seconds", NETWORK, PEER] == pytest.approx(20, abs=3)
    assert all(map(table.sound, server.samples()))
    assert names(server) == set()


def test_what_does_not_run_is_told_once_by_what_it_is(server: Server) -> None:
    """Of a part that does not run nobody is told that it does not answer, of an engine that does not what it has."""
    server.said["docker inspect"] = server.said["docker inspect"].replace("running", "exited", 1)
    server.agent = {"answers": "silent", "document": {}}
    assert names(server) == {"StationDown"}
    server.said["docker version"] = ""
    assert names(server) == {"EngineBroken", "AgentStuck"}


@pytest.mark.parametrize(("part", "alert"), [("agent", "AgentStuck"), ("computer", "ComputerStuck")])
def test_a_part_that_a_signal_stopped_does_not_answer_whatever_the_kernel_takes_for_it(
    server: Server, part: str, alert: str
) -> None:
    server.processes[part] = ["S", "T"]
    assert names(server) == {alert}


def test_a_peer_is_told_of_since_it_was_heard_or_since_the_agent_began(server: Server) -> None:
    assert names(server, later=300) == {"Partition"}
    for row, ago in (({"seconds_ago": None, "outbound": True}, 500), ({"seconds_ago": None, "outbound": False}, None)):
        server.agent = changed(peers={PEER: row})
        moment = server.values().get(("peer_heard_timestamp_seconds", NETWORK, PEER))
        assert (moment is None) == (ago is None)
        assert moment is None or time.time() - moment == pytest.approx(500, abs=3)


def test_a_gateway_that_has_not_loaded_what_lies_on_disk_is_told(server: Server) -> None:
    (server.root / "etc/werkplaats/gateway/compiled/base.cfg").write_text("# changed")
    assert names(server) == {"GatewayNotLoaded"}
    (server.root / "etc/werkplaats/gateway/compiled/base.cfg").unlink()
    assert names(server) == {"GatewayNotLoaded"}


def test_a_peer_that_was_cut_is_waited_for_by_nobody(server: Server) -> None:
    (server.root / "etc/werkplaats/cut.d").mkdir()
    (server.root / "etc/werkplaats/cut.d" / PEER).touch()
    assert ("peer_heard_timestamp_seconds", NETWORK, PEER) not in server.values()


def test_what_an_agent_says_is_a_number_or_yes_and_no_text_of_it_is_told(server: Server) -> None:
    """Its container writes what it likes there: names of others, of numbers that are none, whole values."""
    before = set(server.values())
    secret = "de uitslag is 4711"
    for said in (
        changed(problem=secret, peers={secret: {"seconds_ago": 5}, PEER: {"seconds_ago": secret}}),
        changed(register={"problem": secret}, computer=secret, draining=secret, release=secret),
        changed(networks={secret: {"problem": ""}}, peers=[secret], uptime=secret),
        {"answers": "yes", "document": {"networks": [secret], "register": secret}},
        changed(peers={PEER: {"seconds_ago": 10**400}}),
        changed(peers={PEER: {"seconds_ago": -5}}),
    ):
        server.agent = said
        found = server.samples()
        assert {(one.metric, *one.labels) for one in found} <= before
        text = table.text(found, "gerda.gelre")
        assert secret not in text
        assert "4711" not in text


def test_a_disk_is_read_only_by_what_its_file_system_says_and_not_as_it_is_mounted_here(server: Server) -> None:
    """To the service everything is mounted so (ProtectSystem=strict)."""
    path = server.root / "proc/self/mountinfo"
    rows = [line.rpartition(" ") for line in path.read_text().splitlines()]
    path.write_text("".join(f"{head.replace(' rw,', ' ro,')} {options}\n" for head, _, options in rows))
    assert "DiskReadOnly" not in names(server)
    path.write_text("".join(f"{head} {options.replace('rw', 'ro', 1)}\n" for head, _, options in rows))
    assert "DiskReadOnly" in names(server)


def test_a_publication_and_a_backup_are_told_by_their_moments(server: Server) -> None:
    kept = server.root / f"etc/werkplaats/networks.d/{NETWORK}/publication/metadata"
    kept.mkdir(parents=True)
    signed = {"version": 9, "expires": "2027-01-04T00:00:00Z", "meta": {"snapshot.json": {"version": 7}}}
    (kept / "timestamp.json").write_text(json.dumps({"signed": signed}))
    settings = server.root / "etc/werkplaats/backup"
    settings.mkdir()
    (settings / "settings.json").write_text(json.dumps({"every": 24}))
    found = server.values()
    assert found["publication_number", NETWORK] == 7
    assert found["publication_ends_timestamp_seconds", NETWORK] == 1_799_020_800
    assert found["backup_faults",] == 1, "none was made yet"
    (server.root / "var/lib/station-backup").mkdir(parents=True)
    made = int(time.time()) - 50
    (server.root / "var/lib/station-backup/told.json").write_text(json.dumps({"good": {"made": made}}))
    found = server.values()
    assert (found["backup_last_success_timestamp_seconds",], found["backup_faults",]) == (made, 0)


@pytest.mark.parametrize(("days", "late"), [(90, False), (30, True)])
def test_when_it_is_late_to_renew_is_what_status_says_too(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, late: bool
) -> None:
    from werkplaats.checks import lapse

    authority = pki.Authority(NETWORK)
    (tmp_path / NETWORK).mkdir()
    certificate = authority.station("gelre", ec.generate_private_key(ec.SECP256R1()).public_key())
    (tmp_path / NETWORK / "station.pem").write_bytes(certificate.public_bytes(pki.PEM))
    issued = pki.now() - (90 - days) * pki.DAY
    (tmp_path / NETWORK / "crl.pem").write_text(authority.crl(issued=issued, days=90))
    monkeypatch.setattr(ends, "LOADED", str(tmp_path))
    server.said["sh"] = subprocess.run(ends.command(NETWORK), capture_output=True, text=True, check=True).stdout
    assert (names(server) == {"RevocationListLate"}) == late
    assert bool(lapse.read(server.said["sh"]).wrong) == late
    assert {"RevocationListEnded"} <= names(server, later=91 * DAY)
