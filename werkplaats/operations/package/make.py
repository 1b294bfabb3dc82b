"""Make the archive for servers without a way out: all of it gathered, described by a manifest, written in one way.

manifest.json          what it is, its number, and each other file with digest and size
sbom.cdx.json          what is in it (CycloneDX 1.6)
suite/                 the suite as one file
wheels/                the Python packages of others
engine/                the Pulumi engine
image/                 the station image of the release that the definition names, with its release.json
debs/                  Debian packages, and the index by which apt finds them
network/definition/    the definition with its questions, as its author wrote it
network/releases/      the description of that release, where it is no release that the suite comes with
network/publication/   what the coordinator published
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import werkplaats
from base import canonical, errors, files
from network_topology import context, names
from publication import folder, publication, reading, verified
from stacks.engine import carried
from stacks.engine import install as engine
from station_image.builder import images, making, packages, sbom
from werkplaats.operations import progress
from werkplaats.operations.coordinator.ledger import Records
from werkplaats.operations.home import networks, places
from werkplaats.operations.package import debs, install, wheels, writing

LOCK = "requirements/werkplaats.lock"
NUMBERS = "packages"
INSTALLER = Path(install.__file__)
Contents = dict[str, writing.Content]


@dataclasses.dataclass(frozen=True)
class Given:
    """What is not asked of this machine's mirror, index or git; None for what is."""

    suite: Path | None = None
    wheels: Path | None = None
    number: int | None = None


@dataclasses.dataclass(frozen=True)
class Made:
    """An archive as it was written: the file, or its pieces."""

    archive: install.Archive
    pieces: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(piece.stat().st_size for piece in self.pieces)


def make(network: networks.Network, to: Path, given: Given, say: progress.Say, pieces: int | None = None) -> Made:
    """Write the archive of a network, and the installer beside it; nothing lies in `to` before all of it is there.

    Raises RefusedError where publication, definition and image do not belong together, UsageError or UnmetError where
    something is not here.
    """
    if platform.machine() != "x86_64":
        raise errors.UnmetError(f"this machine is {platform.machine()}, and servers of stations are x86_64")
    published, its = _publication(network)
    contents = its | _definition(network, published) | _image(published)
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=to) as name:
        work = Path(name)
        suite = given.suite or _suite(work)
        contents[f"suite/datawerkplaats-suite-{werkplaats.VERSION}.pyz"] = suite
        contents |= _engine(work, say)
        found = wheels.fetched(_lock(suite), work, say, given.wheels)
        contents |= {f"wheels/{one.file}": path for one, path in found.items()}
        deb, index = debs.fetched(say)
        contents |= {f"debs/{one.file}": path for one, path in deb.items()} | {f"debs/{debs.INDEX}": index}
        named = {
            "format": install.FORMAT,
            "network": network.name,
            "root": published.root,
            "publication": published.number,
            "suite": werkplaats.VERSION,
            "release": published.release.release,
            "image_id": published.release.image_id,
            "packages": {one: list(unless) for one, unless in debs.WANTED.items()},
            "also": list(debs.ALSO),
        }
        contents["sbom.cdx.json"] = canonical.pretty(_parts(named, contents, [*found, *deb]))
        manifest = named | {"files": writing.described(contents)}
        manifest["number"] = given.number or _numbered(network, manifest)
        archive = work / f"{network.name}-{manifest['number']}.tar"
        writing.write(archive, manifest, contents)
        whole = [archive] if pieces is None else writing.split(archive, pieces)
        shutil.copyfile(INSTALLER, work / INSTALLER.name)
        for path in (*whole, work / INSTALLER.name):
            files.put_in_place(path, to / path.name)
        for left in (to / archive.name, *to.glob(f"{archive.name}.[0-9][0-9][0-9]")):
            if left.name not in {path.name for path in whole}:
                left.unlink(missing_ok=True)  # it was made before, as a whole or in other pieces
    return Made(install.Archive(to / archive.name), tuple(to / path.name for path in whole))


def number(records: Records, manifest: Mapping[str, Any]) -> int:
    """The number of what is in an archive: that of the last one where it is the same, else the next, kept for ever."""
    content = canonical.digest(manifest)
    last = records.rows(NUMBERS)[-1:]
    if last and last[0]["content"] == content:
        return int(last[0]["number"])
    found = records.highest(NUMBERS) + 1
    records.append(NUMBERS, number=found, content=content)
    return found


def _numbered(network: networks.Network, manifest: Mapping[str, Any]) -> int:
    with network.vault.coordinating("package make"):
        return number(Records(network.inventory), manifest)


def installer_digest() -> str:
    """The SHA-256 of the installer, as `sha256sum` prints it."""
    return hashlib.sha256(INSTALLER.read_bytes()).hexdigest()


def _publication(network: networks.Network) -> tuple[verified.Verified, Contents]:
    """What is published, held to what was read before, and the files by which a reader finds it right."""
    found = publication.read(network.publication, network.name, network.trusted)
    seen, source = Contents(), folder.source(network.publication)

    def noting(name: str) -> bytes | None:
        content = source(name)
        if content is not None:
            seen[f"network/publication/{name}"] = content
        return content

    reading.read(noting, network.publication, network.name)
    return found, seen


def _definition(network: networks.Network, published: verified.Verified) -> Contents:
    """The files of an author, of which the definition is the one that is published."""
    place = network.home.networks / names.defined(network.name)
    if verified.document(network.definition) != verified.document(published.definition):
        raise errors.RefusedError(
            f"{place / names.FILE} says something else than publication {published.number}",
            f"werkplaats trust publish {network.name}, or take the definition that is published",
        )
    paths = [place / names.FILE, *(path for one in ("questions", "tables") for path in (place / one).rglob("*"))]
    found: Contents = {
        f"network/definition/{path.relative_to(place).as_posix()}": path.read_bytes()
        for path in paths
        if path.is_file() and not path.name.startswith(".")
    }
    described = network.home.releases / f"{published.release.release}.yml"
    if network.home.releases != context.RELEASES and described.is_file():
        found[f"network/releases/{described.name}"] = described.read_bytes()
    return found


def _image(published: verified.Verified) -> Contents:
    release = published.release
    image = images.built(release.image_id, images.BUILD)
    if image is None:
        raise errors.UsageError(
            f"the image of release {release.release} is not on this machine: {release.image_id}",
            f"werkplaats release build {release.release}",
        )
    if altered := image.altered(verified.document(release)):
        raise errors.RefusedError(altered, f"werkplaats release verify {release.release}")
    return {f"image/{name}": image.folder / name for name in (making.ARCHIVE, making.SBOM, making.RELEASE)}


def _suite(work: Path) -> Path:
    """The suite of this checkout as one file."""
    script = places.CHECKOUT / "scripts" / "suite.py"
    if not script.is_file() or not (places.CHECKOUT / ".git").exists():
        raise errors.UsageError("this is no checkout that the suite is made from", "name its one file: --suite FILE")
    done = subprocess.run([sys.executable, str(script), str(work)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise errors.RefusedError(done.stderr.strip().removeprefix("make: "))
    (found,) = work.glob("*.pyz")
    return found


def _lock(suite: Path) -> bytes:
    """What the suite pins; raises UsageError for a file that is another version than this one."""
    try:
        with zipfile.ZipFile(suite) as content:
            tree = ast.parse(content.read("werkplaats/__init__.py"))
            lock = content.read(LOCK)
        (version,) = (ast.literal_eval(one.value) for one in tree.body if isinstance(one, ast.Assign))
    except (OSError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
        raise errors.UsageError(
            f"{suite} is not the suite as one file: {error}", "make it with `make suite`"
        ) from error
    if version != werkplaats.VERSION:
        raise errors.UsageError(f"{suite} is version {version}, and this is {werkplaats.VERSION}", "run that one")
    return lock


def _engine(work: Path, say: progress.Say) -> Contents:
    say("packing the Pulumi engine (about half a minute)")
    packed = work / carried.name()
    carried.pack(engine.ensure(say), packed)
    return {f"engine/{packed.name}": packed}


def _parts(named: Mapping[str, Any], contents: Contents, others: list[packages.Package]) -> dict[str, Any]:
    """What is in it, as other tools read it."""
    said = writing.described({name: one for name, one in contents.items() if name.startswith(("suite/", "engine/"))})
    own = [sbom.part(*words, f"sha256:{said[name]['sha256']}") for name in sorted(said) for words in [_name(name)]]
    of = canonical.digest([named["image_id"], *sorted(one.sha256 for one in others)])
    whole = f"pkg:generic/datawerkplaats-package@{named['network']}-{of.removeprefix('sha256:')}"
    about = {"type": "application", "bom-ref": whole, "name": "datawerkplaats-package", "version": named["suite"]}
    image = sbom.station(named["image_id"], named["release"])
    return sbom.listing(about, [*(sbom.component(one) for one in sorted(others)), *own, image])


def _name(path: str) -> tuple[str, str]:
    """Name and version of a file of ours."""
    kind = path.partition("/")[0]
    return ("datawerkplaats-suite", werkplaats.VERSION) if kind == "suite" else ("pulumi", engine.CLI)
