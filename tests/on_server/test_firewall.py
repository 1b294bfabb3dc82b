"""What is said of rules that are their owner's: only what holds whatever they do else."""

from __future__ import annotations

import pytest

from on_server import firewall

PORT = 8443
PEERS = {PORT: ["192.0.2.7/32", "192.0.2.41/32"]}


def input_chain(*rules: str, policy: str = "accept", table: str = "inet filter") -> str:
    lines = [f"table {table} {{", "\tchain input {", f"\t\ttype filter hook input priority filter; policy {policy};"]
    return "\n".join([*lines, *(f"\t\t{rule}" for rule in rules), "\t}", "}", ""])


USUAL = ("ct state established,related accept", 'iif "lo" accept', "ip protocol icmp accept", "tcp dport 22 accept")
FROM_PEERS = f"ip saddr {{ 192.0.2.7, 192.0.2.41 }} tcp dport {PORT} accept"
OURS = input_chain(f"tcp dport {PORT} ip saddr {{ 192.0.2.7/32 }} accept", f"tcp dport {PORT} counter drop",
                   table="inet werkplaats")  # fmt: skip
SHUT = {
    "nothing names it": input_chain(*USUAL, policy="drop"),
    "only our own table does": input_chain(*USUAL, policy="drop") + OURS,
    "a rule at the end drops": input_chain(*USUAL, "counter drop"),
    "only UDP is named": input_chain(*USUAL, "udp dport 53 accept", policy="drop"),
}
OPEN = {
    "no rules": "",
    "only ours": OURS,
    "nothing drops": input_chain(*USUAL),
    "only what is of no connection is dropped": input_chain("ct state invalid drop", *USUAL),
    "a rule lets everybody in": input_chain(*USUAL, f"tcp dport {PORT} accept", policy="drop"),
    "a rule of several ports does": input_chain(
        *USUAL, f"tcp dport {{ 443, {PORT} }} ct state new accept", policy="drop"
    ),
}
NOT_TOLD = {
    "peers are named": input_chain(*USUAL, FROM_PEERS, policy="drop"),
    "others are dropped before": input_chain(f"tcp dport {PORT} ip saddr != @mesh drop", f"tcp dport {PORT} accept"),
    "somebody is let in by address": input_chain(*USUAL, "ip saddr 192.0.2.0/24 accept", policy="drop"),
    "another chain decides": input_chain(*USUAL, "jump services", policy="drop"),
    "a zone of an address decides": input_chain(*USUAL, "ip saddr vmap @zones", policy="drop"),
}


@pytest.mark.parametrize("rules", SHUT.values(), ids=SHUT)
def test_a_port_that_nobody_can_reach_is_said(rules: str) -> None:
    [(seen, remedy)] = firewall.stops(rules, PEERS)
    assert seen == "inet filter input drops what no rule names, and none names TCP 8443"
    assert remedy == "let TCP 8443 in from 192.0.2.7/32, 192.0.2.41/32; the firewall is the owner's here"
    assert firewall.opens(rules, PEERS, old_kind=False) == []


@pytest.mark.parametrize("rules", OPEN.values(), ids=OPEN)
def test_a_port_that_everybody_reaches_is_said(rules: str) -> None:
    [(seen, remedy)] = firewall.opens(rules, PEERS, old_kind=False)
    assert seen.startswith("everybody reaches TCP 8443: ")
    assert "let it in from 192.0.2.7/32, 192.0.2.41/32 alone" in remedy
    assert firewall.stops(rules, PEERS) == []


@pytest.mark.parametrize("rules", NOT_TOLD.values(), ids=NOT_TOLD)
def test_of_rules_that_may_do_either_nothing_is_said(rules: str) -> None:
    """A sentence that is wrong now and then is worse than none: nobody reads the next one."""
    assert firewall.stops(rules, PEERS) == []
    assert firewall.opens(rules, PEERS, old_kind=False) == []


def test_beside_rules_of_the_old_kind_nothing_is_called_open() -> None:
    assert firewall.opens("", PEERS, old_kind=True) == []
    assert firewall.stops(SHUT["nothing names it"], PEERS) != []


def test_a_port_is_judged_where_every_caller_s_address_is_known() -> None:
    rows = [
        {"direction": "in", "port": PORT, "addresses": ["192.0.2.7/32"]},
        {"direction": "in", "port": PORT, "addresses": ["192.0.2.41/32"]},
        {"direction": "in", "port": 22, "addresses": []},
        {"direction": "in", "port": 22, "addresses": ["192.0.2.0/24"]},
        {"direction": "out", "port": 123, "addresses": []},
    ]
    assert firewall.inbound(rows) == PEERS
