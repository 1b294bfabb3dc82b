"""Join a network with the server of one organisation, from the file that the coordinator hands over.

FILE is the publication: a folder, or a tar file of it; of the archive for a server that reaches nothing no more is
taken. Each run looks at how far the server came, does what is next, and stops where somebody else is waited for, with
what to do; whenever it is left, the same command goes on. The first time the fingerprint of the network's root is asked
for, as one of its holders reads it to you: it is typed, and without a terminal given by --root. How the server is
reached is said once: --here on it, or --host and --host-key elsewhere.

--paper changes nothing, on no machine: it prints what would be examined, placed and let through a firewall, who decides
what and what never leaves, for whoever has to agree beforehand.

Blast radius: your own folder and the server of that organisation, which it prepares, and brings up once you accepted.
Exit code 0 when the station is verified, 3 when somebody is waited for, 1 when something was found on the server or by
verification, 5 when the server could not be reached or a step stands half-way. With --paper 0 when it was printed, 1
when something on the server is in the way, 5 when it was not reached as it was said.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from pathlib import Path

from base import errors
from werkplaats.operations.home import gate, places
from werkplaats.operations.join import beforehand, beginning, brought
from werkplaats.operations.reach import inventory, servers
from werkplaats.verbs import common
from werkplaats.verbs.join import walk as walks


def arguments(parser: argparse.ArgumentParser) -> None:
    """The file, the organisation, how its server is reached, the root, `--paper`, `--yes`, `--json`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the publication: a folder, or a tar file of it")
    parser.add_argument(
        "--organisation", required=True, metavar="SLUG", help="whose server it is, as the network calls it"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--here", action="store_true", help="this machine is that server")
    where.add_argument("--host", metavar="HOST", help="name or address by which ssh reaches it")
    parser.add_argument(
        "--host-key", metavar="SHA256:…", help="fingerprint of its Ed25519 host key, read at its console"
    )
    parser.add_argument("--user", metavar="LOGIN", help="your login there (beheer)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="your ssh key, where ssh does not find it by itself")
    parser.add_argument("--root", metavar="sha256:…", help="the root, as one of its holders read it to you")
    parser.add_argument("--paper", action="store_true", help="print what would happen, and change nothing")
    common.yes_argument(parser)
    parser.add_argument("--json", action="store_true", help="with --paper: one JSON document")


def run(given: argparse.Namespace) -> int:
    """Walk on, or print the paper."""
    if given.json and not given.paper:
        raise errors.UsageError("--json is for --paper", "leave it out: a walk asks, and says what it waits for")
    home = _home(given)
    said = _said(given)
    with brought.opened(given.file) as found:
        begun = beginning.read(found, home, given.organisation)
        _require_alike(begun, given, said)
        if given.root is not None:
            beginning.require_told(begun, given.root)
        if given.paper:
            return _paper(given, begun, said)
        gate.pass_by(found.network, given.acknowledge, changes=True)
        published = begun.published
        print(
            f"{given.organisation} joins {found.network}, {published.definition.title}: publication {published.number} "
            f"of {published.published}"
        )
        station = begun.network.compiled.stations[given.organisation]
        if station.operated_by != given.organisation:
            operator = begun.network.compiled.operators[station.operated_by]
            print(f"note: as the definition has it {operator} operates this server: you act for {operator}")
        walk = walks.Walk(given, begun, said)
        try:
            code = walks.go(walk, walks.STEPS)
        finally:  # also what was cut off, or refused at a later step, changed something
            gate.remember(found.network)
        if code == errors.DONE:
            print(f"{given.organisation} has joined {found.network}; next: {walk.next}")
        return code


def _home(given: argparse.Namespace) -> places.Home:
    """A folder of the operator's own: what is placed has no place among the examples of a checkout."""
    if given.home is None and places.HOME_VARIABLE not in os.environ:
        raise errors.UsageError(
            "what is placed needs a folder of your own, and none is named",
            f"mkdir -p ~/datawerkplaats; export {places.HOME_VARIABLE}=~/datawerkplaats; then run it again",
        )
    return places.home(given.home)


def _said(given: argparse.Namespace) -> dict[str, object]:
    """What the command line says of how the server is reached. Raises UsageError."""
    if given.here:
        if lone := [name for name in ("host_key", "user", "key") if getattr(given, name)]:
            raise errors.UsageError(
                f"--{lone[0].replace('_', '-')} is about another machine", "leave it out with --here"
            )
        return inventory.said_here()
    if not given.host:
        if given.host_key or given.user or given.key:
            raise errors.UsageError("where the server is is not said", "add --host")
        return {}
    if not re.fullmatch(inventory.FINGERPRINT, given.host_key or ""):
        raise errors.UsageError(
            f"--host-key {given.host_key} is no fingerprint of a host key"
            if given.host_key
            else "--host is given, and the host key of that server is not",
            "on the console of the server: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, and the word SHA256:… of "
            "that after --host-key",
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:_-]*", given.host):
        raise errors.UsageError(f"--host {given.host!r} is no name or address", "as ssh takes it, without a login")
    beside = {"key": str(given.key.resolve())} if given.key else {}
    return {"host": given.host, "user": given.user or inventory.USER, "host_key": given.host_key, **beside}


def _require_alike(begun: beginning.Beginning, given: argparse.Namespace, said: dict[str, object]) -> None:
    """Raise RefusedError where the inventory says another way to this server than the command line does."""
    organisation = given.organisation
    path = begun.home.inventories / begun.brought.network / "servers.yml"
    if not said or not path.exists():
        return
    for one in inventory.read(path):
        mine = one.organisation == organisation
        if mine and _way(one) != {name: said.get(name) or "" for name in ("here", "host", "host_key")}:
            raise errors.RefusedError(
                f"{path} says that {organisation} is {'this machine' if one.here else f'reached at {one.host}'}",
                "leave --here or --host out where that is right; else change it there, by hand",
            )
        if mine and given.user not in (None, one.user):
            raise errors.RefusedError(
                f"{path} says that your login on the server of {organisation} is {one.user}",
                "leave --user out where that is right; else change it there, by hand",
            )
        if not mine and said.get("here") and one.here:
            raise errors.RefusedError(
                f"{path} says that this machine is the server of {one.organisation}",
                "name that organisation, or take that entry out",
            )


def _way(one: servers.Server) -> dict[str, object]:
    return {"here": one.here or "", "host": one.host, "host_key": one.host_key}


def _paper(given: argparse.Namespace, begun: beginning.Beginning, said: dict[str, object]) -> int:
    """What whoever has to agree wants to see beforehand.

    Exit code 1 where something is in the way of it, 5 where the server was not reached as it was said.
    """
    if given.root is not None:
        begun = dataclasses.replace(begun, confirmed=True)
    found = beforehand.look(begun, given.organisation, said)
    rows = [(one.name, one.who, one.minutes, one.words) for one in walks.STEPS]
    if given.json:
        common.print_json(beforehand.document(found, rows))
    else:
        print("\n".join(beforehand.lines(found, rows)))
    if found.unreached:
        return errors.HALF_WAY
    return errors.FOUND if found.in_the_way else errors.DONE
