"""What is kept of an incident as evidence: a copy of what servers know, beside the record, with a list of digests.

Nothing that lies there is ever written over or removed by a program. A server that could not be asked is no reason not
to keep the others': why is known, and the next run asks it again.
"""

from __future__ import annotations

import collections
import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from base import canonical, errors, files, together, values
from on_server.incident import kept as program
from runbooks.framework import seen
from werkplaats.operations.reach import remote
from werkplaats.operations.reach.servers import UnreachableError

SUMS = "SHA256SUMS"
"""As sha256sum(1) reads it with --check."""
SECONDS = 300.0
LARGEST = 64 * 2**20
"""Bytes of one server's evidence, unpacked: whoever is root there may send what grows."""
MOST_ENTRIES = 200_000
"""The newest of a register, which are read here; all lie in the copy. A small line becomes much in memory."""


def folder(told: Path) -> Path:
    """Where the evidence of a record lies: beside it, by its name."""
    return told.with_suffix("")


def path(folder: Path, organisation: str) -> Path:
    """Where that of one server lies."""
    return folder / f"{organisation}.tar.gz"


def keep(remotes: remote.Remotes, organisations: Iterable[str], folder: Path) -> dict[str, str]:
    """Keep what is not kept yet; organisation → why not, of those that could not be asked.

    Raises RefusedError, before any is asked, where one that was kept is another one by now, or gone.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_as_listed(folder)
    wanted = [one for one in organisations if not path(folder, one).exists()]
    lost = dict(zip(wanted, together.each(lambda one: _one(remotes, one, folder), wanted), strict=True))
    _list(folder)
    return {organisation: why for organisation, why in lost.items() if why}


def _one(remotes: remote.Remotes, organisation: str, folder: Path) -> str:
    """Keep one server's; returns why not, or nothing. Raises UnmetError where it cannot be written here."""
    words = ["python3", "-IS", "-"]
    try:
        code, content, said = remotes.run(organisation, words, Path(program.__file__).read_bytes(), SECONDS)
    except UnreachableError as error:
        return seen.text(error)
    if code:
        return seen.text(said.decode(errors="replace")) or f"its program ended with {code}"
    try:
        files.write_atomically(path(folder, organisation), content, mode=0o600, replace=False)
    except OSError as error:
        raise errors.UnmetError(
            f"{path(folder, organisation)} cannot be written: {error}",
            "make room for it, and run the same command again",
        ) from error
    return ""


def sums(folder: Path) -> dict[str, str]:
    """File → digest, of all that is kept, as it lies there now."""
    found = sorted(one for one in folder.glob("*") if one.is_file() and one.name != SUMS and one.suffix == ".gz")
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in found}


def _list(folder: Path) -> None:
    """Write the list; a digest that stands there stays. Raises RefusedError where a file is another one by now."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in _require_as_listed(folder).items())
    files.write_atomically(folder / SUMS, lines.encode(), mode=0o600)


def _require_as_listed(folder: Path) -> dict[str, str]:
    """What is kept by now, with all that was listed as it was; RefusedError where it is not."""
    listed, found = read_list(folder), sums(folder)
    if changed := sorted(name for name, digest in listed.items() if found.get(name) != digest):
        raise errors.RefusedError(
            f"{folder}: {', '.join(changed)}: not as it was when it was kept",
            "put it back from the copy of this folder that was made elsewhere (no `werkplaats backup` has it), and ask "
            "who could write here",
        )
    return found


def read_list(folder: Path) -> dict[str, str]:
    """File → digest, as it was listed."""
    try:
        rows = [line.partition("  ") for line in (folder / SUMS).read_text().splitlines()]
    except FileNotFoundError:
        return {}
    return {name: digest for digest, _, name in rows}


def register(folder: Path, organisation: str) -> list[Mapping[str, Any]]:
    """The entries of a station's register as it was kept; none where it cannot be read: root there wrote it."""
    try:
        with gzip.open(path(folder, organisation)) as stream:
            unpacked = stream.read(LARGEST)
        # As a stream: what is in it is not unpacked once more, and nothing leads back to what was read.
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r|") as tar:
            about = next(one for one in tar if one.name == program.REGISTER)
            if not about.isreg() or about.issparse() or about.size > LARGEST:
                return []
            return [*collections.deque(_entries(cast(IO[bytes], tar.extractfile(about))), MOST_ENTRIES)]
    except Exception:  # a parser of hostile bytes: whatever it stops for, nothing is known of it
        return []


def _entries(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            entry = values.mapping(line)
            at = entry["at"]
            if type(at) is int and 0 <= at < canonical.now().timestamp() * 2:
                yield entry
        except (ValueError, KeyError):
            continue
