"""Stations whose server nobody here looks at: what agents of this operator's stations tell of them over the mesh.

They are others', or could not be reached. Each line says who told it and how long ago it was heard, and what could not
be looked at is said too.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from base import errors
from network_topology import names
from publication import verified
from werkplaats.operations.home import networks
from werkplaats.operations.look import agreement, station_says, status, verify
from werkplaats.operations.reach import remote

LINKS_SECONDS = 120
UNSEEN = "its server, engine, gateway and packages are not looked at from here"


@dataclasses.dataclass(frozen=True)
class Told:
    """Of one station: who called it just now, by organisation, and why in vain, "" where it answered.

    `by` told its `release`, "" where nobody knows. `heard`: seconds since one of them heard of it, before that call;
    None where none did. `accepted`: to whom its agent told what its operator accepted, part → digest.
    """

    release: str = ""
    by: str = ""
    called: Mapping[str, str] = dataclasses.field(default_factory=dict)
    heard: int | None = None
    accepted: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def answers(self) -> list[str]:
        """Who called it and was answered."""
        return [one for one, why in self.called.items() if not why]


def look(network: networks.Network, remotes: remote.Remotes, reached: Iterable[str]) -> dict[str, Told]:
    """Ask the stations of this operator, each of itself and of its peers; changes nothing.

    It takes seconds where a peer does not answer.
    """
    asked = [*reached]
    before = remotes.ask_all(asked, "station", "status", "--json")
    links = remotes.ask_all(asked, *verify.LINKS, seconds=LINKS_SECONDS)
    found = {slug: Told() for slug in network.compiled.stations}
    says = {one: station_says.status_of(before[one]).get("networks", {}).get(network.name, {}) for one in asked}
    for one, own in says.items():
        for slug, fields in _told(network, found, one, own, station_says.document_of(links[one])):
            found[slug] = dataclasses.replace(found[slug], **fields)
    for one, own in says.items():  # of itself each knows best
        if own.get("release"):
            found[one] = dataclasses.replace(found[one], release=_line(own["release"]), by=one)
    return found


def _told(
    network: networks.Network, found: Mapping[str, Told], one: str, own: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the station of `one` adds to what is found of others."""
    slugs = {names.station_id(network.name, slug): slug for slug in network.compiled.stations}
    links = [row for row in document.get("links", ()) if row.get("network", network.name) in (network.name, "")]
    rows = {slugs[row["peer"]]: row for row in links if row["peer"] in slugs}
    # Of those with which it has no link it knows by a computing party.
    for peer, release in document.get("heard", {}).get(network.name, {}).items():
        if (slug := slugs.get(peer)) and slug not in rows and not found[slug].by:
            yield slug, {"release": _line(release), "by": one}
    for slug, row in rows.items():
        yield slug, {"called": {**found[slug].called, one: "" if row["ok"] else _line(row["why"]) or "no answer"}}
        if row.get("release"):
            yield slug, {"release": _line(row["release"]), "by": one}
        if row["ok"]:
            parts = {**row.get("accepted", {}), "definition": row.get("definition")}
            yield slug, {"accepted": {**found[slug].accepted, one: parts}}
    for peer, about in own.get("peers", {}).items():
        if (slug := slugs.get(peer)) and (ago := about.get("seconds_ago")) is not None:
            yield slug, {"heard": min(ago, ago if found[slug].heard is None else found[slug].heard)}


def _line(text: object) -> str:
    return " ".join(errors.printable(str(text)).split())  # others wrote it


def marked(
    network: networks.Network,
    remotes: remote.Remotes,
    found: Iterable[status.StationStatus],
    published: verified.Verified | None,
) -> list[status.StationStatus]:
    """The same stations, with what is told of each whose server was not looked at; asks only where there are any."""
    stations = [*found]
    reached = [one.organisation for one in stations if one.seen_by == "server"]
    if len(reached) == len(stations):
        return stations
    told = look(network, remotes, reached)
    agreed = agreement.Agreed({one.organisation: one.view for one in stations if one.view}, published)
    return [one if one.seen_by == "server" else _marked(one, told[one.organisation], agreed) for one in stations]


def _marked(one: status.StationStatus, told: Told, agreed: agreement.Agreed) -> status.StationStatus:
    vain = "" if told.answers else "; ".join(f"{who} calls it in vain: {why}" for who, why in told.called.items())
    return dataclasses.replace(
        one,
        release=told.release,
        seen_by=told.by or "nobody",
        mesh=vain and f"{vain}; {_ago(told)}",
        told=tuple(_sentences(one.organisation, told, agreed)),
    )


def _sentences(organisation: str, told: Told, agreed: agreement.Agreed) -> Iterator[str]:
    if told.answers:
        yield f"its agent answers {', '.join(told.answers)}"
    elif told.by:
        yield f"its release is known to {told.by} by a computing party; nobody here has a link with it"
    elif not told.called:
        yield f"no station that is reached here has a link with it; {_ago(told)}"
    for who, parts in told.accepted.items():
        if who in agreed.views and (differs := agreed.differs(who, organisation, parts)):
            yield differs
            break
    yield UNSEEN


def _ago(told: Told) -> str:
    return "never heard" if told.heard is None else f"last heard {datetime.timedelta(seconds=told.heard)} ago"
