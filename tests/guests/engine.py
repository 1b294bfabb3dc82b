"""Situations of the container engine: settings, flags and containers of the owner's, and engines of other makers."""

from __future__ import annotations

from collections.abc import Mapping

from tests.guests.situations import Situation

SETTINGS: Mapping[str, str] = {"rules": "nft list table inet owner", "notice": "cat /etc/motd"}

SITUATIONS = (
    Situation(
        "nobody-s-engine",
        "Debian's engine is installed, and nobody uses it",
        "echo 'of the owner' > /etc/motd\n"
        "echo 'table inet owner { chain input { type filter hook input priority 0; tcp dport 9999 drop; }; }' "
        "> /etc/nftables.conf && systemctl enable --quiet --now nftables\n",
        owners=SETTINGS,
    ),
)
