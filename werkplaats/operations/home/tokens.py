"""A holder's key on a token: a smart card or a USB key that signs itself, and gives the private half to nobody.

The file of such a key says which it is, in securesystemslib's words: `hsm:2?label=gerda-root`. What speaks to tokens is
a module of PKCS #11, and PYKCS11LIB names that, never the file: a module is a program that runs as whoever signs, and
the file may have been in other hands. The PIN comes from the file that WERKPLAATS_PIN_FILE names, else from a prompt;
it is tried once, since a token locks itself after a few wrong ones.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib import parse

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import HSMSigner, Signature

from base import errors
from publication import metadata
from werkplaats.operations.home import vault

MODULE, PIN_FILE = "PYKCS11LIB", "WERKPLAATS_PIN_FILE"
USUAL_ID = f"{HSMSigner.SCHEME_KEYID:02x}"
"""The id of the key for signatures on a card of PIV (slot 9c)."""
LARGEST = 1024
_FILE = re.compile(rb"hsm:([0-9]{1,100})\?label=([!-~]+)\n")
_TOLD = {
    "PinIncorrect": ("does not open with this PIN", "give the right one; after a few wrong ones a token locks itself"),
    "PinLocked": ("is locked after too many wrong PINs", "unlock it with its own tool, or have another holder sign"),
}

Ask = Callable[[str], str]
ask_on_terminal: Ask = functools.partial(vault.ask_on_terminal, variable=PIN_FILE)


class Signer(HSMSigner):
    """Signs with a key on a token. Raises VaultError where that fails, or where its halves do not belong together."""

    def sign(self, payload: bytes) -> Signature:
        """The signature of these bytes; asks for the PIN the first time."""
        with _in_sentences(str(self.token_label)):
            signature = super().sign(payload)
        try:
            self.public_key.verify_signature(signature, payload)
        except UnverifiedSignatureError as error:
            raise errors.VaultError(
                f"the token {self.token_label} signs with another key than the public half on it is of",
                "see with its own tool which keys it has, and remove what does not belong together",
            ) from error
        return signature

    @property
    def written(self) -> bytes:
        """The content of the file that names this key."""
        return f"{self.SCHEME}:{self.hsm_keyid}?{parse.urlencode({'label': self.token_label})}\n".encode()


def key_id(text: str) -> int:
    """The id of a key as tools of tokens write it, hexadecimal; raises ValueError for what is none."""
    if not re.fullmatch(r"([0-9a-fA-F]{2}){1,32}", text):
        raise ValueError(text)
    return int(text, 16)


def find(label: str, number: int, *, ask: Ask = ask_on_terminal) -> Signer:
    """The key with an id on the token of a label; it asks for the PIN only where the token shows no public halves.

    Raises UsageError where module, token or key is not there, or there twice, or is not of P-256.
    """
    secrets = functools.cache(lambda _: _pin(label, ask))
    with _in_sentences(label):
        _, public = HSMSigner.import_(number, label, secrets)
        metadata.key_fingerprint(public)
    return Signer(number, public, secrets, label)


def names_one(content: bytes) -> bool:
    """Whether the file of a key has none itself, but names one on a token."""
    return content.startswith(f"{HSMSigner.SCHEME}:".encode())


def read(path: Path, *, ask: Ask = ask_on_terminal) -> Signer:
    """The key on a token that a file names; raises UsageError as `find`, and where it says anything else."""
    with path.open("rb") as file:
        said = _FILE.fullmatch(file.read(LARGEST))
    label = parse.unquote_plus(said[2].decode()) if said else ""
    if said is None or not label.isprintable():
        raise errors.UsageError(f"{path} names no key on a token", "make it anew: `werkplaats trust root key --token`")
    return find(label, int(said[1]), ask=ask)


def _pin(label: str, ask: Ask) -> str:
    named = os.environ.get(PIN_FILE)
    if not named:
        return ask(f"PIN of the token {label}:")
    try:
        return vault.read_secret(Path(named), PIN_FILE).decode()
    except UnicodeDecodeError as error:
        raise errors.VaultError(f"{named} is not text", "put the PIN on its first line") from error


def _require_one(label: str) -> None:
    """Raise UsageError where not exactly one token has this label."""
    pkcs11, module = _library(), _module()
    try:
        tokens = pkcs11.lib(module).get_tokens(token_flags=pkcs11.TokenFlag.TOKEN_INITIALIZED)
        there = sorted(one.label for one in tokens)
    except pkcs11.PKCS11Error as error:
        raise errors.UsageError(
            f"{module}, named by {MODULE}, is no module that speaks to tokens: {_words(error)}",
            "name the one of your token's maker, or that of OpenSC",
        ) from error
    if label not in there:
        raise errors.UsageError(
            f"no token {label} is there, but {', '.join(map(repr, there)) or 'none at all'}",
            "put it in, or name the label that its own tool shows",
        )
    if there.count(label) > 1:
        raise errors.UsageError(f"{there.count(label)} tokens are called {label}", "leave only yours in, and try again")


def _library() -> ModuleType:
    try:
        import pkcs11  # here: it costs every command time and memory, and few people have a token
    except ImportError as error:
        raise errors.UsageError(
            f"what signs with tokens is not installed here: {error}", "run `make token` in this folder"
        ) from error
    return pkcs11


def _module() -> str:
    named = os.environ.get(MODULE, "")
    if not Path(named).is_file():
        raise errors.UsageError(
            f"{MODULE} is {named}, which is no file" if named else f"{MODULE} is not set: nothing speaks to your token",
            f"set {MODULE} to the path of its module, such as that of Debian's package opensc-pkcs11",
        )
    return named


@contextlib.contextmanager
def _in_sentences(label: str) -> Iterator[None]:
    """Do something with the one token of this label, and have what the libraries raise say what to do."""
    pkcs11 = _library()
    _require_one(label)
    try:
        yield
    except pkcs11.PKCS11Error as error:
        usual = f"does not answer as it should: {_words(error)}", "see whether its own tool still reads it"
        what, remedy = _TOLD.get(type(error).__name__, usual)
        raise errors.VaultError(f"the token {label} {what}", remedy) from error
    except ValueError as error:
        raise errors.UsageError(
            f"the token {label}: {error}", "name the id of a key of P-256 that its own tool shows, with --id"
        ) from error


def _words(error: Exception) -> str:
    return " ".join(filter(None, (type(error).__name__, str(error))))
