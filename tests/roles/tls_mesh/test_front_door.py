"""Attacks on the mesh port from an address that the firewall lets in, while others call.

Each is seen to fail and, without its defence, to succeed. The attacker is the other server, a member's; who calls
meanwhile is this machine. The gateway is a copy of the real one on a port of its own, as in `test_gateway_attacks`;
what the firewall does is seen at the real one.
"""

from __future__ import annotations

import contextlib
import csv
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from on_server import state
from plugins.filter import baseline, tls_mesh
from tests.harness import compiled, pki, servers
from tests.harness.stations import wait_until
from tests.roles import callers, copies
from tests.roles.conftest import MACHINE, NETWORK, Mesh
from tests.roles.copies import Change, as_it_is
from tests.roles.test_gateway import CALL

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]

MEMBER = f"{NETWORK}.drie"
OTHERS = "/var/tmp/other.pem"
INWARD, ALL = 3000, 4000
"""What a gateway takes at its port at most, and in all (`tls_mesh_maxconn`)."""
ASK = f"""
import socket, sys
with socket.socket(socket.AF_UNIX) as control:
    control.connect("{copies.CONTROL}")
    control.sendall(sys.argv[1].encode() + b"\\n")
    print(control.makefile().read())
"""
# Without the limits of one address; and without what is left to calls of our own either.
OPEN = r"^    tcp-request connection reject .*$"
GREEDY = rf"{OPEN}|^    maxconn {INWARD}$"


def without(pattern: str) -> Change:
    return lambda copy: copy.without(pattern)


@pytest.fixture
def een(mesh: Mesh) -> servers.Server:
    return mesh.servers["een"]


@contextlib.contextmanager
def attacked(mesh: Mesh, kind: str, port: int = copies.PORT, certificate: str = "") -> Iterator[None]:
    """The gateway of `een`, from the server `twee`."""
    attacker = mesh.servers["twee"]
    attacker.put("/var/tmp/attacker.py", (Path(__file__).parent / "attacker.py").read_text())
    words = f"{kind} {mesh.servers['een'].address} {port} {certificate}"
    attacker.run(f"systemd-run --quiet --unit=attack --property=LimitNOFILE=65536 python3 /var/tmp/attacker.py {words}")
    try:
        yield
        assert attacker.run("systemctl is-active attack", check=False).stdout == "active\n", "the attack ended"
    finally:
        attacker.run("systemctl stop attack; systemctl reset-failed attack 2>/dev/null", check=False)


def member(mesh: Mesh, port: int = copies.PORT) -> str:
    """Whom the agent takes a member for who calls now; "" where it is not reached."""
    try:
        said = callers.greeting(mesh.servers["een"].address, port, mesh.party("drie").file)
    except TimeoutError:
        return ""
    return said.split("|")[0]


def port_of(mesh: Mesh) -> dict[str, int]:
    """What the copy counts at its port: open now, and since it began taken and turned away before a handshake."""
    mesh.servers["een"].put("/var/tmp/ask.py", ASK)
    said = mesh.servers["een"].run('python3 /var/tmp/ask.py "show stat"').stdout
    row = next(one for one in csv.DictReader(io.StringIO(said.lstrip("# "))) if one["pxname"] == f"mesh.{NETWORK}")
    return {"open": int(row["scur"]), "taken": int(row["conn_tot"]) - int(row["dcon"]), "refused": int(row["dcon"])}


@pytest.mark.parametrize("kind", ["silent", "drip"])
def test_connections_that_say_nothing_or_little_take_no_place_of_others(
    mesh: Mesh, kind: str, note: Callable[[str], None]
) -> None:
    with copies.running(mesh, as_it_is), attacked(mesh, kind):
        wait_until(lambda: port_of(mesh)["refused"] > INWARD, "the attack to be on its way", 60)
        assert {member(mesh) for _ in range(20)} == {MEMBER}
        few = lambda: (now := port_of(mesh))["open"] <= tls_mesh.PEER_AT_ONCE + 1 and now  # noqa: E731
        counts = wait_until(few, "one address to have its part", 30)  # one is counted until it is refused
        note(f"front door, {kind}: {counts}")
    with copies.running(mesh, without(OPEN)), attacked(mesh, kind):
        wait_until(lambda: port_of(mesh)["open"] == INWARD, "all places at the port to be taken", 60)
        assert "" in {member(mesh) for _ in range(3)}, "the attack does not work without the defence either"


def test_what_comes_in_leaves_places_to_what_goes_out(mesh: Mesh, een: servers.Server) -> None:
    """Were all connections of a gateway taken from outside, its own station could call nobody."""
    een.put("/var/tmp/call.py", CALL)
    call = f"python3 /var/tmp/call.py {copies.HOME}/run/{NETWORK}.twee.sock"
    with copies.running(mesh, without(OPEN)), attacked(mesh, "silent"):
        wait_until(lambda: port_of(mesh)["open"] == INWARD, "all places at the port to be taken", 60)
        assert een.run(call).stdout.startswith(f"{NETWORK}.een|")
    with copies.running(mesh, without(GREEDY)), attacked(mesh, "silent"):
        wait_until(lambda: port_of(mesh)["open"] == ALL, "all connections of the gateway to be taken", 60)


@pytest.mark.parametrize("certificate", ["", OTHERS], ids=["without-a-certificate", "with-somebody-else-s"])
def test_handshakes_of_one_address_are_counted_and_those_above_are_not_made(
    mesh: Mesh, certificate: str, note: Callable[[str], None]
) -> None:
    stranger = pki.Party(pki.Authority("ander.sandbox"), "twee", mesh.folder)
    mesh.servers["twee"].put(OTHERS, stranger.file.read_text())
    taken: dict[bool, int] = {}
    for defended, change in ((True, as_it_is), (False, without(OPEN))):
        with copies.running(mesh, change), attacked(mesh, "handshakes", certificate=certificate):
            wait_until(lambda: port_of(mesh)["taken"] > 50, "the attack to be on its way", 60)
            for _ in range(15):  # not so often that it is one who floods
                assert member(mesh) == MEMBER or not defended
                time.sleep(1)
            taken[defended] = port_of(mesh)["taken"]
    note(f"front door, handshakes in 15 s: {taken[True]}, {taken[False]} without the limits")
    assert taken[True] < 3 * tls_mesh.PEER_IN_TEN_SECONDS
    assert taken[False] > 3 * tls_mesh.PEER_IN_TEN_SECONDS


RESETS = "table ip attacker { chain out { type filter hook output priority 0; tcp flags rst drop; }; }"
KNOWN = "cat /proc/sys/net/netfilter/nf_conntrack_count"


def test_who_never_answers_fills_no_table_of_the_server(
    mesh: Mesh, een: servers.Server, note: Callable[[str], None]
) -> None:
    """A full table of connections in the kernel would take ssh with it, whatever the gateway does."""
    usual = een.run("cat /etc/werkplaats/baseline/firewall.loaded").stdout
    wait_until(lambda: int(een.run(KNOWN).stdout) < baseline.NEW_AT_ONCE, "what was before to be forgotten", 200)
    limited = r"update @callers[46] \|limit name "
    mesh.servers["twee"].run("nft -f -", given=RESETS)
    try:
        with attacked(mesh, "syn", compiled.PORT):
            time.sleep(10)
            known = int(een.run(KNOWN).stdout)
            assert {member(mesh, compiled.PORT) for _ in range(20)} == {MEMBER}
        assert known < 3 * baseline.NEW_AT_ONCE + 10 * baseline.NEW_A_SECOND
        een.put("/var/tmp/open.nft", usual)
        een.run(f'sed -i "/{limited}/d" /var/tmp/open.nft && nft -f /var/tmp/open.nft')
        with attacked(mesh, "syn", compiled.PORT):
            wait_until(lambda: int(een.run(KNOWN).stdout) > 5000, "the table to fill", 60)
        note(f"front door, connections that the kernel knew after 10 s of half ones: {known}")
    finally:
        mesh.servers["twee"].run("nft delete table ip attacker", check=False)
        een.run("nft -f /etc/werkplaats/baseline/firewall.loaded")


def test_who_calls_changes_nothing_that_the_roles_decide_about(mesh: Mesh, een: servers.Server) -> None:
    """The table remembers who called; were that a change, `up` would go over every server each time."""
    program = Path(state.__file__).read_text()
    called = f"nft list set inet werkplaats callers4 | grep --count {MACHINE}"
    een.run("systemctl reload werkplaats-firewall")
    before, whole = (een.run("python3 -", given=text).stdout for text in (program, program.replace('"--terse", ', "")))
    assert member(mesh, compiled.PORT) == MEMBER
    assert een.run(called).stdout == "1\n"
    assert een.run("python3 -", given=program).stdout == before
    assert een.run("python3 -", given=program.replace('"--terse", ', "")).stdout != whole


def test_a_member_that_says_what_only_the_gateway_says_is_who_its_certificate_says(mesh: Mesh) -> None:
    """A header of the PROXY protocol inside TLS, in the name of another member."""
    forged = f"{NETWORK}.drie|{'A' * 43}=".encode()
    body = bytes(12) + b"\x05" + len(forged).to_bytes(2, "big") + forged
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + len(body).to_bytes(2, "big") + body

    def taken_for() -> str:
        client = callers.context(mesh.party("twee").file)
        with callers.call(mesh.servers["een"].address, copies.PORT, client) as secured:
            secured.sendall(header)
            return callers.line(secured).split("|")[0]

    with copies.running(mesh, as_it_is):
        assert taken_for() == f"{NETWORK}.twee"
    with copies.running(mesh, lambda copy: copy.without(r" send-proxy-v2 proxy-v2-options unique-id")):
        assert taken_for() == f"{NETWORK}.drie", "the attack does not work without the defence either"
