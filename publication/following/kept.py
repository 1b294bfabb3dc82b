"""A publication as a server keeps it: laid anew of what was read, so that it is passed on, and nothing older is taken.

It has the form in which a publication lies anywhere, and is read again like any other: the roots in it begin with the
one that the server's operator accepted.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root

from base import errors
from publication import metadata, reading, trusted
from publication.metadata import ROOT, TIMESTAMP
from publication.whole import FETCH

_CRL = ".crl.pem"


def laid(known: trusted.Trusted, files: Mapping[str, bytes]) -> dict[str, str]:
    """Name → text of every file of the publication of which this was read. All of them are texts."""
    found = {f"metadata/{_version(content)}.{ROOT}.json": content for content in known.roots}
    for role, content in known.metadata.items():
        if role != ROOT:
            found[f"metadata/{TIMESTAMP}.json" if role == TIMESTAMP else _named(role, content)] = content
    for name, content in files.items():
        found[reading.path_of(name, hashlib.sha256(content).hexdigest())] = content
    return {name: content.decode() for name, content in found.items()}


def read(folder: Path) -> trusted.Trusted:
    """What is known of the publication that was laid in a folder. Raises PublicationError where there is none."""
    found = known(
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    )
    if found is None:
        raise missing()
    return found


def known(laid_before: Mapping[str, bytes]) -> trusted.Trusted | None:
    """What is known of a publication that was laid; None of nothing. Raises PublicationError where it is none.

    Each root is signed as the one before it says: whoever could write here cannot have another root taken for one that
    follows from the accepted one.
    """
    if not laid_before:
        return None
    try:
        roots = sorted((_version(content), content) for name, content in laid_before.items() if _is_of(name, ROOT))
        chain = tuple(content for _, content in roots)
        _require_chain(chain)
        roles = {
            role: content
            for role in metadata.ROLES
            for name, content in laid_before.items()
            if role != ROOT and _is_of(name, role)
        }
        (crl,) = (content for name, content in laid_before.items() if name.endswith(_CRL))
    except (exceptions.RepositoryError, ValueError, KeyError) as error:
        raise errors.PublicationError(
            f"what this server keeps of the publication is no publication: {error}", "run `werkplaats up` for it"
        ) from error
    return trusted.Trusted(chain, {**roles, ROOT: chain[-1]}, crl)


def _require_chain(chain: tuple[bytes, ...]) -> None:
    roots = [Metadata[Root].from_bytes(content) for content in chain]
    if not roots:
        raise ValueError("it has no root")
    for before, after in itertools.pairwise(roots):
        if after.signed.version != before.signed.version + 1:
            raise ValueError(f"root {after.signed.version} follows {before.signed.version}")
        for by in (before, after):
            by.signed.verify_delegate(ROOT, after.signed_bytes, after.signatures)


def _is_of(name: str, role: str) -> bool:
    return name == f"metadata/{TIMESTAMP}.json" if role == TIMESTAMP else name.endswith(f".{role}.json")


def _named(role: str, content: bytes) -> str:
    return f"metadata/{_version(content)}.{role}.json"


def _version(content: bytes) -> int:
    found: Metadata[Any] = Metadata.from_bytes(content)
    return int(found.signed.version)


def missing() -> errors.PublicationError:
    """What is said where the operator has brought none yet: the first is never taken from whoever relays."""
    return errors.PublicationError("no publication was brought here yet", f"run `werkplaats up`; {FETCH}")
