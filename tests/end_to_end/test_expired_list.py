"""A revocation list that ended on the servers, where nobody ran `up` for too long: here one that lasts a minute."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator

import pytest

from tests.harness import sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
ENDED = "revocation list on the server: has expired, and no peer is let in"
# `status` as it was: it looked at units, containers and answers of stations.
UNSEEN = """
import sys
from werkplaats import cli
from werkplaats.checks import lapse
lapse.read = lambda said: lapse.Ends()
sys.exit(cli.main(sys.argv[1:]))
"""
USUAL = datetime.timedelta(days=80)
LIST = "/etc/werkplaats/gateway/loaded/networks/{}/crl.pem"


@pytest.fixture
def short(toets: sandboxes.Sandbox) -> Iterator[sandboxes.Sandbox]:
    """`toets` with lists of a minute, on its servers too; afterwards they last as long as usual."""
    lifetimes = toets.vault / "inventory" / "lifetimes.txt"
    lifetimes.write_text("list 1 minutes\n")
    try:
        toets.run("trust publish")
        toets.up(expect=None)  # on a busy machine the list ends before all is verified
        lifetimes.unlink()
        yield toets
    finally:
        lifetimes.unlink(missing_ok=True)
        if ends(toets, "ggd") - datetime.datetime.now(datetime.UTC) < USUAL:
            toets.run("trust publish")
            toets.up()


def ends(network: sandboxes.Sandbox, organisation: str) -> datetime.datetime:
    """When the list ends that a gateway loaded."""
    asked = ("openssl", "crl", "-in", LIST.format(network.name), "-noout", "-nextupdate")
    _, _, said = network.on(organisation, *asked).stdout.strip().partition("=")
    return datetime.datetime.strptime(said, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.UTC)


def test_a_list_that_ended_is_said_of_each_server_also_where_a_newer_one_is_published_and_up_mends_it(
    short: sandboxes.Sandbox,
) -> None:
    """`verify` looked at the list in the publication, and `status` said well over a dead mesh."""
    over = ends(short, "ggd")
    assert over - datetime.datetime.now(datetime.UTC) < datetime.timedelta(minutes=1)
    while datetime.datetime.now(datetime.UTC) <= over:
        time.sleep(0.5)
    short.run("trust publish")  # a list for 90 days, that nobody brings to a server
    told = json.loads(short.run("verify", "--json", expect=1).stdout)["verdicts"]
    said = [one["reason"] for one in told if one["kind"] == "check" and ENDED in one["reason"]]
    assert len(said) == 4, told
    assert all(one.endswith("have the coordinator publish, fetch that, and run `up`") for one in said), said
    links = [one for one in told if one["kind"] == "link"]
    assert len(links) > 4
    assert not any(one["good"] for one in links), "the mesh is down, and no link is said to work"
    status = short.run("status", expect=1).stdout
    assert status.count(ENDED) == 4, status
    assert "well, " not in status
    blind = short.without(UNSEEN, "status", short.name).stdout
    assert blind.count("well, ") == 4, f"with the defence off: {blind}"
    assert short.up()["verified"]
    assert "well, " in short.run("status").stdout
    assert ends(short, "ggd") - datetime.datetime.now(datetime.UTC) > USUAL
