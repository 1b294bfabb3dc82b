"""What a run tells: one line per event for programs, and for people only what they should look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.action import server_facts
from plugins.callback import werkplaats

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.mark.slow
def test_events_and_lines_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    events = tmp_path / "events"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": {"een": variables}}}))
    playbook = Path(sys.executable).with_name("ansible-playbook")
    command = [str(playbook), "-i", str(tmp_path / "inventory.json"), str(tmp_path / "play.yml")]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "WERKPLAATS_EVENTS": str(events)}
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in events.read_text().splitlines()]
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
    assert "Say nothing" not in answer.stdout
    assert "een: : Fail: failed: the reason" in answer.stdout


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "a\n  sentence"}, "a sentence"),
        ({"msg": "non-zero return code", "stderr": "why"}, "why"),
        ({"msg": ["x"]}, '["x"]'),
        ({}, ""),
    ],
)
def test_the_sentence_of_a_result(result: dict[str, object], said: str) -> None:
    assert werkplaats.sentence(result) == said


def test_a_slow_answer_is_no_wrong_clock() -> None:
    assert server_facts.clock_difference(100.0, 104.0, 109.0) == 0
    assert server_facts.clock_difference(100.0, 90.0, 101.0) == 10
    assert server_facts.clock_difference(100.0, 108.0, 101.0) == 7
