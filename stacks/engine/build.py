"""The Pulumi engine from Go modules, with the Go toolchain of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
# From this version on, `go` can fetch the newer toolchain that go.mod asks for (https://go.dev/doc/toolchain).
FETCHES_TOOLCHAINS = (1, 21)
SAY_EVERY = 10.0

Progress = Callable[[str], None]
Version = tuple[int, ...]


class BuildError(Exception):
    """The engine cannot be built here; the text says why and what to do."""


@dataclass(frozen=True)
class Binaries:
    """Two programs, still in the folder they were built in."""

    pulumi: Path
    plugin: Path


def both(module: Path, version: str, target: Path, progress: Progress) -> Binaries:
    """Build CLI and plugin of the Go module `module` into `target`. Raises BuildError."""
    _build(module, [".", CLI_PACKAGE], f"-s -w -X {VERSION_VARIABLE}=v{version}", target, progress)
    return Binaries(target / "pulumi", plugin_path(target))


def plugin(module: Path, target: Path, progress: Progress) -> Path:
    """Build only the docker plugin. Raises BuildError."""
    _build(module, ["."], "-s -w", target, progress)
    return plugin_path(target)


def plugin_path(target: Path) -> Path:
    """Return where the plugin lies. Go names a program after its module; Pulumi after what it provides."""
    wanted = target / "pulumi-resource-docker"
    built = target / "engine"
    if built.exists():
        built.rename(wanted)
    return wanted


def _build(module: Path, packages: list[str], flags: str, target: Path, progress: Progress) -> None:
    go, environment = toolchain(wanted(module / "go.mod"))
    target.mkdir(parents=True)
    total = _count(go, module, packages, environment)
    command = [str(go), "build", "-v", "-trimpath", "-ldflags", flags, "-o", f"{target}/", *packages]
    started = time.monotonic()
    said = started
    compiled = 0
    complaints: list[str] = []
    progress(f"building the Pulumi engine: {total} Go packages, some 8 minutes on 2 cores the first time")
    with subprocess.Popen(
        command, cwd=module, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            text = line.strip()
            fetching = text.startswith("go: downloading ")
            if re.fullmatch(r"[\w./~-]+", text):
                compiled += 1
            elif not fetching:
                complaints.append(text)
            if time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                what = text.removeprefix("go: ") if fetching else f"{compiled} packages compiled, now {text}"
                progress(f"building the Pulumi engine: {said - started:.0f} s, {what}")
    if process.returncode:
        raise BuildError(_why(complaints))


def _count(go: Path, module: Path, packages: list[str], environment: dict[str, str]) -> int:
    """Return how many packages the build needs. Fetches the modules that it lists, so it may take a minute or two."""
    done = subprocess.run(
        [str(go), "list", "-deps", *packages], cwd=module, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(_why(done.stderr.splitlines()))
    return len(done.stdout.split())


def _why(complaints: list[str]) -> str:
    last = "\n  ".join(line for line in complaints[-12:] if line)
    return (
        "stacks/engine/go.mod: the Pulumi engine cannot be built from Go modules; when modules cannot be fetched, "
        "point Go at your module mirror (go env -w GOPROXY=<its address>), or put an official `pulumi` of the right "
        f"version on PATH. Go said:\n  {last}"
    )


def wanted(go_mod: Path) -> Version:
    """Return the Go version that a go.mod asks for."""
    found = re.search(r"^go (\d+(?:\.\d+)*)$", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{go_mod}: no line `go <version>`; restore the file from git")
    return _parse(found.group(1))


def toolchain(minimum: Version) -> tuple[Path, dict[str, str]]:
    """Return a Go program and the environment in which it builds for `minimum`. Raises BuildError."""
    best: tuple[Version, Path] | None = None
    for candidate in _candidates():
        version = _version(candidate)
        if version is not None and (best is None or version > best[0]):
            best = (version, candidate)
    need = ".".join(map(str, minimum))
    remedy = (
        f"install Go {need} or newer from go.dev/dl, or a distribution's newer one (Debian 12: `apt-get install "
        "-t bookworm-backports golang-go`; Debian 13: `apt-get install golang-go`, which fetches the rest by itself), "
        "or put an official `pulumi` on PATH"
    )
    if best is None:
        raise BuildError(f"the Pulumi engine must be built here and there is no Go on this machine; {remedy}")
    version, go = best
    if version < FETCHES_TOOLCHAINS:
        raise BuildError(f"{go} is Go {'.'.join(map(str, version))}, too old to build the Pulumi engine; {remedy}")
    # Other settings of the user's stay (GOPROXY, GOFLAGS' and GOPRIVATE's places); these would change the result.
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local" if version >= minimum else f"go{need}",
        "GOWORK": "off",
    }
    return go, environment


def _candidates() -> list[Path]:
    """Return Go programs in the order of preference; Debian keeps versions beside each other in /usr/lib."""
    on_path = shutil.which("go")
    places = [Path("/usr/local/go/bin/go"), *sorted(Path("/usr/lib").glob("go-1.*/bin/go"))]
    return ([Path(on_path)] if on_path else []) + [place for place in places if os.access(place, os.X_OK)]


def _version(go: Path) -> Version | None:
    # In an empty folder and with the local toolchain, or it would report (and fetch) what some go.mod asks for.
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [str(go), "version"],
            cwd=empty,
            env=os.environ | {"GOTOOLCHAIN": "local", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"\bgo(\d+(?:\.\d+)*)", done.stdout)
    return _parse(found.group(1)) if done.returncode == 0 and found else None


def _parse(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))
