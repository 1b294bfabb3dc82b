"""Situations of servers of which every part is set by a tool of their owner's: it has heard of us, or has not."""

from __future__ import annotations

from collections.abc import Mapping

from plugins.filter.server_facts import PARTS
from tests.guests.people import WHOLE, drop_in, people
from tests.guests.situations import Situation

NOT_OURS = dict.fromkeys(PARTS, False)
ACCOUNTS = """
groupadd --gid 5000 station && groupadd --system station-control
useradd --no-create-home --shell /usr/sbin/nologin --gid 5000 --uid 5001 --comment Puppet station
useradd --no-create-home --shell /usr/sbin/nologin --gid 5000 --uid 5002 --comment Puppet computer
useradd --no-create-home --shell /usr/sbin/nologin --system --comment Puppet werkplaats-gateway
for name in steward scientist; do
    useradd --no-create-home --home-dir / --shell /bin/sh --system --user-group --groups station-control $name
done
"""
ENGINE = """
systemctl enable --quiet --now docker.service 2>/dev/null
usermod --append --groups docker beheer
"""
JOURNAL = """
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\\nSystemMaxUse=200M\\n' > /etc/systemd/journald.conf.d/10-puppet.conf
"""
# What our roles would place in these parts; of each only what the owner has may be there.
OWNER_S: Mapping[str, str] = {
    "accounts": "getent passwd; getent group",
    "sshd": "ls /etc/ssh/sshd_config.d; cat /etc/ssh/sshd_config.d/*",
    "firewall": "nft list tables; ls /etc/systemd/system | grep firewall; true",
    "engine": "find /etc/docker /etc/systemd/system/docker.service.d /etc/sysusers.d 2>/dev/null; true",
    "journal": "find /etc/systemd/journald.conf.d -type f -exec cat {} + 2>/dev/null; true",
    "time": "dpkg-query --show --showformat='${Status}' systemd-timesyncd chrony 2>/dev/null; true",
}

SITUATIONS = (
    Situation(
        "owner-sets-all",
        "each part of the server is another tool's, which set what the sheet says",
        ACCOUNTS + ENGINE + JOURNAL + drop_in(f"{WHOLE}Match User beheer\n    MaxSessions 64\n"),
        owners=OWNER_S,
        entry={"people": people(), "managed": NOT_OURS},
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
        entry={"people": people(), "managed": NOT_OURS},
    ),
)
