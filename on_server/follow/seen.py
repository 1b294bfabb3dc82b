"""Whether there is anything to do: all sources have what is kept, and everything lies as the last run left it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from on_server.follow import places
from on_server.follow.places import Paths

NEWEST, LARGEST = "metadata/timestamp.json", 64 * 1024
_ROOT = re.compile(r"metadata/([0-9]{1,9})\.root\.json")


def news(paths: Paths, network: str) -> bool:
    """Whether a source has another publication than is kept, of a network or a member, and not plainly an older one."""
    return any(_news(paths.sources(of), kept) for of, kept in paths.publications(network).items())


def _news(sources: Iterable[Path], place: Path) -> bool:
    """A later root begins the numbers anew: what a thief of the key before counted says nothing beside it."""
    kept = places.read(place / NEWEST, LARGEST)
    later = root(newest_root(places.files(place)) + 1)
    for source in sources:
        found = places.read(source / NEWEST, LARGEST)
        if found and places.read(source / later, LARGEST):
            return True
        if found and found != kept and not 0 < version(found) < version(kept):
            return True
    return False


def root(number: int) -> str:
    """The name under which a root lies."""
    return f"metadata/{number}.root.json"


def is_root(name: str) -> bool:
    """Whether a root is what such a file of a publication is, whatever its number."""
    return name.endswith(".root.json")


def newest_root(names: Iterable[str]) -> int:
    """The number of the newest root among files of a publication; 0 of none."""
    return max((int(found[1]) for name in names if (found := _ROOT.fullmatch(name))), default=0)


def version(text: str | bytes) -> int:
    """How often the coordinator had said which publication is the newest, as somebody says; 0 of what does not tell."""
    try:
        found = places.document(text)["signed"]["version"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if type(found) is int else 0


def publication(kept: Mapping[str, str]) -> int:
    """The number of the publication that the newest word among its files names; 0 of what does not tell."""
    try:
        found = places.document(kept.get(NEWEST, ""))["signed"]["meta"]["snapshot.json"]["version"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if type(found) is int else 0


def state(paths: Paths, network: str) -> str:
    """A digest of everything that a run places or that decides what it places."""
    own, gateway = paths.networks / network, paths.at(f"/etc/werkplaats/gateway/compiled/networks/{network}")
    files = [paths.accepted(network), *paths.own_keys]
    files += [own / f"{name}.json" for name in ("network", "questions", "tables")]
    # Of a federation also what is kept of its home network, which is followed by itself.
    home = [paths.kept(paths.home(network))] if paths.home(network) else []
    folders = [*paths.publications(network).values(), *home, gateway]
    files += [path for folder in folders for path in places.files(folder).values()]
    found = hashlib.sha256()
    for path in files:
        content = path.read_bytes() if path.is_file() else b""
        found.update(f"{path} {len(content)}\n".encode() + content)
    return found.hexdigest()
