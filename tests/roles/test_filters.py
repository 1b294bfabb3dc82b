"""What the filters decide: firewall rules, the parts of a gateway, what a server lacks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from plugins.filter import gateway, server
from tests.roles import pki, stations

NETWORK = "filter.sandbox"
ISSUER = f"CN=CA-1,OU={NETWORK},O=Datawerkplaats,C=NL"
ALL = {"accounts": True, "sshd": True, "firewall": True, "time": True}


def row(port: int, *addresses: str, **more: Any) -> dict[str, Any]:
    return {"direction": "in", "protocol": "tcp", "port": port, "addresses": list(addresses), **more}


def facts(**changes: Any) -> dict[str, Any]:
    """A server in order."""
    return {
        "release": {"id": "debian", "version_id": "13", "pretty_name": "Debian 13"},
        "clock_difference": 0.0,
        "container": False,
        "packages": {"chrony": "4"},
        "units": {"chrony.service": {"active": True}},
        "users": {
            "station": {"uid": 5001, "gid": 5000},
            "computer": {"uid": 5002, "gid": 5000},
            "haproxy": {"uid": 99},
        },
        "groups": {"station": {"gid": 5000}, "station-control": {"gid": 990}},
        "sshd": {"passwordauthentication": "no", "permitrootlogin": "no"},
        "haproxy_untouched": True,
        **changes,
    }


def test_a_port_is_open_to_its_sources_and_closed_to_all_others() -> None:
    rules = server.firewall_rules([row(8443, "192.0.2.7/32"), row(8443, "2001:db8::/32"), row(80, direction="out")])
    assert rules == [
        "tcp dport 8443 ip saddr { 192.0.2.7/32 } accept",
        "tcp dport 8443 ip6 saddr { 2001:db8::/32 } accept",
        "tcp dport 8443 counter drop",
    ]


@given(st.lists(st.ip_addresses(v=4).map(lambda address: f"{address}/32"), min_size=1, max_size=20))
def test_nft_takes_every_set_of_addresses_since_none_overlap(addresses: list[str]) -> None:
    accept, _drop = server.firewall_rules([row(1, *addresses, "192.0.2.0/24", "192.0.2.0/25")])
    listed = accept.split("{")[1].split("}")[0].split(",")
    assert len(listed) == len(set(listed))
    assert "192.0.2.0/25" not in accept


@pytest.mark.parametrize("bad", [row(0), row(8443, protocol="tcp; drop"), row(8443, "192.0.2.1/24"), row(8443, "x")])
def test_a_row_that_is_none_is_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="firewall row"):
        server.firewall_rules([bad])


def test_a_server_in_order_has_no_faults() -> None:
    assert server.baseline_faults(facts(), dict.fromkeys(ALL, False), 5) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"release": {"id": "ubuntu", "pretty_name": "Ubuntu 24.04"}}, "runs Ubuntu 24.04; stations run on Debian 13"),
        ({"clock_difference": 7.0}, "clock differs 7.0 s"),
        ({"users": {"jan": {"uid": 5001, "gid": 1}}}, "uid 5001 belongs to jan and is needed for station"),
        ({"units": {}}, "nothing keeps its clock"),
        ({"groups": {}}, "group station is missing; accounts are the owner's here"),
        ({"sshd": {"passwordauthentication": "yes", "permitrootlogin": "no"}}, "sshd has passwordauthentication yes"),
    ],
)
def test_a_fault_is_a_sentence_with_a_remedy(change: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in server.baseline_faults(facts(**change), dict.fromkeys(ALL, False), 5))


def test_what_is_the_owner_s_is_not_placed() -> None:
    assert server.baseline_without(ALL) == []
    assert server.baseline_without(ALL | {"sshd": False}) == ["/etc/werkplaats/baseline/sshd.conf"]
    assert server.baseline_packages(facts(packages={}), ALL | {"time": False, "firewall": False}) == ["openssl"]
    assert server.baseline_packages(facts(packages={}), ALL) == ["openssl", "nftables", "systemd-timesyncd"]
    with pytest.raises(AnsibleFilterError, match="ssh is none of"):
        server.managed_parts({"ssh": False})


def test_debian_s_haproxy_service_stays_when_its_owner_configured_it() -> None:
    used = {"packages": {"haproxy": "3.0"}, "units": {"haproxy.service": {"active": True}}}
    off = [["systemctl", "disable", "--now", "haproxy.service"]]
    assert server.haproxy_commands(facts(**used)) == off
    assert server.haproxy_commands(facts(**used, haproxy_untouched=False)) == []
    assert server.haproxy_commands(facts()) == off, "its package was installed a moment ago, and started it"


def test_commands_run_only_where_something_is_missing() -> None:
    assert server.account_commands(facts(), ALL) == []
    assert server.account_commands(facts(users={}), ALL) == [["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]]
    assert server.account_commands(facts(users={}), ALL | {"accounts": False}) == []
    assert server.engine_commands(facts(login="root")) == []
    assert server.engine_commands(facts(login="beheer")) != []
    groups = {"docker": {"members": ["beheer"]}}
    assert server.engine_commands(facts(login="beheer", groups=groups)) == []


def test_the_engine_keeps_its_owner_s_settings_and_takes_ours() -> None:
    owner = {"data-root": "/data", "bridge": "docker0"}
    assert server.merged_settings(owner, {"bridge": "none"}) == {"data-root": "/data", "bridge": "none"}
    with pytest.raises(AnsibleFilterError, match=r"daemon.json cannot be read \(why\); correct it"):
        server.merged_settings({"unreadable": "why"}, {})


def compiled(**changes: Any) -> dict[str, Any]:
    peer = stations.peer(NETWORK, "twee", [ISSUER], address="192.0.2.1") | changes
    return stations.network(pki.Authority(NETWORK), "een", [peer], certificate="-")


def test_a_peer_is_let_in_by_issuer_and_subject_of_each_generation() -> None:
    second = ISSUER.replace("CA-1", "CA-2")
    written = gateway.gateway_files([compiled(issuers=[ISSUER, second])])["written"]
    names = next(file["content"] for file in written if file["path"].endswith("names.map"))
    subject = f"CN=station-twee,OU={NETWORK},O=Datawerkplaats,C=NL"
    assert names == "".join(f"{issuer}|{subject} {NETWORK}.twee\n" for issuer in (ISSUER, second))


def test_the_direction_decides_which_sections_a_peer_has() -> None:
    def sections(**changes: Any) -> set[str]:
        files = gateway.gateway_files([compiled(**changes)])
        paths = (file["path"] for file in files["rendered"] + files["written"])
        return {path.rsplit("/", 1)[1] for path in paths if "/peers/" in path}

    assert sections(outbound=False, port=None) == {"from.cfg", "names.map"}
    assert sections(inbound=False) == {"to.cfg"}


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "CN=x y"},
        {"dns": "a\nb"},
        {"address": "192.0.2.1 check"},
        {"port": 70000},
        {"id": "../x"},
        {"issuers": ["CN=a }"]},
    ],
)
def test_nothing_can_be_smuggled_into_the_configuration(change: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="compile the network again"):
        gateway.gateway_files([compiled(**change)])


def test_a_network_without_a_certificate_is_a_sentence() -> None:
    with pytest.raises(AnsibleFilterError, match=r"no certificate yet for filter\.sandbox; approve the request"):
        gateway.gateway_files([compiled() | {"certificate_pem": ""}])


def test_only_a_port_below_1024_gives_haproxy_a_capability() -> None:
    network = compiled()
    assert gateway.gateway_capabilities([network]) == ""
    assert gateway.gateway_capabilities([network | {"gateway": {"port": 443}}]) == "CAP_NET_BIND_SERVICE"
