"""What was seen of a network of three, well but for what a row changes: tables of tests are made of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from runbooks.framework import diagnosis, found, looking, seen

ORGANISATIONS = ("ggd", "thuiszorg", "ziekenhuis")
NETWORK = "toets"


def server(**changed: Any) -> seen.Server:
    """A server with which all is well, but for what is changed."""
    well: dict[str, Any] = {
        "reached": True,
        "up": 4000.0,
        "units": {name: seen.Unit(active="active", enabled="enabled") for name in looking.UNITS},
        "containers": {part: seen.Container(state="running", image="sha256:1") for part in ("agent", "computer")},
        "processes": {"agent": ("S", "S"), "computer": ("S", "S")},
        "disks": {"/": seen.Disk(size=100 * 2**30, free=60 * 2**30, inodes=1000, inodes_free=900)},
        "release": "dev",
        "certificate_days": 170,
        "certificate_life": 180,
        "list_days": 85,
        "list_life": 90,
    }
    return seen.Server(**{**well, **changed})


def unit(name: str, **told: Any) -> dict[str, seen.Unit]:
    """All units as they are where all is well, but this one."""
    return {**server().units, name: seen.Unit(**told)}


def network(
    servers: dict[str, seen.Server] | None = None,
    broken: Iterable[tuple[str, str, str]] = (),
    silent: Iterable[str] = (),
    here: seen.Here | None = None,
) -> seen.Seen:
    """A network: `servers` that are otherwise, `broken` links with why, and who tells nothing of its links."""
    why = {(source, target): text for source, target, text in broken}
    links = [
        seen.Link(source=a, target=b, ok=(a, b) not in why, why=why.get((a, b), ""))
        for a, b in itertools.permutations(ORGANISATIONS, 2)
        if a not in silent
    ]
    return seen.Seen(
        network=NETWORK,
        at="2027-01-04T03:00:00Z",
        servers={one: (servers or {}).get(one, server()) for one in ORGANISATIONS},
        links=tuple(links),
        here=here or seen.Here(publication=3, publication_days=25, stacks={"stations": ""}),
    )


def cut_off(organisation: str, why: str = "no answer") -> list[tuple[str, str, str]]:
    """Every link to and from an organisation, broken."""
    pairs = itertools.permutations(ORGANISATIONS, 2)
    return [(a, b, why) for a, b in pairs if organisation in (a, b)]


def named(what: seen.Seen) -> list[tuple[str, str]]:
    """The incidents that are found, and of whom, the likeliest first."""
    return [(one.incident.name, one.fit.subject) for one in diagnosis.diagnose(what, found.every())]


def scored(what: seen.Seen) -> list[tuple[str, str, int]]:
    """The same, with how well each fits."""
    return [(one.incident.name, one.fit.subject, one.fit.score) for one in diagnosis.diagnose(what, found.every())]


def way(target: str, **changed: Any) -> seen.Way:
    """A call to the gateway of a peer with which all is well, but for what is changed."""
    well: dict[str, Any] = {
        "name": f"mesh.{target}.example",
        "port": 8443,
        "addresses": (ADDRESSES[target],),
        "issuer": f"CN=CA-1,OU={NETWORK},O=Datawerkplaats,C=NL",
    }
    return seen.Way(**{**well, **changed})


ADDRESSES = dict(zip(ORGANISATIONS, ("192.0.2.1", "192.0.2.2", "192.0.2.3"), strict=True))
