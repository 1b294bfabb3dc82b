"""What an operator has to know before a newer suite changes a network: breaking changes stop it, once.

The version of the suite that last changed something of a network lies in its vault, in `suite.json`. Where this one is
newer, breaking changes in between stop what changes something until they are acknowledged; what only looks goes on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from base import errors, files, values
from network_topology import names
from werkplaats import VERSION
from werkplaats.operations.home import changelog, vault

NOTE = "suite.json"


def pass_by(network: str, acknowledged: str | None, *, changes: bool, now: str = VERSION) -> None:
    """Let a verb on a network go on, or raise RefusedError with what was not acknowledged.

    A verb that only looks is let by with one line on standard error.
    """
    try:
        before = last(network)
    except errors.VaultError as error:
        if changes:
            raise
        print(f"note: {error}", file=sys.stderr)
        return
    if before is None or changelog.order(before) >= changelog.order(now):
        return
    found = changelog.between(changelog.read(changelog.PATH), before, now)
    if not found:
        return
    if acknowledged == now:
        remember(network, now=now)
        return
    if not changes:
        print(
            f"note: suite {before} changed {network} last, and {now} has {len(found)} breaking changes since: the "
            "first verb that changes something stops for them",
            file=sys.stderr,
        )
        return
    told = "".join(f"\n  {one}" for one in found)
    raise errors.RefusedError(
        f"suite {before} changed {network} last; this is {now}, and since then changes break something:{told}\n"
        "nothing was changed",
        f"do what affects you, then run the same with: werkplaats --acknowledge {now} …",
    )


def last(network: str) -> str | None:
    """The version that last changed something of a network, None where none did.

    Raises VaultError for a damaged note.
    """
    path = _note(network)
    if path is None or not path.is_file():
        return None
    try:
        version = values.mapping(path.read_bytes())["version"]
        changelog.order(version)
    except (KeyError, TypeError, ValueError, errors.UsageError) as error:
        remedy = "read CHANGELOG.md from the version that you used, then remove that file"
        raise errors.VaultError(f"{path} does not say which version of the suite was used last", remedy) from error
    return str(version)


def remember(network: str, *, now: str = VERSION) -> None:
    """Remember that this version changed a network, where it has a vault; never an older one than is remembered."""
    path, before = _note(network), last(network)
    if path and path.parent.is_dir() and (before is None or changelog.order(before) < changelog.order(now)):
        files.write_atomically(path, json.dumps({"version": now}).encode() + b"\n", mode=0o600)


def _note(network: str) -> Path | None:
    return vault.folder_of(network) / NOTE if names.is_network(network) else None
