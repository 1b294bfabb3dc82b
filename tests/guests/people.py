"""Situations of ssh and accounts: who may log in, by what, and what becomes of files under a narrow umask."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacks.servers import seeds
from tests.guests.situations import Situation
from tests.harness import servers

RANGE = "198.19.253.0/24"  # that of the house, which this machine is in too
OWNER_S = "/etc/ssh/sshd_config.d/50-owner.conf"
SETTINGS: Mapping[str, str] = {
    "ssh": "cat /etc/ssh/sshd_config /etc/ssh/sshd_config.d/[1-9]*.conf 2>/dev/null || cat /etc/ssh/sshd_config",
    "login": "sshd -T -C user=owner,host=x,addr=192.0.2.1 | grep -E '^(password|kbdinter|permitroot|allow|deny|auth)'",
}
RELOAD = "systemctl reload ssh\n"
ACCOUNTS_OF_OURS = """
groupadd --system station-control
useradd --system --no-create-home --home-dir / --comment 'Steward of the datastation' --shell /usr/sbin/nologin steward
"""
LOGIN = "j.jansen@zorg.example"
# What Puppet, say, sets where sshd is its own: all that our drop-in would say.
WHOLE = "".join(
    f"""Match User {account}
    AuthorizedKeysFile /etc/werkplaats/people/%u
    AuthorizedKeysCommand none
    TrustedUserCAKeys none
    AuthenticationMethods publickey
    DisableForwarding yes
    AllowAgentForwarding no
    AllowStreamLocalForwarding no
    AllowTcpForwarding no
    PermitTTY no
    PermitTunnel no
    PermitUserRC no
    X11Forwarding no
    ForceCommand /usr/local/bin/station-account {account}
"""
    for account in ("steward", "scientist")
)


@functools.cache
def key() -> Path:
    """The private key of steward and scientist of every guest, made for this run."""
    path = Path(tempfile.mkdtemp(prefix="people")) / "key"
    seeds.key_pair(path)
    return path


def people() -> dict[str, Any]:
    """As an operator's inventory has them."""
    line = seeds.key_pair(key())
    return {account: {"keys": [line], "from": [RANGE]} for account in ("steward", "scientist")}


def come_in(server: servers.Server, *more: str, aside: str = "") -> None:
    """As steward and scientist do: each asks the station something, and the scientist brings a file.

    `aside`: what the server says beside the answer.
    """
    options = [*server.options, *more, "-i", str(key())]
    for account in ("steward", "scientist"):
        done = _login(["ssh", *options, f"{account}@{server.address}", "status"])
        assert (done.returncode, done.stderr) == (0, aside), f"{server.container}: {account}: {done.stderr}"
    said = f"put {__file__} cases.csv\nls\nrm cases.csv\n"
    done = _login(["sftp", *options, "-b", "-", f"scientist@{server.address}"], said)
    assert done.returncode == 0, f"{server.container}: {done.stderr}"


def _login(command: list[str], said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=120)


def drop_in(text: str) -> str:
    """Lines of root's shell that make a drop-in of sshd."""
    return f"cat > {OWNER_S} <<'X'\n{text}X\n{RELOAD}"


def row(name: str, tells: str, spoil: str, refused: str = "", **entry: Any) -> Situation:
    """A server with people who have keys."""
    return Situation(name, tells, spoil, owners=SETTINGS, refused=refused, entry={"people": people(), **entry})


SITUATIONS = (
    row("allow-users", "only named users and groups may log in",
        "groupadd admins; usermod --append --groups admins beheer\n"
        + drop_in("AllowUsers beheer\nAllowGroups admins\n")),
    row("sftp-off", "nobody may bring files by sftp", "sed -i /^Subsystem/d /etc/ssh/sshd_config\n" + RELOAD),
    row("second-factor", "passwords are open, and everybody but one login needs a code too",
        "rm /etc/ssh/sshd_config.d/05-sandbox.conf\n" + drop_in(
            "PasswordAuthentication yes\nKbdInteractiveAuthentication yes\nPermitRootLogin no\nMatch User *,!beheer\n"
            "    AuthenticationMethods publickey,keyboard-interactive\n")),
    row("include-gone", "sshd reads no drop-ins", "sed -i /^Include/d /etc/ssh/sshd_config\n" + RELOAD,
        r"does not read /etc/ssh/sshd_config\.d; write as its first line `Include /etc/ssh/sshd_config\.d/\*\.conf`"),
    row("include-late", "sshd reads drop-ins for one login only",
        "sed -i /^Include/d /etc/ssh/sshd_config\n"
        "printf 'Match User other\\nInclude /etc/ssh/sshd_config.d/*.conf\\n' >> /etc/ssh/sshd_config\n" + RELOAD,
        r"below `Match User other`; move that line to the top"),
    row("deny-users", "an account of ours is kept out by name", drop_in("DenyUsers st*\n"),
        r"sshd lets steward in from nowhere: DenyUsers has 'st\*'"),
    row("pam-access", "PAM lets administrators in and nobody else",
        "sed -i '/pam_nologin/a account required pam_access.so' /etc/pam.d/sshd\n"
        "printf '+:root beheer:ALL\\n-:ALL:ALL\\n' >> /etc/security/access.conf\n",
        r"PAM does not let steward in from 198\.19\.253\.0/24: `-:ALL:ALL` in /etc/security/access\.conf"),
    row("no-shells", "hardening took the shell of system accounts, ours of an earlier station too", ACCOUNTS_OF_OURS),
    row("narrow-umask", "whatever a login or sudo makes is closed to others",
        "echo 'Defaults umask=0077, umask_override' > /etc/sudoers.d/umask && chmod 0440 /etc/sudoers.d/umask\n"
        "echo 'session optional pam_umask.so umask=0077' >> /etc/pam.d/common-session\n"
        "echo 'session optional pam_umask.so umask=0077' >> /etc/pam.d/common-session-noninteractive\n"),
    row("directory-login", "the operator's login is one of a directory",
        f"useradd --badname --create-home --shell /bin/bash '{LOGIN}'\n"
        f"cp -r /home/beheer/.ssh '/home/{LOGIN}/' && chown -R '{LOGIN}:' '/home/{LOGIN}/.ssh'\n"
        f"echo '{LOGIN.replace('@', chr(92) + '@')} ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/directory\n"
        "chmod 0440 /etc/sudoers.d/directory && visudo --check --quiet\n", user=LOGIN),
    row("sshd-of-puppet", "another tool sets sshd, and set what we need",
        drop_in(f"{WHOLE}Match User beheer\n    MaxSessions 64\n"), managed={"sshd": False}),
    row("sshd-of-nobody", "another tool sets sshd, and has not heard of us",
        "sed -i /^Subsystem/d /etc/ssh/sshd_config\n" + drop_in("AllowUsers beheer\n"),
        r"maxsessions 10 for beheer and needs 64.*AllowUsers without steward.*forcecommand none for steward and needs "
        r"/usr/local/bin/station-account steward; sshd is the owner's here, set it there", managed={"sshd": False}),
)  # fmt: skip
