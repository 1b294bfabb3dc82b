"""The key of the CA is lost, or was stolen: another CA takes its place while stations compute, and their keys stay.

It comes after `test_cut.py`, in the same network.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.end_to_end.test_cut import GONE, running
from tests.harness import sandboxes

pytestmark = pytest.mark.servers
PARTIES = ("ggd", "ziekenhuis", GONE)


def issuers(network: sandboxes.Sandbox, organisation: str) -> set[str]:
    """Who signed what a gateway shows, and whom it trusts."""
    folder = f"/etc/werkplaats/gateway/loaded/networks/{network.name}"
    script = f"for one in station ca; do openssl x509 -in {folder}/$one.pem -noout -issuer -nameopt RFC2253; done"
    return set(re.findall(r"CN=(CA-\d+)", network.on(organisation, "sh", "-c", script).stdout))


def test_another_ca_takes_the_place_of_one_whose_key_is_lost_and_no_session_is(
    los: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    los.run("status")
    words = ("station", "session", "--rounds", "1000000", "--json")
    config = los.vault / "run" / "ssh_config"
    session = subprocess.Popen(
        ["ssh", "-F", str(config), "-o", "ControlPath=none", "ggd", "sudo", *words], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + sandboxes.BACK_SECONDS
    while not all(running(los, one) for one in PARTIES):
        assert time.monotonic() < deadline, "the session does not begin"
    assert issuers(los, "ggd") == {"CA-1"}

    (los.vault / "ca-1.key").unlink()
    assert "where there is none, werkplaats trust roll los" in los.run("trust publish", expect=3).stderr
    told = los.run("trust roll", "--yes").stdout
    key = re.search("sha256:[0-9a-f]{64}", told)
    assert key, told

    held_back = json.loads(los.run("up", "--yes", "--json", expect=None).stdout)
    assert held_back["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert issuers(los, "ggd") == {"CA-1"}, "nothing of a CA that nobody accepted is installed"
    assert "is not the CA that" in los.run("accept", "--yes", expect=3).stderr
    assert all(running(los, one) for one in PARTIES)

    los.run("accept", "--yes", "--authority", key[0])
    began = time.monotonic()
    up = json.loads(los.run("up", "--yes", "--json").stdout)
    note(f"another CA: `up` of five servers took {time.monotonic() - began:.1f} s")
    assert up["verified"]
    assert up["changes"]["stations"] == []
    assert all(issuers(los, one) == {"CA-2"} for one in (*PARTIES, "huisartsen", "apotheek"))
    assert all(running(los, one) for one in PARTIES), "the session of before went through all of it"
    assert session.poll() is None
    session.kill()
    assert los.on("ggd", "docker", "restart", "station-computer").returncode == 0
    los.works_again()
