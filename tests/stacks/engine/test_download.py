"""The official release, served here from a small web server of the test's own."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
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


def release(folder: Path, names: list[str], *, tampered: bool = False) -> dict[str, str]:
    """Write a release archive with `names` and the checksums that its host publishes; returns what is pinned of it."""
    machine = download.MACHINES[__import__("platform").machine()]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"hi"))
    archive = f"pulumi-v{VERSION}-linux-{machine}.tar.gz"
    content = buffer.getvalue() + (b"x" if tampered else b"")
    (folder / archive).write_bytes(content)
    published = hashlib.sha256(content).hexdigest()
    (folder / f"pulumi-{VERSION}-checksums.txt").write_text(f"{published}  {archive}\n")
    return {archive: hashlib.sha256(buffer.getvalue()).hexdigest()}


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
    pinned = release(folder, ["pulumi/pulumi", "pulumi/pulumi-language-python"])
    target = tmp_path / "bin"
    target.mkdir()
    download.cli(VERSION, target, said, base, pinned)
    assert sorted(path.name for path in target.iterdir()) == ["pulumi", "pulumi-language-python"]
    assert (target / "pulumi").stat().st_mode & 0o777 == 0o755


def test_nothing_outside_the_release_folder_is_unpacked(served: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = served
    pinned = release(folder, ["pulumi/../../escaped", "/absolute", "pulumi/deep/er", "pulumi/pulumi"])
    target = tmp_path / "bin"
    target.mkdir()
    download.cli(VERSION, target, said, base, pinned)
    assert [path.name for path in target.iterdir()] == ["pulumi"]
    assert not (tmp_path / "escaped").exists()


def test_an_archive_that_its_host_changed_with_its_checksum_is_refused_and_not_unpacked(
    served: tuple[str, Path], tmp_path: Path
) -> None:
    """Who serves the archive serves its checksum: a program of its own would run as the operator on every machine."""
    base, folder = served
    pinned = release(folder, ["pulumi/pulumi"], tampered=True)
    with pytest.raises(download.DownloadError, match="is pinned"):
        download.cli(VERSION, tmp_path, said, base, pinned)
    assert not (tmp_path / "pulumi").exists()


def test_a_release_without_pinned_digest_is_not_used(served: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = served
    release(folder, ["pulumi/pulumi"])
    with pytest.raises(download.UnreachableError, match=r"no digest of .* is pinned"):
        download.cli(VERSION, tmp_path, said, base)
    assert not (tmp_path / "pulumi").exists()


def test_what_is_pinned_are_digests() -> None:
    for name, digest in download.PINNED.items():
        assert name.startswith("pulumi-v"), name
        assert re.fullmatch("[0-9a-f]{64}", digest), name


def test_a_server_that_never_answers_is_given_up_in_seconds(tmp_path: Path) -> None:
    pinned = release(tmp_path, ["pulumi/pulumi"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        with pytest.raises(download.UnreachableError):
            download.cli(VERSION, tmp_path, said, f"http://127.0.0.1:{silent.getsockname()[1]}", pinned)
        assert time.monotonic() - before < 2 * download.CONNECT_SECONDS
