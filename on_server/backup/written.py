"""A backup as a file: a tar that `age` encrypts to the organisation's recipients, whole or not there at all.

    what was taken   files and folders, with names of their accounts and modes
    manifest.json    last: whose it is, of when, up to which entry of the register, the digest of every file

The recipients are public keys: this server cannot read what it wrote. Nothing is on a disk here unencrypted.
"""

from __future__ import annotations

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
from typing import IO, Any

from on_server import disk
from on_server.backup import place, taken
from on_server.backup.taken import Row, TakeError

FORMAT = 1
STAMP = "%Y%m%dT%H%M%SZ"
NAME = r"{}_[0-9]{{8}}T[0-9]{{6}}Z\.age"


def write(root: Path, settings: dict[str, Any], recipients: Path) -> dict[str, Any]:
    """Make a backup in the folder of `settings`, and remove those beyond what is kept; returns what is told of it.

    One that is dated after it, by a clock that was ahead, is none of those until then. Raises TakeError, OSError.
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
    path = folder / name(station, moment)
    part = path.with_name(f".{path.name}.part")
    for left in folder.glob(f".{station}_*.part"):
        left.unlink()
    try:
        manifest = Row(place.MANIFEST, 0o600, "root", "root", json.dumps(about).encode())
        _encrypt(part, _packed([*found, manifest], moment), recipients)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    disk.sync_folder(folder)
    for old in [one for one in of(folder, station) if one <= path][: -settings["keep"]]:
        old.unlink()
    return {**{part: about[part] for part in ("made", "entries", "data")}, "file": str(path),
            "bytes": path.stat().st_size}  # fmt: skip


def name(station: str, moment: float) -> str:
    """What the file of a backup is called: later ones sort after it."""
    return f"{station}_{time.strftime(STAMP, time.gmtime(moment))}.age"


def of(folder: Path, station: str) -> list[Path]:
    """The backups of a station in a folder, oldest first: no other file there is ours."""
    ours = re.compile(NAME.format(re.escape(station)))
    return sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))


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


def _packed(found: Iterable[Row], moment: float) -> bytes:
    """The tar, once whoever restores it can read it: what could not be opened again takes no good one's place."""
    stream = io.BytesIO()
    pack(stream, found, moment)
    try:
        for _ in place.members(stream.getvalue()):
            pass
    except place.PlaceError as error:
        raise TakeError(f"what there is makes no backup that could be opened again: {error}") from error
    return stream.getvalue()


def _encrypt(path: Path, packed: bytes, recipients: Path) -> None:
    """What was packed, encrypted, as a file that is on the disk when this returns."""
    command = ["age", "--encrypt", "--recipients-file", str(recipients)]
    with path.open("xb") as file:
        path.chmod(0o640)
        try:
            done = subprocess.run(command, input=packed, stdout=file, stderr=subprocess.PIPE, check=False)
        except FileNotFoundError as error:
            raise TakeError("there is no `age` on this server; `werkplaats up` installs it") from error
        if done.returncode:
            raise TakeError(f"age does not encrypt it: {done.stderr.decode(errors='replace').strip()}")
        os.fsync(file.fileno())
