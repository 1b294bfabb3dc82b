"""A backup as a file: a tar that `age` encrypts to the organisation's recipients, whole or not there at all.

    what was taken   files and folders, with names of their accounts and modes
    manifest.json    last: whose it is, of when, up to which entry of the register, the digest of every file

The recipients are public keys: this server cannot read what it wrote. Nothing is on a disk here unencrypted.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, cast

from on_server import disk
from on_server.backup import taken
from on_server.backup.taken import Row, TakeError

FORMAT, MANIFEST = 1, "manifest.json"
STAMP = "%Y%m%dT%H%M%SZ"
NAME = r"{}_[0-9]{{8}}T[0-9]{{6}}Z\.age"


def write(root: Path, settings: dict[str, Any], recipients: Path) -> dict[str, Any]:
    """Make a backup in the folder of `settings`, and remove those beyond what is kept; returns what is told of it.

    Raises TakeError, OSError.
    """
    folder, station, moment = Path(settings["to"]), settings["station"], time.time()
    if not folder.is_dir():
        raise TakeError(f"{folder} is not there; make that folder, or mount what belongs there")
    found = taken.rows(root, data=settings["data"])
    about = {
        "format": FORMAT,
        "station": station,
        "made": int(moment),
        "entries": taken.entries(found),
        "data": settings["data"],
        "files": {row.name: hashlib.sha256(row.content).hexdigest() for row in found if row.content is not None},
    }
    path = folder / f"{station}_{time.strftime(STAMP, time.gmtime(moment))}.age"
    part = path.with_name(f".{path.name}.part")
    for left in folder.glob(f".{station}_*.part"):
        left.unlink()
    try:
        _encrypt(part, [*found, Row(MANIFEST, 0o600, "root", "root", json.dumps(about).encode())], recipients, moment)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    disk.sync_folder(folder)
    for old in of(folder, station)[: -settings["keep"]]:
        old.unlink()
    return {**{name: about[name] for name in ("made", "entries", "data")}, "file": str(path),
            "bytes": path.stat().st_size}  # fmt: skip


def of(folder: Path, station: str) -> list[Path]:
    """The backups of a station in a folder, oldest first: no other file there is ours."""
    name = re.compile(NAME.format(re.escape(station)))
    return sorted(path for path in folder.iterdir() if name.fullmatch(path.name))


def pack(stream: IO[bytes], found: Iterable[Row], moment: float) -> None:
    """Write the tar."""
    with tarfile.open(fileobj=stream, mode="w|gz", format=tarfile.PAX_FORMAT) as tar:
        for row in found:
            member = tarfile.TarInfo(row.name)
            member.mode, member.uname, member.gname, member.mtime = row.mode, row.owner, row.group, moment
            if row.content is None:
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            else:
                member.size = len(row.content)
                tar.addfile(member, io.BytesIO(row.content))


def _encrypt(path: Path, found: Iterable[Row], recipients: Path, moment: float) -> None:
    """What was packed, encrypted, as a file that is on the disk when this returns."""
    command = ["age", "--encrypt", "--recipients-file", str(recipients)]
    with path.open("xb") as file:
        path.chmod(0o640)
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE)
        except FileNotFoundError as error:
            raise TakeError("there is no `age` on this server; `werkplaats up` installs it") from error
        to, errors = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stderr)
        with contextlib.suppress(BrokenPipeError), to:  # it says itself why it ended
            pack(to, found, moment)
        with errors:
            said = errors.read().decode(errors="replace").strip()
        if process.wait():
            raise TakeError(f"age does not encrypt it: {said}")
        os.fsync(file.fileno())
