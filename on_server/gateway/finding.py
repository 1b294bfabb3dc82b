"""How the gateway finds its peers: whom /etc/hosts knows, and which name servers this server has.

HAProxy asks name servers only, and would read which these are when it starts, refusing its whole configuration where
/etc/resolv.conf is not there yet, or a link to nothing. So both are read here and are part of what it loads: a name
server that came later, or a peer that only /etc/hosts knows, is a difference like any other.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

HOSTS, RESOLVER = Path("etc/hosts"), Path("etc/resolv.conf")
CALLED = re.compile(
    r"^(    server gateway )(\S+)(:\d+ .*?) resolvers server resolve-prefer ipv4 init-addr none$", re.MULTILINE
)

ASKED = re.compile(r"^    parse-resolv-conf\n", re.MULTILINE)


class Finding(NamedTuple):
    """`hosts`: name in lower case → address; `servers`: addresses of name servers. Addresses as HAProxy takes them."""

    hosts: Mapping[str, str] = MappingProxyType({})
    servers: tuple[str, ...] = ()

    def placed(self, section: bytes) -> bytes:
        """A part of the configuration, with the address that /etc/hosts has for a peer, and with the name servers."""
        servers = "".join(f"    nameserver {number} {address}:53\n" for number, address in enumerate(self.servers))
        return CALLED.sub(self._called, ASKED.sub(servers, section.decode())).encode()

    def of(self, sections: list[bytes]) -> list[object]:
        """What of it counts for these sections of peers."""
        names = sorted({found[2].lower() for one in sections for found in CALLED.finditer(one.decode())})
        return [{name: self.hosts[name] for name in names if name in self.hosts}, self.servers]

    def _called(self, found: re.Match[str]) -> str:
        address = self.hosts.get(found[2].lower())
        return f"{found[1]}{address}{found[3]}" if address else found[0]


def read(root: Path) -> Finding:
    """What both files say; of one that is missing or is no text, nothing."""
    hosts: dict[str, str] = {}
    for words in _lines(root / HOSTS):
        if address := _address(words[0]):
            for name in words[1:]:
                hosts.setdefault(name.lower(), address)
    named = (_address(words[1]) for words in _lines(root / RESOLVER) if words[0] == "nameserver" and len(words) > 1)
    return Finding(hosts, tuple(dict.fromkeys(filter(None, named))))


def _lines(path: Path) -> list[list[str]]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return []
    rows = (line.partition("#")[0].split() for line in text.splitlines())
    return [words for words in rows if words]


def _address(text: str) -> str:
    try:
        found = ipaddress.ip_address("" if "%" in text else text)
    except ValueError:
        return ""
    return f"[{found}]" if found.version == 6 else str(found)
