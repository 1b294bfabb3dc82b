"""Whose part an address counts to; attacks from many addresses on a real gateway, seen to work without the parts."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from on_server.gateway import callers
from plugins.filter import tls_mesh
from tests.harness import gateways, pki
from tests.harness.stations import free_port, listens, wait_until
from tests.roles.callers import context

WIDE, NARROW = ["192.0.2.0/24"], ["192.0.2.7/32"]
ROOM = tls_mesh.PEER_AT_ONCE
PART = r"^    tcp-request connection reject if { sc1_.*$"
CLAIMED = "127.1.0.77"
DECLARED = {
    "breed": ["127.1.0.0/24"],
    "smal": ["127.2.0.1/32"],
    "deelt": ["127.3.0.0/24"],
    "ook": ["127.3.0.0/24"],
    "kwaad": ["127.4.0.0/24", f"{CLAIMED}/32"],
}


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        ({}, {}),
        ({"een": WIDE, "twee": ["192.0.3.7/32"]}, {"192.0.2.0/24": (1, WIDE[0]), "192.0.3.7/32": (1, "192.0.3.7/32")}),
        ({"een": [*WIDE, "2001:db8::/48"]}, {"192.0.2.0/24": (1, WIDE[0]), "2001:db8::/48": (1, WIDE[0])}),
        ({"een": WIDE, "twee": WIDE}, {"192.0.2.0/24": (2, WIDE[0])}),
        ({"een": WIDE, "twee": NARROW}, {"192.0.2.0/24": (1, WIDE[0]), "192.0.2.7/32": (2, NARROW[0])}),
        ({"een": [*WIDE, *NARROW]}, {"192.0.2.0/24": (1, WIDE[0]), "192.0.2.7/32": (1, WIDE[0])}),
        (
            {"een": [*WIDE, "192.0.3.0/24"], "twee": ["192.0.3.0/24"]},
            {"192.0.2.0/24": (1, WIDE[0]), "192.0.3.0/24": (2, "192.0.3.0/24")},
        ),
        (
            {"een": WIDE, "twee": [*NARROW, "198.51.100.7/32"], "drie": ["198.51.100.0/24"]},
            {
                "192.0.2.0/24": (1, WIDE[0]),
                "192.0.2.7/32": (2, NARROW[0]),
                "198.51.100.7/32": (2, "198.51.100.7/32"),
                "198.51.100.0/24": (1, "198.51.100.0/24"),
            },
        ),
        (
            {"een": ["2001:db8::7/128"], "twee": ["2001:db8::8/128"]},
            {"2001:db8::/64": (2, "2001:db8::/64")},
        ),
        (
            {"een": ["2001:db8::/32"], "twee": ["2001:db8::7/128"]},
            {"2001:db8::/32": (1, "2001:db8::/32"), "2001:db8::/64": (2, "2001:db8::/64")},
        ),
    ],
)
def test_an_address_counts_to_its_most_specific_range_and_ranges_of_the_same_callers_are_one_part(
    declared: Mapping[str, Sequence[str]], wanted: Mapping[str, tuple[int, str]]
) -> None:
    found = {str(one): (part.callers, part.name) for one, part in callers.parts(declared).items()}
    assert found == wanted
    lines = [line.split(" ") for line in callers.table(declared, all_known=False).splitlines()]
    assert dict(lines) == {one: f"{many}@{name}" for one, (many, name) in wanted.items()}


def test_ranges_of_which_none_overlap_are_the_same_addresses_with_the_same_parts() -> None:
    known = callers.parts({"een": ["192.0.2.0/24", "192.0.2.64/26"], "twee": ["192.0.2.0/25"], "drie": NARROW})
    found = callers.disjoint(known)
    for address in ipaddress.ip_network("192.0.2.0/24"):
        several = [one for one in known if address in one]
        [only] = [one for one in found if address in one]
        assert found[only] == known[max(several, key=lambda one: one.prefixlen)]


class Door:
    """A gateway with an agent that answers, and who calls it from the addresses of this machine."""

    def __init__(self, folder: Path) -> None:
        self.root, self.port = folder / "een", free_port()
        self.authority = pki.Authority(gateways.NETWORK)
        self.parties = {one: pki.Party(self.authority, one, folder) for one in ("een", *DECLARED)}
        peers = [gateways.peer(self.authority, one, 1, called=False) | {"egress": DECLARED[one]} for one in DECLARED]
        gateways.write(self.root, self.authority, self.parties["een"], peers, self.port)
        (self.root / "agent").mkdir()

    @contextlib.contextmanager
    def open(self, without: str = "", at: str = gateways.HERE) -> Iterator[int]:
        """Run it, with a defence taken out of its configuration; how many connections it takes at most."""
        place = self.root / "tls" / "haproxy.cfg"
        text = place.read_text().replace(f"bind {gateways.HERE}:", f"bind {at}:")
        changed, times = re.subn(without, "", text, flags=re.MULTILINE) if without else (text, 1)
        assert times, f"the configuration has no {without}"
        place.write_text(changed)
        with (
            gateways.answering(self.root / "agent" / "mesh.sock"),
            subprocess.Popen(gateways.command(self.root), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one,
        ):
            try:
                wait_until(lambda: listens(self.port), "the gateway to listen")
                yield gateways.CONNECTIONS * 3 // 4
            finally:
                one.kill()

    @contextlib.contextmanager
    def attacked(self, addresses: Sequence[str], each: int) -> Iterator[list[socket.socket]]:
        """By so many connections of each address on which nothing is said."""
        with contextlib.ExitStack() as stack:
            lines = []
            for address in [*addresses] * each:
                with contextlib.suppress(OSError):  # reset at once
                    lines.append(stack.enter_context(self._line(address)))
            yield lines

    def reached(self, organisation: str, address: str) -> bool:
        """Whether who calls from there hears the agent."""
        with contextlib.suppress(OSError), self.called(organisation, address):
            return True
        return False

    @contextlib.contextmanager
    def called(self, organisation: str, address: str) -> Iterator[socket.socket]:
        with self._line(address) as plain:
            plain.settimeout(3)
            with context(self.parties[organisation].file).wrap_socket(plain) as line:
                if line.recv(4) != b"here":
                    raise ConnectionError
                yield line

    def _line(self, address: str) -> socket.socket:
        return socket.create_connection((gateways.HERE, self.port), 3, source_address=(address, 0))


def alive(line: socket.socket) -> bool:
    """Whether the other side did not end it, by now."""
    line.settimeout(0)
    try:
        return line.recv(1) != b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except ConnectionError:
        return False


def held(lines: Sequence[socket.socket], most: int) -> int:
    """How many of them are still there, once no more are than may be."""
    wait_until(lambda: sum(map(alive, lines)) <= most, f"{most} to be left")
    return sum(map(alive, lines))


def of(number: int, first: int, last: int) -> list[str]:
    return [f"127.{number}.0.{one}" for one in range(first, last)]


@pytest.fixture
def door() -> Iterator[Door]:
    with tempfile.TemporaryDirectory() as folder:  # a short name: sun_path ends at 107 bytes (unix(7))
        Path(folder).chmod(0o755)
        yield Door(Path(folder))


@pytest.mark.parametrize("number", [1, 9], ids=["its-range", "no-range-of-anybody"])
def test_many_addresses_of_one_member_have_one_member_s_places(door: Door, number: int) -> None:
    """Of its range, or where all ranges are known of none: more addresses than 47, each with less than its part."""
    with door.open() as most, door.called("smal", "127.2.0.1") as link:
        with door.attacked(of(number, 1, 61), each=most // 60 + 2) as lines:
            assert held(lines, ROOM) > 0
            assert door.reached("smal", "127.2.0.1")
            assert door.reached("deelt", "127.3.0.1")
            assert alive(link), "what was there before goes on"
        wait_until(lambda: door.reached("smal", "127.2.0.1"), "nothing to be left of it")


def test_many_addresses_of_one_member_begin_no_more_than_one_member(door: Door) -> None:
    """One after the other, so that few are open at a time: each costs a handshake."""
    with door.open():
        for address in of(1, 1, 61) * (tls_mesh.PEER_IN_TEN_SECONDS // 60 + 1):
            with door.attacked([address], each=1):
                pass
        assert not door.reached("breed", "127.1.0.200")
        assert door.reached("smal", "127.2.0.1")


def test_it_is_so_where_a_gateway_listens_for_ipv6_and_sees_addresses_of_ipv4_as_such_of_ipv6(door: Door) -> None:
    with door.open(at=f"[::ffff:{gateways.HERE}]") as most, door.attacked(of(1, 1, 61), each=most // 60 + 2) as lines:
        assert held(lines, ROOM) > 0
        assert door.reached("smal", "127.2.0.1")
        assert not door.reached("breed", "127.1.0.200")


def test_without_the_parts_they_take_all_places(door: Door) -> None:
    with door.open(without=PART) as most, door.attacked(of(1, 1, 61), each=most // 60 + 2) as lines:
        assert len(lines) == held(lines, len(lines)) > most
        assert not door.reached("smal", "127.2.0.1"), "the attack does not work without the defence either"


def test_whoever_fills_an_address_of_a_range_that_two_have_leaves_the_other_its_places(door: Door) -> None:
    """Also by so many that their number alone would use up what both may open in ten seconds."""
    more = callers.rooms(2) * tls_mesh.PEER_IN_TEN_SECONDS + 100
    with door.open(), door.attacked(["127.3.0.1"], each=more) as lines:
        assert held(lines, 2 * ROOM) > ROOM
        assert door.reached("ook", "127.3.0.2")
        assert door.reached("smal", "127.2.0.1")


def test_all_addresses_of_a_range_that_two_have_take_the_places_of_nobody_else(door: Door) -> None:
    with door.open() as most, door.attacked(of(3, 1, 61), each=most // 60 + 2) as lines:
        assert held(lines, callers.rooms(2) * ROOM) > 2 * ROOM
        assert door.reached("smal", "127.2.0.1")
        assert door.reached("breed", "127.1.0.1")


def test_whoever_says_that_it_calls_from_another_s_address_fills_nothing_of_that_from_its_own(door: Door) -> None:
    """What `kwaad` has of its own is not one part with the address of `breed` that it declares too."""
    with door.open() as most, door.attacked(of(4, 1, 61), each=most // 60 + 2) as lines:
        assert held(lines, callers.rooms(2) * ROOM) > 0
        assert door.reached("breed", CLAIMED)
        assert held(lines, ROOM) > 0
