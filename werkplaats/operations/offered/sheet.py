"""What an owner has to set in the parts of a server that are the owner's, to be handed to whoever sets them."""

from __future__ import annotations

from collections.abc import Callable

from on_server import accounts, drop_in, engine
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Wanted


def _accounts(_: Facts, __: Wanted) -> list[str]:
    numbers = {name: f"{uid}:{gid}" for name, (uid, gid) in accounts.USERS.items()}
    return [
        *(f"group {name}, gid {gid}" for name, gid in accounts.GROUPS.items()),
        f"group {accounts.CONTROL}, any gid; in it {' and '.join(accounts.PEOPLE)}",
        *(f"user {name}, {of}, shell /usr/sbin/nologin" for name, of in numbers.items()),
        f"user {accounts.GATEWAY}, any numbers, shell /usr/sbin/nologin",
        *(f"user {name}, any numbers, shell {accounts.SHELL}, no password, home /" for name in accounts.PEOPLE),
    ]


def _sshd(facts: Facts, _: Wanted) -> list[str]:
    return [
        *drop_in.owner_s(facts.answer.login).splitlines(),
        "# and no AllowUsers, AllowGroups, DenyUsers, DenyGroups or rule of PAM that keeps out these two",
    ]


def _firewall(_: Facts, wanted: Wanted) -> list[str]:
    ports = [
        f"in TCP {port} from {', '.join(addresses)}, and from nobody else" for port, addresses in wanted.inbound.items()
    ]
    return [*ports, "what is listed below as what your own firewall lets pass"]


def _time(_: Facts, __: Wanted) -> list[str]:
    return ["a service that keeps the clock right to 5 s: chrony, ntpsec, openntpd or systemd-timesyncd"]


def _engine(_: Facts, __: Wanted) -> list[str]:
    return [
        "docker.io and docker-cli, or docker-ce; it runs, and is started at boot (`systemctl enable --now docker`)",
        f"it listens at {engine.SOCKET}",
        "without userns-remap, rootless mode, and the containerd store (`containerd-snapshotter`)",
        "best with `live-restore`: a restart of the engine ends no station then",
    ]


def _journal(_: Facts, __: Wanted) -> list[str]:
    return ["Storage is not none", "SystemMaxUse, if it is set, at most half of the disk of /var/log (we would set 1G)"]


def _updates(_: Facts, __: Wanted) -> list[str]:
    return [
        "Debian's security updates within 14 days (`updates_within`); HAProxy and an engine of ours come with upgrades"
    ]


SHEETS: dict[str, Callable[[Facts, Wanted], list[str]]] = {
    "accounts": _accounts,
    "sshd": _sshd,
    "firewall": _firewall,
    "time": _time,
    "engine": _engine,
    "journal": _journal,
    "updates": _updates,
}


def lines(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    """Each line of the sheet, with its part before the first of that part."""
    found = []
    for part in (one for one in SHEETS if one in wanted.owners):
        rows = SHEETS[part](facts, wanted)
        found += [(part if not number else "", row) for number, row in enumerate(rows)]
    return found
