"""Situations of servers of which every part is set by a tool of their owner's: it has heard of us, or has not."""

from __future__ import annotations

from collections.abc import Mapping

from on_server import drop_in
from plugins.filter.server_facts import PARTS
from tests.guests import people
from tests.guests.situations import Situation

NOT_OURS = dict.fromkeys(PARTS, False)
# Of the sheet that `doctor` gives: the accounts, what sshd is told word for word, and the journal.
ACCOUNTS = """
groupadd --gid 5000 station && groupadd --system station-control
useradd --no-create-home --shell /usr/sbin/nologin --gid 5000 --uid 5001 --comment Puppet station
useradd --no-create-home --shell /usr/sbin/nologin --gid 5000 --uid 5002 --comment Puppet computer
useradd --no-create-home --shell /usr/sbin/nologin --system --comment Puppet werkplaats-gateway
for name in steward scientist; do
    useradd --no-create-home --home-dir / --shell /bin/sh --system --user-group --groups station-control $name
done
"""
SSHD = people.drop_in(drop_in.owner_s("beheer"))
ENGINE = """
systemctl enable --quiet --now docker.service 2>/dev/null
"""
JOURNAL = """
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\\nSystemMaxUse=200M\\n' > /etc/systemd/journald.conf.d/10-puppet.conf
"""
# What our roles would place in these parts; of each only what the owner has may be there.
OWNER_S: Mapping[str, str] = {
    "names": "getent passwd; getent group",
    "sshd": "ls /etc/ssh/sshd_config.d; cat /etc/ssh/sshd_config.d/*",
    "firewall": "nft list tables; ls /etc/systemd/system | grep firewall; true",
    "engine": "find /etc/docker /etc/systemd/system/docker.service.d /etc/sysusers.d ! -name key.json 2>&1; true",
    "journal": "find /etc/systemd/journald.conf.d -type f -exec cat {} + 2>/dev/null; true",
    "time": "dpkg-query --show --showformat='${Status}' systemd-timesyncd chrony 2>/dev/null; true",
}
SHEET = (
    "yours accounts: group station, gid 5000\n",
    "yours : user steward, any numbers, shell /bin/sh",
    "yours sshd: Subsystem sftp internal-sftp\n",
    "yours : Match User beheer\nyours :     MaxSessions 64\n",
    "yours :     ForceCommand /usr/local/bin/station-account steward\n",
    "yours time: a service that keeps the clock right",
    r"yours engine: docker\.io and docker-cli",
    "yours : it listens at /run/docker.sock\n",
    "yours journal: Storage is not none\n",
)
# What another run of the owner's tool may change later, and what `verify` says of it then.
LATER = """
gpasswd --delete scientist station-control >/dev/null
printf '[Journal]\\nStorage=none\\n' > /etc/systemd/journald.conf.d/10-puppet.conf
"""
FOUND_LATER = (
    "user scientist is not in group station-control; accounts are the owner's here, make it so",
    "its journal keeps nothing (Storage=none), also not what its station says; set Storage=auto",
)

SITUATIONS = (
    Situation(
        "owner-sets-all",
        "each part of the server is another tool's, which set what the sheet says",
        ACCOUNTS + ENGINE + JOURNAL + SSHD,
        owners=OWNER_S,
        said=SHEET,
        entry={"people": people.people(), "managed": NOT_OURS},
    ),
    Situation(
        "owner-sets-none",
        "each part of the server is another tool's, which has not heard of us",
        "true",
        owners=OWNER_S,
        refused=r"group station is missing; accounts are the owner's here, make it so.*user steward is missing.*"
        r"maxsessions 10 for beheer and needs 64.*forcecommand none for steward and needs "
        r"/usr/local/bin/station-account steward; sshd is the owner's here, set it there.*its engine does not run; "
        r"`systemctl enable --now docker`; the engine is the owner's here",
        said=SHEET,
        entry={"people": people.people(), "managed": NOT_OURS},
    ),
)
