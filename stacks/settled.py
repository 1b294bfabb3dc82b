"""What a stack's last run left, where it ended well: a run that would change nothing need not start the engine.

The engine compares declared inputs with its state. Inputs equal to those of a run that ended well, by the same program,
on the state that it left, give no difference; whether reality still is as the state says, the caller asks the servers.
The note is gone before anything is changed, so a killed run leaves none.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path

import pydantic

from base import files

SOURCES = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Settled:
    """`plan`, `program` and `state` are digests; `organisations` and `identifiers` what the state had of each."""

    plan: str
    program: str
    state: str
    organisations: tuple[str, ...]
    identifiers: tuple[str, ...]


_FORM = pydantic.TypeAdapter(Settled)


def read(path: Path) -> Settled | None:
    """The note, None where there is none or it cannot be read: then the engine is asked."""
    try:
        return _FORM.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def write(path: Path, settled: Settled) -> None:
    """Leave the note, whole or not at all."""
    files.write_atomically(path, _FORM.dump_json(settled), mode=0o600)


def digest(content: bytes, *more: str) -> str:
    """SHA-256 in hexadecimal over a content and what else matters."""
    found = hashlib.sha256(content)
    for text in more:
        found.update(b"\0" + text.encode())
    return found.hexdigest()


def program(engine: str) -> str:
    """The digest of every stack program, as run by an engine of this version."""
    return digest(b"".join(_sources(SOURCES.rglob("*.py"))), engine)


def _sources(paths: Iterable[Path]) -> list[bytes]:
    return [str(path.relative_to(SOURCES)).encode() + path.read_bytes() for path in sorted(paths)]
