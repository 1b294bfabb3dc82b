"""Which servers need no playbook: nothing that the roles are given has changed, and nothing on the server.

After a play that ended well the server's own digest of what the roles decide about is kept, with the digest of what
they were given. When both are what they were, the play would find nothing to do. The note of a server is gone before
it is configured, so that a killed run leaves none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import on_server
from base import files, values
from werkplaats.operations.bring_up.configure import ROOT, HostVars
from werkplaats.operations.reach import remote, servers

PROGRAM = Path(on_server.__file__).with_name("state.py")
SOURCES = (
    "ansible.cfg",
    "playbooks",
    "plugins",
    "roles",
    "on_server",
)  # what the roles are, beside their data


class Notes:
    """The notes of one network's servers, in its run folder."""

    def __init__(self, folder: Path, remotes: remote.Remotes) -> None:
        self._path = folder / "unchanged.json"
        self._remotes = remotes

    def unchanged(self, hosts: HostVars) -> set[str]:
        """The organisations whose server is as the last play left it, and would be given the same."""
        notes = self._read()
        sources = _sources()
        known = {
            o: notes[o]["server"] for o, host in hosts.items() if notes.get(o, {}).get("given") == _given(host, sources)
        }
        states = self._states(known)
        return {organisation for organisation, state in known.items() if states.get(organisation) == state}

    def forget(self, organisations: Iterable[str]) -> None:
        """These servers are about to be changed."""
        gone = set(organisations)
        self._write({o: note for o, note in self._read().items() if o not in gone})

    def keep(self, hosts: HostVars) -> None:
        """These servers were configured to the end: remember how they are now."""
        sources = _sources()
        states = self._states(hosts)
        made = {o: {"given": _given(hosts[o], sources), "server": state} for o, state in states.items()}
        self._write(self._read() | made)

    def _states(self, organisations: Iterable[str]) -> dict[str, str]:
        answers = self._remotes.ask_all(organisations, "python3", "-IS", "-c", PROGRAM.read_text())
        return {
            organisation: answer.stdout.strip()
            for organisation, answer in answers.items()
            if not isinstance(answer, servers.UnreachableError) and not answer.exited
        }

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found = values.mapping(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return {name: note for name, note in found.items() if isinstance(note, dict) and {"given", "server"} <= {*note}}

    def _write(self, notes: Mapping[str, Mapping[str, str]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_atomically(self._path, json.dumps(notes).encode(), mode=0o600)


def _given(host: Mapping[str, Any], sources: bytes) -> str:
    return hashlib.sha256(sources + json.dumps(host, sort_keys=True).encode()).hexdigest()


def _sources() -> bytes:
    found = hashlib.sha256()
    for name in SOURCES:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(ROOT)} {path.stat().st_mode:o} ".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.digest()
