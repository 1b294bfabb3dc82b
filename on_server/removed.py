"""Takes everything off a server that the roles put there: `removed.py NETWORK`. Prints what it removed.

Stays: data, results, allowances, register and keys in /var/lib/werkplaats, the accounts that own them, peers that were
cut on this server (a network that is brought up again must not let in whom its owner cut), the packages, the engine
with its images and settings, and whatever was the owner's. A station that is in another network as well keeps its
gateway; only what is of this network goes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ETC = Path("/etc/werkplaats")
NETWORKS, ACCEPTED = ETC / "networks.d", ETC / "accepted"
CUTS = ETC / "cut.d"
# A network that is brought up again must not begin with what was published before.
SOURCES = (
    Path("/var/lib/werkplaats/publications/inbox"),
    Path("/var/lib/werkplaats/fetched"),
    Path("/var/lib/werkplaats/relayed"),
)
UNITS = (
    *("werkplaats-gateway.service", "gateway-reload.service", "gateway-reload.path"),
    *("gateway-finding.service", "gateway-finding.path", "werkplaats-firewall.service", "werkplaats-undo.service"),
    *("werkplaats-firewall-kept.timer", "werkplaats-firewall-kept.service"),
    *("werkplaats-follow.timer", "werkplaats-follow.service", "werkplaats-follow-read.service"),
    *("werkplaats-follow-fetch.service", "werkplaats-packages.timer", "werkplaats-packages.service"),
    *("station-backup.timer", "station-backup.service"),
    *("station-metrics.timer", "station-metrics.service", "station-exporter.service"),
)
PROGRAMS = (
    *("gateway-reload", "guarded-change", "people-access", "station-cut", "engine-settings", "owners-parts"),
    *("werkplaats-follow", "server-packages", "station-backup", "station-metrics"),
)
# The second is the name of earlier releases.
SSHD = [Path("/etc/ssh/sshd_config.d") / f"{number}-werkplaats.conf" for number in (0, 60)]
FILES = (
    *SSHD,
    Path("/etc/systemd/journald.conf.d/60-werkplaats.conf"),
    Path("/etc/tmpfiles.d/werkplaats.conf"),
    *(Path("/etc/systemd/system") / unit for unit in UNITS),
    *(Path("/usr/local/sbin") / name for name in PROGRAMS),
    Path("/usr/local/bin/station-account"),
    Path("/usr/local/bin/station"),
    Path("/usr/local/lib/werkplaats"),
    Path("/usr/local/lib/werkplaats-follow"),
    Path("/var/lib/werkplaats/followed.json"),
    Path("/var/lib/werkplaats/fetched"),
    Path("/var/lib/werkplaats/relayed"),
    Path("/var/lib/werkplaats-packages"),
    Path("/var/lib/station-backup"),
    Path("/var/lib/station-metrics"),
    Path("/var/lib/prometheus/node-exporter/werkplaats.prom"),
    Path("/run/werkplaats"),
    Path("/run/werkplaats-gateway"),
)


def remove(path: Path) -> None:
    """Remove a file or a folder, and say so; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
    else:
        return
    print(path)


def settings() -> list[Path]:
    """The folder of our settings; where a peer is cut, all that is in it but the cuts."""
    if not CUTS.is_dir() or not any(CUTS.iterdir()):
        return [ETC]
    return sorted(path for path in ETC.iterdir() if path != CUTS)


def quietly(*command: str) -> None:
    """Run a program of which it does not matter whether there was something to do."""
    subprocess.run(command, capture_output=True, check=False)


def main(network: str) -> None:
    """Take off this network; the rest too when it was the last."""
    remove(NETWORKS / network)
    remove(ACCEPTED / f"{network}.json")
    for source in SOURCES:
        remove(source / network)
    if NETWORKS.is_dir() and any(path.is_dir() for path in NETWORKS.iterdir()):
        return
    quietly("systemctl", "disable", "--now", *UNITS)
    quietly("nft", "delete", "table", "inet", "werkplaats")
    had_sshd = any(path.exists() for path in SSHD)
    for path in (*FILES, *settings()):
        remove(path)
    quietly("systemctl", "daemon-reload")
    if had_sshd:
        subprocess.run(["/usr/sbin/sshd", "-t"], check=True)
        quietly("systemctl", "try-reload-or-restart", "ssh.service")


if __name__ == "__main__":
    main(sys.argv[1])
