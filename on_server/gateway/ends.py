"""When what a gateway loaded begins and ends, and from when on it is late that there is no newer one."""

from __future__ import annotations

import datetime
import shlex
from typing import NamedTuple

LOADED = "/etc/werkplaats/gateway/loaded/networks"


class Kind(NamedTuple):
    """What ends: how openssl calls both moments, and how many of the days that it usually lasts make it late."""

    begins: str
    ends: str
    days: int
    usual: int


CERTIFICATE = Kind("notBefore", "notAfter", 30, 180)  # what renewing may take, with two organisations in it
LIST = Kind("lastUpdate", "nextUpdate", 40, 90)  # a new one is made while 60 are left; then everybody has to run `up`


def command(network: str) -> tuple[str, ...]:
    """What openssl is asked on a server."""
    folder = shlex.quote(f"{LOADED}/{network}")
    certificate = "openssl x509 -in station.pem -noout -startdate -enddate"
    revocations = "openssl crl -in crl.pem -noout -lastupdate -nextupdate"
    return "sh", "-c", f"cd {folder} 2>/dev/null && {{ {certificate}; {revocations}; }}"


def moments(said: str) -> dict[str, datetime.datetime]:
    """What it said to that, by the names that openssl has for them; those that cannot be read are left out."""
    rows = (line.partition("=") for line in said.splitlines())
    return {name: moment for name, _, text in rows if (moment := _moment(text))}


def late(kind: Kind, told: dict[str, datetime.datetime]) -> tuple[float, float] | None:
    """From when on it is late, and when it ends, in seconds since 1970; where it lasts shorter the same share of it."""
    if kind.begins not in told or kind.ends not in told:
        return None
    begins, ends = told[kind.begins].timestamp(), told[kind.ends].timestamp()
    life = min((ends - begins) / 86_400, kind.usual)
    return ends - kind.days * life / kind.usual * 86_400, ends


def _moment(text: str) -> datetime.datetime | None:
    """A moment as openssl prints it: Jun  1 12:00:00 2027 GMT."""
    try:
        return datetime.datetime.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
