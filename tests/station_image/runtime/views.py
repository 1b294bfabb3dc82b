"""Networks in memory, for tests without processes."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.gateway import Gateway, said
from station_image.runtime.accepted.networks import Networks
from station_image.runtime.accepted.statement import StatementKey

PARTIES = ("n.a", "n.b", "n.c")


def certificate(name: str) -> x509.Certificate:
    """Of a gateway, for a key of its own: nothing here asks which CA signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(named, named, key.public_key(), 1, start, start.replace(year=2036))
    return builder.sign(key, hashes.SHA256())


def gateway(network: str, organisation: str, key: StatementKey, shown: x509.Certificate, serial: int = 1) -> Gateway:
    """What a station says of its gateway, signed with its statement key."""
    spki = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = key.sign(statement.GATEWAY_KEY, said(network, organisation, spki, serial))
    return Gateway(shown.public_bytes(Encoding.DER), serial, signature)


CERTIFICATES = {name: certificate(name) for name in (*PARTIES, "n.d")}
PRINTS = {name: Gateway(one.public_bytes(Encoding.DER), 1, "").fingerprint for name, one in CERTIFICATES.items()}


@dataclass
class Small:
    """Network n: a, b and c compute and contribute, d contributes. Each station has its own folder."""

    folder: Path
    keys: dict[str, StatementKey]
    alternates: Sequence[Sequence[str]] = ()

    @classmethod
    def make(cls, folder: Path, alternates: Sequence[Sequence[str]] = ()) -> Small:
        """`alternates`: other sets of computing parties."""
        small = cls(folder, {name: StatementKey(Ed25519PrivateKey.generate()) for name in PRINTS}, alternates)
        for name in PRINTS:
            small.write(name)
        return small

    def view(self, name: str) -> dict[str, Any]:
        rows = {
            other: {
                "organisation": other[2:],
                "contributes": True,
                "inbound": other != "n.d",
                "statement_key": base64.b64encode(key.public).decode(),
                "gateway_serial": 1,
            }
            for other, key in self.keys.items()
        }
        common: dict[str, Any] = {
            "network": "n",
            "definition": "sha256:0",
            "release": "dev",
            "coordinator": "n.a",
            "threshold": 1,
        }
        common["accepted"] = {"release": "sha256:1"}
        if self.alternates:
            common["computing_alternates"] = self.alternates
        return {**common, "self": name, "computing": list(PARTIES), "stations": rows}

    def gateway(self, name: str, **how: Any) -> Gateway:
        """What a station says of its gateway."""
        return gateway("n", name[2:], self.keys[name], CERTIFICATES[name], **how)

    def without(self, name: str, *others: str) -> dict[str, Any]:
        """What changes in the view of `name` once the keys of others are not accepted there any more."""
        rows = {other: row for other, row in self.view(name)["stations"].items() if other not in others}
        return {"stations": rows, "cut": {other: {"organisation": other[2:]} for other in others}}

    def write(self, name: str, /, **changes: Any) -> None:
        folder = self.folder / name / "n"
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in (
            (folder.parent / "host.json", {"gateway_uid": 7, "agent_uid": 5001, "computer_uid": 5002}),
            (folder / "gateway.json", self.gateway(name).document),
            (folder / "network.json", {**self.view(name), **changes}),
        ):
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(content))
            fresh.replace(path)

    def networks(self, name: str) -> Networks:
        return Networks(self.folder / name)
