"""What the gateway of one station is made of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import baseline, tls_mesh
from station_image.runtime import computer
from station_image.runtime.wire import mesh_server
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


def test_from_where_a_peer_calls_is_placed_where_it_does() -> None:
    """Of one that only is called nothing could come from there."""

    def ranges(**changes: Any) -> list[str]:
        written = tls_mesh.gateway_files([compiled(egress=["192.0.2.0/24", "2001:DB8::/64"], **changes)])["written"]
        return [file["content"] for file in written if file["path"].endswith("/ranges")]

    assert ranges() == ["192.0.2.0/24\n2001:db8::/64\n"]
    assert ranges(inbound=False) == []


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
        {"egress": ["192.0.2.1 9@x"]},
        {"egress": ["fe80::%x 9@x/64"]},
        {"egress": ["router.example"]},
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


def test_what_comes_in_leaves_a_quarter_of_all_connections_to_what_goes_out() -> None:
    """At one port and at two; a station that nobody calls has numbers too, which stand nowhere."""
    network, none = compiled(), compiled() | {"gateway": None}
    assert tls_mesh.gateway_limits([network], 4000)["inward"] == 3000
    assert tls_mesh.gateway_limits([network, none, network], 4000)["inward"] == 1500
    assert tls_mesh.gateway_limits([none], 4000)["inward"] == 3000


def test_a_caller_has_what_a_peer_may_open_and_agents_hear() -> None:
    """Less would refuse at the gateway whom the agent hears."""
    at_once, seconds = mesh_server.HELLOS
    limits = tls_mesh.gateway_limits([compiled()], 4000)
    assert limits["at_once"] >= mesh_server.MOST_PER_PEER + computer.MOST_SESSIONS
    assert limits["in_ten_seconds"] >= at_once + 10 / seconds
    assert (baseline.NEW_AT_ONCE, 10 * baseline.NEW_A_SECOND) == 2 * (tls_mesh.PEER_IN_TEN_SECONDS,)
    with pytest.raises(AnsibleFilterError, match="give a number from 1"):
        tls_mesh.gateway_limits([compiled()], 0)
