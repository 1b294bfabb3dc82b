"""The official release, served here from a small web server of the test's own."""

from __future__ import annotations

import hashlib
import http.server
import io
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.engine import download

VERSION = "9.9.9"


def said(_text: str) -> None:
    """Nobody listens."""


def release(folder: Path, names: list[str], *, tampered: bool = False) -> None:
    """Write a release archive with `names` and its published checksums."""
    machine = download.MACHINES[__import__("platform").machine()]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"hi"))
    archive = f"pulumi-v{VERSION}-linux-{machine}.tar.gz"
    (folder / archive).write_bytes(buffer.getvalue() + (b"x" if tampered else b""))
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    (folder / f"pulumi-{VERSION}-checksums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {archive}\n")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, directory=str(folder), **named)  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_a_release_is_unpacked_flat_and_executable(served: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = served
    release(folder, ["pulumi/pulumi", "pulumi/pulumi-language-python"])
    target = tmp_path / "bin"
    target.mkdir()
    download.cli(VERSION, target, said, base)
    assert sorted(path.name for path in target.iterdir()) == ["pulumi", "pulumi-language-python"]
    assert (target / "pulumi").stat().st_mode & 0o777 == 0o755


def test_nothing_outside_the_release_folder_is_unpacked(served: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = served
    release(folder, ["pulumi/../../escaped", "/absolute", "pulumi/deep/er", "pulumi/pulumi"])
    target = tmp_path / "bin"
    target.mkdir()
    download.cli(VERSION, target, said, base)
    assert [path.name for path in target.iterdir()] == ["pulumi"]
    assert not (tmp_path / "escaped").exists()


def test_an_archive_with_another_checksum_is_refused_and_not_unpacked(served: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = served
    release(folder, ["pulumi/pulumi"], tampered=True)
    with pytest.raises(download.DownloadError, match="published is"):
        download.cli(VERSION, tmp_path, said, base)
    assert not (tmp_path / "pulumi").exists()


def test_a_release_without_published_checksum_is_not_used(served: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = served
    release(folder, ["pulumi/pulumi"])
    (folder / f"pulumi-{VERSION}-checksums.txt").write_text("")
    with pytest.raises(download.UnreachableError, match="no published checksum"):
        download.cli(VERSION, tmp_path, said, base)


def test_a_server_that_never_answers_is_given_up_in_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        with pytest.raises(download.UnreachableError):
            download.cli(VERSION, tmp_path, said, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - before < 2 * download.CONNECT_SECONDS
