"""Making a backup: one encrypted file of what an operator has of a network at one moment."""

from __future__ import annotations

from pathlib import Path

from base import canonical, errors, files
from werkplaats.operations.backup import box, content


def make(folders: content.Folders, file: Path) -> content.Content:
    """Write the backup, 0600 and whole or not at all; returns what is in it. The caller holds the network's lock.

    Raises UsageError where there is nothing to back up and for a file that exists or cannot be written, VaultError
    where a key in the vault does not open with the passphrase that is given.
    """
    if file.resolve().is_relative_to(folders.vault.folder.resolve()):
        raise errors.UsageError(f"{file} lies in the vault, and would be lost with it", "write it elsewhere")
    if file.exists():
        raise _taken(file)
    found = _found(folders)  # so that nobody is asked for a passphrase where there is nothing
    if not found.of(content.VAULT) and not found.of(content.INVENTORY):
        raise errors.UsageError(
            f"{folders.network} has neither vault nor inventory here",
            "name the home folder with --home, and the network as its operator calls it",
        )
    passphrase = folders.vault.carried_passphrase(new=True)
    with folders.vault.coordinating("backup make"):  # half a revocation in it would be none
        found = _found(folders)
    content.require_keys(found, passphrase)
    try:
        files.write_atomically(file, box.close(found.packed(), passphrase), mode=0o600, replace=False)
    except FileExistsError as error:
        raise _taken(file) from error
    except OSError as error:
        raise errors.UsageError(
            f"{file} cannot be written as a file that only you can read: {error.strerror}",
            "write it to a disk of this machine and copy it from there",
        ) from error
    return found


def _found(folders: content.Folders) -> content.Content:
    return content.Content(network=folders.network, made=canonical.stamp(canonical.now()), files=dict(folders.files()))


def _taken(file: Path) -> errors.UsageError:
    return errors.UsageError(f"{file} is there already", "give each backup a name of its own")
