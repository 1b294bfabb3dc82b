"""What a restore would do: a backup held against what is there, and against the newest publication. Writes nothing.

What is there already is looked at file by file, so that a restore that was killed is done again, and an inventory that
came out of git, with more in it than the backup has, stays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from network_topology import check, diff, load
from publication import revocations
from werkplaats.operations.backup import content
from werkplaats.operations.coordinator import learn, ledger, lifetimes, revocation
from werkplaats.operations.home import places

# What is only ever appended to; how long things last is edited.
_RECORDS = [f"{content.INVENTORY}/{name}.txt" for name in ledger.COLUMNS if name != lifetimes.NAME]

FIRST_ROOT = "publication/1.root.json"
"""In the inventory: by which a publication is known to be the network's own."""


@dataclasses.dataclass
class Plan:
    """`writes`: name → content; `stays`: what is another one here; `in_the_way`: why nothing may be done."""

    content: content.Content
    writes: dict[str, bytes] = dataclasses.field(default_factory=dict)
    stays: list[str] = dataclasses.field(default_factory=list)
    in_the_way: list[str] = dataclasses.field(default_factory=list)
    newest: learn.Newest | None = None
    behind: bool = False
    """Whether records that are here are earlier ones than in the backup, or none."""


def plan(folders: content.Folders, found: content.Content, given: Iterable[Path], root: str | None = None) -> Plan:
    """Plan the restore of a backup; `given` are folders with publications, of which the newest counts.

    `root` is the fingerprint of the root, as its holders told it: for a backup of before there was one. Raises
    PublicationError for one that is not whole or not signed.
    """
    made = Plan(found)
    _records(folders, made)
    for name in sorted(found.files.keys() - set(_RECORDS)):
        _file(folders, made, name)
    _find_newest(folders, made, given, root)
    return made


def _records(folders: content.Folders, made: Plan) -> None:
    """Records only ever grow: of two the one with more lines is the later, if the other is its beginning."""
    more, fewer = [], []
    for key in _RECORDS:
        path, kept = folders.path(key), made.content.files.get(key, b"")
        there = path.read_bytes() if path.exists() else b""
        if not (there.startswith(kept) or kept.startswith(there)):
            made.in_the_way.append(f"{path} and the backup tell two stories: neither goes on from the other")
        elif len(there) > len(kept):
            more.append(path)
            made.stays.append(f"{path} has more lines than the backup")
        elif len(there) < len(kept):
            fewer.append(path)
            made.writes[key] = kept
    if more and fewer:
        made.in_the_way.append(f"{more[0]} has more lines than the backup, and {fewer[0]} has fewer: two stories")
    made.behind = bool(fewer)


def _file(folders: content.Folders, made: Plan, name: str) -> None:
    path, data = folders.path(name), made.content.files[name]
    there = path.read_bytes() if path.exists() else None
    if there == data:
        return
    # What was approved changes with the records that tell of it.
    if there is None or (made.behind and name.startswith(f"{content.INVENTORY}/identities/")):
        made.writes[name] = data
    elif name == f"{content.VAULT}/{revocation.IN_VAULT}" and _number(there) >= _number(data):
        made.stays.append(f"{path} is list {_number(there)}; the backup has list {_number(data)}")
    elif not name.startswith(f"{content.VAULT}/") or name == content.KNOWN_HOSTS:
        made.stays.append(f"{path} is another one than in the backup")
    else:
        made.in_the_way.append(f"{path} is there, and another one than in the backup")


def _number(pem: bytes) -> int:
    return max(map(revocations.number, revocations.load_all(pem)))


def _find_newest(folders: content.Folders, made: Plan, given: Iterable[Path], root: str | None) -> None:
    """The newest publication among those that are given and the one that is made here, where it is a coordinator's."""
    if not made.content.authorities:
        return
    here, known = folders.publication, made.content.publication
    if here.is_dir() and not here.is_symlink():
        made.in_the_way.append(f"{here} was not published here: move it away, and name it with --publication")
        return
    first = made.content.of(content.INVENTORY).get(FIRST_ROOT)
    for place in (*given, *([here] if here.exists() else ())):
        found = learn.newest(place, folders.network, first)
        if first is None and found.published.root != root:
            made.in_the_way.append(
                f"the backup is of before the network had a root, and whoever relays {place} may have made its: name "
                "the root with --root, as a root holder reads it to you"
            )
            return
        if made.newest is None or found.published.number > made.newest.published.number:
            made.newest = found
    has = made.newest.published.number if made.newest else 0
    if has < known:
        made.in_the_way.append(
            f"publication {known} was made before this backup, here is {f'only {has}' if has else 'none'}: name the "
            "newest that any member has with --publication; it tells what was revoked and given out since"
        )


def differs(folders: content.Folders, newest: learn.Newest | None) -> list[str]:
    """What publishing the definition that is here would change: an old one takes back what was agreed since."""
    if newest is None:
        return []
    found = check.network(folders.network, folders.home.networks, places.known(folders.home))
    if found.federation is not None:
        return [str(one) for one in load.regional_wanted(found.federation.federation).violations]
    if found.definition is None:
        return [str(one) for one in found.violations]
    return [one.text for one in diff.changes(newest.published.definition, found.definition)]
