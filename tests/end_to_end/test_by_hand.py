"""Pulumi by hand, by the lines of stacks/README.md, in the projects and on the state of `werkplaats up`."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests import sandboxes

pytestmark = pytest.mark.servers
README = sandboxes.ROOT / "stacks" / "README.md"
VAULT = "~/.local/state/werkplaats/gerda.sandbox"  # where it is in README's example


def by_hand(toets: sandboxes.Sandbox, project: str, command: str) -> subprocess.CompletedProcess[str]:
    """What README says, with another command at the end; fails the test when that fails."""
    ((folder, environment, _),) = re.findall(r"```\n(cd .+)\n(\. .+)\n(pulumi .+)\n```", README.read_text())
    script = "\n".join((folder, environment, command)).replace(VAULT, str(toets.vault))
    done = subprocess.run(
        ["sh", "-e", "-c", script.replace("stacks/stations", f"stacks/{project}")],
        cwd=sandboxes.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"`{command}` ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


@pytest.mark.parametrize("project", ["servers", "stations"])
def test_a_preview_by_hand_after_up_shows_no_change(toets: sandboxes.Sandbox, project: str) -> None:
    done = by_hand(toets, project, "pulumi --non-interactive preview --refresh --expect-no-changes")
    assert "warning" not in done.stdout + done.stderr


def test_a_container_that_was_removed_is_all_that_a_preview_shows_and_up_by_hand_makes(
    toets: sandboxes.Sandbox,
) -> None:
    assert toets.on("ziekenhuis", "docker", "rm", "--force", "station-computer").returncode == 0
    shown = json.loads(by_hand(toets, "stations", "pulumi --non-interactive preview --refresh --json").stdout)
    steps = [(step["op"], step["urn"].rpartition("::")[2]) for step in shown["steps"] if step["op"] != "refresh"]
    assert [step for step in steps if step[0] != "same"] == [("create", "ziekenhuis-computer")]
    assert shown["changeSummary"] == {"create": 1, "same": 16}  # stack, 4 stations with their providers, 8 containers
    by_hand(toets, "stations", "pulumi --non-interactive up --refresh --yes --skip-preview")
    told = toets.up()
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert told["verified"]
