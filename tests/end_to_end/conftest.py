"""A second network beside `toets`, for the tests that cut and destroy."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import sandboxes, servers


def everything() -> dict[str, set[str]]:
    """All that the local engine has, and the folders of open ssh connections."""
    return {
        "containers": set(servers.docker("ps", "--all", "--quiet", "--no-trunc").split()),
        "volumes": set(servers.docker("volume", "ls", "--quiet").split()),
        "networks": set(servers.docker("network", "ls", "--quiet", "--no-trunc").split()),
        "ssh": {path.name for path in Path(os.environ["XDG_RUNTIME_DIR"]).glob("werkplaats-*")},
    }


@dataclasses.dataclass(frozen=True)
class Passing:
    """A network that is up and verified, and what there was on this machine before it."""

    network: sandboxes.Sandbox
    before: dict[str, set[str]]


@pytest.fixture(scope="session")
def weg(toets: sandboxes.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passing]:
    """The network `weg.sandbox`: first a computing party of it is cut, then it is destroyed."""
    assert toets.vault.exists()
    made = Passing(sandboxes.sandbox(tmp_path_factory.mktemp("weg"), "weg"), everything())
    assert made.network.up()["verified"]
    yield made
    made.network.run("destroy", "--yes", expect=None)
