"""The publication as this operator read it, brought to its servers: with it their followers begin, and pass it on.

A server's first publication comes from its operator, never from whoever relays: it says of which root all others are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from base import errors, together
from on_server.follow.places import Paths
from publication import publication
from publication.following import kept
from werkplaats.operations.reach import remote, servers

FOLLOW = "/usr/local/sbin/werkplaats-follow"
_LISTED = 'cd "$1" && find -L . -type f -exec sha256sum {} +'
"""What lies there, as sha256sum tells it: each file counts, since the newest word may lie beside what is none of it."""


def bring(
    network: str, remotes: remote.Remotes, organisations: Iterable[str], taken: publication.Read[Any] | None
) -> dict[str, str]:
    """Bring what was taken to each server that has another one; returns organisation → why, of who failed.

    `network`: whose publication it is, as the server keeps it; that of a member is `FEDERATION/MEMBER`.
    """
    wanted = list(organisations)
    if not wanted or taken is None:
        return {}
    files = kept.laid(taken.following, taken.files)
    text = json.dumps({"number": taken.verified.number, "publication": files})
    listed = {f"{hashlib.sha256(content.encode()).hexdigest()}  ./{name}" for name, content in files.items()}
    folder = str(Paths().kept(network))
    there = remotes.ask_all(wanted, "sh", "-c", _LISTED, "listed", folder)
    failed: dict[str, str] = {}

    def one(organisation: str) -> None:
        answer = there[organisation]
        if isinstance(answer, servers.UnreachableError):
            failed[organisation] = str(answer)
        elif answer.exited or {*answer.stdout.splitlines()} != listed:
            try:
                done = remotes.ask(organisation, FOLLOW, "--bring", network, given=text)
            except errors.WerkplaatsError as error:
                failed[organisation] = str(error)
            else:
                if done.exited:
                    failed[organisation] = f"the publication cannot be brought: {done.stderr.strip()[-300:]}"

    together.each(one, wanted)
    return failed
