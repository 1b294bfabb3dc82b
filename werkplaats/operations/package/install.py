#!/usr/bin/env python3
"""Install the suite and what a station needs from one archive, on a server of Debian 13 that reaches no other machine.

    python3 -I install.py ARCHIVE --network NETWORK --root sha256:…

Before you start this file, compare what `sha256sum install.py` prints with what the coordinator reads to you by
telephone; a root holder reads you the root. It needs Python and the program openssl. With -I Python imports nothing
that lies beside this file, and nothing of the archive runs before all of it was checked: the root is the one that was
read, it names the release holders by what the coordinator lately said is the newest, as many of them as must signed the
manifest, and each file is the one that the manifest names.

The archive is a tar file that begins with `manifest.json`. That says of what size each file behind it is, in their
order, so where each one lies; no other header is believed. Signatures lie beside, in ARCHIVE.signatures: those of DSSE
(https://github.com/secure-systems-lab/dsse) over the bytes of the manifest.

Run again it goes on from where it was; the command appears once all else is in place.
"""

import sys

if __name__ == "__main__" and not sys.flags.isolated:  # what Python would import first lies beside this file
    sys.exit("install.py: Python would run files that lie beside this one; start it as: python3 -I install.py …")

import argparse
import base64
import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 1
TYPE = "application/vnd.datawerkplaats.package"
MANIFEST = "manifest.json"
SIGNATURES = ".signatures"
METADATA = "network/publication/metadata/"
RELEASES, IMAGE = "network/publication/targets/releases/", "image/image.tar"
SAID = {"network": str, "root": str, "number": int, "publication": int, "suite": str, "release": str}
"""What a manifest says of the archive, for people too."""
BLOCK, LONGEST, CHUNK = 512, 100, 1 << 20
LARGEST_TEXT = 4 << 20
ROOM = 5
"""Times the size of the archive that is free on the disk: copies, and what is made of them."""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SYSTEM = Path("/etc/os-release")
# The public half of a key of P-256 up to its point, which is written in full: so no key has two fingerprints.
P256, P256_SIZE = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 91
NAME = re.compile(r"(?!.*(^|/)\.{0,2}(/|$))[A-Za-z0-9@~+%_./-]+")
ANEW = "have the archive brought anew, and install nothing of this one"
# As root, from no source but the folder of the archive. No service of a new package starts before its settings come.
PACKAGES = """
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
policy=/usr/sbin/policy-rc.d mark='# while packages of the archive come'
work=$(mktemp -d)
if [ ! -e $policy ] || grep -qF "$mark" $policy; then
    printf '#!/bin/sh\\n%s\\nexit 101\\n' "$mark" >$policy
    chmod 755 $policy
    trap 'rm -rf "$policy" "$work"' EXIT
else
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
printf 'deb [trusted=yes] file:%s ./\\n' "$1" >"$work/sources.list"
shift
apt() {
    apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -o APT::Sandbox::User=root \\
        -o Acquire::Languages=none -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \\
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" "$@"
}
dpkg --configure -a
apt update
apt install --no-install-recommends --no-remove --yes "$@"
"""


class RefusedError(Exception):
    """Nothing was changed: the text says why, and what to do."""


class FailedError(Exception):
    """A step failed and stands half-way; the same command goes on from there."""


class File(NamedTuple):
    """A file of the archive: where it lies in it, and which one it is."""

    start: int
    size: int
    sha256: str


class Key(NamedTuple):
    """Somebody's public key; two are one where their fingerprints are."""

    fingerprint: str
    pem: str


def _require(holds: object, fault: str, remedy: str = ANEW) -> None:
    if not holds:
        raise RefusedError(f"{fault}; {remedy}")


class Archive:
    """An archive as one, of whatever pieces. What is read of it is compared with its manifest, each time."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_suffix("") if re.fullmatch(r"\.[0-9]{3}", path.suffix) else path
        pieces = sorted(self.path.parent.glob(f"{self.path.name}.[0-9][0-9][0-9]"))
        self._parts = [self.path] if self.path.is_file() else pieces
        _require(self._parts, f"{self.path} is not there, and no piece of it", "name the file as it was brought")
        for number, piece in enumerate(pieces if self._parts is pieces else (), 1):
            wanted = self.path.with_name(f"{self.path.name}.{number:03}")
            _require(piece == wanted, f"{wanted} is not there", "put all pieces in one folder")
        self._sizes = [part.stat().st_size for part in self._parts]
        self.text = self._first()
        self.manifest = _parsed(self.text, MANIFEST)
        self.files = dict(self._located())
        _require(self.files.keys() >= {"sbom.cdx.json"}, f"{self.path} names no files")

    @property
    def digest(self) -> str:
        """What all of it is known by: the SHA-256 of its manifest."""
        return hashlib.sha256(self.text).hexdigest()

    def _first(self) -> bytes:
        header = b"".join(self._read(0, BLOCK))
        size = re.fullmatch(rb"([0-7]{11})\0", header[124:136])
        known = header[:100].rstrip(b"\0") == MANIFEST.encode() and size and int(size[1], 8) <= LARGEST_TEXT
        _require(known and size, f"{self.path} does not begin with {MANIFEST}: it is no archive of ours")
        return b"".join(self._read(BLOCK, int(size[1], 8))) if size else b""

    def _located(self) -> Iterator[tuple[str, File]]:
        said = self.manifest.get("files")
        well = isinstance(said, dict) and all(map(_is_file, said.items()))
        well = well and all(type(self.manifest.get(one)) is kind for one, kind in SAID.items())
        _require(well and self.manifest.get("format") == FORMAT, f"{MANIFEST} is of another form than this file reads")
        end = BLOCK + _blocks(len(self.text))
        for name, one in sorted(self.manifest["files"].items()):
            end += _header(name)
            yield name, File(end, one["size"], one["sha256"])
            end += _blocks(one["size"])
        there = sum(self._sizes)
        _require(end <= there, f"{self.path} has {there} bytes and should have {end} at least: a part of it is missing")

    def _read(self, start: int, size: int) -> Iterator[bytes]:
        """These bytes, from whichever pieces have them."""
        begins = 0
        for part, length in zip(self._parts, self._sizes, strict=True):
            skip = start - begins
            if size and 0 <= skip < length:
                with part.open("rb") as file:
                    file.seek(skip)
                    while size and (found := file.read(min(size, CHUNK))):
                        start, size = start + len(found), size - len(found)
                        yield found
            begins += length

    @property
    def suite(self) -> str:
        """The name of the suite in it, as one file."""
        found = [name for name in self.files if name.startswith("suite/")]
        _require(len(found) == 1, f"{self.path} has {len(found)} suites")
        return found[0]

    def stream(self, name: str) -> Iterator[bytes]:
        """The content of a file; raises RefusedError at its end where it is another one than the manifest names."""
        found, digest, size = self.files[name], hashlib.sha256(), 0
        for part in self._read(found.start, found.size):
            digest.update(part)
            size += len(part)
            yield part
        _require(
            (digest.hexdigest(), size) == (found.sha256, found.size),
            f"{name} in {self.path} is not the file that the manifest names: it was changed, or damaged",
        )

    def content(self, name: str) -> bytes:
        """A small one at once."""
        _require(name in self.files and self.files[name].size <= LARGEST_TEXT, f"{name} is missing, or too large")
        return b"".join(self.stream(name))

    def copy(self, name: str, place: Path) -> None:
        """Put a file below a folder, as it was compared."""
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for part in self.stream(name):
                file.write(part)

    @property
    def signatures(self) -> dict[str, str]:
        """Key id → signature in hexadecimal digits, as they lie beside; those that are none are left out."""
        path = self.path.with_name(self.path.name + SIGNATURES)
        _require(path.is_file(), f"{path} is not there: nobody signed this archive", "have it brought with the archive")
        with path.open("rb") as file:
            said = _parsed(file.read(LARGEST_TEXT), path.name).get("signatures")
        return _signatures(said if isinstance(said, list) else [])


def _is_file(named: tuple[str, Any]) -> bool:
    name, one = named
    return bool(
        NAME.fullmatch(name)
        and isinstance(one, dict)
        and type(one.get("size")) is int
        and one["size"] >= 0
        and re.fullmatch("[0-9a-f]{64}", str(one.get("sha256")))
    )


def _header(name: str) -> int:
    """What stands before a file: GNU's tar has a long name in a file of its own (tar(5))."""
    return BLOCK if len(name) <= LONGEST else 2 * BLOCK + _blocks(len(name) + 1)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _parsed(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{name} cannot be read: {error}; {ANEW}") from error
    if not isinstance(found, dict):
        raise RefusedError(f"{name} is no JSON object; {ANEW}")
    return found


def _signatures(rows: list[Any]) -> dict[str, str]:
    found = [row for row in rows if isinstance(row, dict) and re.fullmatch("([0-9a-f]{2})+", str(row.get("sig")))]
    return {str(row.get("keyid")): str(row["sig"]) for row in found}


def canonical(value: Any) -> str:
    """JSON as The Update Framework signs it: sorted, no blanks, nothing escaped but two characters."""
    match value:
        case str():
            return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int():
            return str(value)
        case list():
            return f"[{','.join(map(canonical, value))}]"
        case dict():
            return f"{{{','.join(f'{canonical(name)}:{canonical(one)}' for name, one in sorted(value.items()))}}}"
    raise RefusedError(f"what is signed has a {type(value).__name__}; {ANEW}")


def key(said: Any) -> Key:
    """A key as metadata has it."""
    pem = str(said["keyval"]["public"])
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")), validate=True)
    if said["scheme"] != "ecdsa-sha2-nistp256" or not der.startswith(P256) or len(der) != P256_SIZE:
        raise ValueError("a key is not of P-256")
    return Key(f"sha256:{hashlib.sha256(der).hexdigest()}", pem)


def holders(known: Mapping[str, Any], role: Mapping[str, Any]) -> tuple[dict[str, Key], int]:
    """Who holds a role, key id → key, and how many must sign."""
    found, many = {one: key(known[one]) for one in role["keyids"]}, role["threshold"]
    if type(many) is not int or not 0 < many <= len({one.fingerprint for one in found.values()}) == len(found):
        raise ValueError(f"{many} must sign of {len(found)} keys, of which one may stand there twice")
    return found, many


def signed_by(held: Mapping[str, Key], payload: bytes, signatures: Mapping[str, str]) -> set[str]:
    """The fingerprints of those of these keys whose signature of the bytes holds, as openssl judges it."""
    openssl = shutil.which("openssl", path=PATH)
    _require(openssl, "the program openssl is missing", "install it from Debian's own medium: apt-get install openssl")
    found = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "payload").write_bytes(payload)
        for one, said in held.items():
            (folder / "key").write_text(said.pem)
            (folder / "signature").write_bytes(bytes.fromhex(signatures.get(one, "")))
            command = [str(openssl), "dgst", "-sha256", "-verify", "key", "-signature", "signature", "payload"]
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env=_environment())
            if done.returncode == 0:
                found.add(said.fingerprint)
    return found


class Trust:
    """What the root of a network says of who may sign, as the publication in the archive has it."""

    def __init__(self, archive: Archive, network: str, root: str) -> None:
        try:
            found = self._newest(archive)
            self._read(found, network, root)
            ends = {role: str(one["signed"]["expires"]) for role, one in found.items()}
        except (LookupError, TypeError, ValueError, AttributeError, StopIteration, RecursionError) as error:
            raise RefusedError(f"the publication in {archive.path} cannot be read: {error!r}; {ANEW}") from error
        for role, until in ends.items():
            _require(
                until > datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),  # noqa: UP017
                f"the publication in {archive.path} was good until {until} ({role})",
                "see that the clock of this server is right (date); else ask the coordinator for a newer archive",
            )

    @classmethod
    def _newest(cls, archive: Archive) -> dict[str, dict[str, Any]]:
        """The newest root, and what its coordinator says is the newest: else whoever signed once would sign on."""
        there = (name.removeprefix(METADATA) for name in archive.files if name.startswith(METADATA))
        newest = max(int(name.removesuffix(".root.json")) for name in there if name.endswith(".root.json"))
        found = {"root": cls._document(archive, "root", newest), "timestamp": cls._document(archive, "timestamp")}
        for role, by in (("snapshot", "timestamp"), ("targets", "snapshot")):
            found[role] = cls._document(archive, role, found[by]["signed"]["meta"][f"{role}.json"]["version"])
        return found

    @staticmethod
    def _document(archive: Archive, role: str, version: int | None = None) -> dict[str, Any]:
        name = f"{role}.json" if version is None else f"{version}.{role}.json"
        document = _parsed(archive.content(f"{METADATA}{name}"), name)
        if document["signed"]["_type"] != role or version not in (None, document["signed"]["version"]):
            raise ValueError(f"{name} is no {role} of that version")
        return document

    def _read(self, found: Mapping[str, dict[str, Any]], network: str, root: str) -> None:
        known, roles = found["root"]["signed"]["keys"], found["root"]["signed"]["roles"]
        held, many = holders(known, roles["root"])
        keys = {"keys": sorted(one.fingerprint for one in held.values()), "threshold": many}
        there = json.dumps({"network": network, "root": keys}, sort_keys=True, separators=(",", ":"))
        self.root = f"sha256:{hashlib.sha256(there.encode()).hexdigest()}"
        _require(  # its own is not said: who is shown it gives that, and has compared nothing
            self.root == root,
            f"this archive is of a network {network} with another root than {root}, which was told",
            "have it read to you again; where it differs once more the archive is not the network's: install nothing",
        )
        for role in ("root", "targets"):
            of = found[role]["signed"]["x-network"]
            _require(of == network, f"its {role} is of {of!r}, not of {network}")
        for role, one in found.items():
            self._signed(one, *holders(known, roles[role]), role)
        delegated = found["targets"]["signed"]["delegations"]
        releases = next(one for one in delegated["roles"] if one["name"] == "releases")
        self.release_holders, self.threshold = holders(delegated["keys"], releases)

    @staticmethod
    def _signed(one: dict[str, Any], held: Mapping[str, Key], many: int, role: str) -> None:
        found = signed_by(held, canonical(one["signed"]).encode(), _signatures(one["signatures"]))
        whose = "root holders" if role in ("root", "targets") else "keys of the coordinator"
        many_said = f"{len(found)} of the {many} {whose} that must"
        _require(len(found) >= many, f"{role} in the publication is signed by {many_said}")

    def require_signed(self, archive: Archive) -> set[str]:
        """Raise RefusedError where not as many release holders as must signed the manifest; returns who did."""
        said = f"DSSEv1 {len(TYPE)} {TYPE} {len(archive.text)} ".encode() + archive.text
        found = signed_by(self.release_holders, said, archive.signatures)
        _require(
            len(found) >= self.threshold,
            f"{archive.path} is signed by {len(found)} of the {self.threshold} release holders that must",
            "ask the coordinator whether it is signed; install nothing of it before",
        )
        return found


def checked(archive: Archive, network: str, root: str) -> set[str]:
    """Look at all but the contents of files; returns the fingerprints of the release holders who signed."""
    of = archive.manifest.get("network")
    _require(of == network, f"{archive.path} is an archive of {of!r}, and {network} was asked", "name the right one")
    signed = Trust(archive, network, root).require_signed(archive)
    _require_released(archive)
    return signed


def _require_released(archive: Archive) -> None:
    """Raise RefusedError for an image of no release in it. That holders signed for that release is seen once placed."""
    image = archive.files.get(IMAGE)
    named = [_parsed(archive.content(name), name).get("archive") for name in archive.files if name.startswith(RELEASES)]
    _require(image and f"sha256:{image.sha256}" in named, f"{IMAGE} is of no release that the publication names")


class Record:
    """What was installed here of the archives of a network, so that none older is."""

    def __init__(self, path: Path) -> None:
        self.path, self._said = path, _parsed(path.read_bytes(), path.name) if path.exists() else {}

    def require_newer(self, archive: Archive) -> None:
        """Raise RefusedError for an archive that is older, or another one of the same number."""
        number, before = archive.manifest["number"], self._said.get("number", 0)
        _require(number >= before, f"this is archive {number}, and {before} was installed here", "have the newest one")
        same = number > before or self._said.get("manifest") == archive.digest
        _require(same, f"archive {number} was installed here, and had other contents", "ask the coordinator which")

    def did(self, archive: Archive) -> list[str]:
        """What was done before with the same archive."""
        return [*self._said.get("did", [])] if self._said.get("manifest") == archive.digest else []

    def require_own(self, to: Path, folder: Path) -> None:
        """Raise RefusedError where the command there is what another network's archive made it, and `folder` is not."""
        if not to.is_symlink() or to.readlink() == folder:
            return
        for path in sorted(self.path.parent.glob("*.json")):
            said = {} if path == self.path else _parsed(path.read_bytes(), path.name)
            _require(
                said.get("to") != str(to),
                f"{to} has the programs that archive {said.get('number')} of {said.get('network')} brought, and those "
                "of this archive are others",
                f"have each network's in a folder of its own: --to {to}-{self.path.stem}",
            )

    def write(self, archive: Archive, did: list[str], to: Path, *, done: bool) -> None:
        """Keep it, as a whole or not at all."""
        named = {name: archive.manifest[name] for name in ("network", "number", "suite", "release")}
        said = {**named, "manifest": archive.digest, "to": str(to), "done": done, "did": did}
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps(said, indent=2) + "\n")
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(self.path)


class Installation:
    """The steps, each of which finds what it did before; what is used are copies that were compared."""

    def __init__(self, archive: Archive, work: Path, given: argparse.Namespace, before: list[str], lock: int) -> None:
        self.archive, self.work, self.given, self.did, self.lock = archive, work, given, before, lock
        self.suite, self.folder = archive.suite, _environment_of(archive, work.parent)

    def packages(self) -> None:
        """Debian's packages that are missing; none is removed, and none is brought back to an older version."""
        every = {**self.archive.manifest["packages"], **dict.fromkeys(self.given.also, ())}
        names = [name for name, unless in every.items() if not any(shutil.which(one, path=PATH) for one in unless)]
        asked = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}\n", *names]
        there = subprocess.run(asked, capture_output=True, text=True, check=False, env=_environment()).stdout
        wanted = [name for name in names if f"ii |{name}\n" not in there and f"hi |{name}\n" not in there]
        if wanted:
            root = [] if os.geteuid() == 0 else ["sudo"]
            place = urllib.parse.quote(str(self.work / "debs"))
            self._run([*root, "sh", "-c", PACKAGES, "packages", place, *wanted], f"installing {' '.join(wanted)}")

    def environment(self) -> None:
        """The suite and the packages of others, hashes checked, in a folder that nobody uses yet."""
        if (self.folder / ".werkplaats").is_file():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.work / "wheels"), "PIP_CONFIG_FILE": "/dev/null"}
        words = ["python3", str(self.work / self.suite), "install", str(self.folder)]
        self._run(words, f"making {self.folder}", **wheels)

    def placed(self) -> None:
        """What the suite knows the places of: engine, image, publication, definition."""
        words = [str(self.folder / "bin" / "python"), "-I", "-m", "werkplaats.operations.package.place", str(self.work)]
        words += [self.given.network, self.given.root, str(self.given.home)]
        words += [str(self.work.with_name(f"{self.given.network}.placed.json"))]
        for line in self._run(words, "placing engine, image and publication").splitlines():
            self._tell(line)

    def command(self) -> None:
        """The folder by which people know it, in one step."""
        self.given.to.parent.mkdir(parents=True, exist_ok=True)
        link = self.given.to.with_name(f".{self.given.to.name}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(self.folder)
        os.sync()
        link.replace(self.given.to)
        self._tell(f"{self.given.to} is {self.folder}")

    def _tell(self, line: str) -> None:
        print(line, flush=True)
        self.did.append(line)

    def _run(self, words: list[str], what: str, **more: str) -> str:
        """Run a program; returns what it printed."""
        self._tell(what)
        # What goes on where this process is killed holds the lock: nobody makes meanwhile what it makes.
        held, given = [self.lock], _environment(**more)
        done = subprocess.run(
            words, env=given, cwd=self.work, pass_fds=held, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            said = "\n".join(done.stdout.splitlines()[-20:])
            raise FailedError(f"{what} failed with exit code {done.returncode}\n{said}".strip())
        return done.stdout


def _environment_of(archive: Archive, base: Path) -> Path:
    """The folder in which a suite is installed, which has its digest in its name."""
    return base.parent / f"venv-{archive.files[archive.suite].sha256[:16]}"


def _environment(**more: str) -> dict[str, str]:
    """What programs get of this process: nothing that names packages or an index of them."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    return kept | {"PATH": PATH} | more


@contextlib.contextmanager
def _alone(base: Path) -> Iterator[int]:
    """Hold the lock of whoever installs: its descriptor. The system releases it with the last process that has that."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(base / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as handle:
        os.fchmod(handle.fileno(), 0o600)  # whoever can read it can hold it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError("another process installs here; wait for it, and run this again") from None
        yield handle.fileno()


def _require_server(archive: Archive, given: argparse.Namespace, base: Path) -> None:
    """Raise RefusedError for a machine on which it cannot end well."""
    said = dict(line.partition("=")[::2] for line in SYSTEM.read_text().splitlines())
    system = (said.get("ID", "").strip('"'), said.get("VERSION_ID", "").strip('"'), platform.machine())
    _require(system == ("debian", "13", "x86_64"), f"this is {' '.join(system)}", "stations run on Debian 13 on x86_64")
    other = given.to.exists() and not given.to.is_symlink()
    _require(not other, f"{given.to} is there, and was not made from an archive", "move it away, or name another: --to")
    unknown = sorted({*given.also} - {*archive.manifest["also"]})
    _require(not unknown, f"no package {unknown[:1]} is in it", f"there are {', '.join(archive.manifest['also'])}")
    needed = ROOM * sum(one.size for one in archive.files.values())
    free = shutil.disk_usage(base).free
    _require(free > needed, f"{base} has {free >> 20} MB free, and {needed >> 20} are needed", "make room")


def install(archive: Archive, given: argparse.Namespace, base: Path, lock: int) -> None:
    """Check what is left, then take every step. Raises RefusedError before the first of them, FailedError later."""
    record = Record(base / f"{given.network}.json")
    record.require_newer(archive)
    record.require_own(given.to, _environment_of(archive, base))
    _require_server(archive, given, base)
    for left in base.glob(".work-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".work-", dir=base) as name:
        for one in archive.files:
            archive.copy(one, Path(name))
        print(f"all {len(archive.files)} files are as the manifest says", flush=True)
        record.write(archive, record.did(archive), given.to, done=False)
        steps = Installation(archive, Path(name), given, record.did(archive), lock)
        for step in (steps.packages, steps.environment, steps.placed, steps.command):
            step()
            record.write(archive, steps.did, given.to, done=False)
        record.write(archive, steps.did, given.to, done=True)
    print(f"{record.path} says what was done; what now:")
    print(f"  . {given.to}/bin/activate; export WERKPLAATS_HOME={given.home}")
    print(f"  werkplaats join {given.home}/publications/{given.network} --organisation ORGANISATION --here")
    print("or, where its station runs already, what docs/operators.md tells of a newer archive")


def _printable(text: str) -> str:
    """The text as a terminal may have it: others wrote parts of it."""
    return "".join(one if one == "\n" or one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def heard(root: str) -> str:
    """A fingerprint as it is compared, of one as somebody wrote down what was read to them."""
    return f"sha256:{root.lower().removeprefix('sha256:')}"


def _arguments() -> argparse.ArgumentParser:
    told = argparse.ArgumentParser(prog="install.py", description=str(__doc__).partition("\n")[0])
    told.add_argument("archive", type=Path, help="the archive, or one of its pieces")
    told.add_argument("--network", required=True, help="the network that it is to be of")
    told.add_argument("--root", required=True, type=heard, metavar="sha256:…", help="as a root holder reads it to you")
    told.add_argument("--check", action="store_true", help="check all of it, and install nothing")
    told.add_argument(
        "--to", type=Path, default=Path.home() / "werkplaats", help="where the command is to lie (~/werkplaats)"
    )
    told.add_argument("--home", type=Path, default=Path.home() / "datawerkplaats", help="yours (~/datawerkplaats)")
    told.add_argument("--also", action="append", default=[], metavar="PACKAGE", help="one that few stations need")
    return told


def main(words: list[str] | None = None) -> int:
    """Check, and install; returns the exit code."""
    given = _arguments().parse_args(words)
    given.to, given.home = given.to.absolute(), given.home.absolute()
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "werkplaats" / "packages"
    os.umask(0o022)
    try:
        archive = Archive(given.archive)
        signed = checked(archive, given.network, given.root)
        print(f"archive {archive.manifest['number']} of {given.network}, signed by {', '.join(sorted(signed))}")
        if given.check:
            Record(base / f"{given.network}.json").require_newer(archive)
            for name in archive.files:
                for _ in archive.stream(name):
                    pass
            print(f"all {len(archive.files)} files are as the manifest says; nothing was installed")
            return 0
        with _alone(base) as lock:
            install(archive, given, base, lock)
    except RefusedError as error:
        print(_printable(f"install.py: {error}"), file=sys.stderr)
        return 3
    except (FailedError, OSError, KeyboardInterrupt) as error:
        what = "interrupted;" if isinstance(error, KeyboardInterrupt) else f"{error}; once that is mended"
        print(_printable(f"install.py: {what} run the same command again, it goes on from here"), file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
