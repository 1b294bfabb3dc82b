"""What the gateway of one station is made of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import tls_mesh
from tests.harness import compiled as hostvars
from tests.harness import pki
from tests.plugins.filter.facts import facts

NETWORK = "filter.sandbox"
ISSUER = f"CN=CA-1,OU={NETWORK},O=Datawerkplaats,C=NL"


def test_debian_s_haproxy_service_stays_as_it_is_where_we_did_not_bring_it() -> None:
    stopped, link = ["systemctl", "stop", "haproxy.service"], "multi-user.target.wants/haproxy.service"
    brought, unit = facts(), {"haproxy.service": {"known": True, "active": True, "enabled": True}}
    assert tls_mesh.haproxy_commands(brought) == [stopped]
    assert tls_mesh.haproxy_absent(brought) == [f"/etc/systemd/system/{link}"]
    # Built by its owner, it is in no package.
    for theirs in (facts(packages={"haproxy": "3.0"}, units=unit), facts(packages={}, units=unit)):
        assert tls_mesh.haproxy_commands(theirs) == []
        assert tls_mesh.haproxy_absent(theirs) == []


def compiled(**changes: Any) -> dict[str, Any]:
    peer = hostvars.peer(NETWORK, "twee", [ISSUER], address="192.0.2.1") | changes
    return hostvars.network(pki.Authority(NETWORK), "een", [peer], certificate="-")


def test_a_peer_is_let_in_by_issuer_and_subject_of_each_generation() -> None:
    second = ISSUER.replace("CA-1", "CA-2")
    written = tls_mesh.gateway_files([compiled(issuers=[ISSUER, second])])["written"]
    names = next(file["content"] for file in written if file["path"].endswith("names.map"))
    subject = f"CN=station-twee,OU={NETWORK},O=Datawerkplaats,C=NL"
    assert names == "".join(f"{issuer}|{subject} {NETWORK}.twee\n" for issuer in (ISSUER, second))


def test_the_direction_decides_which_sections_a_peer_has() -> None:
    def sections(**changes: Any) -> set[str]:
        files = tls_mesh.gateway_files([compiled(**changes)])
        paths = (file["path"] for file in files["rendered"] + files["written"])
        return {path.rsplit("/", 1)[1] for path in paths if "/peers/" in path}

    assert sections(outbound=False, port=None) == {"from.cfg", "names.map"}
    assert sections(inbound=False) == {"to.cfg"}


def test_a_peer_s_serial_is_placed_so_that_the_gateway_knows_whom_a_list_means() -> None:
    written = tls_mesh.gateway_files([compiled(serial="1f")])["written"]
    assert [file["content"] for file in written if file["path"].endswith("/serial")] == ["1f\n"]


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "1F"},
        {"serial": "1f\n2e"},
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
        tls_mesh.gateway_files([compiled(**change)])


def test_a_network_without_a_certificate_is_a_sentence() -> None:
    with pytest.raises(AnsibleFilterError, match=r"no certificate yet for filter\.sandbox; approve the request"):
        tls_mesh.gateway_files([compiled() | {"certificate_pem": ""}])


def test_only_a_port_below_1024_gives_haproxy_a_capability() -> None:
    network = compiled()
    assert tls_mesh.gateway_capabilities([network]) == ""
    assert tls_mesh.gateway_capabilities([network | {"gateway": {"port": 443}}]) == "CAP_NET_BIND_SERVICE"
