"""The real engine, through the Automation API, against the engine of this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pulumi_docker as docker
import pytest
from pulumi import automation

from stacks.engine import install

NAME = "engine-test-wan"
pytestmark = [pytest.mark.servers, pytest.mark.slow]


def program() -> None:
    docker.Network("wan", name=NAME, labels=[docker.NetworkLabelArgs(label="of", value="test")])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[automation.Stack]:
    engine = install.ensure(print)
    state = f"file://{tmp_path}"
    made = automation.create_or_select_stack(
        "test",
        project_name="engine-test",
        program=program,
        opts=automation.LocalWorkspaceOptions(
            pulumi_command=automation.PulumiCommand(root=str(engine.root)),
            env_vars=engine.environment() | {"PULUMI_CONFIG_PASSPHRASE": "test", "PULUMI_BACKEND_URL": state},
            project_settings=automation.ProjectSettings(
                name="engine-test", runtime="python", backend=automation.ProjectBackend(state)
            ),
        ),
    )
    yield made
    made.destroy()


def networks() -> list[str]:
    done = subprocess.run(
        ["docker", "network", "ls", "--filter", f"name={NAME}", "--format", "{{json .}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line)["Labels"] for line in done.stdout.splitlines()]


def test_a_network_is_made_without_a_warning_and_taken_away_again(stack: automation.Stack) -> None:
    lines: list[str] = []
    result = stack.up(on_output=lines.append, on_error=lines.append)
    assert result.summary.resource_changes == {"create": 2}
    assert networks() == ["of=test"]
    assert "warning" not in "\n".join(lines).lower()
    assert stack.up().summary.resource_changes == {"same": 2}
    stack.destroy()
    assert networks() == []
