"""Situations of the places that a server has its packages from."""

from __future__ import annotations

from tests.guests.situations import Situation

DEAD = "http://127.0.0.1:9/vendor"  # nobody listens there

SITUATIONS = (
    Situation(
        "sources",
        "Debian was installed from a disc that is still a source, and a vendor's repository is there no more",
        f"""
        touch /etc/apt/sources.list
        sed -i "1i deb cdrom:[Debian GNU/Linux 13.0.0 _Trixie_ - Official amd64 DVD]/ trixie main" /etc/apt/sources.list
        echo "deb [trusted=yes] {DEAD} stable main" > /etc/apt/sources.list.d/vendor.list
        ! apt-get -qq update 2>/dev/null
        """,
        owners={"sources": "cat /etc/apt/sources.list /etc/apt/sources.list.d/vendor.list"},
        bare=True,
    ),
)
