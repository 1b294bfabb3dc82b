"""Who runs which release, and what that blocks, of all stations: also of those that others operate, as peers tell."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from base import errors
from network_topology import names
from publication import verified
from werkplaats.operations.home import networks
from werkplaats.operations.look import station_says, status, verify
from werkplaats.operations.reach import remote

LINKS_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Runs:
    """What one station runs. `release` is "" where nobody knows; `by` is whose station told."""

    organisation: str
    operator: str
    release: str
    by: str = ""


def look(network: networks.Network, remotes: remote.Remotes, reached: Iterable[str]) -> list[Runs]:
    """Ask the stations of this operator, each of itself and of its peers; changes nothing."""
    asked = [*reached]
    status = remotes.ask_all(asked, "station", "status", "--json")
    links = remotes.ask_all(asked, *verify.LINKS, seconds=LINKS_SECONDS)
    organisations = {names.station_id(network.name, slug): slug for slug in network.compiled.stations}
    told: dict[str, tuple[str, str]] = {}
    for one in asked:
        document = station_says.document_of(links[one])
        rows = {row["peer"]: str(row["release"]) for row in document.get("links", ()) if row.get("release")}
        # Of those with which it has no link it knows by a computing party.
        for peer, release in {**document.get("heard", {}).get(network.name, {}), **rows}.items():
            if slug := organisations.get(peer):
                told[slug] = (" ".join(errors.printable(release).split()), one)  # others wrote it
    for one in asked:
        own = station_says.status_of(status[one]).get("networks", {}).get(network.name, {})
        if own.get("release"):
            told[one] = (str(own["release"]), one)
    stations = network.compiled.stations.items()
    return [
        Runs(slug, network.compiled.operators[card.operated_by], *told.get(slug, ("", ""))) for slug, card in stations
    ]


def sentences(published: verified.Verified, found: Iterable[Runs], today: datetime.date) -> list[str]:
    """Who has not moved to the release that the definition names, and what that blocks, from which day on."""
    said = ((one, sentence(published, one.release, today)) for one in found)
    return [f"{one.organisation} ({one.operator}): {text}" for one, text in said if text]


def sentence(published: verified.Verified, release: str, today: datetime.date) -> str:
    """The same of one station that runs this release; "" of one that has moved."""
    definition = published.definition
    protocols: Mapping[str, tuple[int, ...]] = {name: one.protocols for name, one in published.releases.items()}
    wanted, until = definition.release, definition.upgrading_until
    if release == wanted:
        return ""
    if not release:
        return "nobody here knows which release it runs"
    meets = {*protocols.get(release, ())} & {*protocols.get(wanted, ())}
    if release not in (wanted, definition.upgrading_from):
        what = "which the definition does not name: its operator accepts what is published, and upgrades"
    elif until is None or today > until:
        what = f"which it might until {until}: it is behind"
    else:
        what = f"which it may until {until}"
    computes = "computes with all" if meets else f"computes with nobody who runs {wanted}"
    if release not in protocols:
        computes = "may compute with the others or not: its release is not published here"
    return f"runs release {release}, {what}; it {computes}"


def marked(
    network: networks.Network,
    remotes: remote.Remotes,
    found: Iterable[status.StationStatus],
    published: verified.Verified | None,
    today: datetime.date,
) -> list[status.StationStatus]:
    """The same stations, each that has not moved with what `sentence` says of it.

    Only while an upgrade goes on are those of other operators asked after, by way of their peers: that takes seconds
    where one does not answer.
    """
    stations = [*found]
    if published is None:
        return stations
    reached = [one.organisation for one in stations if one.seen_by == "server"]
    if published.earlier and reached:
        told = {one.organisation: one for one in look(network, remotes, reached) if one.by}
        stations = [
            dataclasses.replace(one, release=told[one.organisation].release, seen_by=told[one.organisation].by)
            if one.seen_by == "nobody" and one.organisation in told
            else one
            for one in stations
        ]
    return [
        dataclasses.replace(one, late=sentence(published, one.release, today))
        if one.release or (published.earlier and one.seen_by == "nobody")
        else one
        for one in stations
    ]
