"""The accounts of an organisation's own people on its server: its data steward and its data scientist.

Their keys are theirs. The operator's inventory names the public ones; only in a sandbox, where one person plays every
part, the private ones lie in the vault, so that rehearsals and tests log in exactly as these people do.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path

from base import errors
from stacks.servers import seeds
from werkplaats.operations.home import networks
from werkplaats.operations.reach import heard, ssh_config

STEWARD, SCIENTIST = "steward", "scientist"
SECONDS = 600


def in_sandbox(vault: Path, organisation: str) -> dict[str, dict[str, list[str]]]:
    """Keys for both accounts of one organisation of a sandbox, made where there are none."""
    found = {}
    for account in (STEWARD, SCIENTIST):
        line = seeds.key_pair(_key(vault, organisation, account))
        found[account] = {"keys": [line], "from": [str(seeds.POOL)]}
    return found


def ssh(network: networks.Network, organisation: str, account: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Say `station WORDS` as this account, over ssh. Raises UsageError where its key is not in the vault."""
    return _run(network, organisation, account, "ssh", [shlex.join(("station", *words))], "")


def put(region: networks.Network, organisation: str, question: str, name: str, content: bytes) -> None:
    """Bring a file for a question (NETWORK/QUESTION) by sftp, as the scientist does.

    Raises HalfWayError when it is refused.
    """
    with tempfile.NamedTemporaryFile() as local:
        local.write(content)
        local.flush()
        # A name of its own first: a session that reads meanwhile sees the old file or the new one.
        part = f"{question}/.{name}.part"
        batch = f'put "{local.name}" "{part}"\n-rm "{question}/{name}"\nrename "{part}" "{question}/{name}"\n'
        done = _run(region, organisation, SCIENTIST, "sftp", [], batch)
    if done.returncode:
        raise errors.HalfWayError(
            f"the scientist of {organisation} cannot put {name}: {done.stderr.strip()}",
            f"werkplaats up {region.name} brings questions and accounts; then again",
        )


def _run(
    network: networks.Network, organisation: str, account: str, program: str, words: list[str], said: str
) -> subprocess.CompletedProcess[str]:
    key = _key(network.vault.folder, organisation, account)
    if not key.exists():
        raise errors.UsageError(f"the {account} of {organisation} has a key of its own, which is not here")
    options = ["-F", str(network.remotes().config), "-i", str(key), "-o", f"User={account}"]
    batch = ["-b", "-"] if program == "sftp" else []
    command = [program, *options, *batch, ssh_config.alias(organisation, ssh_config.PEOPLE), *words]
    return heard.run(command, SECONDS, given=said.encode())


def _key(vault: Path, organisation: str, account: str) -> Path:
    return vault / "people" / organisation / account
