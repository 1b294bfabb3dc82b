"""Who runs which release, and what that blocks, of all stations: also of those that others operate, as peers tell."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from publication import verified
from werkplaats.operations.home import networks
from werkplaats.operations.look import others, status


@dataclasses.dataclass(frozen=True)
class Runs:
    """What one station runs. `release` is "" where nobody knows; `by` is whose station told."""

    organisation: str
    operator: str
    release: str
    by: str = ""


def runs(network: networks.Network, told: Mapping[str, others.Told]) -> list[Runs]:
    """What is told of every station, in the order of the definition."""
    stations = network.compiled.stations.items()
    return [
        Runs(slug, network.compiled.operators[card.operated_by], told[slug].release, told[slug].by)
        for slug, card in stations
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
    found: Iterable[status.StationStatus], published: verified.Verified | None, today: datetime.date
) -> list[status.StationStatus]:
    """The same stations, each that has not moved with what `sentence` says of it."""
    if published is None:
        return [*found]
    return [
        dataclasses.replace(one, late=sentence(published, one.release, today))
        if one.release or (published.earlier and one.seen_by == "nobody")
        else one
        for one in found
    ]
