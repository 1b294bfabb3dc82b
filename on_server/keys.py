"""Makes a station's keys and its certificate request on its own server; only public parts ever leave it.

The statement key signs the gateway's key, with a serial number that grows with each new one: other stations take a
gateway only with that signature, so that whoever signs certificates cannot give the station's name to another key.
Nobody takes a lower number than was seen: the next one is above what was signed last, what the accepted definition says
was seen, and what the caller found published. Another statement key begins at 1.

`werkplaats up` sends this program to a new server and runs it there alone, before anything else is done to the server;
the role `station_identity` does the same later, and by hand. So it makes the folders that it needs where they are not
there, with owner and mode as the role `station_folders` gives them. A key that is there is never replaced, but with
`--renew` the gateway's: then the one before stays beside it, until the gateway has loaded a certificate of the new one.

    keys.py [--renew] ORGANISATION NETWORK [STATEMENT_KEY NUMBER]     prints what was made, one a line
"""

from __future__ import annotations

import base64
import contextlib
import grp
import hashlib
import json
import operator
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = (0, 0)
OWNER, GROUP = "station", "station"  # who signs statements
NUMBERS = (5001, 5000)  # of that account and group on every server: here they may be wanted before the account is there
IDENTITY, STATE, ACCEPTED = "etc/werkplaats/identity", "var/lib/werkplaats/state", "etc/werkplaats/accepted"
LAST = 2**31 - 1  # the highest number that readers take
# What stands before what is signed. As `station_image.runtime.accepted` and `publication.identity` have it; a test
# holds them equal.
STATEMENT = b"datawerkplaats statement 1\ngateway key of a station\n"
FOLDERS = (
    ("etc/werkplaats", ROOT, 0o755),
    (IDENTITY, ROOT, 0o755),
    ("var/lib/werkplaats", ROOT, 0o755),
    (STATE, NUMBERS, 0o700),
)


class IdentityError(Exception):
    """A sentence: what is wrong with the key material, and what to do."""


def openssl(*words: str, owner: bool = False) -> bytes:
    """Run openssl and return what it printed; as who signs statements where its file lies in that account's folder."""
    user, group = NUMBERS if owner else (None, None)
    extra: list[int] | None = [] if owner else None
    try:
        answer = subprocess.run(
            ["openssl", *words],
            capture_output=True,
            check=False,
            user=user,
            group=group,
            extra_groups=extra,
            umask=0o077,
        )
    except FileNotFoundError as error:
        raise IdentityError("openssl is not installed; the role baseline installs it") from error
    if answer.returncode:
        raise IdentityError(f"`openssl {' '.join(words)}` failed: {answer.stderr.decode(errors='replace').strip()}")
    return answer.stdout


def fingerprint(der: bytes) -> str:
    """Return a fingerprint in the form that ssh shows: SHA256 and unpadded base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def der_of(pem: str) -> bytes:
    """Return the DER bytes of the first block of a PEM text."""
    body = pem.split("-----")[2]
    return base64.b64decode("".join(body.split()))


def raw_of(pem: str) -> bytes:
    """Return a statement key's 32 bytes: the last of an Ed25519 SubjectPublicKeyInfo (RFC 8410, section 4)."""
    return der_of(pem)[-32:]


def put(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as new:
        new.write(content)
        os.fchmod(new.fileno(), mode)
        os.fsync(new.fileno())
    Path(name).replace(path)


def require_own_numbers() -> None:
    """Raise IdentityError where the numbers of who signs statements are somebody else's, who could read the key."""
    users = {row.pw_name: row.pw_uid for row in pwd.getpwall()}
    groups = {row.gr_name: row.gr_gid for row in grp.getgrall()}
    for what, known, name, number in (("user", users, OWNER, NUMBERS[0]), ("group", groups, GROUP, NUMBERS[1])):
        if known.get(name, number) != number:
            raise IdentityError(f"{what} {name} has number {known[name]} and needs {number}; change it")
        if others := [other for other, one in known.items() if one == number and other != name]:
            raise IdentityError(f"number {number} is {what} {others[0]}'s and {what} {name} needs it; give it another")


class Identity:
    """The key material of one station on the server at `root`; `check` makes nothing and says what would be made.

    `published` is statement key → the number of the gateway key that is published under it, where that is known.
    """

    def __init__(
        self,
        organisation: str,
        network: str,
        published: Mapping[str, int] | None = None,
        *,
        root: Path = Path("/"),
        check: bool = False,
    ) -> None:
        self.root, self.check, self.published = root, check, published or {}
        folder = root / IDENTITY
        self.key, self.request, self.public = folder / "key.pem", folder / "request.pem", folder / "statement.pub"
        self.before = folder / "key-before.pem"
        self.signed = folder / "statement.json"
        self.statement = root / STATE / "statement.key"
        self.accepted = root / ACCEPTED / f"{network}.json"
        self.says = {"network": network, "organisation": organisation}
        # The coordinator takes only the public key out of a request: it shows people whose it is.
        self.names = {"CN": f"station-{organisation}", "OU": network, "O": "Datawerkplaats", "C": "NL"}
        self.made: list[str] = []

    def make(self) -> list[str]:
        """Make what is missing; returns what that was. Raises IdentityError."""
        require_own_numbers()
        if not self.check:
            self._folders()
        self._gateway()
        self._statements()
        if self.key.exists() and self.public.exists():
            self._sign_gateway_key()
        return self.made

    def renew(self) -> list[str]:
        """Make another gateway key, with its request and statement; returns what was made. Raises IdentityError.

        The key of the certificate that is in force is kept: without it the gateway could take no new list meanwhile.
        """
        if not self.key.exists():
            raise IdentityError(f"{self.key} is not there yet, so there is none to renew; `werkplaats up` makes it")
        if not self.before.exists():  # else the key before the last one, which had no certificate yet, is dropped
            put(self.before, self.key.read_bytes(), 0o600)
        self._new_gateway_key()
        return self.make()

    def _new_gateway_key(self) -> None:
        self.made.append("gateway key")
        if not self.check:
            put(self.key, openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), 0o600)

    def _folders(self) -> None:
        for name, (user, group), mode in FOLDERS:
            path = self.root / name
            if not path.exists():
                path.mkdir(mode=0o700, parents=True)
                os.chown(path, user, group)
                path.chmod(mode)

    def _gateway(self) -> None:
        """Make the gateway's key, and a request that belongs to it and bears the names."""
        if not self.key.exists():
            self._new_gateway_key()
            if self.check:
                return
        if not self._asked():
            self.made.append("request")
            if not self.check:
                subject = "".join(f"/{name}={value}" for name, value in reversed(self.names.items()))
                words = ("req", "-new", "-key", str(self.key), "-subj", subject, "-sha256")
                put(self.request, openssl(*words), 0o644)

    def _asked(self) -> bool:
        if not self.request.exists():
            return False
        words = ("req", "-in", str(self.request), "-noout", "-pubkey", "-subject", "-verify", "-nameopt", "RFC2253")
        shown = openssl(*words).decode()
        subject = ",".join(f"{name}={value}" for name, value in self.names.items())
        public = openssl("pkey", "-in", str(self.key), "-pubout").decode().strip()
        return public in shown and f"subject={subject}" in shown.splitlines()

    def _statements(self) -> None:
        """Make the key that signs statements, as the account that uses it.

        Its folder belongs to that account: root never writes there, a link laid in it would lead root elsewhere.
        """
        made = False
        try:
            found = self.statement.lstat()
        except FileNotFoundError:
            made = True
            self.made.append("statement key")
            if self.check:
                return
            new = self.statement.with_name(".statement.key.new")
            openssl("genpkey", "-algorithm", "ED25519", "-out", str(new), owner=True)
            move = ["mv", "--no-target-directory", str(new), str(self.statement)]
            subprocess.run(move, check=True, user=NUMBERS[0], group=NUMBERS[1], extra_groups=[])
            found = self.statement.lstat()
        if found.st_uid != NUMBERS[0] or found.st_mode & 0o177:
            raise IdentityError(
                f"{self.statement} must belong to {OWNER} alone (mode 0600); "
                "find out who changed it, then correct it or make a new key"
            )
        if made or not self.public.exists():
            public = openssl("pkey", "-in", str(self.statement), "-pubout", owner=True)
            if not made:
                self.made.append("statement.pub")
            if not self.check:
                put(self.public, public, 0o644)

    def _sign_gateway_key(self) -> None:
        """Sign the gateway's key where it is another one than was signed last, or another statement key signs now."""
        key = openssl("pkey", "-in", str(self.key), "-pubout", "-outform", "DER")
        content = self.says | {"gateway_key": hashlib.sha256(key).hexdigest()}
        whole = content | {"statement_key": base64.b64encode(raw_of(self.public.read_text())).decode()}
        before = self._signed()
        if whole.items() <= before.items():
            return
        self.made.append("statement of the gateway key")
        if self.check:
            return
        serial = self._number(whole["statement_key"], before)
        text = json.dumps(content | {"serial": serial}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        signature = base64.b64encode(self._sign(STATEMENT + text.encode())).decode()
        document = whole | {"serial": serial, "signature": signature} | self._renews(before)
        put(self.signed, json.dumps(document, sort_keys=True, indent=1).encode() + b"\n", 0o644)

    def _renews(self, before: dict[str, Any]) -> dict[str, int]:
        """Which number is in force until this one has a certificate, where its key was kept."""
        if not self.before.exists() or not before:
            return {}
        return {"renews": min(before["serial"], before.get("renews", before["serial"]))}

    def _signed(self) -> dict[str, Any]:
        """What was signed last, empty where nothing was; raises IdentityError for what is no such statement."""
        if not self.signed.exists():
            return {}
        with contextlib.suppress(ValueError, RecursionError, TypeError, KeyError, AttributeError):
            found = json.loads(self.signed.read_bytes())
            numbers = (found["serial"], found.get("renews", 1))
            if all(type(number) is int and 0 < number <= LAST for number in numbers):
                return dict(found)
        raise IdentityError(
            f"{self.signed} cannot be read; remove it and run this again: the gateway's key is signed anew, as a "
            "higher number than the accepted definition and the publication say was seen"
        )

    def _number(self, statement_key: str, before: dict[str, Any]) -> int:
        """The next number of a statement key."""
        last = before["serial"] if before.get("statement_key") == statement_key else 0
        highest = max(last, self._seen(statement_key), self.published.get(statement_key, 0))
        if highest < LAST:
            return highest + 1
        raise IdentityError(
            f"the statement key has signed a gateway key as number {LAST}, the last one that others take; remove "
            f"{self.statement} and {self.public} and run this again: the new statement key begins at 1, and people "
            "compare its fingerprint as they did at first"
        )

    def _seen(self, statement_key: str) -> int:
        """The highest number that was seen of a statement key of this station, as the accepted definition has it."""
        try:
            known = json.loads(self.accepted.read_bytes()).get("seen", {})
            seen = known.get(self.says["organisation"], {}).get(statement_key, 0)
            if 0 <= operator.index(seen) <= LAST:
                return int(seen)
        except FileNotFoundError:
            return 0
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise IdentityError(
            f"{self.accepted} cannot be read, and it tells which number others have seen; put it back from a backup, "
            "or remove it and run this again with the newest publication at hand"
        )

    def _sign(self, message: bytes) -> bytes:
        """The signature of the statement key: OpenSSL wants a file, and who signs must be able to read it."""
        path = self.signed.with_name(".statement.message")
        put(path, message, 0o644)
        try:
            words = ("pkeyutl", "-sign", "-rawin", "-inkey", str(self.statement), "-in", str(path))
            return openssl(*words, owner=True)
        finally:
            path.unlink()

    def fact(self) -> dict[str, str]:
        """Return the public parts; empty where check mode made nothing."""
        if not all(path.exists() for path in (self.key, self.request, self.public, self.signed)):
            return {}
        request, raw = self.request.read_text(), raw_of(self.public.read_text())
        return {
            "request_pem": request,
            "request_fingerprint": fingerprint(der_of(request)),
            "key_fingerprint": fingerprint(openssl("pkey", "-in", str(self.key), "-pubout", "-outform", "DER")),
            "statement_key": base64.b64encode(raw).decode(),
            "statement_fingerprint": fingerprint(raw),
            "statement": self.signed.read_text(),
        }


def main() -> int:
    """Make the keys of the station that the arguments name."""
    try:
        renew, (organisation, network, *published) = "--renew" in sys.argv, [w for w in sys.argv[1:] if w != "--renew"]
        known = {key: int(number) for key, number in zip(published[::2], published[1::2], strict=True)}
        own = Identity(organisation, network, known)
        made = own.renew() if renew else own.make()
    except IdentityError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.writelines(f"{one}\n" for one in made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
