"""A project's `__main__.py`, run for an engine that is started by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
import yaml
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from stacks.engine import install

HOST = Path(install.__file__).parent / "language_host"
# As after `. .venv/bin/activate`: the host takes the first python3.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
COMPONENT = "import pulumi\n\npulumi.ComponentResource('werkplaats:servers:SandboxServer', pulumi.get_stack())\n"


def test_it_ends_with_the_engine_that_started_it() -> None:
    with subprocess.Popen(
        [HOST / "pulumi-language-python", "127.0.0.1:1"],
        env=os.environ | {"PATH": PATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert int(process.stdout.readline()) > 0
            assert process.poll() is None
            process.stdin.close()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project without a program, with a stack `hand` that has a state of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    host = {"languages": [{"name": "python", "path": str(HOST)}]}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "by-hand", "runtime": "python", "plugins": host}))
    pulumi(folder, "stack", "init", "hand")
    return folder


def pulumi(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    engine = install.ensure(print)
    state = {"PULUMI_BACKEND_URL": f"file://{project.parent}", "PULUMI_CONFIG_PASSPHRASE": "", "PATH": PATH}
    return subprocess.run(
        [engine.pulumi, "--non-interactive", "--color=never", *arguments],
        cwd=project,
        env=os.environ | engine.environment() | state,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_a_program_runs_for_a_preview_and_for_what_follows_it(project: Path) -> None:
    (project / "__main__.py").write_text(COMPONENT)
    done = pulumi(project, "up", "--yes", "--stack=hand")
    assert done.returncode == 0, done
    assert "warning" not in (done.stdout + done.stderr).lower()
    exported = json.loads(pulumi(project, "stack", "export", "--stack=hand").stdout)
    assert [r["urn"].rpartition("::")[2] for r in exported["deployment"]["resources"]] == ["by-hand-hand", "hand"]
    again = pulumi(project, "preview", "--stack=hand", "--expect-no-changes")
    assert again.returncode == 0, again


@pytest.mark.slow
def test_a_program_that_fails_says_where(project: Path) -> None:
    (project / "__main__.py").write_text(COMPONENT + "raise SystemExit('the plan is missing')\n")
    done = pulumi(project, "preview", "--stack=hand")
    assert done.returncode != 0
    assert done.stdout.count("SystemExit: the plan is missing") == 1
    assert f'{project / "__main__.py"}", line 4' in done.stdout


def test_a_caller_can_have_no_other_folder_run_than_the_one_pulumi_was_started_in(tmp_path: Path) -> None:
    evil, project = tmp_path / "evil", tmp_path / "project"
    for folder in (evil, project):
        folder.mkdir()
        (folder / "__main__.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    # The engine's part: a process that works in the project's folder and starts the host.
    starter = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = [sys.executable, "-c", starter, str(HOST / "pulumi-language-python"), "127.0.0.1:1"]
    environment = os.environ | {"PATH": PATH, "PYTHONPATH": str(HOST.parents[2])}
    with subprocess.Popen(
        command, cwd=project, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            host = language_pb2_grpc.LanguageRuntimeStub(
                grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}")
            )
            info = language_pb2.ProgramInfo(program_directory=str(evil), root_directory=str(evil), entry_point=".")
            with pytest.raises(grpc.RpcError, match="where Pulumi was started"):
                host.Run(
                    language_pb2.RunRequest(info=info, args=[], monitor_address="127.0.0.1:1", project="p", stack="s")
                )
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)
    assert not (evil / "ran").exists()
