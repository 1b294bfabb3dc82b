"""A network whose certificates and lists last for minutes: it lives on through renewals, with sessions all the time."""

from __future__ import annotations

import datetime
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness import sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.slow]
LIFETIMES = "certificate 3 minutes\nlist 2 minutes\n"
SECONDS = 500.0
"""In which each certificate is signed anew twice, also on a busy machine; the first ones have ended by then."""


@pytest.fixture(scope="module")
def kort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The network `kort.sandbox`, of which what the coordinator signs lasts for minutes; nothing of it exists yet."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("kort"), "kort")
    (made.vault / "inventory").mkdir(parents=True)
    made.vault.chmod(0o700)
    (made.vault / "inventory" / "lifetimes.txt").write_text(LIFETIMES)
    yield made
    made.run("destroy", "--yes", expect=None)


class Sessions(threading.Thread):
    """One session after another, as an administrator has them run; `failed` is what was said of those that did.

    Another organisation's than that of which `up` has its own run: each has so many places at once.
    """

    def __init__(self, network: sandboxes.Sandbox) -> None:
        super().__init__()
        self.network, self.good, self.failed, self.over = network, 0, list[str](), threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            done = self.network.on("thuiszorg", "station", "session", "--json")
            if done.returncode:
                self.failed.append(done.stdout + done.stderr)
            else:
                self.good += 1


def shown(network: sandboxes.Sandbox) -> dict[str, Any]:
    """Organisation → when its certificate ends and which it is, as its gateway loaded it."""
    path = f"/etc/werkplaats/gateway/loaded/networks/{network.name}/station.pem"
    words = ("openssl", "x509", "-in", path, "-noout", "-serial", "-enddate")
    return {one: network.on(one, *words).stdout for one in ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")}


def test_it_lives_through_renewals_of_all_that_is_signed_and_no_session_fails(
    kort: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    assert kort.up()["verified"]
    first, sessions, began, rounds, renewed = shown(kort), Sessions(kort), time.monotonic(), 0, 0
    config = kort.vault / "run" / "ssh_config"
    words = "sudo station session --rounds 1000000 --json"
    long = subprocess.Popen(
        ["ssh", "-F", str(config), "-o", "ControlPath=none", "ziekenhuis", words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    sessions.start()
    try:
        while renewed < 2 * len(first):
            assert time.monotonic() - began < SECONDS
            published = kort.run("trust publish").stdout
            renewed += published.count("its certificate is signed anew")
            told = json.loads(kort.run("up", "--yes", "--json").stdout)
            assert (told["verified"], told["left_out"], told["waiting"]) == (True, {}, {})
            assert long.poll() in (None, 0), "the session that went on through all of it failed"
            rounds += 1
    finally:
        sessions.over.set()
        sessions.join()
        long.kill()
        long.communicate()
    assert sessions.failed == []
    assert sessions.good > rounds
    took = time.monotonic() - began
    last = shown(kort)
    assert all(last[one] != first[one] for one in first)
    assert kort.run("status").stdout.count("well, ") == len(first)
    note(
        f"certificates of 3 minutes, lists of 2: {renewed} certificates signed anew in {took:.0f} s, {rounds} times "
        f"published and brought; {sessions.good} sessions beside it, 0 failed, one went on through all of it"
    )


def test_where_nobody_publishes_any_more_it_is_said_before_and_after_the_list_ends(kort: sandboxes.Sandbox) -> None:
    """`verify` looked at the list in the publication, which was renewed, and `status` said well over a dead mesh."""
    path = f"/etc/werkplaats/gateway/loaded/networks/{kort.name}/crl.pem"
    ends = kort.on("ggd", "openssl", "crl", "-in", path, "-noout", "-nextupdate").stdout.strip().partition("=")[2]
    over = datetime.datetime.strptime(ends, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.UTC)
    while datetime.datetime.now(datetime.UTC) <= over:
        time.sleep(1)
    kort.run("trust publish")  # nobody brings it to the servers
    told = json.loads(kort.run("verify", "--json", expect=1).stdout)
    said = [one["reason"] for one in told["verdicts"] if one["name"].startswith("certificates_and_revocation_lists")]
    assert len(said) == 4, told["verdicts"]
    assert all("revocation list on the server: has expired, and no peer is let in" in one for one in said), said
    assert kort.run("status", expect=1).stdout.count("well, ") == 0
    assert json.loads(kort.run("up", "--yes", "--json").stdout)["verified"]
