"""Pulumi by hand, by the lines of stacks/README.md, in the projects and on the state of `werkplaats up`."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.harness import sandboxes

pytestmark = pytest.mark.servers
README = sandboxes.ROOT / "stacks" / "README.md"
VAULT = "~/.local/state/werkplaats/proeftuin.sandbox"  # where it is in README's example


def pulumi(toets: sandboxes.Sandbox, project: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Start it as README says; fails the test when it fails."""
    (program,) = re.findall(r"```\n(\S+/pulumi) preview --refresh\n```", README.read_text())
    command = program.replace(VAULT, str(toets.vault)).replace("stacks/stations", f"stacks/{project}")
    done = subprocess.run(
        [command, "--non-interactive", *words], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.fail(f"pulumi {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


@pytest.mark.parametrize("project", ["servers", "stations"])
def test_a_preview_by_hand_after_up_shows_no_change(toets: sandboxes.Sandbox, project: str) -> None:
    done = pulumi(toets, project, "preview", "--refresh", "--expect-no-changes")
    assert "warning" not in done.stdout + done.stderr


def test_a_container_that_was_removed_is_all_that_a_preview_shows_and_up_by_hand_makes(
    toets: sandboxes.Sandbox,
) -> None:
    assert toets.on("ziekenhuis", "docker", "rm", "--force", "station-computer").returncode == 0
    shown = pulumi(toets, "stations", "preview", "--refresh").stdout
    (told,) = re.findall(r"```\n(    docker:.+?)```", README.read_text(), re.DOTALL)
    assert {line for line in told.splitlines() if line != "…"} <= {line.rstrip() for line in shown.splitlines()}
    changed = [line.split() for line in shown.splitlines() if line.startswith((" + ", " - ", "+", "-"))]
    assert changed == [["+", "docker:index:Container", "ziekenhuis-computer", "create"]]
    assert "Resources:\n    + 1 to create\n    16 unchanged\n" in shown
    pulumi(toets, "stations", "up", "--refresh", "--yes", "--skip-preview")
    told = toets.up()
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert told["verified"]
