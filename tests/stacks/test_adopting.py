"""A state that was lost is made anew of what is there, and a run then changes nothing; or none is made."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker as docker
import pytest

from stacks import checkpoint, drive, settled
from stacks.engine import install

NAME = "werkplaats-test-adopting"
pytestmark = pytest.mark.slow


def program(label: str) -> Callable[[Any], None]:
    """A volume with a label and a network, of one organisation."""

    def declares(_: Any) -> None:
        of = pulumi.ComponentResource("werkplaats:servers:SandboxServer", "ggd")
        own = pulumi.ResourceOptions(parent=of)
        engine = pulumi.ResourceOptions(parent=of, provider=docker.Provider("ggd-there", opts=own))
        docker.Volume("ggd-data", name=NAME, labels=[docker.VolumeLabelArgs(label="of", value=label)], opts=engine)
        docker.Network("ggd-wan", name=NAME, driver="bridge", opts=own)

    return declares


def stack(folder: Path, label: str = "ggd") -> drive.Stack:
    return drive.Stack(
        project="p",
        program=program(label),
        plan=lambda known: settled.Settled("plan", "", "", tuple(sorted(known)), ()),
        state=folder,
        engine=install.ensure(print),
    )


def engine(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What was made by a run whose state is not used: name → id."""
    made = stack(tmp_path_factory.mktemp("lost"))
    made.up(print)
    yield {"ggd-data": NAME, "ggd-wan": engine("network", "inspect", "--format", "{{.Id}}", NAME)}
    made.destroy(print)


def test_a_state_is_made_of_what_is_there_and_a_run_changes_nothing(there: dict[str, str], tmp_path: Path) -> None:
    again = stack(tmp_path / "again")
    assert again.adopt(there).changes == ()
    assert {*there.values()} < again.identifiers(), "and providers"
    assert again.up(print).changes == ()
    with pytest.raises(drive.DriveError, match="there is a state already"):
        again.adopt(there)


def test_what_is_not_there_is_left_to_the_next_run(there: dict[str, str], tmp_path: Path) -> None:
    outcome = stack(tmp_path / "again").adopt({"ggd-data": there["ggd-data"]})
    assert [(change.operation, change.name) for change in outcome.changes] == [("create", "ggd-wan")]


def test_no_state_is_made_where_a_run_would_make_anew_what_is_there(there: dict[str, str], tmp_path: Path) -> None:
    other = stack(tmp_path / "again", label="otherwise")
    with pytest.raises(drive.DriveError, match="ggd-data would be made anew"):
        other.adopt(there)
    assert checkpoint.blank(other.state, "p")
    assert not (other.state / checkpoint.FOLDER).exists()
