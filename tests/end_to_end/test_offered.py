"""`werkplaats doctor NETWORK` on servers that are offered: one as Debian installs it, one that its owner hardened."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from network_topology import names
from stacks.servers.image import make
from tests.docs import outputs
from tests.harness import pki, sandboxes, servers

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
WAN = "offered-wan"
TYPED = "werkplaats doctor gerda --only gelre"
GATEWAYS = {"ggd-nog": "mesh.ggd-nog.example", "sensire": "mesh.sensire.example"}
PORT = 8443
# Nothing of a server may differ after it was looked at, the times at which files were written included.
TREE = (
    "find /etc /usr /opt /root /home /var -xdev ! -path '/var/log/journal*' ! -path '/var/log/btmp' "
    "! -path '/var/log/wtmp*' ! -path '/var/log/lastlog' -printf '%p %s %m %u %T@\\n'; "
    "systemctl list-units --state=active --no-legend --plain | cut -d' ' -f1 | grep -v '^session' | sort"
)
# What guides and roles for hardened Debian set (CIS Debian Linux Benchmark, dev-sec os- and ssh-hardening), as far as a
# station meets it, and what an owner has beside that.
HARDENED = r"""
groupadd sshusers && usermod --append --groups sshusers beheer
cat > /etc/ssh/sshd_config.d/00-hardening.conf <<'END'
# Ansible managed
AllowGroups sshusers
PermitRootLogin no
MaxSessions 10
MaxAuthTries 4
AllowTcpForwarding no
END
sed -i 's/^Subsystem/#Subsystem/' /etc/ssh/sshd_config
systemctl reload ssh
echo 'account required pam_access.so' >> /etc/pam.d/sshd
printf '+:root:ALL\n+:(sshusers):ALL\n-:ALL:ALL\n' >> /etc/security/access.conf
echo 'Defaults umask=0027, umask_override' > /etc/sudoers.d/umask
mkdir -p /etc/docker
echo '{"icc": false, "no-new-privileges": true, "log-opts": {"max-size": "10m"}}' > /etc/docker/daemon.json
systemctl enable --quiet --now docker.service
cat > /etc/nftables.conf <<'END'
table inet filter
delete table inet filter
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        ip protocol icmp accept
        tcp dport 22 accept
    }
}
END
nft --file /etc/nftables.conf
mkdir -p /etc/cron.d
echo '15 * * * * root ansible-pull --url https://git.gelre.example/servers' > /etc/cron.d/baseline
mkdir /etc/.git
echo 'deb cdrom:[Debian GNU/Linux 13 _Trixie_]/ trixie main' >> /etc/apt/sources.list
echo 'deb http://repo.vendor.example/debian stable main' > /etc/apt/sources.list.d/vendor.list
: > /run/reboot-required
"""
# A gateway to be called: it shows the certificate of whom it is asked for, and who comes from READ the proxy's.
LISTENER = """
import socket, ssl, sys, threading
folder, read = "/shown", sys.argv[1]
def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(f"{folder}/{name}.pem")
    made.set_alpn_protocols(["mpc/1"])
    return made
def choose(link, asked, _):
    begins = "proxy-" if link.getpeername()[0] == read else ""
    link.context = context(begins + asked.split(".")[0])
first = context("ggd-nog")
first.sni_callback = choose
def answer(link):
    try:
        first.wrap_socket(link, server_side=True).close()
    except OSError as problem:
        print(problem, flush=True)
with socket.create_server(("", 8443)) as listening:
    while True:
        threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()
"""


@dataclasses.dataclass
class Offered:
    """One server, and the home of the operator who is offered it as that of gelre."""

    server: servers.Server
    home: Path

    def doctor(self, *options: str, expect: int) -> subprocess.CompletedProcess[str]:
        """`werkplaats doctor` as the guide has it."""
        return self.run("doctor", "--only", "gelre", *options, expect=expect)

    def run(self, verb: str, *options: str, expect: int) -> subprocess.CompletedProcess[str]:
        """A verb about gerda."""
        words = [sys.executable, "-m", "werkplaats", verb, "gerda", *options]
        homes = {"WERKPLAATS_HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state")}
        done = subprocess.run(
            words, cwd=sandboxes.ROOT, env=os.environ | homes, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    def root(self, script: str) -> str:
        """Run a script of root's shell on the server."""
        return self.server.tell("sudo sh -es", given=script)


def _certificates(folder: Path) -> None:
    """Of each gateway, and what who reads on the way shows in its place: the same name, signed by its own CA."""
    for name in GATEWAYS:
        for begins, authority in (("", pki.Authority("gerda")), ("proxy-", pki.Authority("inspectie"))):
            key = ec.generate_private_key(ec.SECP256R1())
            shown = authority.station(name, key.public_key(), subject=names.subject("gerda", name))
            pem = shown.public_bytes(serialization.Encoding.PEM)
            (folder / f"{begins}{name}.pem").write_bytes(pki.key_pem(key) + pem)


def _offer(folder: Path, server: servers.Server) -> Offered:
    home = folder / "home" / server.container
    inventory = home / "inventories" / "gerda"
    inventory.mkdir(parents=True)
    shutil.copytree(sandboxes.ROOT / "network_topology" / "networks" / "gerda", home / "networks" / "gerda")
    address = servers.docker(
        "inspect", "--format", f'{{{{(index .NetworkSettings.Networks "{WAN}").IPAddress}}}}', server.container
    )
    people = {one: {"keys": [], "from": ["192.0.2.0/24"]} for one in ("steward", "scientist")}
    entry = {"host": address, "host_key": server.host_key, "key": str(server.key), "people": people}
    (inventory / "servers.yml").write_text(json.dumps({"gelre": entry}))
    return Offered(server, home)


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Offered]]:
    """Both servers, beside a listener that stands for the gateways of others."""
    folder, shown = tmp_path_factory.mktemp("s"), tmp_path_factory.mktemp("shown")
    remove()
    try:
        servers.docker("network", "create", WAN)
        good = servers.boot("offered.good", folder, WAN, name="gelre", bare=True)
        hard = servers.boot("offered.hardened", folder, WAN, name="gelre")
        found = {name: _offer(folder, server) for name, server in (("good", good), ("hardened", hard))}
        _certificates(shown)
        (shown / "listen.py").write_text(LISTENER)
        shown.chmod(0o755)
        address = json.loads((found["hardened"].home / "inventories" / "gerda" / "servers.yml").read_text())["gelre"][
            "host"
        ]
        servers.docker(
            *("run", "--detach", "--name=offered.others", f"--network={WAN}", f"--volume={shown}:/shown:ro"),
            *(f"--network-alias={name}" for name in GATEWAYS.values()),
            *(make.ensure_bare(print), "python3", "/shown/listen.py", address),
        )
        for server in (good, hard):
            server.wait()
        found["good"].root("apt-get update --quiet=2")
        found["hardened"].root(HARDENED)
        yield found
    finally:
        remove()


def remove() -> None:
    """All of it, also what a run that was killed left."""
    if left := servers.docker("ps", "--all", "--quiet", "--filter", "name=^offered[.]").split():
        servers.docker("rm", "--force", "--volumes", *left)
    if servers.docker("network", "ls", "--quiet", "--filter", f"name=^{WAN}$"):
        servers.remove_network(WAN)


def differences(before: str, after: str) -> list[str]:
    """Lines that are in one of the two only."""
    return sorted(set(before.splitlines()) ^ set(after.splitlines()))


@pytest.mark.parametrize(("name", "expect"), [("good", 0), ("hardened", 1)])
def test_doctor_says_of_an_offered_server_what_the_guide_shows_and_leaves_no_trace(
    offered: dict[str, Offered], name: str, expect: int, note: Callable[[str], None]
) -> None:
    one = offered[name]
    one.root(TREE)  # what the first login of all leaves is not ours
    before = one.root(TREE)
    began = time.monotonic()
    printed = one.doctor(expect=expect).stdout.splitlines()
    seconds = time.monotonic() - began
    assert differences(before, one.root(TREE)) == []
    told = json.loads(one.doctor("--json", expect=expect).stdout)["servers"]["gelre"]
    note(f"doctor on a server that is {name}: {seconds:.1f} s, of which {told['seconds']:.1f} s on the server")
    assert seconds < 30
    blocks = [block for block in outputs.quoted() if TYPED in outputs.commands(block)]
    missing = min((outputs.unprinted(block, printed) for block in blocks), key=len)
    assert [line for line in missing if ", Linux " not in line] == []  # the kernel is this machine's
    assert [row["part"] for row in told["findings"] if row["severity"] == "stops"] == []


def test_a_program_of_the_owner_at_the_gateway_s_port_is_in_the_way_and_up_places_nothing(
    offered: dict[str, Offered],
) -> None:
    one = offered["good"]
    one.root(f"systemd-run --quiet --unit=owners python3 -m http.server {PORT}")
    one.root(f"timeout 20 sh -c 'until ss -Hltn sport = {PORT} | grep -q .; do sleep 0.1; done'")
    before = one.root(TREE)
    stops = [row for row in _findings(one) if row["severity"] == "stops"]
    assert [row["part"] for row in stops] == ["ports"]
    told = json.loads(one.run("up", "--only", "gelre", "--yes", "--json", expect=5).stdout)
    assert f"python3 listens at TCP {PORT}" in told["left_out"]["gelre"]
    assert differences(before, one.root(TREE)) == []
    one.root("systemctl stop owners")


def _findings(one: Offered) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(one.doctor("--json", expect=1).stdout)["servers"]["gelre"]["findings"]
    return found
