"""Sessions over a network in which something goes wrong: named, contained, and over by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.harness import sandboxes, servers

pytestmark = pytest.mark.servers
END_SECONDS = 10


@pytest.fixture
def cut_link(toets: sandboxes.Sandbox) -> Iterator[None]:
    """The server of huisartsen cannot send to that of ziekenhuis; everything else goes on."""
    address = json.loads((toets.vault / "addresses.json").read_text())["addresses"]["ziekenhuis"]
    rule = ("OUTPUT", "--destination", address, "--jump", "DROP")
    assert toets.on("huisartsen", "iptables", "--wait", "--insert", *rule).returncode == 0
    yield
    assert toets.on("huisartsen", "iptables", "--wait", "--delete", *rule).returncode == 0
    toets.works_again()


@pytest.mark.usefixtures("cut_link")
def test_a_contributor_whose_share_is_missing_at_one_party_is_left_out_everywhere_and_named(
    toets: sandboxes.Sandbox,
) -> None:
    told = json.loads(toets.run("session", "--json", expect=1).stdout)
    session = told["session"]
    assert [name.rsplit(".", 1)[-1] for name in session["left_out"]] == ["huisartsen"]
    assert "huisartsen" in told["reason"]
    assert {name.rsplit(".", 1)[-1] for name in session["contributors"]} == {"ggd", "ziekenhuis", "thuiszorg"}
    assert session["result"]["correct"]


def test_when_a_computing_party_dies_in_mid_session_the_others_end_name_it_and_go_on(
    toets: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    process = toets.start("session", toets.name, "--proposer", "ggd", "--rounds", "100000", "--json")
    running = "import json,sys; sys.exit(not json.load(sys.stdin)['networks'][sys.argv[1]]['sessions'])"
    asked = f'station status --json | python3 -c "{running}" {toets.name}'
    while toets.on("thuiszorg", "sh", "-c", asked).returncode:
        assert process.poll() is None, process.communicate()
    servers.docker("kill", toets.container("thuiszorg"))
    killed = time.monotonic()
    out, err = process.communicate(timeout=120)
    seconds = time.monotonic() - killed
    servers.docker("start", toets.container("thuiszorg"))
    assert process.returncode == 1, err
    assert "thuiszorg" in json.loads(out)["reason"], out
    assert seconds < END_SECONDS, f"the others ended after {seconds:.1f} s"
    note(f"a computing party died in mid-session: the others ended after {seconds:.1f} s")
    toets.works_again()
