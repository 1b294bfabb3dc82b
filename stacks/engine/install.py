"""The Pulumi engine: the CLI and its docker plugin, in the versions that the stacks were written for.

Three ways to the CLI, in this order: one of the right version on PATH, the official download where its digest is
pinned, a build from Go modules, which go.sum pins. The plugin is always built: its release is pinned nowhere. The
result stands in the user's cache folder, never in the repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from base import errors, files, values
from stacks.engine import build, download

HERE = Path(__file__).parent
CLI = "3.259.0"
PLUGIN = "5.2.0"
# What the built binaries depend on: another text in one of these is another engine.
SOURCES = ("go.mod", "go.sum", "main.go", "shim/go.mod", "shim/shim.go")
PROGRAMS = HERE / "programs"  # that the engine finds before others

# Go's collector: these processes live for seconds and hold little, so a later collection saves a tenth of their work.
GARBAGE = "400"
WAITING = "waiting for another process that is making the Pulumi engine"

Progress = Callable[[str], None]


class EngineError(errors.UnmetError):
    """The engine cannot be had on this machine; the text says why and what to do."""


@dataclass(frozen=True)
class Engine:
    """An installed engine: `PulumiCommand(root=str(engine.root))` and `env_vars=engine.environment()` use it."""

    root: Path
    source: str

    @property
    def pulumi(self) -> Path:
        """The CLI."""
        return self.root / "bin" / "pulumi"

    @property
    def home(self) -> Path:
        """The PULUMI_HOME in which the docker plugin is installed."""
        return self.root / "home"

    def environment(self) -> dict[str, str]:
        """Return what a process must have in its environment to use this engine and nothing of the user's own."""
        return {"PULUMI_HOME": str(self.home), "PULUMI_SKIP_UPDATE_CHECK": "true", "GOGC": GARBAGE}


def cache_folder() -> Path:
    """Return the folder for what can be made again, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "werkplaats" / "engine"


def key() -> str:
    """Return the name of this engine's folder: CLI version and a hash over everything it is built from."""
    digest = hashlib.sha256(PLUGIN.encode())
    for name in SOURCES:
        text = (HERE / name).read_bytes()
        digest.update(f"{name} {len(text)}\n".encode() + text)
    return f"{CLI}-{digest.hexdigest()[:12]}"


def ensure(progress: Progress, cache: Path | None = None) -> Engine:
    """Return the engine, made first where it is not there yet.

    Safe when several processes ask at once: one makes it, the others wait for it. Raises EngineError.
    """
    cache = cache or cache_folder()
    root = cache / key()
    if (found := installed(root)) is not None:
        return found
    _agree_on_versions()
    cache.mkdir(parents=True, exist_ok=True)
    with files.only_one(cache / f"{key()}.lock", lambda: progress(WAITING)):
        if (found := installed(root)) is not None:
            return found
        _clear(cache, root)
        started = time.monotonic()
        work = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=cache))
        try:
            source = _make(work, progress)
            (work / "engine.json").write_text(json.dumps({"source": source, "cli": CLI, "plugin": PLUGIN}) + "\n")
            work.chmod(0o755)
            files.put_in_place(work, root)
        except (build.BuildError, download.DownloadError, OSError, subprocess.SubprocessError) as error:
            raise EngineError(str(error)) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
        progress(f"Pulumi engine {CLI} ready by {source}, after {time.monotonic() - started:.0f} s: {root}")
        return Engine(root, source)


def installed(root: Path) -> Engine | None:
    """Return the engine in `root` if it is whole. A link to a CLI on PATH may dangle after an upgrade of that one."""
    try:
        source = str(values.mapping((root / "engine.json").read_bytes())["source"])
    except (OSError, ValueError, KeyError):
        return None
    engine = Engine(root, source)
    if not os.access(engine.pulumi, os.X_OK):
        return None
    return engine if source != "path" or _version(engine.pulumi) == CLI else None


def _make(work: Path, progress: Progress) -> str:
    """Put CLI and plugin into `work`; return how they were come by: path, download or build."""
    bin_folder = work / "bin"
    bin_folder.mkdir()
    on_path = shutil.which("pulumi")
    if on_path is not None and _version(Path(on_path)) == CLI:
        (bin_folder / "pulumi").symlink_to(Path(on_path).resolve())
        return _with_plugin(work, "path", progress)
    try:
        download.cli(CLI, bin_folder, progress)
    except download.UnreachableError as why:
        progress(f"the official Pulumi release is not taken ({why}); building it from Go modules")
    else:
        return _with_plugin(work, "download", progress)
    binaries = build.both(HERE, CLI, work / "build", progress)
    binaries.pulumi.rename(bin_folder / "pulumi")
    _install_plugin(work, binaries.plugin)
    shutil.rmtree(work / "build")
    return "build"


def _with_plugin(work: Path, source: str, progress: Progress) -> str:
    _install_plugin(work, build.plugin(HERE, work / "build", progress))
    shutil.rmtree(work / "build")
    return source


def _install_plugin(work: Path, binary: Path) -> None:
    """Install a plugin that we built: one that is merely found on PATH makes every run warn."""
    done = _pulumi(work, ["plugin", "install", "resource", "docker", PLUGIN, "--file", str(binary)], seconds=60)
    if done.returncode:
        raise EngineError(f"the docker plugin could not be installed: {done.stderr.strip()}")


def _pulumi(work: Path, arguments: list[str], seconds: int) -> subprocess.CompletedProcess[str]:
    engine = Engine(work, "")
    command = [str(engine.pulumi), "--non-interactive", *arguments]
    try:
        return subprocess.run(
            command, env=os.environ | engine.environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds} s")


def _version(pulumi: Path) -> str | None:
    """Return what a CLI says its version is, without the v; None where it does not run."""
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [str(pulumi), "version"], env=environment, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().removeprefix("v")


def _agree_on_versions() -> None:
    """Refuse a Python package of another version than the engine: tokens and inputs would not fit."""
    for package, wanted in (("pulumi", CLI), ("pulumi-docker", PLUGIN)):
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != wanted:
            raise EngineError(
                f"stacks/engine/install.py: the engine is made for Python package {package} {wanted}, here it is "
                f"{installed}; install the locked requirements: pip install {package}=={wanted}"
            )


def _clear(cache: Path, root: Path) -> None:
    """Remove what a killed run left, and a folder that is not whole. Only under the lock."""
    for leftover in [*cache.glob(f".{root.name}.*"), root]:
        if leftover.exists():
            shutil.rmtree(leftover)
