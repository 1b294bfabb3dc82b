"""What a backup holds: the files of an operator, for one network, that nobody can make again.

    vault        CA keys (in their own encryption too) and certificates, the list in force, pins of host keys, Pulumi's
                 state: without it the next `up` takes running stations for strangers, and makes them anew
    inventory    how servers are reached; the coordinator's records, with serials and numbers never to be given twice
    definition   definition and questions: they lie in git, and here for who has no other copy

Not in it: what a run leaves in passing, the publication (an old one is a trap: the newest comes from the members), and
what lies on servers: accepted definitions, keys, registers, data. Their owners back those up.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pydantic
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from base import canonical, errors
from network_topology import names
from publication import profile
from werkplaats.operations.home import places, vault

_PLACES = VAULT, INVENTORY, DEFINITION = "vault", "inventory", "definition"
PASSING = (
    *("run/*", "lock", "*.lock", "*.part", "publication", "publication/*", ".publication.*", "inventory/*"),
    *("stacks/*/.pulumi/backups/*", "stacks/*/.pulumi/history/*", "stacks/*/.pulumi/locks/*", "stacks/*/pulumi"),
    "incidents/*/*.tar.gz",  # copies of servers: with all of them a backup would be larger than any that is restored
)
"""Names in a vault that are no part of its backup, as patterns."""
LARGEST = 256 * 1024 * 1024
KNOWN_HOSTS = f"{VAULT}/ssh/known_hosts"
"""What is in it was held to the fingerprints of the inventory, so that another one does no harm."""
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where the files of one network lie at one operator, whether there are any or not."""

    network: str
    vault: vault.Vault
    home: places.Home

    @property
    def publication(self) -> Path:
        """Where the network's publication is made."""
        return self.home.publication(self.network, self.vault.folder)

    @property
    def inventory(self) -> Path:
        """Where inventory and records lie."""
        return self.home.inventory(self.network, self.vault.folder)

    def path(self, name: str) -> Path:
        """Where a file of a backup belongs."""
        place, _, rest = name.partition("/")
        return self._folders[place] / rest

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file that belongs into a backup: name → content."""
        for place, folder in self._folders.items():
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder).as_posix()
                passing = place == VAULT and any(fnmatch.fnmatchcase(name, one) for one in PASSING)
                if path.is_file() and not path.is_symlink() and not passing:
                    yield f"{place}/{name}", path.read_bytes()

    @property
    def _folders(self) -> dict[str, Path]:
        definition = self.home.networks / names.defined(self.network)
        return {VAULT: self.vault.folder, INVENTORY: self.inventory, DEFINITION: definition}


class Content(pydantic.BaseModel):
    """What a backup says, once its box is open; `files` by name as in `Folders`, `made` a moment."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    network: str
    made: str = pydantic.Field(pattern=canonical.STAMP)
    files: dict[str, bytes]

    @pydantic.field_validator("files")
    @classmethod
    def _names(cls, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        for name in files:
            path = PurePosixPath(name)
            place, *rest = path.parts or ("",)
            if path.as_posix() != name or place not in _PLACES or not rest or ".." in rest:
                raise ValueError(f"{name!r} is no place in a backup")
        return files

    def packed(self) -> bytes:
        """As it goes into the box."""
        return zlib.compress(self.model_dump_json().encode())

    def of(self, place: str) -> dict[str, bytes]:
        """The files of one place, by their names in it."""
        return {name.partition("/")[2]: data for name, data in self.files.items() if name.startswith(f"{place}/")}

    @property
    def authorities(self) -> dict[str, str]:
        """`ca-<generation>` → the fingerprint of its key."""
        found = {}
        for name, data in sorted(self.of(VAULT).items()):
            if fnmatch.fnmatchcase(name, "ca-*.pem"):
                key = profile.p256(x509.load_pem_x509_certificate(data).public_key())
                found[name.removesuffix(".pem")] = profile.key_fingerprint(key)
        return found

    @property
    def generation(self) -> int:
        """Of the newest CA; 0 where it never had one."""
        return max((int(name.removeprefix("ca-")) for name in self.authorities), default=0)

    @property
    def publication(self) -> int:
        """The number of the publication that was the last one; 0 before the first."""
        return self.highest("publications")

    def rows(self, name: str) -> list[list[str]]:
        """The records of a name, the words of each line."""
        lines = self.of(INVENTORY).get(f"{name}.txt", b"").decode().splitlines()
        return [line.split(" ") for line in lines if not line.startswith("#")]

    def highest(self, name: str) -> int:
        """The highest number in records of which the first word is one."""
        return max((int(row[0]) for row in self.rows(name)), default=0)

    def summary(self) -> list[str]:
        """What is in it, a line for each kind; holds no secret."""
        vault, inventory = self.of(VAULT), self.of(INVENTORY)
        lines = [f"{self.network}, of {self.made}: {len(self.files)} files"]
        for name, key in self.authorities.items():
            has = "its private key opens" if f"{name}.key" in vault else "its private key is not in it"
            lines.append(f"{name}: {key}, {has}")
        if self.generation:
            lines.append(
                f"records: publication {self.publication}, revocation list {self.highest('crl-numbers')}, "
                f"{len(self.rows('serials'))} certificates, {len(self.rows('revoked'))} revoked"
            )
        parts = {
            "how servers are reached": "servers.yml" in inventory,
            "pins of host keys": KNOWN_HOSTS in self.files,
            "Pulumi's state": any("/.pulumi/stacks/" in name for name in vault),
            "the definition": bool(self.of(DEFINITION)),
        }
        return [*lines, *(f"{what}: {'in it' if there else 'not in it'}" for what, there in parts.items())]


def unpacked(packed: bytes, place: object) -> Content:
    """What came out of a box; raises VaultError for what a later or a broken program made."""
    try:
        return Content.model_validate_json(zlib.decompress(packed))
    except (ValueError, zlib.error) as error:
        raise errors.VaultError(
            f"{place} holds no backup that this release knows: {error}", "use the release that made it"
        ) from error


def require_keys(found: Content, passphrase: bytes) -> list[str]:
    """Open every private key that is kept encrypted; returns their names.

    Raises VaultError for one that does not open: a backup that nobody can use is none.
    """
    files = found.of(VAULT)
    beside = files.get("passphrase", b"").rstrip(b"\r\n")
    encrypted = {name: data for name, data in sorted(files.items()) if data.startswith(_ENCRYPTED)}
    for name, data in encrypted.items():
        try:
            serialization.load_pem_private_key(data, beside or passphrase)
        except (ValueError, TypeError) as error:
            raise errors.VaultError(
                f"{name} of {found.network} does not open with this passphrase",
                "a backup has the passphrase of its vault, so that there is one to keep: give that",
            ) from error
    return list(encrypted)
