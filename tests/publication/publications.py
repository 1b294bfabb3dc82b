"""Publications made in memory: their root and release holders with keys, and each of them signs what a test wants."""

from __future__ import annotations

import copy
import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, TargetFile, Targets, Timestamp

from base import canonical
from publication import metadata, reading, trusted, verified, whole
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import roles

PLACE = PurePath("as it came")
Files = dict[str, bytes]


def signer() -> CryptoSigner:
    return CryptoSigner(ec.generate_private_key(ec.SECP256R1()))


def signers(number: int) -> list[CryptoSigner]:
    return [signer() for _ in range(number)]


@dataclasses.dataclass
class Maker:
    """Who publishes a network, with all keys; two of three holders sign for root and releases."""

    network: str = "proeftuin"
    authorities: tuple[str, ...] = ()
    root: list[CryptoSigner] = dataclasses.field(default_factory=lambda: signers(3))
    releases: list[CryptoSigner] = dataclasses.field(default_factory=lambda: signers(3))
    online: CryptoSigner = dataclasses.field(default_factory=signer)
    threshold: int = 2
    roots: tuple[bytes, ...] = ()
    targets_version: int = 1

    def __post_init__(self) -> None:
        self.sign_root(self.root[: self.threshold])

    @property
    def wanted(self) -> roles.Wanted:
        return roles.Wanted(
            tuple(one.public_key for one in self.root),
            self.threshold,
            tuple(one.public_key for one in self.releases),
            self.threshold if self.releases else 0,
            self.online.public_key,
            self.authorities,
        )

    def sign_root(self, by: list[CryptoSigner]) -> None:
        """The next root, of the keys that there are now."""
        self.roots = (*self.roots, signed(roles.root_of(self.network, self.wanted), len(self.roots) + 1, "root", by))

    def in_force(self, releases: Mapping[str, bytes], by: list[CryptoSigner] | None = None) -> roles.InForce:
        """What holders signed: `releases` by as many as must, or by these."""
        version = self.targets_version
        targets = signed(roles.targets_of(self.network, self.wanted), version, "targets", self.root[: self.threshold])
        named = {name: TargetFile.from_data(name, content, ["sha256"]) for name, content in releases.items()}
        by = self.releases[: self.threshold] if by is None else by
        of_releases = signed(roles.releases_of(self.network, named), version, "releases", by) if self.releases else None
        return roles.InForce(self.roots, targets, of_releases, dict(releases))

    def relayed(self, files: Mapping[str, bytes], number: int = 1, held: roles.InForce | None = None) -> Files:
        """A publication of these files, as whoever relays it has it: name → content."""
        releases = {name: content for name, content in files.items() if name.startswith("releases/")}
        held = held or self.in_force(releases)
        return publishing.assembled(held, files, number, canonical.now(), self.online)

    def resigned(self, made: Files, role: str, change: Any, by: list[CryptoSigner] | None = None) -> Files:
        """The same with a role's word changed (by a function of it) and signed anew, by who may or by these."""
        name = of(made, role)
        found: Metadata[Any] = Metadata.from_bytes(made[name])
        change(found.signed)
        default = self.root[: self.threshold] if role in ("root", "targets") else self.releases[: self.threshold]
        signs = by if by is not None else [self.online] if role in metadata.COORDINATORS else default
        return self.replaced(made, role, _bytes(found, signs))

    def replaced(self, made: Files, role: str, content: bytes) -> Files:
        """The same with these bytes as a role's word; whatever names their digest is signed anew by the coordinator."""
        made = {**made, of(made, role): content}
        if role not in ("root", "snapshot", "timestamp"):
            made = self.resigned(made, "snapshot", lambda one: _digest(one.meta[f"{role}.json"], content))
        if role == "snapshot":
            made = self.resigned(made, "timestamp", lambda one: _digest(one.snapshot_meta, content))
        return made


def _digest(meta: Any, content: bytes) -> None:
    fresh = type(meta).from_data(meta.version, content, ["sha256"])
    meta.length, meta.hashes = fresh.length, fresh.hashes


def _bytes(found: Metadata[Any], by: list[CryptoSigner]) -> bytes:
    found.signatures.clear()
    for one in by:
        found.sign(one, append=True)
    return found.to_bytes()


def signed(one: Root | Targets, version: int, role: str, by: list[CryptoSigner]) -> bytes:
    made = copy.copy(one)
    made.version, made.expires = version, canonical.now() + metadata.LIFETIMES[role]
    return _bytes(Metadata(made), by)


def of(made: Mapping[str, bytes], role: str) -> str:
    """The name under which a role's newest metadata lies."""
    if role == "timestamp":
        return reading.NEWEST
    found = [name for name in made if name.endswith(f".{role}.json") and name.startswith("metadata/")]
    return max(found, key=lambda name: int(name.removeprefix("metadata/").partition(".")[0]))


def whole_of(
    made: Mapping[str, bytes], network: str = "proeftuin", known: trusted.Trusted | None = None
) -> whole.Whole:
    return reading.read(made.get, PLACE, network, known)[0]


def verified_of(
    made: Mapping[str, bytes], network: str = "proeftuin", known: trusted.Trusted | None = None
) -> verified.Verified:
    """Read as `publication.read` does, out of memory."""
    return verified.verify(whole_of(made, network, known), canonical.now())


def put(folder: Path, made: Mapping[str, bytes]) -> Path:
    """Lay it in a folder, as whoever fetches it does."""
    for name, content in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def gathered(folder: Path) -> Files:
    """What lies in a folder."""
    place = folder.resolve()
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def named(made: Mapping[str, bytes], name: str) -> str:
    """The name with its digest under which a file lies."""
    head, slash, last = name.rpartition("/")
    (found,) = (one for one in made if one.startswith(f"targets/{head}{slash}") and one.endswith(f".{last}"))
    return found


def target(folder: Path, name: str) -> Path:
    """Where a file of the publication in a folder lies."""
    head, _, last = name.rpartition("/")
    (found,) = (folder / "targets" / head).glob(f"*.{last}")
    return found


def expired(made: Files, maker_online: CryptoSigner) -> Files:
    """The same, of which the coordinator said an hour ago for the last time that it is the newest."""
    found: Metadata[Timestamp] = Metadata.from_bytes(made[reading.NEWEST])
    found.signed.expires = canonical.now() - datetime.timedelta(hours=1)
    found.signed.version += 1
    return {**made, reading.NEWEST: _bytes(found, [maker_online])}
