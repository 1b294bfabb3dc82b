"""Start the suite that this file is (`__main__.py` in it): unpacked once for this account, it runs from there.

`install FOLDER` makes a virtual environment with the packages that it needs, hashes checked, and `bin/werkplaats` in
it. Any other words are those of the command. The standard library is enough for the first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NEEDED = ("ansible", "cryptography", "pulumi", "pydantic", "pytest", "tuf", "yaml")


def unpacked(archive: Path) -> Path:
    """The folder with what is in the archive, made where it is not there yet; a name of another digest is another.

    It gets its name once all of it is on the disk: what is there is whole, also after a power cut.
    """
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "werkplaats"
    folder = base / f"suite-{hashlib.sha256(archive.read_bytes()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix=".unpacking-") as name, zipfile.ZipFile(archive) as content:
        work = Path(name) / "suite"
        for entry in content.infolist():
            _put(work / entry.filename, entry.external_attr >> 16, content.read(entry))
        for path in (work, *work.rglob("*")):
            _sync(path)
        try:
            work.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
    return folder


def _put(path: Path, mode: int, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode & 0o170000 == 0o120000:  # a link, of which the content says where to
        path.symlink_to(content.decode())
        return
    path.write_bytes(content)
    path.chmod(mode & 0o777)


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk; a link is but a name."""
    if path.is_symlink():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main() -> int:
    """Install, or run the command."""
    archive = Path(sys.argv[0]).resolve()
    try:
        folder = unpacked(archive)
    except OSError as error:
        remedy = "mend that, or let XDG_DATA_HOME name a folder that you may write in and that has room"
        print(f"werkplaats: it cannot be unpacked for this account: {error}; {remedy}", file=sys.stderr)
        return 5
    if sys.argv[1:2] == ["install"] and len(sys.argv) == 3:
        made = str(Path(sys.argv[2]).absolute())
        return subprocess.run(["sh", "scripts/make-venv", made, "werkplaats"], cwd=folder, check=False).returncode
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        remedy = f"python3 {archive} install FOLDER makes an environment that has it, with bin/werkplaats in it"
        print(f"werkplaats: {sys.executable} has no package {missing[0]}; {remedy}", file=sys.stderr)
        return 2
    sys.path[0] = str(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    from werkplaats import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
