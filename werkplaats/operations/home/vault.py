"""The operator's vault: the only place of secrets, `$XDG_STATE_HOME/werkplaats/<network>`, 0700 with files 0600.

Private keys lie in it encrypted (PKCS 8 with a passphrase, `sealed`). The passphrase comes from the file that
WERKPLAATS_PASSPHRASE_FILE names, else from the file `passphrase` in the vault (which whoever makes a sandbox has
made with `make_passphrase`, since nobody is there to type one), else from a prompt.
"""

from __future__ import annotations

import getpass
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from base import errors, files
from werkplaats.operations.home import locks, sealed

PASSPHRASE_FILE = "WERKPLAATS_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable, no passphrase
PATIENCE_SECONDS = 20.0
SHORTEST_PASSPHRASE = 20  # some four words: what is tried costs memory and time, and short ones fall all the same


def ask_on_terminal(question: str, variable: str = PASSPHRASE_FILE) -> str:
    """Ask for a secret on the terminal; raises VaultError where there is none, and tells of the variable."""
    if not sys.stdin.isatty():
        raise errors.VaultError(
            f"{question} There is no terminal to ask on",
            f"put it in a file that only you can read and set {variable} to its path",
        )
    return getpass.getpass(f"{question} ")


def find(network: str, *, ask: Callable[[str], str] = ask_on_terminal) -> Vault:
    """The vault of a network, which is made where there is none."""
    return Vault(network, folder_of(network), ask=ask)


def folder_of(network: str) -> Path:
    """Where it lies, by the XDG Base Directory Specification: a relative XDG_STATE_HOME counts as unset."""
    if not network or network.startswith(".") or "/" in network:
        raise errors.UsageError(f"{network!r} is not the name of a network")
    home = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not home.is_absolute():
        home = Path.home() / ".local" / "state"
    return home / "werkplaats" / network


class Vault:
    """The secrets of one operator for one network: opening makes the folder, or refuses one that others can enter."""

    def __init__(self, network: str, folder: Path, *, ask: Callable[[str], str] = ask_on_terminal) -> None:
        self.network = network
        self.folder = folder
        self._ask = ask
        self._passphrase: bytes | None = None
        self._beside = False
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        refuse_open_to_others(folder, 0o700)

    def lock(self, purpose: str) -> locks.Lock:
        """The lock of this network for this operator; `purpose` is told to whoever finds it held."""
        return locks.Lock(self.folder / "lock", self.network, purpose)

    def coordinating(self, purpose: str) -> locks.Lock:
        """The lock of what a coordinator keeps: CA and keys, records, publication. Nobody waits for a server with it.

        A revocation takes this one alone: it waits for no run that changes servers, and for another of the
        coordinator's steps some seconds. So nobody is asked anything with it: see `ask_first`.
        """
        return locks.Lock(self.folder / "coordinator.lock", f"what the coordinator of {self.network} keeps", purpose,
                          PATIENCE_SECONDS)  # fmt: skip

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return (self.folder / name).exists()

    def read(self, name: str) -> bytes:
        """The content of a file; raises VaultError when it is missing or when others can read it."""
        path = self.folder / name
        if not path.exists():
            raise errors.VaultError(f"{path} does not exist", "restore the vault from its backup")
        refuse_open_to_others(path, 0o600)
        return path.read_bytes()

    def write(self, name: str, data: bytes, *, replace: bool = True) -> None:
        """Write a file as a whole or not at all; without `replace` an existing one is left alone (FileExistsError)."""
        files.write_atomically(self.folder / name, data, mode=0o600, replace=replace)

    def read_private_key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """Decrypt a private key; raises VaultError for a wrong passphrase or a damaged file.

        One that was kept by an earlier release, under a weaker derivation, is encrypted anew.
        """
        encrypted = self.read(name)
        try:
            key = serialization.load_pem_private_key(encrypted, self._known_passphrase(new=False))
        except (ValueError, TypeError) as error:
            self._passphrase = None
            raise errors.VaultError(
                f"{self.folder / name} does not open with this passphrase",
                f"give the right one, or name its file in {PASSPHRASE_FILE}",
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise errors.VaultError(f"{self.folder / name} is not an elliptic curve key", "restore it from the backup")
        if not sealed.strong(encrypted):
            self.write(name, self._sealed(key, new=False))
        return key

    def write_private_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Encrypt a private key and keep it; never over an existing one (FileExistsError)."""
        self.write(name, self._sealed(key, new=True), replace=False)

    def _sealed(self, key: ec.EllipticCurvePrivateKey, *, new: bool) -> bytes:
        passphrase = self._known_passphrase(new=new)
        return sealed.seal(key, passphrase, sealed.QUICK if self._beside else sealed.COST)

    def make_passphrase(self) -> None:
        """Make the file `passphrase`, unless there is one. Only for vaults that no person guards: sandboxes."""
        if not self.has("passphrase"):
            self.write("passphrase", secrets.token_urlsafe(32).encode() + b"\n", replace=False)

    def ask_first(self) -> None:
        """Have whoever sits at the terminal type the passphrase now, where there is anything that it opens.

        For before `coordinating`: a revocation does not wait for somebody who looks for a passphrase.
        """
        if sys.stdin.isatty() and any(self.folder.glob("*.key")):
            self._known_passphrase(new=False)

    def carried_passphrase(self, *, new: bool) -> bytes:
        """The passphrase of a backup: never the one that lies in the vault, which is lost with it."""
        return passphrase(f"the vault of {self.network}", self._ask, new=new)

    def _known_passphrase(self, *, new: bool) -> bytes:
        if self._passphrase is None:
            named = os.environ.get(PASSPHRASE_FILE)
            path = Path(named) if named else self.folder / "passphrase"
            self._beside = not named and path.exists()
            beside = path if self._beside else None
            self._passphrase = passphrase(f"the vault of {self.network}", self._ask, new=new, beside=beside)
        return self._passphrase


def passphrase(of: str, ask: Callable[[str], str], *, new: bool, beside: Path | None = None) -> bytes:
    """A passphrase: from the file that PASSPHRASE_FILE names, else from the one beside what it is `of`, else asked for.

    Raises VaultError for a `new` one that is too short.
    """
    named = os.environ.get(PASSPHRASE_FILE)
    path = Path(named) if named else beside
    found = read_secret(path, PASSPHRASE_FILE) if path else _typed_passphrase(of, ask, new=new)
    return _long_enough(found) if new else found


def _typed_passphrase(of: str, ask: Callable[[str], str], *, new: bool) -> bytes:
    typed = ask(f"Passphrase of {of}:")
    if new and ask("The same passphrase once more:") != typed:
        raise errors.VaultError("the two passphrases differ", "start again")
    return typed.encode()


def read_secret(path: Path, variable: str) -> bytes:
    """The secret in the file that a variable names; raises VaultError where none is, or others can read it."""
    what = "PIN" if "PIN" in variable else "passphrase"
    if not path.is_file():
        raise errors.VaultError(f"{path}, named by {variable}, is not a file", f"name the file of the {what}")
    refuse_open_to_others(path, 0o600)
    found = path.read_bytes().rstrip(b"\r\n")
    if not found:
        raise errors.VaultError(f"{path} is empty", f"put the {what} on its first line")
    return found


def _long_enough(found: bytes) -> bytes:
    if len(found) < SHORTEST_PASSPHRASE:
        raise errors.VaultError(f"the passphrase has {len(found)} characters", f"take at least {SHORTEST_PASSPHRASE}")
    return found


def refuse_open_to_others(path: Path, mode: int) -> None:
    """Raise VaultError where others on this machine can read what lies there, or where it is theirs."""
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise errors.VaultError(f"{path} belongs to user id {status.st_uid}, not to you", "use a vault of your own")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise errors.VaultError(
            f"{path} has mode {stat.S_IMODE(status.st_mode):04o}: others on this machine can read it",
            f"chmod {mode:o} {path}, and consider whether somebody did",
        )
