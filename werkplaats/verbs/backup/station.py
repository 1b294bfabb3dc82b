"""Backups that stations make of themselves: fetched, opened, put back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.look import backups
from werkplaats.operations.restored import fetch, placed
from werkplaats.operations.restored import station as stations
from werkplaats.verbs import common, named
from werkplaats.verbs import up as up_verb


def arguments(actions: Any) -> None:
    """The actions about stations, and what they need."""
    fetches = actions.add_parser("fetch", help="have the backups of stations here too")
    common.network_argument(fetches)
    fetches.add_argument("folder", type=Path, metavar="FOLDER")
    common.only_argument(fetches)
    checks = actions.add_parser("check", help="open a station's backup and say what is in it")
    common.network_argument(checks)
    checks.add_argument("--station", required=True, metavar="ORGANISATION")
    checks.add_argument("--file", type=Path, metavar="FILE", help="one that was fetched (the newest on its server)")
    puts = actions.add_parser("restore-station", help="put a station's backup back on a server that has none")
    common.network_argument(puts)
    puts.add_argument("organisation", metavar="ORGANISATION")
    puts.add_argument("file", type=Path, metavar="FILE")
    for action in (checks, puts):
        action.add_argument(
            "--identity",
            type=Path,
            required=True,
            metavar="KEYFILE",
            help="the key that age-keygen made, of a recipient",
        )
    common.yes_argument(puts)


def _fetch(given: argparse.Namespace) -> int:
    network = named.find(given)
    with network.remotes() as remotes:
        mine = [o for o, server in remotes.servers.items() if server.backup and (not given.only or o in given.only)]
        if not mine:
            raise errors.UsageError(
                f"servers.yml of {network.name} names no backup of a station that was asked for",
                "write `backup: {recipients: [age1…]}` with a server there, and run werkplaats up",
            )
        away = remotes.probe()
        new, unread = fetch.fetch(network, remotes, [o for o in mine if o not in away], given.folder)
        lost = {**away, **unread}
    for organisation, names in new.items():
        print(f"{organisation}: {len(names)} new" + (f", the last {names[-1]}" if names else ""))
    for organisation in (o for o in mine if o in lost):
        print(f"{organisation}: not fetched: {lost[organisation]}")
    return errors.FOUND if lost.keys() & {*mine} else errors.DONE


def _check(given: argparse.Namespace) -> int:
    network = named.find(given)
    named.require(network, [given.station])
    station = network.compiled.stations[given.station].id
    place = given.file or f"the newest backup on the server of {given.station}"
    backup = stations.opened(_sealed(network, given), given.identity, station, place)
    for line in backup.summary():
        print(line)
    server = {one.organisation: one for one in network.servers}.get(given.station)
    faults = [f"{name} is not in it: no station can be restored from it" for name in backup.lacks]
    faults += backups.late(backup.hours, server)
    for fault in faults:
        print(f"wrong: {fault}")
    return errors.FOUND if faults else errors.DONE


def _sealed(network: networks.Network, given: argparse.Namespace) -> bytes:
    if given.file:
        return _file(given.file)
    with network.remotes() as remotes:
        names = fetch.listed(network, remotes, given.station)
        if not names:
            raise errors.UsageError(
                f"{given.station} has made no backup yet", f"werkplaats status {network.name} says why"
            )
        return fetch.read(remotes, given.station, names[-1])


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= stations.LARGEST else b""
    except OSError as error:
        raise errors.UsageError(f"{path} cannot be read: {error.strerror}", "name a file that was fetched") from error


def _restore(given: argparse.Namespace) -> int:
    network = named.find(given)
    named.require(network, [given.organisation])
    station = network.compiled.stations[given.organisation].id
    backup = stations.opened(_file(given.file), given.identity, station, given.file)
    for line in backup.summary():
        print(line)
    if backup.lacks:
        raise errors.VaultError(f"{given.file} lacks {', '.join(backup.lacks)}", "take another backup")
    placed.require_own(network, given.organisation, backup)
    reporter = progress.Progress()
    common.confirm(f"restore {given.organisation} on its server, which has no station?", yes=given.yes)
    with network.vault.lock("backup restore-station"):
        outcome = placed.restore(network, given.organisation, backup, reporter)
    up_verb.print_outcome(network, outcome, reporter)
    if given.organisation not in outcome.left_out:
        for line in backup.after(given.organisation):
            print(line)
    return outcome.exit_code


ACTIONS = {"fetch": _fetch, "check": _check, "restore-station": _restore}
