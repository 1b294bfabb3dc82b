"""Situations of servers that are hardened as guides and roles for Debian say, as far as a station meets it."""

from __future__ import annotations

from pathlib import Path

from tests.guests import busy, people
from tests.guests.situations import Situation

HARDENING = Path(__file__).with_name("hardening.sh").read_text()
OWNERS = {
    **people.SETTINGS,
    "services": busy.SERVICES_ACTIVE,
    "own files": "sha256sum /etc/pam.d/* /etc/security/*.conf /etc/sudoers /etc/sudoers.d/* /etc/login.defs "
    "/etc/issue.net /etc/crontab /etc/profile.d/* /etc/nftables.conf",
    "kernel": "sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv4.conf.all.accept_redirects",
    "mounts": "for path in /tmp /var/tmp /dev/shm /proc; do findmnt --noheadings --output TARGET,OPTIONS $path; done",
    "rules": "nft --stateless list table inet filter",
    "root": "passwd --status root | cut -d' ' -f2",
}
SITUATIONS = (
    Situation(
        "hardened",
        "sshd, PAM, sudo, umask, mounts and network settings as CIS and dev-sec have them",
        HARDENING,
        owners=OWNERS,
        bare=True,
        entry={"people": people.people()},
        said=(
            r"tells login: sudo looks for programs in /usr/sbin:/usr/bin:/sbin:/bin, and not in /usr/local/bin",
            r"(?i) ssh: .*allowgroups",
            r"(?i) ssh: .*maxsessions",
            r"firewall: tools: nftables \(runs\)",
        ),
    ),
)
