"""What a run tells: one line per event for programs, and for people only what they should look at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.action import server_facts
from plugins.callback import werkplaats
from plugins.filter.server_facts import PARTS

ROOT = Path(__file__).resolve().parents[3]
CRASHED = "Module result deserialization failed. See stdout/stderr for the returned output."
BROKEN = """
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={})
raise KeyError("changed")
"""
PLAYBOOK = """
- hosts: all
  gather_facts: false
  strategy: linear
  tasks:
    - name: Say nothing
      ansible.builtin.command: "true"
      changed_when: false
    - name: Change something
      ansible.builtin.command: echo done
      changed_when: true
    - name: Fail
      ansible.builtin.command: sh -c 'echo the reason >&2; exit 3'
"""


def play(folder: Path, playbook: str) -> tuple[list[dict[str, Any]], str]:
    """Run a playbook on this machine; returns its events and its output."""
    (folder / "play.yml").write_text(playbook)
    events = folder / "events"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": {"een": variables}}}))
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", str(folder / "inventory.json"), str(folder / "play.yml")]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "WERKPLAATS_EVENTS": str(events)}
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in events.read_text().splitlines()], answer.stdout


@pytest.mark.slow
def test_events_and_lines_of_a_run(tmp_path: Path) -> None:
    told, output = play(tmp_path, PLAYBOOK)
    assert [event["status"] for event in told] == ["start", "ok", "changed", "failed", "end"]
    assert told[2].pop("seconds") >= 0
    assert told[2] == {
        "host": "een",
        "role": "",
        "task": "Change something",
        "status": "changed",
        "changed": True,
        "message": "done",
    }
    assert told[3]["message"] == "the reason"
    assert told[4]["summary"]["failures"] == 1
    assert "Say nothing" not in output
    assert "een: : Fail: failed: the reason" in output


@pytest.mark.slow
def test_of_a_module_that_broke_off_the_cause_is_told(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "broken.py").write_text(BROKEN)
    told, _ = play(tmp_path, "- hosts: all\n  gather_facts: false\n  tasks:\n    - broken:\n")
    assert [event["message"] for event in told if event["status"] == "failed"] == ["KeyError: 'changed'"]


@pytest.mark.slow
def test_of_a_filter_that_refuses_its_own_sentence_is_told(tmp_path: Path) -> None:
    task = "ansible.builtin.debug: {msg: \"{{ {'moon': true} | managed_parts }}\"}"
    told, _ = play(tmp_path, f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n")
    said = [event["message"] for event in told if event["status"] == "failed"]
    assert said == [f"managed: moon is none of {', '.join(PARTS)}"]


@pytest.mark.slow
def test_a_run_that_nobody_follows_any_more_ends_before_it_changes_anything(tmp_path: Path) -> None:
    """Who followed it may be killed before the kernel was told to end the run with it."""
    made = tmp_path / "made"
    task = f"ansible.builtin.file: {{path: {made}, state: touch}}"
    (tmp_path / "play.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n")
    program = Path(sys.executable).with_name("ansible-playbook")
    read, write = os.pipe()
    os.close(read)
    environment = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "WERKPLAATS_EVENTS": f"/dev/fd/{write}"}
    command = [str(program), "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")]
    answer = subprocess.run(
        command, env=os.environ | environment, cwd=ROOT, capture_output=True, check=False, pass_fds=(write,)
    )
    os.close(write)
    assert answer.returncode == -signal.SIGTERM
    assert not made.exists()


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "a\n  sentence"}, "a sentence"),
        ({"msg": "non-zero return code", "stderr": "why"}, "why"),
        ({"msg": ["x"]}, '["x"]'),
        ({"msg": CRASHED, "module_stderr": "Traceback\n  File x\nKeyError: 'changed'\n\n"}, "KeyError: 'changed'"),
        ({"msg": CRASHED, "module_stderr": " \n"}, CRASHED),
        ({"msg": CRASHED}, CRASHED),
        ({"msg": "a module's own sentence", "module_stderr": "a warning"}, "a module's own sentence"),
        ({}, ""),
    ],
)
def test_the_sentence_of_a_result(result: dict[str, object], said: str) -> None:
    assert werkplaats.sentence(result) == said


def test_a_slow_answer_is_no_wrong_clock() -> None:
    assert server_facts.clock_difference(100.0, 104.0, 109.0) == 0
    assert server_facts.clock_difference(100.0, 90.0, 101.0) == 10
    assert server_facts.clock_difference(100.0, 108.0, 101.0) == 7
