"""The state: a plan is made of a copy of it, and what a kill in the middle of its writing left is mended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pulumi_docker as docker
import pytest
from pulumi import automation

from base import errors
from stacks import drive, settled
from stacks.engine import install

CHECKPOINT = Path(".pulumi", "stacks", "p", "network.json")


class Engine:
    """Stands for the Automation API: keeps what it was started with, and runs the program as a preview does."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.checkpoint = ""

    def workspace(self, **options: Any) -> None:
        self.options = options
        self.backend = Path(str(options["project_settings"].backend.url).removeprefix("file://"))

    def export_stack(self) -> automation.Deployment:
        urn = "urn:pulumi:network::p::werkplaats:servers:SandboxServer::ggd"
        return automation.Deployment(deployment={"resources": [{"urn": urn}]})

    def preview(self, **_: Any) -> None:
        self.checkpoint = (self.backend / CHECKPOINT).read_text()
        (self.backend / "scratch").touch()
        self.options["program"]()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(automation, "LocalWorkspace", made.workspace)
    monkeypatch.setattr(drive, "_Quiet", lambda _: made)
    monkeypatch.setattr(automation, "PulumiCommand", lambda **_: None)
    return made


@pytest.fixture
def stack(tmp_path: Path) -> drive.Stack:
    (tmp_path / CHECKPOINT).parent.mkdir(parents=True)
    (tmp_path / CHECKPOINT).write_text("what the run has come to")
    (tmp_path / "plan.json").write_text("what the run decides by")
    engine = SimpleNamespace(root=Path("/engine"), environment=lambda: {})
    return drive.Stack(
        project="p",
        program=lambda _: None,
        plan=lambda known: settled.Settled("another plan", "", "", tuple(sorted(known)), ()),
        state=tmp_path,
        engine=cast("Any", engine),
    )


def content(folder: Path) -> dict[Path, str]:
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_preview_sees_the_state_and_leaves_its_folder_alone(engine: Engine, stack: drive.Stack) -> None:
    before = content(stack.state)
    stack.preview(leave_out=["ggd"])
    assert engine.checkpoint == "what the run has come to"
    assert content(stack.state) == before
    assert not engine.backend.exists(), "the copy is gone"


def test_a_run_that_begins_does_not_take_the_children_of_a_preview_for_those_of_a_killed_run(
    engine: Engine, stack: drive.Stack
) -> None:
    stack.preview()
    assert engine.options["env_vars"]
    assert str(stack.state) not in engine.options["env_vars"].values()


def component(_: Any) -> None:
    pulumi.ComponentResource("werkplaats:servers:SandboxServer", "ggd")


@pytest.fixture
def real(tmp_path: Path) -> drive.Stack:
    """A stack of one component, by the real engine, of which a run has ended."""
    made = drive.Stack(
        project="p",
        program=component,
        plan=lambda known: settled.Settled("plan", "", "", tuple(sorted(known)), ()),
        state=tmp_path,
        engine=install.ensure(print),
    )
    made.up(print)
    made._unsettle()
    return made


@pytest.mark.slow
def test_the_state_is_read_from_its_file_as_the_engine_exports_it(
    real: drive.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, exported = real._checkpoint(), real._stack.export_stack()
    assert found is not None
    assert (found.version, found.deployment) == (exported.version, exported.deployment)
    assert real._organisations() == {"ggd"}
    monkeypatch.setenv(drive.BACKEND, "s3://elsewhere")
    assert real._checkpoint() is None, "it does not lie here"


@pytest.mark.slow
def test_after_a_run_the_engine_is_asked_nothing(real: drive.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    run = automation.PulumiCommand.run

    def noted(command: automation.PulumiCommand, args: list[str], *more: Any) -> Any:
        asked.append(args)
        return run(command, args, *more)

    monkeypatch.setattr(automation.PulumiCommand, "run", noted)
    real.up(print)
    assert "up" in asked[-1]


ENGINE = "/var/run/docker.sock"


def stations(plan: settled.Settled) -> None:
    """Of two organisations: one engine is this machine's, at `plan.plan`, and nobody listens at the other's place."""
    for organisation, host in {"ggd": f"unix://{plan.plan}", "zorg": "tcp://127.0.0.1:9"}.items():
        component = pulumi.ComponentResource("werkplaats:stations:Station", organisation)
        own = pulumi.ResourceOptions(parent=component)
        engine = docker.Provider(f"{organisation}-engine", host=host, opts=own)
        also = pulumi.ResourceOptions(parent=component, provider=engine)
        docker.Volume(f"{organisation}-data", name="werkplaats-test-drive", opts=also)


@pytest.mark.slow
def test_an_engine_that_does_not_answer_leaves_out_its_own_organisation_alone(tmp_path: Path) -> None:
    """It failed the run of all, and again where it was left out: what of it was never made stood in no state."""
    project: Any = {"project": "p", "program": stations, "engine": install.ensure(print)}
    plan = settled.Settled(ENGINE, "", "", ("ggd", "zorg"), ())
    made = drive.Stack(**project, plan=lambda _: plan, state=tmp_path)
    said: list[str] = []
    try:
        with pytest.raises(drive.PartsError) as caught:
            made.up(said.append)
        assert caught.value.failed.keys() == {"zorg"}
        assert "127.0.0.1:9" in caught.value.failed["zorg"]
        assert [change.name for change in caught.value.outcome.changes] == ["ggd-data"]
        assert made._settled() is None
        assert made.up(said.append, leave_out=["zorg"]).changes == ()
        assert made._organisations() == {"ggd", "zorg"}
        assert made._settled() is not None
    finally:
        made.destroy(said.append)
    assert said == ["create ggd-data", "create zorg-data", "delete ggd-data"]


@pytest.mark.slow
def test_what_changed_is_read_again_by_the_way_that_is_declared_now(tmp_path: Path) -> None:
    """The state came from another machine, and says the way from there. Whose engine answers nobody stops no other."""
    before, now = tmp_path / "before.sock", tmp_path / "now.sock"
    before.symlink_to(ENGINE)
    said: list[str] = []

    def stack(way: Path) -> drive.Stack:
        project: Any = {"project": "p", "program": stations, "engine": install.ensure(print)}
        plan = settled.Settled(str(way), "", "", ("ggd", "zorg"), ())
        return drive.Stack(**project, plan=lambda _: plan, state=tmp_path / "state")

    try:
        with pytest.raises(drive.PartsError):
            stack(before).up(said.append)
        stack(before).up(said.append, leave_out=["zorg"])
        before.rename(now)
        assert stack(now).up(said.append, leave_out=["zorg"], drifted=["ggd"]).changes == ()
    finally:
        stack(now).destroy(said.append)
    assert said == ["create ggd-data", "create zorg-data", "delete ggd-data"]


@pytest.mark.slow
@pytest.mark.parametrize("backup", ["as it was", "damaged", "gone"])
@pytest.mark.parametrize("left", ["", '{"version": 3, "chec', None])
def test_a_state_that_a_kill_left_half_written_is_mended(real: drive.Stack, left: str | None, backup: str) -> None:
    checkpoint = real.state / CHECKPOINT
    copy = checkpoint.with_suffix(".json.bak")
    copy.write_bytes(checkpoint.read_bytes())
    if backup != "as it was":
        copy.unlink() if backup == "gone" else copy.write_text("{")
    checkpoint.unlink() if left is None else checkpoint.write_text(left)
    said: list[str] = []
    again = drive.Stack(project="p", program=component, plan=real._plan, state=real.state, engine=real._engine)
    again.recover(said.append)
    again.up(said.append)
    assert any("half-written" in line for line in said) == (left is not None)
    assert again._organisations() == {"ggd"}


@pytest.mark.slow
def test_a_run_waits_for_nobody_who_works_by_hand_and_takes_no_lock_from_him(real: drive.Stack, tmp_path: Path) -> None:
    project, told = tmp_path / "project", tmp_path / "told"
    project.mkdir()
    host = Path(install.__file__).parent / "language_host"
    plugins = f"plugins: {{languages: [{{name: python, path: {host}}}]}}"
    (project / "Pulumi.yaml").write_text(f"name: p\nruntime: python\n{plugins}\n")
    (project / "__main__.py").write_text(f"open({str(told)!r}).readline()\n")
    os.mkfifo(told)
    go_on = os.open(told, os.O_RDWR)
    command = [
        str(real.state / drive.BY_HAND),
        "--cwd",
        str(project),
        "--non-interactive",
        "up",
        "--yes",
        "--skip-preview",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None and not any((real.state / ".pulumi" / "locks").rglob("*.json")):
                pass
            by_hand = rf"is locked by process {process.pid} of .* \(`pulumi` by hand\); wait"
            with pytest.raises(errors.LockedError, match=by_hand):
                real.recover(print)
            os.write(go_on, b"\n")
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(go_on)
    assert process.returncode == 0, out
    again = drive.Stack(project="p", program=component, plan=real._plan, state=real.state, engine=real._engine)
    again.recover(print)
    assert again._organisations() == set(), "what was done by hand is seen: that program declares nothing"
