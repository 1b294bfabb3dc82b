"""The file that is handed over: a folder or a tar file, which anybody may have made."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from base import errors
from publication import publication, reading
from tests.werkplaats.operations.join.conftest import Published, entry, packed
from werkplaats.operations.join import brought

ROOT = reading.FIRST


@pytest.mark.parametrize("above", ["", "gerda", "network/publication"])
def test_a_tar_file_is_the_folder_that_was_packed(handed_over: Published, tmp_path: Path, above: str) -> None:
    file = packed(handed_over.folder, tmp_path / "handed.tar", above)
    with tarfile.open(file, "a") as archive:
        entry(archive, ".DS_Store", b"\0")
        entry(archive, "station/image.tar", b"another file of the archive")
    with brought.opened(file) as found, brought.opened(handed_over.folder) as folder:
        assert found.network == folder.network == "proeftuin"
        assert found.contents() == folder.contents()
        assert publication.read(found.folder, "proeftuin").number == 1


def _link(archive: tarfile.TarFile) -> None:
    entry(archive, "metadata/timestamp.json", type=tarfile.SYMTYPE, linkname="/etc/shadow")


def _headers(archive: tarfile.TarFile) -> None:
    """A name for the next file, which is a name for the next one, and so on."""
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2
    for _ in range(3000):
        archive.addfile(member, io.BytesIO(b"x\0"))


def _both(archive: tarfile.TarFile) -> None:
    entry(archive, "targets/a")
    entry(archive, "targets/a/b")


Hostile = Callable[[tarfile.TarFile], None]
HOSTILE: dict[str, tuple[Hostile, str]] = {
    "a link": (_link, "has something in it that is no file: 'metadata/timestamp.json'"),
    "a hard link": (
        lambda archive: entry(archive, "x", type=tarfile.LNKTYPE, linkname="../../x"),
        "has something in it that is no file: 'x'",
    ),
    "a device": (lambda archive: entry(archive, "x", type=tarfile.CHRTYPE), "that is no file: 'x'"),
    "a path above": (lambda archive: entry(archive, "metadata/../../x", b"x"), "leads out of it: 'metadata/../../x'"),
    "a path from the root": (lambda archive: entry(archive, "/etc/cron.d/x", b"x"), "leads out of it: '/etc/cron.d/x'"),
    "two publications": (lambda archive: entry(archive, f"other/{ROOT}", b"x"), "has 2 publications in it"),
    "a name as long as a disk": (
        lambda archive: entry(archive, "x" * 10_000),
        "cannot be read as a tar file: something in it says of itself that it is 10240 bytes long",
    ),
    "names for names": (_headers, "cannot be read as a tar file"),
    "a name that no disk takes": (
        lambda archive: entry(archive, f"targets/{'a' * 300}"),
        "cannot be unpacked: File name",
    ),
    "a file that is a folder as well": (_both, "cannot be unpacked: "),
    "a large file": (
        lambda archive: entry(archive, "targets/x", bytes(reading.LARGEST_FILE + 1)),
        "is larger than a publication may be, at 'targets/x'",
    ),
}


@pytest.mark.parametrize(("hostile", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_tar_file_that_somebody_made_up_is_refused_whole(
    handed_over: Published, tmp_path: Path, hostile: Hostile, said: str
) -> None:
    file = packed(handed_over.folder, tmp_path / "handed.tar")
    with tarfile.open(file, "a") as archive:
        hostile(archive)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(errors.PublicationError, match=said), brought.opened(file):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_more_names_than_anybody_packs_are_not_gone_through(
    handed_over: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = packed(handed_over.folder, tmp_path / "handed.tar")
    monkeypatch.setattr(brought, "MOST", 5)
    with pytest.raises(errors.PublicationError, match="more than 5 names"), brought.opened(file):
        pass


def test_what_somebody_put_into_the_folder_is_not_taken_without_end(
    handed_over: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stick"
    shutil.copytree(handed_over.folder, folder)
    (folder / "targets" / "z").write_bytes(bytes(reading.LARGEST_FILE))
    with brought.opened(folder) as found:
        assert "targets/z" in found.contents()
        monkeypatch.setattr(reading, "LARGEST_WHOLE", reading.LARGEST_FILE // 2)
        with pytest.raises(errors.PublicationError, match=f"{folder} is larger than a publication may be, at 'targets"):
            found.contents()


def _compressed(file: Path) -> None:
    with tarfile.open(file, "w:gz") as archive:
        entry(archive, ROOT, b"{}")


def _other(text: bytes) -> Callable[[Path], object]:
    def write(file: Path) -> None:
        with tarfile.open(file, "w") as archive:
            entry(archive, ROOT, text)

    return write


NONE = {
    "a letter": (lambda file: file.write_text("Geachte heer"), "cannot be read as a tar file"),
    "nothing": (lambda file: file.write_bytes(b""), "cannot be read as a tar file"),
    "compressed": (_compressed, "cannot be read as a tar file"),
    "a tar file of anything": (lambda file: packed(file.parent, file), "has no publication in it"),
    "no root": (_other(b"{}"), "is no publication of a network"),
    "no network": (_other(b'{"signed": {"x-network": "../x"}}'), "does not say of which network it is"),
    "a folder": (lambda file: file.mkdir(), "is no publication of a network"),
}


@pytest.mark.parametrize(("make", "said"), NONE.values(), ids=NONE)
def test_what_is_no_publication_is_named_with_where_to_get_one(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    file = tmp_path / "handed"
    make(file)
    with pytest.raises(errors.PublicationError, match=f"{said}.*; ask the coordinator"), brought.opened(file):
        pass


def test_what_is_wrong_in_a_tar_file_is_said_of_that_file(handed_over: Published, tmp_path: Path) -> None:
    (newest,) = handed_over.folder.glob("targets/*.definition.json")
    copy = tmp_path / "copy"
    for path in handed_over.folder.resolve().rglob("*.*"):
        to = copy / path.relative_to(handed_over.folder.resolve())
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
    (copy / "targets" / newest.name).write_bytes(b"{}")
    file = packed(copy, tmp_path / "handed.tar")
    with pytest.raises(errors.PublicationError) as caught, brought.opened(file) as found:
        publication.read(found.folder, "proeftuin")
    assert f"{file}/definition.json is not the file that was published" in str(caught.value)
