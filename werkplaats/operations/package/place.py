"""Place what an archive brought where this suite looks for it: engine, image, publication, definition.

Run by the installer (`install.py`), in the environment that it made, on copies that it compared with what is signed.
What is there already stays; each thing takes its place in one step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from base import errors, files
from network_topology import names
from publication import folder, publication, reading, verified
from stacks.engine import carried
from station_image.builder import images
from werkplaats.operations.coordinator import placing
from werkplaats.operations.home import places


def place(work: Path, network: str, root: str, home: Path) -> Iterator[str]:
    """Do it; yields what was done. Raises PublicationError, before anything is placed, for one that is no good."""
    brought = work / "network" / "publication"
    found = publication.read(brought, network, root=root)
    at = places.home(home)
    (packed,) = (work / "engine").iterdir()
    yield f"the engine is in {carried.bring(packed)}"
    yield f"the image of release {found.release.release} is in {images.bring(work / 'image', images.BUILD).folder}"
    yield from _own(work / "network" / "definition", at.networks / names.defined(network))
    yield from _own(work / "network" / "releases", at.releases)
    at.inventory(names.defined(network), Path()).mkdir(parents=True, exist_ok=True)
    yield _published(found, brought, at.publications / network)


def _published(found: verified.Verified, brought: Path, to: Path) -> str:
    """The publication, in place of one that was placed likewise and is older."""
    contents = {path.relative_to(brought).as_posix(): path.read_bytes() for path in sorted(brought.rglob("*.*"))}
    if folder.there(to):
        try:
            # Mostly it has ended by the time at which the next archive comes.
            there = publication.read(to, found.network, moment=reading.lately(folder.source(to)))
        except errors.RefusedError as error:
            return f"{to} is left as it is, and cannot be used: {error}"
        if there.number >= found.number:
            return f"{to} is left as it is: publication {there.number}"
    try:
        placing.write(to, contents, found.number)
    except errors.PublicationError as error:
        return f"{to} is left as it is: {error}"
    return f"publication {found.number} is in {to}"


def _own(brought: Path, to: Path) -> Iterator[str]:
    """Files that people have under git: one that is there already is theirs."""
    for path in sorted(path for path in brought.rglob("*") if path.is_file()):
        target = to / path.relative_to(brought)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write_atomically(target, path.read_bytes(), mode=0o644)
            yield f"{target} is placed"
        elif target.read_bytes() != path.read_bytes():
            yield f"{target} is left as it is: the archive has another one"


def main() -> int:
    """Place the copies in a folder: WORK NETWORK ROOT HOME."""
    work, network, root, home = sys.argv[1:]
    try:
        for line in place(Path(work), network, root, Path(home)):
            print(line, flush=True)
    except errors.WerkplaatsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return errors.DONE


if __name__ == "__main__":
    sys.exit(main())
