"""Whether there is anything to do: all sources have what is kept, and everything lies as the last run left it."""

from __future__ import annotations

import hashlib

from on_server.follow import places
from on_server.follow.places import Paths

NEWEST, LARGEST = "metadata/timestamp.json", 64 * 1024


def news(paths: Paths, network: str) -> bool:
    """Whether a source has another publication than is kept, and not plainly an older one.

    A later root begins the numbers anew: what a thief of the key before counted says nothing beside it.
    """
    kept = places.read(paths.kept(network) / NEWEST, LARGEST)
    later = f"metadata/{_roots(paths, network) + 1}.root.json"
    for source in paths.sources(network):
        found = places.read(source / NEWEST, LARGEST)
        if found and places.read(source / later, LARGEST):
            return True
        if found and found != kept and not 0 < version(found) < version(kept):
            return True
    return False


def _roots(paths: Paths, network: str) -> int:
    """The number of the newest root that is kept; 0 of none."""
    there = (path.name.partition(".") for path in (paths.kept(network) / "metadata").glob("*.root.json"))
    return max((int(number) for number, _, _ in there if number.isdecimal()), default=0)


def version(text: str | bytes) -> int:
    """How often the coordinator had said which publication is the newest, as somebody says; 0 of what does not tell."""
    try:
        found = places.document(text)["signed"]["version"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if type(found) is int else 0


def state(paths: Paths, network: str) -> str:
    """A digest of everything that a run places or that decides what it places."""
    own, gateway = paths.networks / network, paths.at(f"/etc/werkplaats/gateway/compiled/networks/{network}")
    files = [paths.accepted(network), *paths.own_keys]
    files += [own / f"{name}.json" for name in ("network", "questions", "tables")]
    files += [*places.files(paths.kept(network)).values(), *places.files(gateway).values()]
    found = hashlib.sha256()
    for path in files:
        content = path.read_bytes() if path.is_file() else b""
        found.update(f"{path} {len(content)}\n".encode() + content)
    return found.hexdigest()
