"""What the filters decide: firewall rules, the parts of a gateway, what a server lacks."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from plugins.action import server_part as action
from plugins.filter import baseline, container_engine, tls_mesh
from plugins.filter import server_facts as facts_filter
from plugins.modules import debian_packages, server_facts
from tests.harness import pki
from tests.roles import stations

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
            "steward": {"uid": 991, "gid": 991, "shell": "/bin/sh"},
            "scientist": {"uid": 992, "gid": 992, "shell": "/bin/sh"},
        },
        "groups": {"station": {"gid": 5000}, "station-control": {"gid": 990, "members": ["steward", "scientist"]}},
        "sshd": {"passwordauthentication": "no", "permitrootlogin": "no"},
        "sshd_people": {},
        "held": [],
        "haproxy_untouched": True,
        **changes,
    }


def test_a_port_is_open_to_its_sources_and_closed_to_all_others() -> None:
    rules = baseline.firewall_rules([row(8443, "192.0.2.7/32"), row(8443, "2001:db8::/32"), row(80, direction="out")])
    assert rules == [
        "tcp dport 8443 ip saddr { 192.0.2.7/32 } accept",
        "tcp dport 8443 ip6 saddr { 2001:db8::/32 } accept",
        "tcp dport 8443 counter drop",
    ]


@given(st.lists(st.ip_addresses(v=4).map(lambda address: f"{address}/32"), min_size=1, max_size=20))
def test_nft_takes_every_set_of_addresses_since_none_overlap(addresses: list[str]) -> None:
    accept, _drop = baseline.firewall_rules([row(1, *addresses, "192.0.2.0/24", "192.0.2.0/25")])
    listed = accept.split("{")[1].split("}")[0].split(",")
    assert len(listed) == len(set(listed))
    assert "192.0.2.0/25" not in accept


@pytest.mark.parametrize("bad", [row(0), row(8443, protocol="tcp; drop"), row(8443, "192.0.2.1/24"), row(8443, "x")])
def test_a_row_that_is_none_is_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="firewall row"):
        baseline.firewall_rules([bad])


def faults(people: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """Of a server whose owner manages everything."""
    return baseline.baseline_faults(facts(**changes), dict.fromkeys(ALL, False), 5, people or {})


def test_a_server_in_order_has_no_faults() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"release": {"id": "ubuntu", "pretty_name": "Ubuntu 24.04"}}, "runs Ubuntu 24.04; stations run on Debian 13"),
        ({"clock_difference": 7.0}, "clock differs 7.0 s"),
        ({"users": {"jan": {"uid": 5001, "gid": 1}}}, "uid 5001 belongs to jan and is needed for station"),
        ({"units": {}}, "nothing keeps its clock"),
        ({"groups": {}}, "group station is missing; accounts are the owner's here"),
        ({"users": {}}, "user steward is missing; accounts are the owner's here"),
        (
            {"users": {"steward": {"uid": 1000, "gid": 1, "shell": "/bin/bash"}}},
            "has shell /bin/bash and needs /bin/sh",
        ),
        ({"groups": {"station-control": {"gid": 1, "members": []}}}, "user scientist is not in group station-control"),
        ({"sshd": {"passwordauthentication": "yes", "permitrootlogin": "no"}}, "sshd has passwordauthentication yes"),
    ],
)
def test_a_fault_is_a_sentence_with_a_remedy(change: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in faults(**change))


def test_what_is_the_owner_s_is_not_placed() -> None:
    assert baseline.baseline_without(ALL) == []
    assert baseline.baseline_without(ALL | {"sshd": False}) == ["/etc/werkplaats/baseline/sshd.conf"]
    assert baseline.baseline_packages(facts(packages={}), ALL | {"time": False, "firewall": False}) == ["openssl"]
    assert baseline.baseline_packages(facts(packages={}), ALL) == ["openssl", "nftables", "systemd-timesyncd"]
    with pytest.raises(AnsibleFilterError, match="ssh is none of"):
        baseline.managed_parts({"ssh": False})


def test_people_who_have_keys_get_no_more_than_their_command_from_the_owner_s_sshd() -> None:
    people = {"steward": {"keys": ["…"], "from": ["192.0.2.0/24"]}}
    [*found] = faults(people)
    assert len(found) == 4
    assert any("sshd has forcecommand unset for steward and needs /usr/local/bin/station-account" in f for f in found)
    right = {
        "authenticationmethods": "publickey",
        "authorizedkeysfile": "/etc/werkplaats/people/%u",
        "forcecommand": "/usr/local/bin/station-account steward",
        "permittty": "no",
    }
    assert faults(people, sshd_people={"steward": right}) == []
    assert faults(people, sshd_people={"steward": right | {"permittty": "yes"}}) != []


def test_debian_s_haproxy_service_stays_when_its_owner_configured_it() -> None:
    used = {"packages": {"haproxy": "3.0"}, "units": {"haproxy.service": {"active": True}}}
    stopped, link = ["systemctl", "stop", "haproxy.service"], "multi-user.target.wants/haproxy.service"
    for idle in (facts(**used), facts()):  # without its package: it was installed a moment ago, and started it
        assert tls_mesh.haproxy_commands(idle) == [stopped]
        assert tls_mesh.haproxy_absent(idle) == [f"/etc/systemd/system/{link}"]
    for theirs in (facts(**used, haproxy_untouched=False), facts(packages={"haproxy": "3.0"}, units={})):
        assert tls_mesh.haproxy_commands(theirs) == []
        assert tls_mesh.haproxy_absent(theirs) == []


def test_commands_run_only_where_something_is_missing() -> None:
    assert baseline.account_commands(facts(), ALL) == []
    assert baseline.account_commands(facts(users={}), ALL) == [["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]]
    assert baseline.account_commands(facts(users={}), ALL | {"accounts": False}) == []
    assert container_engine.engine_commands(facts(login="root")) == []
    assert container_engine.engine_commands(facts(login="beheer")) != []
    groups = {"docker": {"members": ["beheer"]}}
    assert container_engine.engine_commands(facts(login="beheer", groups=groups)) == []


def test_only_what_a_server_lacks_is_installed_and_held() -> None:
    there = facts(packages={"haproxy": "3.0"}, held=["haproxy"])
    assert facts_filter.lacking(there, ["haproxy"], ["haproxy"]) == {}
    assert facts_filter.lacking(there, []) == {}
    assert facts_filter.lacking(there, ["haproxy", "openssl"], ["haproxy"]) == {"names": ["openssl"], "held": []}
    assert facts_filter.lacking(there, ["haproxy"], ["runc", "haproxy"]) == {"names": [], "held": ["runc"]}
    assert facts_filter.lacking(there, ["openssl"]) == {"names": ["openssl"], "held": []}


def test_of_dpkg_s_rows_those_count_that_are_installed_and_those_that_are_held() -> None:
    rows = "ii |haproxy|3.0\nhi |runc|1.1\nrc |docker.io|26\nhn |containerd|\nii |nano|8\nnonsense\n"
    found = server_facts.packages(rows, ["haproxy", "runc", "docker.io", "containerd"])
    assert found == {"haproxy": "3.0", "runc": "1.1"}
    assert server_facts.held(rows) == ["runc", "containerd"]


def test_a_package_counts_as_installed_when_dpkg_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dpkg-query"
    program.write_text("#!/bin/sh\nprintf 'ii |haproxy\\nhi |runc\\nrc |docker.io\\n'; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert debian_packages.states(["haproxy", "runc", "docker.io", "nowhere"]) == {"haproxy": "ii", "runc": "hi"}


def test_the_engine_keeps_its_owner_s_settings_and_takes_ours() -> None:
    owner = {"data-root": "/data", "bridge": "docker0"}
    assert container_engine.merged_settings(owner, {"bridge": "none"}) == {"data-root": "/data", "bridge": "none"}
    with pytest.raises(AnsibleFilterError, match=r"daemon.json cannot be read \(why\); correct it"):
        container_engine.merged_settings({"unreadable": "why"}, {})


def compiled(**changes: Any) -> dict[str, Any]:
    peer = stations.peer(NETWORK, "twee", [ISSUER], address="192.0.2.1") | changes
    return stations.network(pki.Authority(NETWORK), "een", [peer], certificate="-")


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
        tls_mesh.gateway_files([compiled(**change)])


def test_a_network_without_a_certificate_is_a_sentence() -> None:
    with pytest.raises(AnsibleFilterError, match=r"no certificate yet for filter\.sandbox; approve the request"):
        tls_mesh.gateway_files([compiled() | {"certificate_pem": ""}])


def test_only_a_port_below_1024_gives_haproxy_a_capability() -> None:
    network = compiled()
    assert tls_mesh.gateway_capabilities([network]) == ""
    assert tls_mesh.gateway_capabilities([network | {"gateway": {"port": 443}}]) == "CAP_NET_BIND_SERVICE"


def key(kind: str = "ssh-ed25519", *fields: bytes, comment: str = "jan@ggd.example", inner: str = "") -> str:
    """A line of a .pub file with these fields."""
    parts = [(inner or kind).encode(), *(fields or (b"k" * 32,))]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return " ".join([kind, base64.b64encode(blob).decode(), *([comment] if comment else [])])


def rsa(bits: int) -> str:
    return key("ssh-rsa", b"\1\0\1", b"\0" + (1 << (bits - 1)).to_bytes(bits // 8, "big"))


RANGE = ["192.0.2.0/24", "2001:db8::/32"]
SOUND = [
    key(),
    key(comment=""),
    key(comment="J. de Vries (kantoor)".translate({40: None, 41: None})),
    key("ecdsa-sha2-nistp256", b"nistp256", b"p" * 65),
    key("sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"),
    key("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"p" * 65, b"ssh:"),
    rsa(3072),
]


def test_each_key_gets_one_command_and_one_range_and_nothing_else() -> None:
    given = {"steward": {"keys": SOUND, "from": RANGE}, "scientist": {"keys": [], "from": []}}
    [file] = baseline.people_files(given)
    assert file["path"] == "/etc/werkplaats/people/steward"
    assert file["mode"] == "0644"
    lines = file["content"].splitlines()
    wanted = 'restrict,from="192.0.2.0/24,2001:db8::/32",command="/usr/local/bin/station-account steward" '
    assert lines == [wanted + line for line in SOUND]


def test_nobody_given_is_nobody_who_can_log_in() -> None:
    assert baseline.people_files({}) == []
    assert baseline.people_files({"steward": {}, "scientist": {"keys": []}}) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "its type is none of"),
        (7, "not a text"),
        (key("ssh-dss"), "its type is none of"),
        (f'command="/bin/sh" {key()}', "its type is none of"),
        (f"cert-authority {key()}", "its type is none of"),
        (key("ssh-ed25519-cert-v01@openssh.com"), "its type is none of"),
        (f"# {key()}", "its type is none of"),
        (f" {key()}", "its type is none of"),
        (f"{key()}\n{key()}", "its comment"),
        (f"{key()}\n", "its comment"),
        (f"{key(comment='')}\n", "it is damaged"),
        (key(comment='" x'), "its comment"),
        (key(comment="x\tx"), "its comment"),
        (key(comment="x" * 101), "its comment"),
        (key(comment="ß"), "its comment"),
        ("ssh-ed25519", "it is not a key"),
        ("ssh-ed25519 ????", "it is damaged"),
        ("ssh-ed25519 AAAA", "it is damaged"),
        (key()[:40], "it is"),
        (key("ssh-ed25519", b"k" * 31), "it is not a key"),
        (key("ssh-ed25519", b"k" * 32, b"more"), "it is not a key"),
        (key("ssh-ed25519", inner="ssh-rsa"), "it is not a key"),
        (key("ecdsa-sha2-nistp256", b"nistp384", b"p" * 65), "it is not a key"),
        (rsa(2048), "less than 3072 bits"),
    ],
)
def test_a_line_that_is_no_key_or_more_than_a_key_is_refused(line: Any, said: str) -> None:
    given = {"steward": {"keys": [line], "from": RANGE}}
    [fault] = baseline.people_faults(given)
    assert said in fault
    assert fault.startswith("people: steward: key 1: ")
    with pytest.raises(AnsibleFilterError, match="people: steward"):
        baseline.people_files(given)


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ([], "give that range under `from`"),
        (None, "give that range under `from`"),
        (["0.0.0.0/0"], "is everybody"),
        (["::/0"], "is everybody"),
        (["192.0.2.1/24"], "is no range"),
        (["*"], "is no range"),
        (["!192.0.2.1"], "is no range"),
        (['fe80::%",command="/128'], "is no range"),
        ([3221225985], "is no range"),
        ("192.0.2.0/24", "are lists"),
    ],
)
def test_people_come_in_from_their_organisation_s_range_only(ranges: Any, said: str) -> None:
    faults = baseline.people_faults({"scientist": {"keys": [key()], "from": ranges}})
    assert any(said in fault for fault in faults)


@pytest.mark.parametrize("given", [[], {"beheer": {}}, {"steward": []}, {"steward": {"key": []}}, {"steward": "x"}])
def test_people_of_another_shape_are_a_sentence(given: Any) -> None:
    faults = baseline.people_faults(given)
    assert faults
    assert all(fault.startswith("people: ") for fault in faults)


@given(st.text(max_size=30), st.just("192.0.2.0/24") | st.text(max_size=30))
def test_no_comment_and_no_range_can_write_a_second_line_or_end_an_option(comment: str, text: str) -> None:
    given = {"steward": {"keys": [key(comment=comment)], "from": [text]}}
    if not baseline.people_faults(given):
        content = baseline.people_files(given)[0]["content"]
        assert len(content.splitlines()) == 1
        assert content.count('"') == 4


def test_programs_lie_where_their_starters_look_for_them(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / baseline.PACKAGE
    files = baseline.program_files(str(folder))
    placed = {file["path"]: Path(file["source"]) for file in files["written"]}
    assert set(placed.values()) == set(folder.rglob("*.py"))
    for starter in files["rendered"]:
        library, module = starter["variables"]["library"], starter["variables"]["module"]
        source = placed[f"{library}/{module.replace('.', '/')}.py"]
        assert "\ndef main(" in source.read_text()
    with pytest.raises(AnsibleFilterError, match="take a complete copy"):
        baseline.program_files(str(tmp_path))


def test_a_starter_starts_its_module_and_nothing_that_its_surroundings_say() -> None:
    """The paths are what sshd, units and people know; -IS is what keeps an environment from bringing code in."""
    role = Path(__file__).parents[2] / "roles/baseline"
    files = baseline.program_files(str(role.parents[1] / baseline.PACKAGE))
    variables: dict[str, Any] = {"rules": []}
    made = {file["path"]: file for file in action.render(role, {"variables": variables, **files})}
    for path in ("/usr/local/bin/station", "/usr/local/bin/station-account", "/usr/local/sbin/guarded-change"):
        text = base64.b64decode(made[path]["content"]).decode()
        assert text.startswith("#!/usr/bin/python3 -IS\n")
        assert f"from {baseline.PACKAGE}.{baseline.COMMANDS[path]} import main" in text
