"""What a reader keeps of a publication, so that it goes back to nothing older: the metadata that it read whole.

One file, which takes its place in one step: whenever the reader is killed, the old or the new is there. It begins with
the root that people accepted by its fingerprint, and no root of before it; whoever has none believes the root that lies
beside the files. Where people accepted another root, what was read under the one before is kept too: they may go back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors, files, values


@dataclasses.dataclass(frozen=True)
class Trusted:
    """`roots`: the chain of roots, the oldest first; `metadata`: role → the one that was read last; `crl` likewise.

    `earlier`: the same of other roots that were accepted before this one, the latest first.
    """

    roots: tuple[bytes, ...]
    metadata: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    crl: bytes = b""
    earlier: tuple[Trusted, ...] = ()

    @property
    def each(self) -> tuple[Trusted, ...]:
        """This one and those of before, each alone."""
        return (dataclasses.replace(self, earlier=()), *self.earlier)


def load(path: Path) -> Trusted | None:
    """What was kept; None where nothing was. Raises PublicationError where it cannot be read."""
    if not path.exists():
        return None
    try:
        found = values.mapping(path.read_bytes())
        return dataclasses.replace(_of(found), earlier=tuple(map(_of, found.get("earlier", ()))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.PublicationError(
            f"{path} is not what was read before, so an older publication would not be seen: {error}",
            "restore it from the backup; without one remove it, and accept the root again by its fingerprint",
        ) from error


def save(path: Path, known: Trusted) -> None:
    """Keep it in place of what was kept."""
    document = {**_document(known), "earlier": [_document(one) for one in known.earlier]}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_atomically(path, canonical.pretty(document), mode=0o600)


def _of(document: Mapping[str, Any]) -> Trusted:
    roots = tuple(str(one).encode() for one in document["roots"])
    return Trusted(
        roots, {name: text.encode() for name, text in document["metadata"].items()}, document["crl"].encode()
    )


def _document(known: Trusted) -> dict[str, Any]:
    return {
        "roots": [one.decode() for one in known.roots],
        "metadata": {name: content.decode() for name, content in known.metadata.items()},
        "crl": known.crl.decode(),
    }
