"""The brake of one organisation: no connection with a peer, in either direction, from now on.

    station-cut PEER            take the peer out of the gateway and end its running sessions
    station-cut --restore PEER  let the peer in again
    station-cut --list          which peers are cut

Needs nothing but this server. A cut survives reboots and configuration runs until it is restored here.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

from on_server import programs
from on_server.gateway import files, master, reload
from on_server.gateway.places import Paths

NAME = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*){1,2}")


def known(paths: Paths) -> set[str]:
    """Return the ids of all peers that the role placed."""
    return {path.name for path in paths.gateway.glob("compiled/networks/*/peers/*")}


def apply(paths: Paths) -> None:
    """Have the gateway take today's cuts; a stopped gateway stays stopped and takes them when it starts."""
    # A start of a unit that runs waits for what it does, which may have begun before the cut lay there.
    for _ in range(2):
        if programs.active(reload.UNIT):
            subprocess.run(["systemctl", "start", "gateway-reload.service"], check=False, capture_output=True)
        else:
            reload.assemble(paths)
        if frozenset((paths.loaded / "cuts").read_text().split()) == files.read_cuts(paths.cut):
            return
    raise files.GatewayError(
        f"the gateway did not take the cut; stop it: systemctl stop {reload.UNIT}. Why: journalctl -u gateway-reload"
    )


def cut(paths: Paths, peer: str) -> str:
    """Cut one peer; returns the sentence to print."""
    (paths.cut / peer).touch(mode=0o644)
    running = programs.active(reload.UNIT)
    ended = len([one for one in master.sessions() if one.peer == peer]) if running else 0
    apply(paths)
    if running:  # the reload ended them; were it broken halfway, this would
        master.end(lambda name: name == peer, wait=True)
    return f"{peer} is cut: no new connections, {ended} running ended. Undo: station-cut --restore {peer}"


def restore(paths: Paths, peer: str) -> str:
    """Let one peer in again; returns the sentence to print."""
    (paths.cut / peer).unlink()
    apply(paths)
    return f"{peer} may connect again"


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="station-cut", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peer", nargs="?", help="id of the peer, as in `station-cut gerda.gelre`")
    parser.add_argument("--restore", action="store_true", help="let the peer in again")
    parser.add_argument("--list", action="store_true", help="print the peers that are cut")
    wants, paths = parser.parse_args(), Paths()
    os.umask(0o022)
    cuts = files.read_cuts(paths.cut)
    if wants.list:
        sys.stdout.write("".join(f"{peer}\n" for peer in sorted(cuts)))
        return 0
    if not wants.peer or not NAME.fullmatch(wants.peer):
        parser.error("give the id of one peer, as in `station-cut gerda.gelre`")
    if os.geteuid():
        parser.error("this needs root: sudo station-cut …")
    peers = known(paths)
    if wants.restore and wants.peer not in cuts:
        parser.error(f"{wants.peer} is not cut; cut are: {', '.join(sorted(cuts)) or 'none'}")
    if not wants.restore and wants.peer not in peers:
        parser.error(f"{wants.peer} is no peer of this gateway; it has: {', '.join(sorted(peers)) or 'none'}")
    try:
        sentence = (restore if wants.restore else cut)(paths, wants.peer)
    except (files.GatewayError, master.MasterError, OSError) as problem:
        sys.stderr.write(f"station-cut: {problem}\n")
        return 1
    sys.stdout.write(sentence + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
