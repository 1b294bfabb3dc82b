"""A small archive of a network that is really founded, published and signed; what installs it meets programs of ours.

Of what goes in, only that is small which would come from a mirror, an index, a build: each is a file that says so.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from base import canonical
from publication import publication
from station_image.builder import images, making, packages
from tests.publication.published import release
from tests.werkplaats.verbs.trust.people import NETWORK, People
from werkplaats import VERSION
from werkplaats.operations.package import debs, install, make, wheels, writing

# Stands for the suite: makes the environment that the real one makes, whose Python says what it was asked.
SUITE = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[2])
(folder / "bin").mkdir(parents=True)
(folder / "bin" / "python").write_text('#!/bin/sh\\necho placed "$5" >>"$LOG"; [ "$KILL" != placed ] || kill -9 $PPID')
(folder / "bin" / "python").chmod(0o755)
with open(os.environ["LOG"], "a") as log:
    print("suite", sorted(os.listdir(os.environ["PIP_FIND_LINKS"])), os.environ["PIP_NO_INDEX"], file=log)
if os.environ["KILL"] == "suite":
    os.kill(os.getppid(), 9)
    sys.exit(1)
(folder / ".werkplaats").touch()
"""
# Longer than a header of tar has room for, as some are.
WHEEL = f"tuf-7.0.1-cp313-cp313-{'.'.join(f'manylinux_2_{minor}_x86_64' for minor in (17, 24, 28, 34))}.whl"
PROGRAMS = {
    "sh": 'echo packages $(ls "$4") >>"$LOG"; [ "$KILL" != packages ] || kill -9 $PPID',
    "sudo": 'exec "$@"',
    "dpkg-query": "echo 'ii |openssl'",
}


def image(build: Path) -> dict[str, Any]:
    """Put an image where images lie; returns what it is."""
    folder = build / ("5" * 64)
    folder.mkdir(parents=True)
    (folder / making.ARCHIVE).write_bytes(b"an image")
    (folder / making.SBOM).write_bytes(b"{}")
    files = {"archive": making.ARCHIVE, "sbom": making.SBOM}
    document = {**release(image="5"), **{name: making.digest(folder / file) for name, file in files.items()}}
    (folder / making.RELEASE).write_bytes(canonical.pretty(document))
    return document


class Made:
    """The network with its holders, and an archive of it."""

    def __init__(self, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
        self.people, self.to = people, people.folder / "out"
        self.images = people.folder / "images"
        monkeypatch.setattr(images, "BUILD", self.images)
        monkeypatch.setattr(make, "_engine", lambda *_: {"engine/3.0.0.tar.bz2": b"an engine"})
        monkeypatch.setattr(debs, "fetched", self._debs)
        monkeypatch.setattr(wheels, "fetched", self._wheels)
        self.suite = people.folder / "suite.pyz"
        with zipfile.ZipFile(self.suite, "w") as content:
            content.writestr("werkplaats/__init__.py", f'VERSION = "{VERSION}"\n')
            content.writestr("__main__.py", SUITE)
            content.writestr(make.LOCK, "")
        people.with_image(image(self.images))
        _, self.holders = people.published()
        self.root = publication.read(people.place, NETWORK).root

    def _debs(self, *_: object) -> tuple[dict[packages.Package, Path], bytes]:
        file = self.people.folder / "haproxy_3.0_amd64.deb"
        file.write_bytes(b"a package")
        return {packages.Package("deb", "haproxy", "3.0", "0" * 64, file.name): file}, b"an index\n"

    def _wheels(self, *_: object) -> dict[packages.Package, Path]:
        file = self.people.folder / WHEEL
        file.write_bytes(b"a wheel")
        return {packages.Package("wheel", "tuf", "7.0.1", "1" * 64, file.name): file}

    def make(self, *words: str, to: str = "out", expect: int = 0) -> str:
        place = self.people.folder / to
        return self.people.run(
            "package", "make", NETWORK, "--to", str(place), "--suite", str(self.suite), *words, expect=expect
        )

    def sign(self, *holders: int) -> None:
        for one in holders:
            self.people.run("package", "sign", str(self.archive), "--key", self.holders[one], "--yes")

    @property
    def archive(self) -> Path:
        """The newest one, by the name that it has as a whole."""
        names = {path.name.partition(".tar")[0] for path in self.to.glob(f"{NETWORK}-*.tar*")}
        newest = max(names, key=lambda name: int(name.rpartition("-")[2]))
        return self.to / f"{newest}.tar"


class Server:
    """A fresh machine, as the installer sees it: an account, and programs that say in a log that they ran."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        (folder / "bin").mkdir(parents=True)
        for name, text in PROGRAMS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "bin" / "python3").symlink_to(sys.executable)
        (folder / "bin" / "openssl").symlink_to(str(shutil.which("openssl")))
        (folder / "os-release").write_text('ID=debian\nVERSION_ID="13"\n')

    def install(
        self, archive: Path, root: str, *words: str, network: str = NETWORK, kill: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Start the installer that lies beside it, as an administrator does; a program of ours may kill it."""
        command = [str(archive.with_name("install.py")), str(archive), "--network", network, "--root", root, *words]
        if kill:
            return self._apart(command, kill)
        out, err, umask = io.StringIO(), io.StringIO(), os.umask(0o022)
        try:
            with (
                pytest.MonkeyPatch.context() as patch,
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                patch.setattr(os, "sync", lambda: None)  # of the whole machine, which has much else to write
                for name, text in self._environment().items():
                    patch.setenv(name, text)
                code = self.main(*command)
        finally:
            os.umask(umask)
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    def main(self, installer: str, *words: str) -> int:
        """The installer of a file, by the programs of this machine."""
        spec = importlib.util.spec_from_file_location("installer", installer)
        assert spec is not None
        assert spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        sys.modules["installer"] = module
        spec.loader.exec_module(module)
        module.SYSTEM, module.PATH = self.folder / "os-release", f"{self.folder / 'bin'}:/usr/bin:/bin"
        return int(module.main([*words]))

    def _environment(self, kill: str = "") -> dict[str, str]:
        return {"HOME": str(self.folder), "LOG": str(self.log), "KILL": kill, "XDG_DATA_HOME": ""}

    def _apart(self, command: list[str], kill: str) -> subprocess.CompletedProcess[str]:
        pid = os.fork()
        if pid == 0:
            os.environ.update(self._environment(kill))
            os._exit(self.main(*command))
        return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    @property
    def ran(self) -> list[str]:
        """The programs that ran, in order."""
        return [line.split()[0] for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def there(self) -> set[str]:
        """What lies in the account besides what the test put there, but for locks."""
        own = {"bin", "os-release", "log"}
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.relative_to(self.folder).parts[0] not in own
            and (path.is_symlink() or not path.is_dir())
            and path.name != "lock"
        }

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.folder / f".local/share/werkplaats/packages/{NETWORK}.json").read_text()
        )
        return found


def rewritten(archive: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> None:
    """Have the archive be of other contents, each with its digest in the manifest: as somebody can who has no key."""
    whole = install.Archive(archive)
    manifest, contents = dict(whole.manifest), {name: whole.content(name) for name in whole.files}
    change(manifest, contents)
    writing.write(archive, {**manifest, "files": writing.described(contents)}, contents)


def signed(archive: Path, *signers: CryptoSigner, also: dict[str, str] | None = None) -> None:
    """Have it signed by these keys, whoever may, in place of those who did."""
    one = Envelope(install.Archive(archive).text, install.TYPE, {})
    for signer in signers:
        one.sign(signer)
    rows = [{"keyid": name, "sig": said.signature} for name, said in one.signatures.items()]
    rows += [{"keyid": name, "sig": said} for name, said in (also or {}).items()]
    archive.with_name(archive.name + install.SIGNATURES).write_bytes(canonical.pretty({"signatures": rows}))
