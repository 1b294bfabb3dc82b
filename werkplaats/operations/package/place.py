"""Place what an archive brought where this suite looks for it: engine, image, publication, definition.

Run by the installer (`install.py`), in the environment that it made, on copies that it compared with what is signed.
Each thing takes its place in one step. A file of people's stays; one that an earlier archive placed, and that nobody
changed since, goes with the newer one, so what was placed is kept by digest.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from base import canonical, errors, files, values
from network_topology import names
from publication import folder, publication, reading, verified
from stacks.engine import carried
from station_image.builder import images
from werkplaats.operations import unusable
from werkplaats.operations.coordinator import placing
from werkplaats.operations.home import places


def place(work: Path, network: str, root: str, home: Path, kept: Path) -> Iterator[str]:
    """Do it; yields what was done.

    Raises PublicationError, before anything is placed, for one that is no good, RefusedError for an image that is none
    of the release that it names: who signs an archive signs for no release.

    `kept` is the file that says of what people have under git which was placed: path → SHA-256.
    """
    brought = work / "network" / "publication"
    found = publication.read(brought, network, root=root)
    require_image(work / "image", found)
    at = places.home(home)
    (packed,) = (work / "engine").iterdir()
    yield f"the engine is in {carried.bring(packed)}"
    yield f"the image of release {found.release.release} is in {images.bring(work / 'image', images.BUILD).folder}"
    placed = {str(name): str(digest) for name, digest in _kept(kept).items()}
    defined = at.networks / names.defined(network)
    yield from _own(work / "network" / "definition", defined, placed)
    yield from _withdrawn(work / "network" / "definition", defined, placed)
    yield from _own(work / "network" / "releases", at.releases, placed)
    files.write_atomically(kept, canonical.pretty(placed), mode=0o600)
    at.inventory(names.defined(network), Path()).mkdir(parents=True, exist_ok=True)
    yield _published(found, brought, at.publications / network)


def require_image(lies: Path, found: verified.Verified) -> None:
    """Raise RefusedError where what lies in a folder is not the image of the release that a publication names."""
    image, said = images.lying_in(lies), found.release
    if image is None:
        wrong = f"{lies} is no whole image of a station"
    elif image.image_id != said.image_id:
        wrong = f"{lies} is image {image.image_id}, and publication {found.number} names {said.image_id}"
    else:
        wrong = image.altered(verified.document(said))
    if wrong:
        raise errors.RefusedError(
            f"this is not the image of release {said.release}: {wrong}",
            "have the archive brought anew; where it is so again ask the coordinator, and use nothing of it",
        )


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


def _kept(kept: Path) -> dict[str, object]:
    return values.mapping(kept.read_bytes()) if kept.exists() else {}


def _own(brought: Path, to: Path, placed: dict[str, str]) -> Iterator[str]:
    """Files that people have under git: one that is there, and is not as it was placed, is theirs."""
    for path in sorted(path for path in brought.rglob("*") if path.is_file()):
        target, content = to / path.relative_to(brought), path.read_bytes()
        there = target.read_bytes() if target.exists() else None
        if there not in (None, content) and not _as_placed(target, placed):
            placed.pop(str(target), None)
            yield f"{target} is left as it is: the archive has another one"
            continue
        if there != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write_atomically(target, content, mode=0o644)
            yield f"{target} is placed"
        placed[str(target)] = hashlib.sha256(content).hexdigest()


def _withdrawn(brought: Path, to: Path, placed: dict[str, str]) -> Iterator[str]:
    """A question that an earlier archive had, and this one has not."""
    for target in [Path(name) for name in placed]:
        if target.is_relative_to(to) and not (brought / target.relative_to(to)).exists():
            if _as_placed(target, placed):
                target.unlink()
                yield f"{target} is taken away: the archive has it no more"
            del placed[str(target)]


def _as_placed(target: Path, placed: dict[str, str]) -> bool:
    return target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == placed.get(str(target))


def main() -> int:
    """Place the copies in a folder: WORK NETWORK ROOT HOME KEPT."""
    work, network, root, home, kept = sys.argv[1:]
    try:
        for line in place(Path(work), network, root, Path(home), Path(kept)):
            print(line, flush=True)
    except (errors.WerkplaatsError, OSError) as error:
        told = unusable.in_words(error, half_way=True) if isinstance(error, OSError) else error
        if told is None:
            raise
        print(told, file=sys.stderr)
        return told.exit_code
    return errors.DONE


if __name__ == "__main__":
    sys.exit(main())
