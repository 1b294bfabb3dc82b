"""The molecule scenario, on the servers of these tests: converge, no change again, the checks of `verify`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.roles import plays
from tests.roles.conftest import Mesh

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_the_scenario_converges_stays_and_verifies(mesh: Mesh) -> None:
    mesh.play("--list-hosts")  # writes the inventory of both servers
    inventory = json.loads((mesh.folder / "inventory.json").read_text())
    (mesh.folder / "molecule.json").write_text(json.dumps(inventory))
    (mesh.folder / "expected.json").write_text(json.dumps(mesh.stations))
    blocks = [
        f"Host {name}\n  HostName {server.address}\n  User beheer\n  IdentityFile {mesh.folder}/key\n"
        f"  UserKnownHostsFile {mesh.folder}/known_hosts\n  StrictHostKeyChecking yes\n  IdentitiesOnly yes\n"
        for name, server in mesh.servers.items()
    ]
    (mesh.folder / "ssh_config").write_text("".join(blocks))
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "MOLECULE_GLOB": "tests/molecule/*/molecule.yml",
        "MOLECULE_PROJECT_DIRECTORY": str(plays.ROOT),
        "WERKPLAATS_INVENTORY": str(mesh.folder / "molecule.json"),
        "WERKPLAATS_HOSTS": ",".join(f"ssh://{name}" for name in mesh.servers),
        "WERKPLAATS_SSH_CONFIG": str(mesh.folder / "ssh_config"),
        "WERKPLAATS_EXPECTED": str(mesh.folder / "expected.json"),
    }
    answer = subprocess.run(
        [str(programs / "molecule"), "test"],
        cwd=plays.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-6000:] + answer.stderr[-6000:]
    assert "passed" in answer.stdout + answer.stderr
