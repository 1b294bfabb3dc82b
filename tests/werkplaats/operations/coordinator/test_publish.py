from __future__ import annotations

import datetime
import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from base import canonical, errors
from publication import identity, publication, revocations, verified
from tests.publication import publications
from tests.publication.published import RELEASES, release
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import revocation, roles

DAY = datetime.timedelta(days=1)
Approve = Callable[..., identity.Identity]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "publications" / "proeftuin"


@pytest.fixture
def publish(coordinator: Any, folder: Path) -> Callable[..., verified.Verified]:
    folder.parent.mkdir()

    def do(moment: datetime.datetime | None = None, releases: Mapping[str, Any] = RELEASES) -> verified.Verified:
        return publishing.publish(folder, coordinator.definition, releases, coordinator.authority, moment)

    return do


def test_a_publication_can_be_read_by_everybody_and_holds_no_secret(
    publish: Callable[..., Any], folder: Path, approve: Approve
) -> None:
    approve("ggd")
    before = os.umask(0o077)
    try:
        publish()
    finally:
        os.umask(before)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {re.sub(r"[0-9a-f]{64}\.", "", name) for name in names} == {
        *("targets/ca.pem", "targets/crl.pem", "targets/definition.json"),
        *("targets/identities/ggd.json", "targets/releases/dev.json"),
        *("metadata/1.root.json", "metadata/1.targets.json", "metadata/1.releases.json", "metadata/1.network.json"),
        *("metadata/1.snapshot.json", "metadata/timestamp.json"),
    }
    for path in [folder.resolve(), *folder.resolve().rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)
        assert path.is_dir() or b"PRIVATE" not in path.read_bytes()


def test_what_holders_signed_is_published_as_they_signed_it_whatever_line_ends_git_made_of_it(
    publish: Callable[..., Any], coordinator: Any, folder: Path, approve: Approve
) -> None:
    """The coordinator was told that a file is missing, and to fetch what that machine makes itself."""
    first, before = publish(), folder.resolve()
    own = roles.Roles(coordinator.authority.vault, coordinator.authority.records)
    signed = list(own.folder.rglob("*.json"))
    assert len(signed) > 3
    for path in signed:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert publish() == first
    assert folder.resolve() == before
    approve("ggd")
    assert publish().holders == first.holders
    assert set(publication.read(folder, "proeftuin").identities) == {"ggd"}


def test_where_nothing_changed_nothing_is_published(
    publish: Callable[..., Any], folder: Path, approve: Approve
) -> None:
    approve("ggd")
    first, before = publish(), folder.resolve()
    assert publish() == first
    assert folder.resolve() == before
    approve("ziekenhuis")
    assert publish().number == 2


def test_numbers_go_on_when_the_folder_was_lost(publish: Callable[..., Any], folder: Path) -> None:
    publish()
    shutil.rmtree(folder.resolve())
    folder.unlink()
    assert publish().number == 2


def test_a_fresher_revocation_list_makes_a_new_publication(publish: Callable[..., Any]) -> None:
    first = publish()
    second = publish(canonical.now() + 31 * DAY)
    assert second.number == 2
    assert revocations.number(second.revocations) == revocations.number(first.revocations) + 1


def test_a_revoked_certificate_is_published_no_more(
    coordinator: Any, publish: Callable[..., Any], approve: Approve
) -> None:
    serial = approve("ggd").station_certificate.serial_number
    approve("ziekenhuis")
    publish()
    revocation.revoke(coordinator.authority, serial)
    found = publish()
    assert set(found.identities) == {"ziekenhuis"}
    assert found.revocations.get_revoked_certificate_by_serial_number(serial)


def test_a_release_that_is_not_there_is_not_published(publish: Callable[..., Any], folder: Path) -> None:
    with pytest.raises(errors.PublicationError, match=r"definition.json names release dev, which is not in releases/"):
        publish(releases={"1.0.0": release("1.0.0")})
    assert not folder.exists()


def test_a_damaged_publication_is_mended_by_publishing(publish: Callable[..., Any], folder: Path) -> None:
    publish()
    publications.target(folder, "ca.pem").unlink()
    assert publish().number == 2
    assert publication.read(folder, "proeftuin").number == 2
