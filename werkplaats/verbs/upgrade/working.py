"""Carry an upgrade out with what moves in it: the release of stations, or the packages of their servers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from stacks.engine import install
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import machine, servers, stations
from werkplaats.operations.upgrade.state import Store, Upgrade


def work(
    network: networks.Network,
    remotes: remote.Remotes,
    store: Store,
    reporter: progress.Progress,
    upgrade: Upgrade,
    closes: Mapping[str, datetime.datetime] | None = None,
) -> Upgrade:
    """Go on until it is done, or something stops it, such as the end of a window; the caller has the network's lock."""
    with reporter.phase("upgrade") as say:
        mover = _mover(network, remotes, upgrade, say)
        return machine.Machine(network, remotes, store, mover, say, closes).run(upgrade)


def _mover(network: networks.Network, remotes: remote.Remotes, upgrade: Upgrade, say: progress.Say) -> machine.Mover:
    seconds = upgrade.drain_seconds
    if upgrade.to is None and upgrade.back:
        return servers.Back(remotes, seconds, say, {one: at.brought for one, at in upgrade.stations.items()})
    if upgrade.to is None:
        return servers.Packages(remotes, seconds, say)
    engine = install.ensure(say)
    return stations.Stations(network, remotes, engine, upgrade.to, upgrade.earlier, seconds, say)
