"""Backup: what cannot be made again, of this operator in one encrypted file, of stations as their servers make them.

make              write vault, inventory and definition to a file, under the passphrase of the vault
restore           put them back on a machine that has none of it; --check only says what is in it and whether it can be
fetch             have the backups that stations made of themselves in a folder here, where no server can write
check             open a station's newest backup, or --file, with the organisation's key: whole, of when, what is in it
restore-station   put one back on a server that has no station, and bring that up; the others are left alone

A coordinator's restore wants the newest publication that any member has (--publication): what was revoked, approved and
numbered since the backup is learned from it, so that nothing is given out twice and nobody who was revoked comes back.
A vault that is there is never written over. No server changes by any of them but by the last, and by that one server.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from base import errors
from werkplaats.operations.backup import content, make, planned, restore
from werkplaats.operations.home import places, vault
from werkplaats.verbs import common
from werkplaats.verbs.backup import station


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action and what it needs."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    writes = actions.add_parser("make", help="write a backup")
    puts = actions.add_parser("restore", help="put a backup back")
    for action in (writes, puts):
        common.network_argument(action)
        action.add_argument("file", type=Path, metavar="FILE")
    puts.add_argument(
        "--publication",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="the newest publication that a member has; may be repeated, the newest counts",
    )
    puts.add_argument(
        "--root", metavar="sha256:…", help="the root, as a holder reads it to you: for a backup of before there was one"
    )
    station.arguments(actions)
    puts.add_argument("--check", action="store_true", help="say what is in it and whether it can be restored here")
    common.yes_argument(puts)


def run(given: argparse.Namespace) -> int:
    """Make one, or put one back; look at one of a station."""
    if done := station.ACTIONS.get(given.action):
        return done(given)
    folders = content.Folders(given.network, vault.find(given.network), places.home(given.home))
    with folders.vault.lock(f"backup {given.action}"):
        return _make(folders, given.file) if given.action == "make" else _restore(folders, given)


def _make(folders: content.Folders, file: Path) -> int:
    made = make.make(folders, file)
    for line in made.summary():
        print(line)
    print(f"{file} is written; keep it away from this machine, and the passphrase away from both")
    return errors.DONE


def _restore(folders: content.Folders, given: argparse.Namespace) -> int:
    found = restore.opened(folders, given.file)
    plan = planned.plan(folders, found, given.publication, given.root)
    for line in (*found.summary(), *_told(folders, plan)):
        print(line)
    if given.check:
        return errors.FOUND if plan.in_the_way else errors.DONE
    if not plan.in_the_way:
        common.confirm(f"restore {folders.network} to {folders.vault.folder} and {folders.inventory}?", yes=given.yes)
    with folders.vault.coordinating("backup restore"):
        if planned.plan(folders, found, given.publication, given.root) != plan:  # a revocation waits for no question
            raise errors.RefusedError(
                f"what there is of {folders.network} changed since it was shown: nothing was restored",
                "run the same command again, and look at what it shows",
            )
        learned = restore.restore(folders, plan)
    for line in learned:
        print(f"learned: {line}")
    print(f"{folders.network} is restored")
    if differing := planned.differs(folders, plan.newest):
        for line in differing:
            print(f"the definition here differs from what is published: {line}")
        print("take the newest definition out of git before you publish")
        return errors.FOUND
    return errors.DONE


def _told(folders: content.Folders, plan: planned.Plan) -> list[str]:
    lines = [f"in the way: {why}" for why in plan.in_the_way]
    lines += [f"stays: {why}" for why in plan.stays]
    lines += [f"writes: {folders.path(name)}" for name in sorted(plan.writes)]
    if plan.newest:
        newest = plan.newest.published
        lines.append(
            f"newest publication: {newest.number} of {newest.published}, by the CA with key {newest.authority_key}; "
            "ask two members whether they have a higher number"
        )
    return lines
