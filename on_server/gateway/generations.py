"""Generations: what lies on disk, put together, judged, and pointed at by `loaded`.

HAProxy itself judges all but other revocation lists: those OpenSSL has read, and wrote as they lie there (`own`).
"""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from on_server.gateway import files, own, places
from on_server.gateway.places import Paths


def newest_lists(paths: Paths, inputs: files.Inputs) -> tuple[files.Inputs, list[str]]:
    """Replace revocation lists that are older than the loaded ones; returns the inputs and a sentence per refusal."""
    compiled, refused = dict(inputs.compiled), []
    for network in inputs.networks:
        name = f"networks/{network}/crl.pem"
        new = files.read_crls(compiled[name], compiled[f"networks/{network}/ca.pem"], network)
        before = files.placed_crls(paths.loaded / "compiled" / name)
        compiled[name], sentences = files.newest_crls(new, before)
        refused += sentences
    return inputs._replace(compiled=compiled), refused


def write_generation(paths: Paths, inputs: files.Inputs) -> Path:
    """Write a generation and have HAProxy judge it; raises GatewayError with HAProxy's own words."""
    target = paths.gateway / "generations" / inputs.digest[:16]
    new = target.with_name(target.name + ".new")
    for stale in (new, target):
        if stale.resolve() != paths.loaded.resolve():
            shutil.rmtree(stale, ignore_errors=True)
    if target.exists():
        _readable(paths, target)  # it may be of a version whose gateway had another account
        return target
    made = files.assemble(inputs)
    for name, content in made.items():
        places.put(new / name, content, 0o640, places.USER)
    _readable(paths, new)
    if not _only_other_lists(made, paths.loaded):
        _judge(new)
    return new.rename(target)


def _only_other_lists(made: files.Files, loaded: Path) -> bool:
    """Whether all but the revocation lists is what HAProxy judged before.

    A revocation is in force sooner for it: judging costs half of what loading does.
    """
    before = {path.relative_to(loaded).as_posix() for path in loaded.rglob("*") if path.is_file()}
    return before == made.keys() and all(
        name == "digest" or name.endswith("/crl.pem") or (loaded / name).read_bytes() == content
        for name, content in made.items()
    )


def _judge(generation: Path) -> None:
    """Have HAProxy itself read it. Raises GatewayError with its own words, and removes what it refuses."""
    if why := refusal(generation / "haproxy.cfg"):
        shutil.rmtree(generation)
        raise files.GatewayError(f"HAProxy refuses the configuration, the old one stays in force: {why}")


def refusal(configuration: Path, haproxy: str = "haproxy", seconds: float | None = None) -> str:
    """Why a HAProxy does not take a configuration, as the account that it runs as; "" where it does."""
    # In a folder that its account may enter: who types `station-cut` is in a home of their own.
    account: dict[str, Any] = {"cwd": "/", "user": places.USER, "group": places.USER, "extra_groups": []}
    words = [haproxy, "-c", "-f", str(configuration)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=seconds, **account)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    if not done.returncode:
        return ""
    said = (done.stderr or done.stdout).splitlines()
    alerts = [line for line in said if "ALERT" in line]
    return " ".join(alerts) or " ".join(said)[-600:] or f"it ends with {done.returncode}"


def _readable(paths: Paths, generation: Path) -> None:
    group = grp.getgrnam(places.USER).gr_gid
    for path in (paths.gateway, paths.gateway / "generations", generation, *generation.rglob("*")):
        os.chown(path, 0, group)
        path.chmod(0o750 if path.is_dir() else 0o640)


def point(paths: Paths, generation: Path) -> None:
    """Make `loaded` the given generation in one step."""
    new = paths.gateway / ".loaded.new"
    new.unlink(missing_ok=True)
    new.symlink_to(generation.relative_to(paths.gateway))
    new.replace(paths.loaded)


def with_cuts_only(paths: Paths) -> files.Inputs | None:
    """Return what is loaded with today's cuts, or None when that changes nothing: a brake works whatever was placed."""
    compiled = paths.loaded / "compiled"
    if not compiled.exists() or files.read_cuts(paths.cut) == frozenset((paths.loaded / "cuts").read_text().split()):
        return None
    kept = files.read(compiled, paths.cut, paths.key, paths.root)
    for network in kept.homes:  # of the key that is loaded: a new one may wait for its certificate
        certificate = kept.compiled[f"networks/{network}/certificate.pem"]
        loaded = (paths.loaded / f"networks/{network}/station.pem").read_bytes()
        kept = kept._replace(key=loaded.removeprefix(certificate))
    return kept


def prepare(paths: Paths) -> tuple[files.Inputs, Path, list[str]]:
    """Write the generation to load; where what was placed is broken, the loaded one with today's cuts."""
    try:
        given, broken = own.sound(paths.inputs(), paths.loaded)
        own.require(given, paths.loaded)
        inputs, refused = newest_lists(paths, given)
        return inputs, write_generation(paths, inputs), [*broken, *refused]
    except (files.GatewayError, KeyError) as problem:
        fallback = with_cuts_only(paths)
        if fallback is None:
            raise
        return fallback, write_generation(paths, fallback), [f"{problem}; only the cuts were applied"]
