"""What openssl on a server says of a certificate and a list is read, whatever else it says."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from on_server.gateway import ends
from tests.harness import pki
from werkplaats.checks import lapse


@pytest.mark.parametrize(("days", "left"), [(90, 89), (-1, -2)])
def test_days_are_those_of_the_files_that_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, left: int
) -> None:
    authority = pki.Authority("gerda")
    (tmp_path / "gerda").mkdir()
    certificate = authority.station("een", ec.generate_private_key(ec.SECP256R1()).public_key())
    (tmp_path / "gerda" / "station.pem").write_bytes(certificate.public_bytes(pki.PEM))
    issued = pki.now() - datetime.timedelta(days=2) if days < 0 else None
    (tmp_path / "gerda" / "crl.pem").write_text(authority.crl(issued=issued, days=1 if days < 0 else days))
    monkeypatch.setattr(ends, "LOADED", str(tmp_path))
    done = subprocess.run(lapse.command("gerda"), capture_output=True, text=True, check=True)
    found = lapse.read(done.stdout)
    assert (found.certificate, found.revocations) == (178, left)
    assert ("has expired, and no peer is let in" in " ".join(found.wrong)) == (days < 0)


@pytest.mark.parametrize(
    ("ends", "late"),
    [
        (lapse.Ends(29, 39), 2),
        (lapse.Ends(30, 40, 180, 90), 0),
        (lapse.Ends(9, 13, 60, 30), 1),
        (lapse.Ends(10, 12, 60, 30), 1),
        (lapse.Ends(10, 13, 60, 30), 0),
        (lapse.Ends(0, 0, 0, 0), 0),
        (lapse.Ends(-1, -1, 0, 0), 2),
        (lapse.Ends(29, 39, 9999, 9999), 2),
    ],
)
def test_where_they_last_shorter_what_is_late_is_the_same_share_of_it(ends: lapse.Ends, late: int) -> None:
    """A network whose certificates last for minutes would never be well."""
    assert len(ends.wrong) == late


def test_a_server_without_them_tells_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "LOADED", str(tmp_path))
    done = subprocess.run(lapse.command("gerda"), capture_output=True, text=True, check=False)
    assert lapse.read(done.stdout) == lapse.Ends()


@pytest.mark.parametrize("said", ["", "notAfter", "notAfter=", "notAfter=x", "nextUpdate=NONE", "nextUpdate=\0"])
def test_whatever_else_is_said_is_no_moment(said: str) -> None:
    assert lapse.read(said) == lapse.Ends()
