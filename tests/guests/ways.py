"""Situations of the way there: what a login prints, which shell it has, how long it takes."""

from __future__ import annotations

from typing import Any

from tests.guests import people
from tests.guests.situations import Situation

RC = "/etc/ssh/sshrc"  # sshd starts it at every login, also of who brings files
FILES = f"find ~beheer {RC} '(' -name '.[bc]*rc' -o -name config.fish -o -name sshrc ')' -exec sha256sum {{}} + | sort"
OWNERS = {"login": f"getent passwd beheer; {FILES}"}
SAID = 'Welkom op deze server: [0, "goed", ""]\n'
SAYS = f"echo '{SAID.strip()}'"
SAYS_TO_ALL = f"cat > {RC} <<'X'\n{SAYS}\nX\n"
ASIDE = "exec >&2"
SAID_TO_ALL = r" ssh: /etc/ssh/sshrc prints at each login, which ends sftp: scientist could bring no file"
# As of a login that runs containers of its own without root, and would not have another engine used by mistake.
OWN_ENGINE = """cat - ~beheer/.bashrc > /tmp/both <<'X'
umask 077
export DOCKER_HOST=unix:///run/user/1000/docker.sock
export PATH=~/bin:$PATH
X
cat /tmp/both > ~beheer/.bashrc && rm /tmp/both
mkdir ~beheer/bin && printf '#!/bin/sh\\necho use podman >&2; exit 1\\n' > ~beheer/bin/docker
chmod +x ~beheer/bin/docker && chown -R beheer: ~beheer/bin
"""
# apt asks logind to keep the machine on, by which that starts; after a reboot nobody asks. The image leaves out what
# nobody reads in a container, the files of fish among it, without which that reads no configuration.
SHELL = """apt-get -qq update && apt-get -qq install --yes --no-install-recommends \\
    --option Dpkg::Options::='--path-include=/usr/share/{name}/*' {name} >/dev/null
systemctl stop systemd-logind.service
chsh --shell /usr/bin/{name} beheer
"""


def _login(name: str, tells: str, spoil: str, **more: Any) -> Situation:
    return Situation(name, tells, spoil, owners=OWNERS, **more)


SITUATIONS = (
    _login(
        "talkative",
        "a login prints a line, also where nobody sits at it, and sshd one more to everybody",
        f'sed -i "1i {SAYS}" ~beheer/.bashrc\n{SAYS_TO_ALL}',
        said=(f"decides{SAID_TO_ALL}",),
    ),
    _login(
        "prints-before-sftp",
        "sshd prints a line at every login, and its people have keys",
        SAYS_TO_ALL,
        refused="sshrc prints at each login, which ends sftp: scientist could bring no file; write `exec >&2` as its "
        "first line",
        said=(f"stops{SAID_TO_ALL}",),
        entry={"people": people.people()},
    ),
    _login(
        "prints-as-told",
        "the same, with the line that the refusal says",
        f"{SAYS_TO_ALL}sed -i '1i {ASIDE}' {RC}\n",
        said=("good ssh: ",),
        entry={"people": people.people()},
    ),
    _login(
        "tcsh",
        "the login's shell is tcsh, and prints a line",
        f"{SHELL.format(name='tcsh')}cat > ~beheer/.cshrc <<'X'\n{SAYS}\nX\n",
    ),
    _login(
        "fish",
        "the login's shell is fish, and prints a line",
        f"{SHELL.format(name='fish')}test -d /usr/share/fish/functions\nmkdir -p ~beheer/.config/fish\n"
        f"cat > ~beheer/.config/fish/config.fish <<'X'\n{SAYS}\nX\nchown -R beheer: ~beheer/.config\n",
        said=("tells login: the login has shell /usr/bin/fish",),
    ),
    _login("own-engine", "the login has an engine, a docker and a narrow umask of its own", OWN_ENGINE),
    _login(
        "slow",
        "a login takes 8 s: it looks up who calls, and asks a directory",
        "printf '#!/bin/sh\\nexec sleep 8\\n' > /usr/local/bin/looks-up && chmod +x /usr/local/bin/looks-up\n"
        "echo 'session optional pam_exec.so type=open_session /usr/local/bin/looks-up' >> /etc/pam.d/sshd\n",
    ),
)
