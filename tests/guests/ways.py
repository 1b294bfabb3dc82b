"""Situations of the way there: what a login prints, which shell it has, how long it takes."""

from __future__ import annotations

from tests.guests.situations import Situation

FILES = "find ~beheer -name '.[bc]*rc' -exec sha256sum {} + | sort"
OWNERS = {"login": f"getent passwd beheer; {FILES}"}
SAYS = 'echo \'Welkom op deze server: [0, "goed", ""]\''
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
# apt asks logind to keep the machine on, by which that starts; after a reboot nobody asks.
SHELL = """apt-get -qq update && apt-get -qq install --yes --no-install-recommends {name} >/dev/null
systemctl stop systemd-logind.service
chsh --shell /usr/bin/{name} beheer
"""


def _login(name: str, tells: str, spoil: str) -> Situation:
    return Situation(name, tells, spoil, owners=OWNERS)


SITUATIONS = (
    _login("talkative", "a login prints a line, also where nobody sits at it", f'sed -i "1i {SAYS}" ~beheer/.bashrc\n'),
    _login(
        "tcsh",
        "the login's shell is tcsh, and prints a line",
        f"{SHELL.format(name='tcsh')}cat > ~beheer/.cshrc <<'X'\n{SAYS}\nX\n",
    ),
    # Nothing is printed: the image has no /usr/share, without which fish reads no configuration, and says so.
    _login("fish", "the login's shell is fish", SHELL.format(name="fish")),
    _login("own-engine", "the login has an engine, a docker and a narrow umask of its own", OWN_ENGINE),
    _login(
        "slow",
        "a login takes 8 s: it looks up who calls, and asks a directory",
        "printf '#!/bin/sh\\nexec sleep 8\\n' > /usr/local/bin/looks-up && chmod +x /usr/local/bin/looks-up\n"
        "echo 'session optional pam_exec.so type=open_session /usr/local/bin/looks-up' >> /etc/pam.d/sshd\n",
    ),
)
