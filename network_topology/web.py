"""The place of a publication at a web server, in parts: of few characters, so that no two readers part it otherwise."""

import ipaddress
import re
from typing import NamedTuple

PORTS = {"http": 80, "https": 443}
_PLACE = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(/[A-Za-z0-9._~-]+)*)/?"
)


class Place(NamedTuple):
    """`host` is a name or an address, without brackets; `path` is empty, or begins with a slash and ends in none."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host, where it is an address and no name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def place(url: str) -> Place | None:
    """The parts of a URL; None of one that is no folder at a web server."""
    found = _PLACE.fullmatch(url)
    if found is None or {".", ".."} & {*found["path"].split("/")}:
        return None
    port = int(found["port"] or PORTS[found["scheme"]])
    return Place(found["scheme"], found["host"].strip("[]"), port, found["path"]) if port < 65536 else None
