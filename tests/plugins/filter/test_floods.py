"""Half connections from many addresses in a network of their own: what the kernel keeps of them under the rules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.action import server_part
from plugins.filter import baseline

TEMPLATES = Path(__file__).parents[3] / "roles/baseline/templates"
WIDE, NARROW, SHARED, NAMESAKE = "10.1.0.0/24", "10.2.0.1/32", "10.3.0.0/24", "10.4.0.0/24"
SENT = 5000
IN_A_NETWORK = ["unshare", "--net", "--"]
# The kernel remembers a connection from its first packet on; one that the firewall drops it does not. On standard
# input are the rules and a list of [addresses, packets]; it says how many it knows after each.
FLOOD = """
import json, os, pathlib, socket, struct, subprocess, sys

def run(*words, given=None):
    subprocess.run(words, input=given, text=True, check=True)

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF

def syn(source, number):
    pair = socket.inet_aton(source) + socket.inet_aton("10.9.0.1")
    segment = lambda check: struct.pack("!HHIIBBHHH", 1024 + number, 8443, number, 0, 5 << 4, 2, 65535, check, 0)
    packet = lambda check: struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, check) + pair
    inner = segment(checksum(pair + struct.pack("!HH", 6, 20) + segment(0)))
    return bytes.fromhex("020000000001020000000002") + b"\\x08\\0" + packet(checksum(packet(0))) + inner

asked = json.load(sys.stdin)
run("ip", "link", "add", "out", "address", "02:00:00:00:00:02", "type", "veth",
    "peer", "name", "in", "address", "02:00:00:00:00:01")
run("ip", "address", "add", "10.9.0.1/8", "dev", "in")
for one in ("in", "out"):
    run("ip", "link", "set", one, "up")
# As to somebody who never hears of it: a connection that the kernel itself refuses it forgets.
quiet = "table inet quiet { chain out { type filter hook output priority raw; tcp flags & rst == rst drop; }; }"
run("nft", "-f", "-", given=asked["rules"] + quiet)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as line:
    line.bind(("out", 0))
    for addresses, packets in asked["floods"]:
        for number in range(packets):
            line.send(syn(addresses[number % len(addresses)], number))
        print(pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text().strip())
"""


def known(*floods: tuple[list[str], int], together: bool = True) -> list[int]:
    """How many connections the kernel knows after each flood; `together`: with what limits all of one caller."""
    able = subprocess.run([*IN_A_NETWORK, "nft", "list", "ruleset"], check=False, capture_output=True, text=True)
    if able.returncode:
        pytest.skip(f"nobody may make a network here, or there is no nft: {able.stderr.strip()}")
    callers = [("breed", WIDE), ("smal", NARROW), ("smal", NAMESAKE), ("deelt", SHARED), ("ook", SHARED)]
    row = {"direction": "in", "protocol": "tcp", "port": 8443}
    rows: list[Any] = [{**row, "counterpart": name, "addresses": [one]} for name, one in callers]
    rules = [rule for rule in baseline.firewall_rules(rows) if together or "limit name" not in rule]
    template = server_part.environment(TEMPLATES).get_template("etc/werkplaats/baseline/firewall.nft.j2")
    given = {"rules": template.render(rules=rules, limits=baseline.firewall_limits(rows)), "floods": floods}
    command = [*IN_A_NETWORK, sys.executable, "-c", FLOOD]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return [int(line) for line in done.stdout.split()]


def of(number: int) -> list[str]:
    return [f"10.{number}.0.{one}" for one in range(1, 201)]


def test_many_addresses_of_one_member_fill_no_table_of_the_server() -> None:
    smal = (["10.2.0.1"], 100)
    attacked, both = known((of(1), SENT), smal)
    assert attacked < SENT / 4
    assert both - attacked == 100, "another is let in meanwhile"
    assert known((of(1), SENT), together=False) == [SENT], "the attack does not work without the defence either"


def test_whoever_floods_from_an_address_that_two_have_leaves_the_other_its_room() -> None:
    attacked, both = known((["10.3.0.1"], SENT), (["10.3.0.2"], 100))
    assert 2 * baseline.NEW_AT_ONCE <= attacked < SENT / 2
    assert both - attacked == 100


def test_whoever_has_the_name_of_another_in_another_region_takes_nothing_of_its_room() -> None:
    attacked, both = known((of(4), SENT), (["10.2.0.1"], 100))
    assert both - attacked == 100


def test_who_is_in_no_range_is_not_let_in() -> None:
    assert known((of(8), 100)) == [0]
