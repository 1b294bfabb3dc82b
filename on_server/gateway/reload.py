"""The only thing that reloads the gateway: assemble, validate, reload without refusing a caller, stamp what was loaded.

gateway-reload              do it (this is what gateway-reload.service runs)
gateway-reload --if-needed  have the unit do it when the files on disk are not the loaded ones; prints one JSON line
gateway-reload --check      exit 1 when the files on disk are not the loaded ones
gateway-reload --assemble   before the gateway starts: take what lies on disk
gateway-reload --stamp      after the gateway started: remember what it loaded
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from on_server import disk, programs
from on_server.gateway import files, master, own

UNIT = master.UNIT
WATCHES = ("gateway-reload.path", "gateway-finding.path")
USER = "werkplaats-gateway"


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where things lie on a server; tests have a root of their own."""

    root: Path = Path("/")

    @property
    def gateway(self) -> Path:
        """The gateway's folder."""
        return self.root / "etc/werkplaats/gateway"

    @property
    def loaded(self) -> Path:
        """Link to the generation that HAProxy reads."""
        return self.gateway / "loaded"

    @property
    def cut(self) -> Path:
        """Folder of the cuts."""
        return self.root / "etc/werkplaats/cut.d"

    @property
    def networks(self) -> Path:
        """Folder that the agent reads."""
        return self.root / "etc/werkplaats/networks.d"

    @property
    def run(self) -> Path:
        """Folder of stamp, lock and last message; root's alone, gone at a reboot."""
        return self.root / "run/werkplaats"

    @property
    def key(self) -> Path:
        """The gateway's private key."""
        return self.root / "etc/werkplaats/identity/key.pem"

    @property
    def key_before(self) -> Path:
        """The key before a renewal, there until a certificate of the new one is loaded."""
        return self.key.with_name("key-before.pem")

    def inputs(self) -> files.Inputs:
        """Read what decides what the gateway loads: with the key before, as long as the certificate is of that one."""
        given = files.read(self.gateway / "compiled", self.cut, self.key, self.root)
        if self.key_before.exists() and not own.fits(given):
            older = dataclasses.replace(given, key=self.key_before.read_bytes())
            return older if own.fits(older) else given
        return given

    @property
    def serials(self) -> Path:
        """Which certificates peers had since the gateway started: what runs may have begun with any of them."""
        return self.run / "gateway.serials"

    def stamp(self) -> str:
        """Return the digest of what the running gateway loaded."""
        with contextlib.suppress(FileNotFoundError):
            return (self.run / "gateway.stamp").read_text()
        return ""


def put(path: Path, content: bytes, mode: int = 0o644, group: str = "root") -> None:
    """Write a file whole or not at all, in a folder that is made where it is missing."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    disk.write(path, content, mode, grp.getgrnam(group).gr_gid)


@contextlib.contextmanager
def lock(paths: Paths) -> Iterator[None]:
    """One reload at a time; released by death."""
    with (paths.run / "gateway.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def newest_lists(paths: Paths, inputs: files.Inputs) -> tuple[files.Inputs, list[str]]:
    """Replace revocation lists that are older than the loaded ones; returns the inputs and a sentence per refusal."""
    compiled, refused = dict(inputs.compiled), []
    for network in inputs.networks:
        name = f"networks/{network}/crl.pem"
        ca, old = paths.gateway / f"compiled/networks/{network}/ca.pem", paths.loaded / name
        new = files.read_crls(compiled[name], ca)
        before = files.read_crls(old.read_bytes(), old.with_name("ca.pem")) if old.exists() else []
        compiled[name], sentences = files.newest_crls(new, before)
        refused += sentences
    return dataclasses.replace(inputs, compiled=compiled), refused


def write_generation(paths: Paths, inputs: files.Inputs) -> Path:
    """Write a generation and have HAProxy check it; raises GatewayError with HAProxy's own words."""
    target = paths.gateway / "generations" / inputs.digest[:16]
    new = target.with_name(target.name + ".new")
    for stale in (new, target):
        if stale.resolve() != paths.loaded.resolve():
            shutil.rmtree(stale, ignore_errors=True)
    if target.exists():
        _readable(paths, target)  # it may be of a version whose gateway had another account
        return target
    for name, content in files.assemble(inputs).items():
        put(new / name, content, 0o640, USER)
    _readable(paths, new)
    check = ["haproxy", "-c", "-f", str(new / "haproxy.cfg")]
    # In a folder that its account may enter: who types `station-cut` is in a home of their own.
    answer = subprocess.run(
        check, capture_output=True, text=True, check=False, cwd="/", user=USER, group=USER, extra_groups=[]
    )
    if answer.returncode:
        shutil.rmtree(new)
        alerts = [line for line in answer.stderr.splitlines() if "ALERT" in line]
        raise files.GatewayError(f"HAProxy refuses the configuration, the old one stays in force: {' '.join(alerts)}")
    return new.rename(target)


def _readable(paths: Paths, generation: Path) -> None:
    group = grp.getgrnam(USER).gr_gid
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
    for network in kept.networks:  # of the key that is loaded: a new one may wait for its certificate
        certificate = kept.compiled[f"networks/{network}/certificate.pem"]
        loaded = (paths.loaded / f"networks/{network}/station.pem").read_bytes()
        kept = dataclasses.replace(kept, key=loaded.removeprefix(certificate))
    return kept


def prepare(paths: Paths) -> tuple[files.Inputs, Path, list[str]]:
    """Write the generation to load; where what was placed is broken, the loaded one with today's cuts."""
    try:
        given = paths.inputs()
        own.require(given)
        inputs, refused = newest_lists(paths, given)
        return inputs, write_generation(paths, inputs), refused
    except (files.GatewayError, KeyError) as problem:
        fallback = with_cuts_only(paths)
        if fallback is None:
            raise
        return fallback, write_generation(paths, fallback), [f"{problem}; only the cuts were applied"]


def serials(paths: Paths) -> dict[str, set[str]]:
    """Return peer → the serials that its certificates had since the gateway started."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {peer: set(found) for peer, found in json.loads(paths.serials.read_text()).items()}
    return {}


def revoked(generation: Path | None) -> set[str]:
    """Return the serials on the revocation lists of a generation."""
    found: set[str] = set()
    for crl in generation.glob("networks/*/crl.pem") if generation else ():
        found.update(*(one.revoked for one in files.read_crls(crl.read_bytes(), crl.with_name("ca.pem"))))
    return found


def end_gone(paths: Paths, before: Path | None, generation: Path) -> None:
    """End what runs with peers that are not in the generation, or that had a certificate that is revoked in it.

    A reload alone ends nothing: an earlier worker carries its sessions on for hours.
    """
    here, listed, had = _peers(generation), revoked(generation), serials(paths)
    out = {peer for peer, numbers in had.items() if numbers & listed}
    fewer = bool((_peers(before) if before else set()) - here or listed - revoked(before))
    master.end(lambda peer: peer not in here or peer in out, wait=fewer)


def _peers(generation: Path) -> set[str]:
    return files.peers((generation / "haproxy.cfg").read_bytes())


def _statement(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as problem:
        raise files.GatewayError(f"{path} is not JSON; run `werkplaats up` again") from problem
    if not isinstance(found, dict):
        raise files.GatewayError(f"{path} is no statement; run `werkplaats up` again")
    return found


def finish(paths: Paths, generation: Path) -> None:
    """Tell of what is loaded, and stamp it: from now on nothing of earlier generations runs any more."""
    tell(paths, generation)
    stamp(paths, generation)


def tell(paths: Paths, generation: Path) -> None:
    """Tell the agent what its gateway shows, remove what is not in it, and remember with whom runs may begin now."""
    loaded = {path.parent.name for path in generation.glob("networks/*/station.pem")}
    for network in sorted(loaded):
        folder = generation / "networks" / network
        shown = {"certificate": files.certificate((folder / "station.pem").read_bytes())}
        with contextlib.suppress(FileNotFoundError):  # a generation of an earlier version has none
            shown |= _statement(folder / files.STATEMENT)
        if (paths.networks / network).is_dir():
            put(paths.networks / network / "gateway.json", json.dumps(shown).encode() + b"\n")
    for stale in paths.networks.glob("*/gateway.json"):
        if stale.parent.name not in loaded:
            stale.unlink()
            with contextlib.suppress(OSError):
                stale.parent.rmdir()
    # The agent makes its socket for the gateway's group, and made it before the gateway had an account of its own.
    with contextlib.suppress(FileNotFoundError):
        os.chown(paths.run / "agent/mesh.sock", -1, grp.getgrnam(USER).gr_gid, follow_symlinks=False)
    uids = {"gateway_uid": pwd.getpwnam(USER).pw_uid, "agent_uid": 5001, "computer_uid": 5002}
    put(paths.networks / "host.json", (json.dumps(uids) + "\n").encode())
    # HAProxy leaves the socket of a section that is gone: the agent would take it for a peer that is down.
    called = files.outbound_peers((generation / "haproxy.cfg").read_bytes())
    for left in paths.run.glob("peers/*.sock"):
        if left.stem not in called:
            left.unlink()
    had, now = serials(paths), files.serials(generation / "compiled")
    _put_serials(paths, had | {peer: had.get(peer, set()) | numbers for peer, numbers in now.items()})


def stamp(paths: Paths, generation: Path) -> None:
    """Remember that this is in force, forget revoked serials, and drop older generations.

    Only when what is gone was ended: it is by these that the next reload finds what still runs.
    """
    now, had, listed = files.serials(generation / "compiled"), serials(paths), revoked(generation)
    _put_serials(paths, {peer: (had.get(peer, set()) | numbers) - listed for peer, numbers in now.items()})
    put(paths.run / "gateway.stamp", (generation / "digest").read_bytes())
    if paths.key_before.exists() and paths.key.exists():
        loaded = [path.read_bytes() for path in generation.glob("networks/*/station.pem")]
        if loaded and all(content.endswith(paths.key.read_bytes()) for content in loaded):
            paths.key_before.unlink()
    for other in (paths.gateway / "generations").iterdir():
        if other.resolve() != generation.resolve():
            shutil.rmtree(other)


def _put_serials(paths: Paths, kept: Mapping[str, set[str]]) -> None:
    put(paths.serials, json.dumps({peer: sorted(numbers) for peer, numbers in kept.items()}).encode())


def stamped(paths: Paths) -> Path | None:
    """The generation that was in force last: after a reload that ended halfway another one than is loaded."""
    folder = paths.gateway / "generations" / paths.stamp()[:16]
    return folder if paths.stamp() and folder.exists() else None


def start(paths: Paths, how: str = "start") -> list[str]:
    """Start (or restart) the gateway, which takes what lies on disk; returns the refusals.

    Raises GatewayError with what it said last.
    """
    if subprocess.run(["systemctl", how, UNIT], check=False, capture_output=True).returncode:
        journal = ["journalctl", "--unit", UNIT, "--lines", "5", "--output", "cat", "--no-pager"]
        said = subprocess.run(journal, check=False, capture_output=True, text=True).stdout
        raise files.GatewayError(f"the gateway does not start; it said: {' '.join(said.split())}")
    if paths.stamp() == paths.inputs().digest:
        return []
    return assemble(paths) or ["the gateway started with other files than those on disk; run this again"]


def assemble(paths: Paths) -> list[str]:
    """Take what lies on disk, for the next start; returns the refusals."""
    with lock(paths):
        # Sockets of a gateway that had another account cannot be replaced by one that has its own (link(2), EPERM).
        for left in paths.run.glob("peers/*.sock"):
            if left.lstat().st_uid != pwd.getpwnam(USER).pw_uid:
                left.unlink()
        _inputs, generation, refused = prepare(paths)
        point(paths, generation)
    return refused


def reload(paths: Paths) -> list[str]:
    """Have the running gateway load what lies on disk, or start it; returns the refusals."""
    if not programs.active(UNIT):
        return start(paths)
    if foreign():
        return start(paths, "restart")  # no process can pass to another account
    with lock(paths):
        before = paths.loaded.resolve() if paths.loaded.exists() else None
        in_force_before = stamped(paths) or before
        _inputs, generation, refused = prepare(paths)
        point(paths, generation)
        try:
            master.reload()
        except master.MasterError:
            if before:
                point(paths, before)
            raise
        try:
            end_gone(paths, in_force_before, generation)
        finally:  # it is loaded, whatever still runs
            tell(paths, generation)
        stamp(paths, generation)
    return refused


def settled(paths: Paths) -> list[str]:
    """Reload, and once more where something changed meanwhile: nothing starts this unit again while it runs."""
    refused = reload(paths)
    if not refused and paths.stamp() != paths.inputs().digest:
        refused = reload(paths)
    return refused


def in_force(paths: Paths) -> bool:
    """Return whether the gateway runs with what lies on disk, and is the HAProxy that lies there."""
    current = programs.active(UNIT) and paths.stamp() == paths.inputs().digest
    return current and not outdated() and not foreign()


def outdated() -> bool:
    """Return whether the gateway still runs a program or library that an upgrade has replaced (proc(5), maps)."""
    maps = (_process() / "maps").read_text().splitlines()
    return any(" /usr/" in line and line.endswith(" (deleted)") for line in maps)


def foreign() -> bool:
    """Return whether the gateway still runs under another account, as those of earlier versions did."""
    rows = (line.split() for line in (_process() / "status").read_text().splitlines())
    return next(int(row[1]) for row in rows if row[0] == "Uid:") != pwd.getpwnam(USER).pw_uid


def _process() -> Path:
    return Path("/proc", programs.run("systemctl", "show", "--property=MainPID", "--value", UNIT).strip())


def by_unit(paths: Paths) -> tuple[bool, int, str]:
    """Start the gateway, or have gateway-reload.service reload it, when needed; (changed, exit code, sentence)."""
    for watch in WATCHES:
        if not programs.active(watch):
            programs.run("systemctl", "start", watch)
    if not programs.active(UNIT):
        refused = start(paths)
        return True, int(bool(refused)), "; ".join(refused) or "the gateway was started"
    before, old = paths.stamp(), outdated() or foreign()
    if in_force(paths):
        return False, 0, "the gateway has loaded what lies on disk"
    answer = subprocess.run(["systemctl", "start", "gateway-reload.service"], check=False, capture_output=True)
    with contextlib.suppress(FileNotFoundError):
        return (
            paths.stamp() != before or (old and in_force(paths)),
            answer.returncode,
            (paths.run / "gateway.message").read_text().strip(),
        )
    return False, answer.returncode, answer.stderr.decode().strip()


def main() -> int:
    """Run the program; exit code 1 when something was refused or differs."""
    parser = argparse.ArgumentParser(prog="gateway-reload", description=__doc__.splitlines()[0] if __doc__ else "")
    for word in ("check", "if-needed", "assemble", "stamp"):
        parser.add_argument(f"--{word}", action="store_true")
    wants, paths = parser.parse_args(), Paths()
    os.umask(0o022)
    if wants.if_needed:
        try:
            changed, code, sentence = by_unit(paths)
        except files.GatewayError as problem:
            changed, code, sentence = False, 1, str(problem)
        programs.tell(changed, sentence)
        return code
    try:
        if wants.check:
            return 0 if in_force(paths) else 1
        if wants.stamp:
            finish(paths, paths.loaded.resolve())
            return 0
        refused = assemble(paths) if wants.assemble else settled(paths)
    except (files.GatewayError, master.MasterError, OSError, KeyError) as problem:
        refused = [f"the gateway was not reloaded: {problem}"]
    sentence = "; ".join(refused) or "loaded"
    put(paths.run / "gateway.message", sentence.encode())
    sys.stderr.write(sentence + "\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
