"""From what may be applied to host variables: everything that the roles need to know of one server."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from network_topology.compiling import compiled
from publication import acceptance, verified
from publication.following import entry as entries
from station_image.builder import images
from werkplaats.operations.bring_up import federations, hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.reach import servers

HostVars = dict[str, Any]


def prepared(
    network: networks.Network,
    organisations: Iterable[str],
    image: str,
    published: verified.Verified | None,
) -> dict[str, HostVars]:
    """Host variables of servers before anything was accepted: enough for what needs no certificate.

    `image` is the id of the one that will run there.
    """
    own = _image(image)
    identities = published.identities if published else {}
    found = {}
    for organisation in organisations:
        one = identities.get(organisation)
        known = {one.statement_key: one.statement.serial} if one else {}
        home: list[HostVars] = [{"network": network.name, "published": known}]
        found[organisation] = _server(network.compiled.stations[organisation], home, own, network.server(organisation))
    return found


def applied(
    network: networks.Network,
    applicable: hand_over.Applicable,
    organisations: Iterable[str],
    running: Mapping[str, str],
    beside: federations.Federations | None = None,
) -> dict[str, HostVars]:
    """Host variables of the servers that have an identity and an accepted definition.

    `running`: organisation → the image that its station runs, of whom that may stay, as `stations.running` tells. A
    server can be given an image that it lacks only where that is on this machine. `beside` are the federations of which
    it may have accepted some.
    """
    found = {}
    for organisation in organisations:
        view, published = applicable.views.get(organisation), applicable.publication
        if view is None or published is None or organisation not in view.statement_keys:
            continue
        accepted = applicable.compiled(organisation)
        entry = entries.made(accepted, organisation, view, published)
        own = _image(_runs(view, running.get(organisation, "")))
        station = accepted.stations[organisation]
        of = beside or federations.Federations(network.name)
        untold, rows = of.untold(organisation), (*station.firewall, *of.rows(organisation))
        if untold:  # whose peers are not known here now: the gateway itself lets none but them in
            rows = tuple(row for row in rows if row.purpose != "mesh")
        station = dataclasses.replace(station, firewall=rows)
        every = [entry, *of.entries(organisation)]
        found[organisation] = _server(station, every, own, network.server(organisation))
        if untold:
            found[organisation]["untold"] = untold
    return found


def _runs(view: acceptance.Accepted, runs: str) -> str:
    """The image that a station runs, as long as its operator's yes holds for it; else the one that they said yes to.

    A release that is not accepted yet is not brought: the accepted one is on the server already.
    """
    accepted = [one.image_id for one in view.releases]
    return runs if runs in accepted else next(iter(accepted), "")


def _image(wanted: str) -> HostVars:
    image = images.built(wanted)
    return {"id": wanted, "archive": str(image.archive) if image else ""}


def _server(station: compiled.Station, entries: list[HostVars], image: HostVars, own: servers.Server) -> HostVars:
    """`own` is what the operator's inventory says of the server, and the definition cannot know."""
    narrowing = _narrowing(station.firewall)
    firewall = [dataclasses.asdict(row) | {"addresses": [*row.addresses, *own.seen_from]} for row in narrowing]
    return {
        "organisation": station.organisation,
        "id": station.id,
        "networks": [_seen_from(entry, own) for entry in entries],
        "image": image,
        "firewall": firewall,
        "people": {account: {key: list(one) for key, one in given.items()} for account, given in own.people.items()},
        "managed": dict(own.managed),
        **({"follower_every": own.follower_every} if own.follower_every else {}),
        **({"monitoring": dict(own.monitoring)} if own.monitoring else {}),
        **({"backup": {**own.backup, "recipients": [*own.backup["recipients"]]}} if own.backup else {}),
    }


def _narrowing(rows: Iterable[compiled.FirewallRow]) -> list[compiled.FirewallRow]:
    """The inbound rows of ports of which every caller's address is known.

    A port with a caller whose addresses the definition does not say (the organisation's own administrators) is left
    to the owner's firewall: to narrow it to the others would lock that caller out.
    """
    inbound = [row for row in rows if row.direction == "in"]
    unknown = {row.port for row in inbound if not row.addresses}
    return [row for row in inbound if row.port not in unknown]


def _seen_from(entry: HostVars, own: servers.Server) -> HostVars:
    """The entry of a network, with from where its peers arrive beside from where they call."""
    peers = [{**peer, "egress": [*peer["egress"], *own.seen_from]} for peer in entry.get("peers", ())]
    return {**entry, "peers": peers} if peers else entry
