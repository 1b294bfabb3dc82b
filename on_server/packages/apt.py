"""Asks apt and dpkg, and has them bring packages: never another one than was named, and never anything removed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from on_server import discs, disk
from on_server.packages.error import PackageError

LISTS, ARCHIVES = Path("/var/lib/apt/lists"), Path("/var/cache/apt/archives")
REFRESH_SECONDS, BRING_SECONDS = 180.0, 840.0
OPTIONS = (
    "DPkg::Lock::Timeout=120",
    "Dpkg::Options::=--force-confold",
    *(f"Acquire::{kind}::Timeout=15" for kind in ("http", "https")),
    "Acquire::Retries=0",
    "APT::Update::Error-Mode=any",
)
SANDBOX = "_apt"  # as which apt reads what a mirror sends: without a folder of its own it would do so as root
# A kernel is another package with each of its versions, and brings no other along.
MAY_COME = re.compile(r"linux-(image|headers|modules)-\d")
SECURITY = re.compile(r"-security(/|$)")
INSTALLED = ("ii", "hi")


class Installed(NamedTuple):
    """A package that dpkg has; `state` is its abbreviation, as `ii`, or `hi` where it is held."""

    state: str
    version: str


class Offered(NamedTuple):
    """What apt would bring of a package, whether a security fix is in it, and by which sources (address, suite)."""

    candidate: str
    security: bool
    sources: tuple[tuple[str, str], ...]


def run(words: Sequence[str], seconds: float = 60.0, folder: Path | None = None) -> str:
    """What a program prints; PackageError with its last lines where it fails or is not done in time."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    name = " ".join(word for word in words if "::" not in word and word != "--option")
    try:
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, check=False, timeout=seconds, cwd=folder
        )
    except subprocess.TimeoutExpired as late:
        raise PackageError(
            f"`{name[:200]}` was not done in {seconds:.0f} s", "see that this server reaches its mirror"
        ) from late
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise PackageError(
            f"`{name[:200]}` failed: {said}", "see that `apt-get check` ends well, and that its mirror answers"
        )
    return done.stdout


# Of files alone: where an archive has the same version, apt would fetch that from there once more. What it makes of
# that is no cache for others.
NO_SOURCES = (
    *("Dir::Etc::sourcelist=/dev/null", "Dir::Etc::sourceparts=/dev/null"),
    *("Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="),
)


def _apt(*words: str, seconds: float = 60.0, folder: Path | None = None) -> str:
    with discs.without_discs(discs.SOURCES) as sources:
        options = (f"--option={option}" for option in (*OPTIONS, f"Dir::Etc::sourcelist={sources}"))
        return run(["apt-get", "-qq", *options, *words], seconds, folder)


def installed() -> dict[str, Installed]:
    """Every package that dpkg knows of, by its name; of another architecture with that behind a colon."""
    rows = run(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Architecture}|${Version}\n"])
    native = run(["dpkg", "--print-architecture"]).strip()
    found = {}
    for state, name, architecture, version in (row.split("|") for row in rows.splitlines()):
        own = architecture in (native, "all")
        found[name if own else f"{name}:{architecture}"] = Installed(state.strip(), version)
    return found


def offered(there: Mapping[str, Installed]) -> dict[str, Offered]:
    """Of each installed package what apt has that is newer; by the lists that lie here, which may be old."""
    names = [name for name, one in there.items() if one.state in INSTALLED]
    said = run(["apt-cache", "policy", *names])
    return {name: one for name, one in policies(said, there).items() if newer(one.candidate, there[name].version)}


def policies(said: str, there: Mapping[str, Installed]) -> dict[str, Offered]:
    """What `apt-cache policy` says of packages of which the candidate is not what is installed."""
    found = {}
    for block in re.split(r"^(?=\S)", said, flags=re.MULTILINE):
        head = re.match(r"(\S+):\n  Installed: (\S+)\n  Candidate: (\S+)\n", block)
        if not head or head[1] not in there or head[3] in (head[2], "(none)"):
            continue
        table = re.split(r"^(?= (?:\*\*\*|   ) \S)", block, flags=re.MULTILINE)[1:]
        newest = [row for row in _until_installed(table) if row]
        sources = re.findall(r"^ {8,}-?\d+ (\S+) (\S+)", "".join(newest), re.MULTILINE)
        security = any(SECURITY.search(suite) for _, suite in sources)
        found[head[1]] = Offered(head[3], security, tuple(sources))
    return found


def _until_installed(table: Iterable[str]) -> Iterable[str]:
    """The versions that are newer than the installed one: apt names the newest first."""
    for row in table:
        if row.startswith(" ***"):
            return
        yield row


def newer(one: str, other: str) -> bool:
    """Whether a version comes after another (deb-version(7))."""
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0


def refresh() -> str:
    """Fetch apt's lists; returns why some could not be had, "" when all could. Never longer than its limit."""
    try:
        _apt("update", seconds=REFRESH_SECONDS)
    except PackageError as problem:
        return problem.what
    return ""


def require_alone(pairs: Mapping[str, str]) -> dict[str, str]:
    """The kernels that come along, with versions. Raises PackageError where anything else beside would change."""
    words = [f"{name}={version}" for name, version in pairs.items()]
    said = _apt("--simulate", "--only-upgrade", "--no-install-recommends", "install", *words)
    removed = re.findall(r"^Remv (\S+)", said, re.MULTILINE)
    come = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", said, re.MULTILINE))
    along = {name: version for name, version in come.items() if MAY_COME.match(name) and name not in pairs}
    others = [name for name in come if name not in {*pairs, *along}]
    told = [f"remove {', '.join(removed)}"] * bool(removed) + [f"bring {', '.join(others)} too"] * bool(others)
    if told:
        raise PackageError(
            f"to bring {', '.join(pairs)} apt would {' and '.join(told)}, and nothing beside is touched here",
            f"look at it, and do it yourself: apt-get install {' '.join(words)}",
        )
    return along


def download(name: str, version: str, folder: Path) -> Path:
    """The .deb of a version, in a folder: what lies there already, else in apt's cache, else from its sources."""
    if there := _deb(folder, name, version):
        return there
    if cached := _deb(ARCHIVES, name, version):
        return _put(folder / cached.name, cached.read_bytes())
    with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as fresh:
        shutil.chown(fresh, SANDBOX)
        _apt("download", f"{name}={version}", seconds=BRING_SECONDS, folder=Path(fresh))
        got = _deb(Path(fresh), name, version)
        if got is None:
            raise PackageError(f"apt has brought no {name} {version}", "see `apt-cache policy` of it")
        return _put(folder / got.name, _as_listed(name, version, got.read_bytes()))


def _as_listed(name: str, version: str, content: bytes) -> bytes:
    """The same, which lay where more than root may write: held to apt's lists, which the keys of its archives signed.

    Raises PackageError.
    """
    listed = re.findall(r"^SHA256: (\w+)$", run(["apt-cache", "show", f"{name}={version}"]), re.MULTILINE)
    if hashlib.sha256(content).hexdigest() not in listed:
        raise PackageError(
            f"the file of {name} {version} is not the one in apt's lists", "try again; else ask whose mirror it is"
        )
    return content


def _put(path: Path, content: bytes) -> Path:
    disk.write(path, content)
    return path


def _deb(folder: Path, name: str, version: str) -> Path | None:
    """The file of a package in a folder, as apt names it; without an architecture it is of this one, or of all."""
    bare, _, architecture = name.partition(":")
    wanted = (architecture or run(["dpkg", "--print-architecture"]).strip(), "all")
    paths = (folder / f"{bare}_{version.replace(':', '%3a')}_{one}.deb" for one in wanted)
    return next((path for path in paths if path.is_file()), None)


def bring(debs: Sequence[Path], *, back: bool = False) -> None:
    """Install these files and nothing else, `back` where they may be older; what came by itself is said to still."""
    names = [deb.name.partition("_")[0] for deb in debs]
    automatic = run(["apt-mark", "showauto", *names]).split()
    options = (*OPTIONS, *NO_SOURCES)
    how = ("--yes", "--no-remove", "--no-install-recommends", *(("--allow-downgrades",) if back else ()))
    words = (*(f"--option={option}" for option in options), "install", *how, *map(str, debs))
    run(["apt-get", "-qq", *words], BRING_SECONDS)
    if automatic:
        run(["apt-mark", "auto", *automatic])


def require_whole(there: Mapping[str, Installed], ours: Iterable[str]) -> None:
    """Raise PackageError where somebody was in the middle of another package than `ours`: its owner ends that."""
    if others := [name for name in _half(there) if name not in ours and there[name].state[1:2] != "t"]:
        raise PackageError(f"dpkg was interrupted in {', '.join(others)}", "`dpkg --configure -a`, then try again")


def mend(there: Mapping[str, Installed], debs: Mapping[str, Path]) -> bool:
    """Bring packages to an end that somebody was killed in the middle of; returns whether there were any."""
    if broken := [name for name in _half(there) if there[name].state[1:2] == "H"]:
        run(["dpkg", "--force-confold", "--install", *(str(debs[name]) for name in broken)], BRING_SECONDS)
    half = bool(_half(there) or any(Path("/var/lib/dpkg/updates").iterdir()))
    if half:
        run(["dpkg", "--force-confold", "--configure", "--pending"], BRING_SECONDS)
    return half


def _half(there: Mapping[str, Installed]) -> list[str]:
    """Half installed, unpacked, half configured, or with triggers to come (dpkg(1))."""
    return [name for name, one in there.items() if one.state[1:2] in ("H", "U", "F", "W", "t")]
