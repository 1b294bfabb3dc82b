"""Putting a backup back: never over a vault that is there, and never to a coordinator that forgot what it did since.

The CA's key comes last: until then whatever wants to sign says that the vault is to be restored.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from base import errors, files
from werkplaats.operations.backup import box, content
from werkplaats.operations.backup.planned import Plan
from werkplaats.operations.coordinator import authority, learn, ledger, placing, revocation, roles


def opened(folders: content.Folders, file: Path) -> content.Content:
    """What is in a backup of this network, once it was opened and every key in it; else raises VaultError."""
    try:
        sealed = file.read_bytes() if file.stat().st_size <= content.LARGEST else b""
    except OSError as error:
        raise errors.UsageError(f"{file} cannot be read: {error.strerror}", "name the file of a backup") from error
    passphrase = folders.vault.carried_passphrase(new=False)
    found = content.unpacked(box.unlock(sealed, passphrase, file), file)
    if found.network != folders.network:
        raise errors.VaultError(
            f"{file} is a backup of {found.network}, not of {folders.network}", "take the file of this network"
        )
    content.require_keys(found, passphrase)
    return found


def restore(folders: content.Folders, made: Plan) -> list[str]:
    """Do what was planned; returns in words what was learned of the publication. The caller holds the network's
    lock and the coordinator's.

    Raises VaultError where something is in the way, PublicationError as `learn` does; no key is restored then.
    """
    if made.in_the_way:
        raise errors.VaultError(
            "\n".join(made.in_the_way), "nothing was restored: see to that first, and run the same command again"
        )
    keys = sorted((name for name in made.writes if name.endswith(".key")), key=lambda name: ("/ca-" in name, name))
    for name in sorted(made.writes.keys() - set(keys)):
        _write(folders, made, name)
    learned = _learn(folders, made)
    for name in keys:
        _write(folders, made, name)
    return learned


def _write(folders: content.Folders, made: Plan, name: str) -> None:
    path, secret = folders.path(name), name.startswith(f"{content.VAULT}/")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if secret else 0o777)
    replace = not secret or path.name == revocation.IN_VAULT
    files.write_atomically(path, made.writes[name], mode=0o600 if secret else 0o644, replace=replace)


def _learn(folders: content.Folders, made: Plan) -> list[str]:
    if made.newest is None:
        return []
    generation = made.content.generation
    certificate = x509.load_pem_x509_certificate(made.content.of(content.VAULT)[f"ca-{generation}.pem"])
    own = authority.Authority(folders.vault, ledger.Records(folders.inventory), generation, certificate)
    learned = [*learn.learn(own, made.newest.published), *roles.Roles(own.vault, own.records).learn(made.newest.files)]
    if not folders.publication.exists():
        placing.write(folders.publication, made.newest.files, made.newest.published.number)
    return learned
