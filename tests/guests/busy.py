"""Situations of busy servers: an owner's programs, behind a firewall of its own, and a tool that puts files back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.guests import people
from tests.guests.situations import EVERYBODY_S, Situation

HERE = Path(__file__).parent
SERVICES, MANAGEMENT = ((HERE / name).read_text() for name in ("services.sh", "management.sh"))
RANGE = people.RANGE
SERVICES_ACTIVE = (
    f"{EVERYBODY_S['services']} | grep -v logind"  # started when packages are installed, and not at a boot
)
_FETCH = """
import socket, ssl, urllib.request
context = ssl.create_default_context(cafile="/etc/haproxy/own.pem")
print(urllib.request.urlopen(f"https://{socket.gethostname()}/", timeout=3, context=context).read())
"""
OWNERS: Mapping[str, str] = {
    **people.SETTINGS,
    "services": SERVICES_ACTIVE,
    "own files": "sha256sum /etc/docker/daemon.json /etc/haproxy/haproxy.cfg /etc/nftables.conf",
    "containers": "docker ps --format '{{.Names}} {{.Ports}}' | grep ^owner | sort; docker network ls -q | wc -l",
    # The portal is HAProxy, which asks one container, which asks the other by its name in their network.
    "portal": "timeout 60 sh -c 'until python3 /srv/fetch.py 2>/dev/null; do sleep 0.2; done'",
    # What the tool ever had to put back or take away, once it looked again.
    "management": "systemctl start owner-files && cat /var/log/owner-files",
}
RUNNING: Mapping[str, str] = {
    "processes": "systemctl show --property=MainPID docker haproxy",
    "containers since": "docker inspect --format '{{.State.StartedAt}}' owner-web owner-db",
}
UFW = f"""
apt-get -qq install --yes --no-install-recommends ufw >/dev/null 2>&1
ufw allow 22/tcp && ufw allow 443/tcp && ufw allow proto tcp from {RANGE} to any port 8443
ufw --force enable
systemctl enable --quiet --now ufw
"""
FIREWALLD = f"""
apt-get -qq install --yes --no-install-recommends firewalld >/dev/null 2>&1
firewall-cmd --quiet --permanent --add-service=https
firewall-cmd --quiet --permanent --add-rich-rule="rule family=ipv4 source address={RANGE} \\
    port port=8443 protocol=tcp accept"
firewall-cmd --quiet --reload
"""
DROP_IN = people.drop_in("PasswordAuthentication no\nMaxAuthTries 4\n")
SSHD = people.drop_in(people.WHOLE + "Match User beheer\n    MaxSessions 64\n")

KEPT = """/etc/ssh/sshd_config systemctl reload ssh
/etc/ssh/sshd_config.d/50-owner.conf systemctl reload ssh
/etc/docker/daemon.json systemctl restart docker
/etc/haproxy/haproxy.cfg systemctl reload haproxy
"""
KEPT_UFW = "".join(f"/etc/{name} ufw reload\n" for name in ("ufw/user.rules", "ufw/user6.rules", "default/ufw"))
KEPT_FIREWALLD = "/etc/firewalld/zones/public.xml firewall-cmd --reload\n"
PURGED = "/etc/ssh/sshd_config.d/ systemctl reload ssh\n"
SAID = (
    r"tells engine: 2 containers of yours: owner-(db|web) .*networks owner-shop",
    r"tells engine: it has settings of yours: daemon\.json \(icc, log-opts\)",
    r"tells ports: an HAProxy of yours listens at 443",
)


def row(name: str, tells: str, spoil: str, kept: str, owners: Mapping[str, str], **more: Any) -> Situation:
    """A busy server. `kept`: lines PATH COMMAND of what its tool keeps as it is once all is there."""
    entry = {"people": people.people(), **more.pop("entry", {})}
    # The firewall comes first: an engine makes its rules when it starts.
    script = f"apt-get -qq update\n{spoil}\n{SERVICES}\ncat > /srv/fetch.py <<'X'{_FETCH}X\n"
    script += f"cat > /srv/files <<'X'\n{kept}X\n{MANAGEMENT}"
    return Situation(name, tells, script, owners={**OWNERS, **owners}, running=RUNNING, entry=entry, **more)


UFW_OWNERS = {"firewall": "ufw reload >/dev/null && ufw status"}
FIREWALLD_OWNERS = {"firewall": "firewall-cmd --quiet --reload && firewall-cmd --list-all"}
SITUATIONS = (
    row("busy-ufw", "containers and a portal of the owner's, ufw, and a tool that puts files back each minute",
        UFW + DROP_IN, KEPT + KEPT_UFW, UFW_OWNERS, computes=True, entry={"managed": {"sshd": True}},
        said=(*SAID, r"firewall: tools: .*ufw \(runs\)", "management: /usr/local/sbin/owner-files")),
    row("busy-firewalld", "the same with firewalld, and the tool removes what others bring to sshd",
        FIREWALLD + SSHD, KEPT + KEPT_FIREWALLD + PURGED, FIREWALLD_OWNERS, computes=True,
        entry={"managed": {"sshd": False}}, said=(*SAID, r"firewall: tools: .*firewalld \(runs\)")),
    row("busy-purged", "the tool removes what others bring to sshd, and nobody has been told",
        UFW + DROP_IN, KEPT + KEPT_UFW + PURGED, UFW_OWNERS,
        refused=r"owner-files.*/etc/ssh/sshd_config\.d.*`managed: \{sshd: false\}`",
        said=("stops management: /usr/local/sbin/owner-files names /etc/ssh/sshd_config.d",)),
)  # fmt: skip
