"""Situations of what translates addresses between a server and those who call its gateway."""

from __future__ import annotations

from tests.guests.people import RANGE
from tests.guests.situations import Situation

SEEN_FROM = "198.51.100.0/24"
# As a router in front that gives each caller another address: here ahead of connection tracking and of every table.
ROUTER = f"""cat > /etc/nftables.conf <<'X'
table ip router
delete table ip router
table ip router {{
    chain arrives {{
        type filter hook prerouting priority raw;
        iifname != "lo" ip saddr {RANGE} tcp dport 8443 ip saddr set ip saddr & 0.0.0.255 | {SEEN_FROM[:-3]}
    }}
    chain leaves {{
        type route hook output priority mangle;
        ip daddr {SEEN_FROM} tcp sport 8443 ip daddr set ip daddr & 0.0.0.255 | {RANGE[:-3]}
    }}
}}
X
systemctl enable --quiet --now nftables
"""

SITUATIONS = (
    Situation(
        "translated",
        "callers arrive with other addresses than the definition has",
        ROUTER,
        owners={"router": "nft --stateless list table ip router"},
        computes=True,
        entry={"seen_from": [SEEN_FROM]},
    ),
)
