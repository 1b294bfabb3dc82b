"""Who runs which release, and what that blocks, of all stations: also of those that others operate, as peers tell."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from network_topology import names
from publication import verified
from werkplaats.operations.home import networks
from werkplaats.operations.look import station_says, verify
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
        for row in station_says.document_of(links[one]).get("links", ()):
            slug = organisations.get(row["peer"])
            if slug and row["ok"] and row.get("release"):
                told[slug] = (str(row["release"]), one)
    for one in asked:
        own = station_says.document_of(status[one]).get("networks", {}).get(network.name, {})
        if own.get("release"):
            told[one] = (str(own["release"]), one)
    stations = network.compiled.stations.items()
    return [
        Runs(slug, network.compiled.operators[card.operated_by], *told.get(slug, ("", ""))) for slug, card in stations
    ]


def sentences(published: verified.Verified, found: Iterable[Runs], today: datetime.date) -> list[str]:
    """Who has not moved to the release that the definition names, and what that blocks, from which day on."""
    definition = published.definition
    protocols: Mapping[str, tuple[int, ...]] = {name: one.protocols for name, one in published.releases.items()}
    wanted, until = definition.release, definition.upgrading_until
    lines = []
    for one in found:
        if one.release == wanted:
            continue
        if not one.release:
            lines.append(f"{one.organisation} ({one.operator}): nobody here knows which release it runs")
            continue
        meets = {*protocols.get(one.release, ())} & {*protocols.get(wanted, ())}
        late = until is None or today > until
        if one.release not in (wanted, definition.upgrading_from):
            what = "which the definition does not name: its operator accepts what is published, and upgrades"
        elif late:
            what = f"which it might until {until}: it is behind"
        else:
            what = f"which it may until {until}"
        computes = "computes with all" if meets else f"computes with nobody who runs {wanted}"
        if one.release not in protocols:
            computes = "may compute with the others or not: its release is not published here"
        lines.append(f"{one.organisation} ({one.operator}): runs release {one.release}, {what}; it {computes}")
    return lines
