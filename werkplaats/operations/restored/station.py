"""A station's backup, at its operator: decrypted by the organisation's key, and held to what it says of itself.

`age` does the decrypting, with a key file of the organisation's that no server has. Nothing decrypted is written to a
disk here. A backup that was cut short or put together otherwise is none: its list of digests comes last in it.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pydantic
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as _Private

from base import errors, values
from on_server.backup import place as places
from on_server.backup import taken

LARGEST = 64 * 2**20
CUTS = f"{places.ETC}/cut.d/"


class _Manifest(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    format: int = pydantic.Field(ge=1, le=1)
    station: str
    made: int = pydantic.Field(ge=0, lt=253_402_300_800)
    entries: int = pydantic.Field(ge=0, lt=taken.MOST_ENTRIES)
    data: bool
    files: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class StationBackup:
    """One that opened and is whole; `digest` is its file's, `packed` the tar that was in it."""

    digest: str
    packed: bytes
    manifest: _Manifest
    allowed: tuple[str, ...]
    """Questions with an allowance in it, which a restore does not put back: `network~question`."""
    statement_key: str
    """The public half of the one in it, in base64; "" where there is none."""

    @property
    def made(self) -> datetime.datetime:
        """When it was made, by the server's clock."""
        return datetime.datetime.fromtimestamp(self.manifest.made, datetime.UTC)

    @property
    def moment(self) -> str:
        """The same in words."""
        return f"{self.made:%Y-%m-%d %H:%M} UTC"

    @property
    def hours(self) -> float:
        """Its age."""
        return (datetime.datetime.now(datetime.UTC) - self.made).total_seconds() / 3600

    @property
    def cuts(self) -> list[str]:
        """The peers that were cut off by then."""
        return sorted(name.removeprefix(CUTS) for name in self.manifest.files if name.startswith(CUTS))

    @property
    def lacks(self) -> list[str]:
        """What a station cannot begin without, and is not in it."""
        return [f"/{name}" for name in places.KEYS if name not in self.manifest.files]

    def summary(self) -> list[str]:
        """What is in it, a line for each kind; holds no secret."""
        one = self.manifest
        return [
            f"{one.station}, of {self.moment} ({self.hours:.0f} hours ago): {len(one.files)} files, whole",
            f"its register up to entry {one.entries}; {'with' if one.data else 'without'} data and results",
            f"allowances in it, which its steward gives anew: {', '.join(self.allowed) or 'none'}",
            f"peers that were cut off by then: {', '.join(self.cuts) or 'none'}",
        ]

    def after(self, organisation: str) -> list[str]:
        """What people do once it was put back."""
        return [
            f"{organisation} has forgotten what it answered after {self.moment}, and takes part in no question until "
            "its steward says so, on its server:",
            '  station went-back --reason "WHY"',
            "  then the stewards of the other computing parties agree, by the digest that it shows",
            f"  each question is allowed anew; in the backup were allowances of: {', '.join(self.allowed) or 'none'}",
            f"  peers that were cut off: {', '.join(self.cuts) or 'none'}; who was cut off after the backup is let in "
            "again until station-cut says so anew",
        ]


def opened(sealed: bytes, identity: Path, station: str, place: object) -> StationBackup:
    """A backup of `station`, opened with the key file `identity`.

    Raises UsageError without `age` or key, VaultError for what does not open, is not whole, or is another station's.
    """
    if not identity.is_file():
        raise errors.UsageError(f"{identity} is not there", "name the key file that `age-keygen` made")
    packed = _decrypted(sealed, identity, place)
    try:
        manifest, allowed, statement_key = _read(packed)
    except (places.PlaceError, ValueError) as error:
        raise errors.VaultError(
            f"{place} is no whole backup of a station: {' '.join(str(error).split())[:200]}", "take another one"
        ) from error
    if manifest.station != station:
        raise errors.VaultError(
            f"{place} is a backup of {manifest.station}, not of {station}", f"take one of {station}"
        )
    return StationBackup(hashlib.sha256(sealed).hexdigest(), packed, manifest, allowed, statement_key)


def _decrypted(sealed: bytes, identity: Path, place: object) -> bytes:
    command = ["age", "--decrypt", "--identity", str(identity)]
    try:
        done = subprocess.run(command, input=sealed, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise errors.UsageError("there is no `age` on this machine", "apt-get install age") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise errors.VaultError(
            f"{place} does not open with {identity}: {errors.printable(said)}",
            "give the key file that belongs to a recipient in servers.yml; where that is right take another backup",
        )
    return done.stdout


def _read(packed: bytes) -> tuple[_Manifest, tuple[str, ...], str]:
    """What a tar says of itself, once every file in it is the one that it says. Raises ValueError, PlaceError."""
    found: dict[str, str] = {}
    last, text, allowed, key = "", b"", [], ""
    for about, content in places.members(packed):
        last = about.name
        if last == places.MANIFEST:
            text = content
        elif about.isreg():
            found[last] = hashlib.sha256(content).hexdigest()
            key = _public(content) if last == places.KEYS[0] else key
            if last.startswith(places.ALLOWANCES) and "~" in last:
                allowed.append(Path(last).stem)
    if last != places.MANIFEST:
        raise ValueError("it is cut short")
    manifest = _Manifest.model_validate(values.parsed(text))
    if manifest.files != found:
        raise ValueError("its files are not those that it lists")
    return manifest, tuple(sorted(allowed)), key


def _public(pem: bytes) -> str:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except Exception:  # a parser of hostile bytes: whatever it stops for, it is no statement key
        return ""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode() if isinstance(key, _Private) else ""
