#!/usr/bin/python3
"""Makes a station's keys and its certificate request on its own server; only public parts come back."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: station_identity
short_description: Make a station's gateway key, certificate request and statement key
description:
  - Gateway key ECDSA P-256, statement key Ed25519; both made here, neither ever leaves.
  - Returns the fact C(station_identity) with request_pem, request_fingerprint, key_fingerprint, statement_key and
    statement_fingerprint.
author: [datawerkplaats]
options:
  folder:
    description: Folder of the gateway key and the request.
    type: path
    required: true
  subject:
    description: Subject of the request as RFC 2253 text. The coordinator takes only the public key out of a request.
    type: str
    required: true
  statement_key:
    description: Path of the statement key.
    type: path
    required: true
  statement_owner:
    description: Account that signs statements.
    type: str
    required: true
"""


class IdentityError(Exception):
    """A sentence: what is wrong with the key material, and what to do."""


def openssl(*words: str, user: str | None = None, given: bytes = b"") -> bytes:
    """Run openssl and return what it printed; as another user where its file lies in that user's folder."""
    group = pwd.getpwnam(user).pw_gid if user else None
    extra: list[str] | None = [] if user else None
    command = ["openssl", *words]
    answer = subprocess.run(
        command, input=given, capture_output=True, check=False, user=user, group=group, extra_groups=extra, umask=0o077
    )
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


def put(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as new:
        new.write(content)
        os.fchmod(new.fileno(), mode)
        os.fsync(new.fileno())
    Path(name).replace(path)


def subject_argument(subject: str) -> str:
    """Turn `CN=a,OU=b,O=c,C=d` into openssl's `/C=d/O=c/OU=b/CN=a`."""
    parts = subject.split(",")
    if any("=" not in part or "/" in part or "\\" in part for part in parts):
        raise IdentityError(f"subject {subject!r} is not of the form CN=…,OU=…,O=…,C=…; compile the network again")
    return "/" + "/".join(reversed(parts))


class Identity:
    """The key material of one station."""

    def __init__(self, params: dict[str, Any], check: bool) -> None:
        folder = Path(params["folder"])
        self.key, self.request, self.public = folder / "key.pem", folder / "request.pem", folder / "statement.pub"
        self.statement, self.owner = Path(params["statement_key"]), str(params["statement_owner"])
        self.subject, self.check = str(params["subject"]), check
        self.changed: list[str] = []

    def gateway(self) -> None:
        """Make the gateway's key, and a request that belongs to it and bears the subject."""
        if not self.key.exists():
            self.changed.append("gateway key")
            if self.check:
                return
            made = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
            put(self.key, made, 0o600)
        wanted = openssl("pkey", "-in", str(self.key), "-pubout")
        if self.request.exists():
            shown = openssl(
                "req", "-in", str(self.request), "-noout", "-pubkey", "-subject", "-verify", "-nameopt", "RFC2253"
            ).decode()
            if wanted.decode().strip() in shown and f"subject={self.subject}" in shown.splitlines():
                return
        self.changed.append("request")
        if not self.check:
            words = ["req", "-new", "-key", str(self.key), "-subj", subject_argument(self.subject), "-sha256"]
            put(self.request, openssl(*words), 0o644)

    def statements(self) -> None:
        """Make the key that signs statements, as the account that uses it.

        Its folder belongs to that account: root never writes there, a link laid in it would lead root elsewhere.
        """
        made = False
        try:
            found = self.statement.lstat()
        except FileNotFoundError:
            made = True
            self.changed.append("statement key")
            if self.check:
                return
            new = self.statement.with_name(".statement.key.new")
            openssl("genpkey", "-algorithm", "ED25519", "-out", str(new), user=self.owner)
            subprocess.run(["mv", "--no-target-directory", str(new), str(self.statement)], check=True, user=self.owner)
            found = self.statement.lstat()
        if found.st_uid != pwd.getpwnam(self.owner).pw_uid or found.st_mode & 0o177:
            raise IdentityError(
                f"{self.statement} must belong to {self.owner} alone (mode 0600); "
                "find out who changed it, then correct it or make a new key"
            )
        if made or not self.public.exists():
            public = openssl("pkey", "-in", str(self.statement), "-pubout", user=self.owner)
            if "statement key" not in self.changed:
                self.changed.append("statement.pub")
            if not self.check:
                put(self.public, public, 0o644)

    def fact(self) -> dict[str, str]:
        """Return the public parts; empty where check mode made nothing."""
        if not (self.key.exists() and self.request.exists() and self.public.exists()):
            return {}
        request = self.request.read_text()
        # The raw key is the last 32 bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410, section 4).
        raw = der_of(self.public.read_text())[-32:]
        return {
            "request_pem": request,
            "request_fingerprint": fingerprint(der_of(request)),
            "key_fingerprint": fingerprint(openssl("pkey", "-in", str(self.key), "-pubout", "-outform", "DER")),
            "statement_key": base64.b64encode(raw).decode(),
            "statement_fingerprint": fingerprint(raw),
        }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "subject": {"type": "str", "required": True},
            "statement_key": {"type": "path", "required": True, "no_log": False},
            "statement_owner": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    identity = Identity(module.params, module.check_mode)
    try:
        identity.gateway()
        identity.statements()
        fact = identity.fact()
    except IdentityError as problem:
        module.fail_json(msg=str(problem))
    said = "made " + ", ".join(identity.changed) if identity.changed else "the station has its keys"
    module.exit_json(changed=bool(identity.changed), ansible_facts={"station_identity": fact}, msg=said)


if __name__ == "__main__":
    main()
