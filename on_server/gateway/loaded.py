"""What follows from a generation that was loaded: what it leaves out is ended, the agent is told, and it is stamped."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from on_server.gateway import files, master, places
from on_server.gateway.places import Paths, put


def serials(paths: Paths) -> dict[str, set[str]]:
    """Return peer → the serials that its certificates had since the gateway started."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {peer: set(found) for peer, found in json.loads(paths.serials.read_text()).items()}
    return {}


def revoked(generation: Path | None) -> set[tuple[str, str]]:
    """Return network and serial of what is on the revocation lists of a generation, by the network of the list's CA.

    What a CA lists is its own: a serial on the list of another region's CA says nothing of a station here.
    """
    lists = [
        one
        for crl in (generation.glob("compiled/networks/*/crl.pem") if generation else ())
        for one in files.placed_crls(crl)
    ]
    return {(one.network, serial) for one in lists for serial in one.revoked}


def _certified(had: Mapping[str, set[str]]) -> dict[str, set[tuple[str, str]]]:
    """Peer → network and serial of each certificate that it had; a peer's id begins with its network."""
    return {peer: {(peer.rpartition(".")[0], one) for one in numbers} for peer, numbers in had.items()}


def end_gone(paths: Paths, before: Path | None, generation: Path) -> None:
    """End what runs with peers that are not in the generation, or that had a certificate that is revoked in it.

    A reload alone ends nothing: an earlier worker carries its sessions on for hours. Those of the newest are let be: a
    peer that has another certificate now may be called anew at once, and again as often as that is ended.
    """
    here, listed, had = _peers(generation), revoked(generation), serials(paths)
    out = {peer for peer, certified in _certified(had).items() if certified & listed}
    fewer = bool((_peers(before) if before else set()) - here or listed - revoked(before))
    master.end(lambda peer: peer not in here or peer in out, wait=fewer, earlier_only=True)


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
    loaded = {path.name for path in generation.glob("networks/*")}
    for network in sorted(loaded):
        folder = generation / "networks" / network
        if (folder / files.HOME).exists():  # of a federation it is what its home network has
            folder = folder.with_name((folder / files.HOME).read_text().strip())
        shown = {"certificate": files.certificate((folder / "station.pem").read_bytes())}
        with contextlib.suppress(FileNotFoundError):  # a generation of an earlier version has none
            shown |= _statement(folder / files.STATEMENT)
        if (paths.networks / network).is_dir():
            _tell(paths.networks / network / "gateway.json", shown)
    for stale in paths.networks.glob("*/gateway.json"):
        if stale.parent.name not in loaded:
            stale.unlink()
            with contextlib.suppress(OSError):
                stale.parent.rmdir()
    # The agent makes its socket for the gateway's group, and made it before the gateway had an account of its own.
    with contextlib.suppress(FileNotFoundError):
        os.chown(paths.run / "agent/mesh.sock", -1, grp.getgrnam(places.USER).gr_gid, follow_symlinks=False)
    uids = {"gateway_uid": pwd.getpwnam(places.USER).pw_uid, "agent_uid": 5001, "computer_uid": 5002}
    _tell(paths.networks / "host.json", uids)
    # HAProxy leaves the socket of a section that is gone: the agent would take it for a peer that is down.
    called = files.outbound_peers((generation / "haproxy.cfg").read_bytes())
    for left in paths.run.glob("peers/*.sock"):
        if left.stem not in called:
            left.unlink()
    had, now = serials(paths), files.serials(generation / "compiled")
    _put_serials(paths, had | {peer: had.get(peer, set()) | numbers for peer, numbers in now.items()})


def _tell(path: Path, shown: Mapping[str, Any]) -> None:
    content = json.dumps(shown).encode() + b"\n"
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o644:
            return  # with another file `host.json` the agent reads all that was accepted anew
    put(path, content)


def stamp(paths: Paths, generation: Path) -> None:
    """Remember that this is in force, forget revoked serials, and drop older generations.

    Only when what is gone was ended: it is by these that the next reload finds what still runs.
    """
    now, had, listed = files.serials(generation / "compiled"), serials(paths), revoked(generation)
    every = {peer: had.get(peer, set()) | numbers for peer, numbers in now.items()}
    _put_serials(paths, {peer: {n for _, n in some - listed} for peer, some in _certified(every).items()})
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
