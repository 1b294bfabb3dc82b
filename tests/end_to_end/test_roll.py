"""A CA takes the place of another while stations compute, one station after another, and no session is lost.

It goes on in the network of `test_follow.py`, of which one organisation may be out; alone it begins with all of them.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.end_to_end.test_cut import running
from tests.end_to_end.test_departed_machine import started
from tests.end_to_end.test_follow import ORGANISATIONS, follow, put
from tests.harness import going, sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.soak]
PARTIES = ("ggd", "ziekenhuis", "thuiszorg")
ROUNDS = "1000000"


@pytest.fixture(scope="module")
def session(volg: sandboxes.Sandbox) -> Iterator[subprocess.Popen[str]]:
    """A session that began before and goes on through all of it."""
    config = volg.vault / "run" / "ssh_config"
    words = ("ssh", "-F", str(config), "-o", "ControlPath=none", "ggd", "sudo", "station", "session", "--json")
    process = subprocess.Popen(
        [*words, "--rounds", ROUNDS],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while not all(running(volg, one) for one in PARTIES):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the session does not begin"
    going.gives_way(volg, PARTIES)
    yield process
    process.kill()
    process.wait()


def members(network: sandboxes.Sandbox) -> list[str]:
    """Whose stations are in the network."""
    revoked = network.vault / "inventory" / "revoked.txt"
    text = revoked.read_text() if revoked.exists() else ""
    return [one for one in ORGANISATIONS if f"CN=station-{one}" not in text]


def trusts(network: sandboxes.Sandbox, organisation: str) -> tuple[set[str], str]:
    """The CAs that the gateway loaded, and the one that signed what it shows, as openssl reads both."""
    folder = f"/etc/werkplaats/gateway/loaded/networks/{network.name}"
    every = f"openssl crl2pkcs7 -nocrl -certfile {folder}/ca.pem | openssl pkcs7 -print_certs -noout"
    own = f"openssl x509 -in {folder}/station.pem -noout -issuer -nameopt RFC2253"
    said, shown = (network.on(organisation, "sh", "-c", line).stdout for line in (every, own))
    subjects = {found[1] for line in said.splitlines() if (found := re.match(r"subject=.*CN ?= ?(CA-\d+)", line))}
    found = re.search(r"CN=(CA-\d+)", shown)
    assert found, shown
    return subjects, found[1]


def all_talk(network: sandboxes.Sandbox) -> None:
    """A joint computation of everybody ends well now."""
    told = json.loads(network.run("session", "--json").stdout)
    assert told["good"], told


OLD, BOTH, NEW = ({"CA-1"}, "CA-1"), ({"CA-1", "CA-2"}, "CA-1"), ({"CA-2"}, "CA-2")
SWITCHED = ({"CA-1", "CA-2"}, "CA-2")


def brought(network: sandboxes.Sandbox, *organisations: str) -> None:
    for one in organisations:
        put(network, one)
    told = follow(network, *organisations)
    assert {row["refused"] for row in told.values()} == {""}, told
    assert {row["problem"] for row in told.values()} == {""}, told


def test_a_ca_takes_the_place_of_another_under_a_running_session(
    volg: sandboxes.Sandbox, session: subprocess.Popen[str], note: Callable[[str], None]
) -> None:
    stations = members(volg)
    first, others = stations[0], stations[1:]
    before = {one: started(volg, one) for one in stations}
    assert all(trusts(volg, one) == OLD for one in stations)
    began, sessions = time.monotonic(), 0

    volg.run("trust roll", "--yes")
    brought(volg, *stations)
    assert all(trusts(volg, one) == OLD for one in stations), "a CA waits for its operator"
    for some in ((first,), others):
        only = [word for one in some for word in ("--only", one)]
        assert "CA-2 of volg.sandbox, with key " in volg.run("accept", "--yes", *only).stdout
        told = json.loads(volg.run("up", "--yes", "--json", *only, expect=None).stdout)
        assert told["changes"]["stations"] == [], told
        assert all(trusts(volg, one) == BOTH for one in some)
        all_talk(volg)
        sessions += 1

    for step, wanted in (("--switch", SWITCHED), ("--drop", NEW)):
        volg.run("trust roll", step, "--yes")
        for one in stations:
            brought(volg, one)
            assert trusts(volg, one) == wanted
            if one in (first, stations[-1]):
                all_talk(volg)
                sessions += 1

    assert all(trusts(volg, one) == NEW for one in stations)
    assert session.poll() is None, session.communicate()
    assert all(running(volg, one) for one in PARTIES), "the session of before went through all of it"
    assert {one: started(volg, one) for one in stations} == before
    seconds = time.monotonic() - began
    note(f"CA rolled at {len(stations)} stations, one after another, in {seconds:.0f} s under a session that went on")
    note(f"{sessions} other sessions began in the steps between: 0 failed")


def test_an_up_afterwards_finds_what_followers_left(volg: sandboxes.Sandbox) -> None:
    told = volg.up(expect=None)
    assert told["changes"]["stations"] == []
    assert all(trusts(volg, one) == NEW for one in members(volg))
    volg.works_again()
