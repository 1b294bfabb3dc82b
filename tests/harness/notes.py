"""What tests measured or saw and people should read; told at the end of the run, however quiet it is."""

from __future__ import annotations

import pytest

from stacks.components import sandbox_server

NOTES = pytest.StashKey[list[str]]()


def of(config: pytest.Config) -> list[str]:
    """The notes of this run; tests add to it."""
    return config.stash.setdefault(NOTES, [])


def cgroups() -> str:
    """In which mode of control groups the servers of this machine run."""
    if sandbox_server.UNIFIED.is_dir():
        return "cgroups: hybrid of v1 and v2 (servers have the v2 tree of the host, and no memory limits)"
    return "cgroups: v2 (each server has a namespace of its own)"
