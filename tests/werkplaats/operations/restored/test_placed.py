"""Whose backup it is: the statement key in it is the one that everybody was told of its station, or nothing is done."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from base import errors
from on_server.backup import place
from publication import folder, publication
from tests.on_server.backup.station import STATION, Station
from werkplaats.operations.restored import placed
from werkplaats.operations.restored import station as stations


def pem(key: Any) -> bytes:
    none = serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none))


def backup(made: Station, key: bytes) -> stations.StationBackup:
    made.put(place.KEYS[0], key)
    return stations.opened(made.backup().read_bytes(), made.key, STATION, "kept.age")


def published(monkeypatch: pytest.MonkeyPatch, **identities: Any) -> Any:
    """A network of which this is published."""
    monkeypatch.setattr(folder, "there", lambda _: True)
    monkeypatch.setattr(publication, "last", lambda *_: SimpleNamespace(identities=identities))
    return SimpleNamespace(publication="published", name="gerda", trusted="kept")


def test_only_one_with_the_station_s_own_statement_key_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the attack gains: whoever has the public key makes a backup, and its keys become the station's."""
    made, own = Station.make(tmp_path), ed25519.Ed25519PrivateKey.generate()
    public = base64.b64encode(own.public_key().public_bytes_raw()).decode()
    network = published(monkeypatch, gelre=SimpleNamespace(statement_key=public))
    placed.require_own(network, "gelre", backup(made, pem(own)))
    others = (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))
    for content in (*map(pem, others), b"", b"none", pem(own).replace(b"PRIVATE", b"SECRET")):
        with pytest.raises(errors.RefusedError, match="another statement key than is published of gelre"):
            placed.require_own(network, "gelre", backup(made, content))


def test_where_nothing_is_published_of_it_nothing_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Station.make(tmp_path)
    placed.require_own(published(monkeypatch), "gelre", backup(made, b"none"))
    monkeypatch.undo()
    network: Any = SimpleNamespace(publication=tmp_path / "nowhere", name="gerda", trusted=tmp_path)
    placed.require_own(network, "gelre", backup(made, b"none"))
