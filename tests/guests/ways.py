"""Situations of the way there: what a login prints, which shell it has, how long it takes."""

from __future__ import annotations

from tests.guests.situations import Situation

OWNERS = {"login": "getent passwd beheer; find ~beheer -name '.[bc]*rc' -exec sha256sum {} + | sort"}
SAYS = 'echo \'Welkom op deze server: [0, "goed", ""]\''
INSTALL = "apt-get -qq update && apt-get -qq install --yes --no-install-recommends"


def _login(name: str, tells: str, spoil: str) -> Situation:
    return Situation(name, tells, spoil, owners=OWNERS)


SITUATIONS = (
    _login("talkative", "a login prints a line, also where nobody sits at it", f'sed -i "1i {SAYS}" ~beheer/.bashrc\n'),
    _login(
        "tcsh",
        "the login's shell is tcsh, and prints a line",
        f"{INSTALL} tcsh >/dev/null && chsh --shell /usr/bin/tcsh beheer\ncat > ~beheer/.cshrc <<'X'\n{SAYS}\nX\n",
    ),
    _login(
        "fish",
        "the login's shell is fish, and prints a line",
        f"{INSTALL} fish >/dev/null && chsh --shell /usr/bin/fish beheer && mkdir -p ~beheer/.config/fish\n"
        f"cat > ~beheer/.config/fish/config.fish <<'X'\n{SAYS}\nX\nchown -R beheer: ~beheer/.config\n",
    ),
    _login(
        "slow",
        "a login takes 8 s: it looks up who calls, and asks a directory",
        "printf '#!/bin/sh\\nexec sleep 8\\n' > /usr/local/bin/looks-up && chmod +x /usr/local/bin/looks-up\n"
        "echo 'session optional pam_exec.so type=open_session /usr/local/bin/looks-up' >> /etc/pam.d/sshd\n",
    ),
)
