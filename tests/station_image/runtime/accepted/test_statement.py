"""Statement keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from station_image.runtime.accepted.statement import StatementError, StatementKey


def test_a_statement_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "statement.key"
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o640)
    with pytest.raises(StatementError, match="others can read"):
        StatementKey.read(path)
    path.chmod(0o600)
    assert len(StatementKey.read(path).public) == 32
    path.write_text("no key")
    with pytest.raises(StatementError, match="no readable"):
        StatementKey.read(path)
