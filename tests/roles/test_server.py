"""Roles on a server that is somebody's: a second run changes nothing, a mistake locks nobody out, the owner's stays."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest

from on_server.drop_in import owner_s
from stacks.servers import seeds
from tests.harness import compiled, servers
from tests.roles import plays
from tests.roles.conftest import FIREWALL, NETWORK, Mesh

pytestmark = [pytest.mark.servers, pytest.mark.slow]
# Without what it counts and whom it saw.
TABLE = "nft --stateless --terse list table inet werkplaats"
OWNER_S = """table inet owner {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        tcp dport 22 accept
    }
}
"""


@pytest.fixture
def een(mesh: Mesh) -> servers.Server:
    return mesh.servers["een"]


def test_a_second_run_changes_nothing_and_says_so_beforehand(mesh: Mesh) -> None:
    planned = mesh.play("--check")
    assert (planned.code, planned.changed) == (0, [])
    second = mesh.play()
    assert (second.code, second.changed) == (0, []), second.output


def test_the_roles_take_the_compiled_variables_as_their_arguments(mesh: Mesh) -> None:
    run = mesh.play(playbook="tests/roles/validated.yml")
    validated = {event["role"] for event in run.events if event.get("task", "").startswith("Validating arguments")}
    assert (run.code, run.changed) == (0, []), run.output
    roles = {path.name for path in (plays.ROOT / "roles").iterdir() if path.is_dir()}
    assert validated == roles - {"station_removed"}


def test_what_somebody_changed_by_hand_is_shown_and_put_right(mesh: Mesh, een: servers.Server) -> None:
    een.run("chmod 777 /var/lib/werkplaats/state; rm /etc/tmpfiles.d/werkplaats.conf")
    planned = mesh.play("--check", "--diff", "--tags", "prepare", only="een")
    assert len(planned.changed) == 1
    assert "/etc/tmpfiles.d/werkplaats.conf" in planned.output
    assert een.run("stat --format=%a /var/lib/werkplaats/state").stdout.strip() == "777", "a plan changed something"
    assert mesh.play("--tags", "prepare", only="een").code == 0
    assert een.run("stat --format=%a /var/lib/werkplaats/state").stdout.strip() == "700"


def test_the_keys_are_made_once_and_only_public_parts_come_back(mesh: Mesh, een: servers.Server) -> None:
    before = een.run("sha256sum /etc/werkplaats/identity/* /var/lib/werkplaats/state/statement.key").stdout
    run = mesh.play("--tags", "prepare", only="een")
    assert een.run("sha256sum /etc/werkplaats/identity/* /var/lib/werkplaats/state/statement.key").stdout == before
    assert "PRIVATE" not in run.output + str(run.events)


def test_a_link_laid_by_the_agent_leads_root_nowhere(mesh: Mesh, een: servers.Server) -> None:
    state = "/var/lib/werkplaats/state"
    een.run(f"mv {state}/statement.key {state}/kept; runuser -u station -- ln -s /etc/shadow {state}/statement.key")
    run = mesh.play("--tags", "prepare", only="een")
    een.run(f"mv {state}/kept {state}/statement.key")
    assert "statement.key must belong to station alone" in run.failures[0]
    assert een.run("stat --format=%U /etc/shadow").stdout.strip() == "root"


def test_a_firewall_that_locks_people_out_goes_back_by_itself(mesh: Mesh, een: servers.Server) -> None:
    before, right = een.run(TABLE).stdout, copy.deepcopy(mesh.stations["een"])
    nobody = {"direction": "in", "protocol": "tcp", "port": 22, "addresses": ["192.0.2.1/32"], "purpose": "mistake"}
    mesh.stations["een"]["firewall"] = [nobody]
    run = mesh.play("--tags", "prepare", only="een", baseline_confirm_within=8)
    assert run.code != 0
    wait_for(lambda: een.run(TABLE, check=False).stdout == before, 40)
    mesh.stations["een"] = right
    again = mesh.play("--tags", "prepare", only="een")
    assert again.code == 0
    assert een.run(TABLE).stdout == before


def test_a_change_that_nobody_confirmed_does_not_outlive_a_reboot(mesh: Mesh, een: servers.Server) -> None:
    before = een.run(TABLE).stdout
    een.run("sed -i s:198.18.0.0/15:192.0.2.0/24: /etc/werkplaats/baseline/firewall.nft && guarded-change apply 600")
    assert "192.0.2.0" in een.run(TABLE).stdout
    servers.docker("restart", een.container)
    een.wait()
    assert een.run(TABLE).stdout == before
    assert een.run("guarded-change confirm", check=False).returncode == 1, "something still waits"
    assert mesh.play("--tags", "prepare", only="een").code == 0


CONFIRMED_MEANWHILE = """set -e
cd /etc/werkplaats/baseline
rm -rf pending /var/tmp/confirmed
mkdir -m 700 pending && mkfifo pending/ssh
guarded-change undo &
exec 3> pending/ssh  # opens once it is read: taking back is under way, and goes on when this script says
sh -c 'guarded-change confirm; echo $?' > /var/tmp/confirmed 2>&1 3>&- &
timeout 30 sh -c 'until grep -q . /var/tmp/confirmed || grep -qe "-> FLOCK" /proc/locks; do sleep 0.1; done'
cat /etc/ssh/sshd_config.d/0-werkplaats.conf >&3
exec 3>&-
wait
cat /var/tmp/confirmed
test ! -e pending
"""


def test_what_the_timer_takes_back_is_not_confirmed_meanwhile(een: servers.Server) -> None:
    """Without a lock the run was told that its change is kept, while the minute of grace took it back."""
    before = een.run("cat /etc/ssh/sshd_config.d/0-werkplaats.conf").stdout
    told = een.ask("sudo sh -s", given=CONFIRMED_MEANWHILE)
    assert told.stdout == "guarded-change: nothing waits; the change was taken back already, apply it again\n1\n"
    assert een.run("cat /etc/ssh/sshd_config.d/0-werkplaats.conf").stdout == before


def test_the_guard_makes_no_folder_where_ssh_and_firewall_are_the_owner_s(een: servers.Server) -> None:
    een.run("mv /etc/werkplaats/baseline /var/tmp/baseline")
    answer = een.run("guarded-change confirm; guarded-change undo; ls -d /etc/werkplaats/baseline", check=False)
    een.run("mv -T /var/tmp/baseline /etc/werkplaats/baseline")
    assert answer.stdout == "", "and what is put back is the folder, not one in it"
    assert een.run("ls /run/werkplaats/guard.lock").stdout


def test_the_table_comes_back_within_a_minute_of_the_emptying_of_all_rules(een: servers.Server) -> None:
    """`nft flush ruleset`, or nftables.service stopped and started: until the next `up` anybody reached the port.

    Only ours is emptied here: by the others a container asks its name server.
    """
    before = een.run(TABLE).stdout
    een.run("nft delete table inet werkplaats")
    wait_for(lambda: een.run(TABLE, check=False).stdout == before, 75)
    een.run("systemctl stop werkplaats-firewall && nft delete table inet werkplaats")
    een.run("systemctl start werkplaats-firewall-kept.service")
    assert een.run(TABLE).stdout == before
    said = een.run("journalctl --unit werkplaats-firewall-kept --priority warning").stdout
    assert said.count("had been emptied") == 2


def test_sshd_that_is_the_owner_s_is_checked_and_left_alone(mesh: Mesh, een: servers.Server, tmp_path: Path) -> None:
    right, drop_in = copy.deepcopy(mesh.stations["een"]), "/etc/ssh/sshd_config.d/00-owner.conf"
    needed = owner_s("beheer").partition("\n")[2]  # Debian's own file has the sftp
    een.put(drop_in, f"DenyUsers steward\n{needed}")
    given = {
        "managed": {"sshd": False},
        "people": {"steward": {"keys": [seeds.key_pair(tmp_path / "key")], "from": ["192.0.2.0/24"]}},
    }
    mesh.stations["een"] = right | given
    run = mesh.play("--tags", "prepare", only="een")
    mesh.stations["een"] = right
    assert run.failures == ["sshd lets steward in from nowhere: DenyUsers has 'steward'; except the account there"]
    assert een.run(f"cat {drop_in}").stdout == f"DenyUsers steward\n{needed}"
    ours = "/etc/ssh/sshd_config.d/0-werkplaats.conf"
    assert een.run(f"cat {ours}").stdout, "it was refused, and something went"
    een.put(drop_in, needed)
    mesh.stations["een"] = right | given
    run = mesh.play("--tags", "prepare", only="een")
    mesh.stations["een"] = right
    assert (run.code, een.run(f"ls {ours}", check=False).stdout) == (0, ""), run.output
    assert een.run("people-access").stdout == "[]\n"
    een.run(f"rm {drop_in} && systemctl reload ssh")
    assert mesh.play("--tags", "prepare", only="een").code == 0
    assert een.run(f"cat {ours}").stdout


def test_a_firewall_that_is_the_owner_s_is_checked_and_ours_goes(mesh: Mesh, een: servers.Server) -> None:
    table, right = een.run(TABLE).stdout, copy.deepcopy(mesh.stations["een"])
    units = "/etc/systemd/system/werkplaats-firewall*"
    een.run("nft -f -", given=OWNER_S)
    mesh.stations["een"] |= {"managed": {"firewall": False}}
    run = mesh.play("--tags", "prepare", only="een")
    [said] = run.failures
    assert said.startswith("inet owner input drops what no rule names, and none names TCP 8443; let TCP 8443 in from")
    assert een.run(f"{TABLE}; ls {units} | wc -l").stdout == f"{table}3\n", "it was refused"
    een.run("nft add rule inet owner input ip saddr 198.18.0.0/15 tcp dport 8443 accept")
    run = mesh.play("--tags", "prepare", only="een")
    assert run.code == 0, run.output
    assert een.run("nft list tables | grep werkplaats", check=False).stdout == ""
    assert een.run(f"ls {units} /etc/werkplaats/baseline/firewall*", check=False).stdout == ""
    callers = json.dumps({FIREWALL[0]["port"]: FIREWALL[0]["addresses"]})
    assert een.run("owners-parts firewall", given=callers).stdout == "[]\n"
    een.run("nft delete table inet owner")
    [said] = json.loads(een.run("owners-parts firewall", given=callers).stdout)
    assert said.startswith("everybody reaches TCP 8443: no rule drops anything; let it in from")
    again = mesh.play("--tags", "prepare", only="een")
    assert (again.code, again.changed) == (0, [])
    mesh.stations["een"] = right
    assert mesh.play("--tags", "prepare", only="een").code == 0
    assert een.run(TABLE).stdout == table


def wait_for(right: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.2)


def test_sshd_settings_that_sshd_refuses_are_never_placed(mesh: Mesh, een: servers.Server) -> None:
    een.run('printf "Port no\\n" > /var/tmp/bad; cp /etc/werkplaats/baseline/sshd.conf /var/tmp/good')
    een.run("cp /var/tmp/bad /etc/werkplaats/baseline/sshd.conf")
    answer = een.run("guarded-change apply", check=False)
    assert answer.returncode == 1
    assert "taken back" in answer.stderr
    assert "AuthenticationMethods publickey" in een.run("cat /etc/ssh/sshd_config.d/0-werkplaats.conf").stdout
    assert mesh.play("--tags", "prepare", only="een").code == 0


def test_the_engine_waits_for_an_upgrade_while_a_station_runs(mesh: Mesh, een: servers.Server) -> None:
    settings = {"bridge": "none", "iptables": False, "ip6tables": False, "ip-forward": False, "live-restore": False}
    een.run(f"docker create --name station-runs --network none -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro "
            f"--entrypoint /usr/bin/sleep {mesh.image['id']} 600 && docker start station-runs")  # fmt: skip
    begun = een.run("systemctl show --property=MainPID docker").stdout
    run = mesh.play("--tags", "prepare", only="een", container_engine_settings=settings)
    assert run.code == 0
    [said] = [event["message"] for event in run.events if event.get("role") == "container_engine"]
    assert "reads them at the next upgrade: station-runs runs now" in said
    assert said in run.output, "who runs it is not told that something waits"
    assert een.run("systemctl show --property=MainPID docker").stdout == begun
    een.run("docker rm --force station-runs")
    run = mesh.play("--tags", "prepare", only="een", container_engine_settings=settings)
    assert run.code == 0
    assert een.run("systemctl show --property=MainPID docker").stdout != begun, "nothing runs, and it still waits"
    assert mesh.play("--tags", "prepare", only="een").code == 0


def test_a_server_without_a_certificate_is_prepared_and_the_others_go_on(mesh: Mesh) -> None:
    given = {"een": mesh.stations["een"] | {"networks": [{"network": NETWORK}]}, "twee": mesh.stations["twee"]}
    run = plays.play(mesh.servers, given, mesh.folder)
    assert (run.code, run.changed) == (0, []), run.output
    assert {event["host"] for event in run.events if event.get("role") == "station_identity"} == {"een", "twee"}
    assert {event["host"] for event in run.events if event.get("role") == "tls_mesh"} == {"twee"}


def test_an_unreachable_server_is_named_and_the_others_are_done(mesh: Mesh) -> None:
    away = servers.Server("away", mesh.folder, "198.18.250.99")
    both = {"een": mesh.servers["een"], "away": away}
    known = mesh.stations | {"away": mesh.stations["twee"]}
    run = plays.play(both, known, mesh.folder)
    told = {event["host"]: event for event in run.events if event["status"] == "unreachable"}
    assert set(told) == {"away"}
    assert "198.18.250.99" in told["away"]["message"]
    ends = {event["host"]: event["summary"] for event in run.events if event["status"] == "end"}
    assert ends["een"]["failures"] == 0
    assert ends["een"]["ok"] > 5


ENGINE = '{"data-root": "/var/lib/docker", "max-concurrent-downloads": 2}'
OWNER_TABLE = "table inet owner { chain input { type filter hook input priority 0; tcp dport 9999 drop; }; }"


@pytest.mark.soak  # end_to_end/test_bare_server.py has it with all of a station
def test_a_bare_server_becomes_a_station_and_the_owner_s_settings_stay(
    mesh: Mesh, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = plays.boot("kaal", 13, tmp_path_factory.mktemp("kaal"), bare=True)
    try:
        server.wait()
        server.run("mkdir -p /etc/docker; echo > /etc/docker/daemon.json", given="")
        server.put("/etc/docker/daemon.json", ENGINE)
        server.put("/etc/ssh/sshd_config.d/10-owner.conf", "Banner none\n")
        server.run(f'nft "{OWNER_TABLE}"')
        rules, drop_in = (
            server.run("nft list table inet owner").stdout,
            "sha256sum /etc/ssh/sshd_config.d/10-owner.conf",
        )
        owners = server.run(drop_in).stdout
        station = compiled.station("kaal", [{"network": NETWORK, "certificate_pem": ""}], mesh.image, firewall=FIREWALL)
        mesh.servers["kaal"], mesh.stations["kaal"] = server, station
        planned = mesh.play("--check", "--tags", "prepare", only="kaal")
        assert (planned.code, len(planned.changed) > 4) == (0, True), planned.output
        assert server.run("ls /etc/werkplaats", check=False).returncode != 0, "a plan made something"
        run = mesh.play("--tags", "prepare", only="kaal")
        assert run.code == 0, run.output
        mesh.connect("kaal")
        run = mesh.play("--tags", "connect", only="kaal")
        assert run.code == 0, run.output
        assert mesh.play(only="kaal").changed == []
        assert server.run("gateway-reload --check").returncode == 0
        assert server.run("nft list table inet owner").stdout == rules
        assert server.run(drop_in).stdout == owners
        assert server.run("cat /etc/docker/daemon.json").stdout == ENGINE
        assert server.run("systemctl is-enabled docker").stdout == "enabled\n"
        assert server.run("systemctl is-enabled haproxy", check=False).stdout.strip() == "disabled"
        assert server.run("apt-mark showhold").stdout == "", "nobody would bring their security updates"
        ours = "containerd docker-cli docker.io haproxy runc"
        server.run(f"apt-mark hold {ours}")  # as an earlier version did
        assert mesh.play(only="kaal").code == 0
        assert server.run("apt-mark showhold").stdout == ""
        server.run("apt-mark hold docker.io")  # as its owner does
        assert mesh.play(only="kaal").changed == []
        assert server.run("apt-mark showhold").stdout == "docker.io\n"
        run = mesh.play(only="kaal", playbook="playbooks/destroy.yml", station_removed_network=NETWORK)
        assert (run.code, len(run.changed)) == (0, 1), run.output
        gone = "/etc/werkplaats", "/etc/ssh/sshd_config.d/0-werkplaats.conf", "/usr/local/sbin/guarded-change"
        assert server.run(f"ls --directory {' '.join(gone)}", check=False).stdout == ""
        assert server.run(TABLE, check=False).returncode != 0
        assert server.run("nft list table inet owner").stdout == rules
        assert server.run(drop_in).stdout == owners
        again = mesh.play(only="kaal", playbook="playbooks/destroy.yml", station_removed_network=NETWORK)
        assert (again.code, again.changed) == (0, []), again.output
    finally:
        mesh.servers.pop("kaal", None)
        mesh.stations.pop("kaal", None)
        server.remove()
