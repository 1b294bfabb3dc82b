"""A server's answers are taken as far as they are known: a hostile one changes nothing of others, and ends no run."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible_mitogen.plugins.strategy
import pytest

from werkplaats.operations.bring_up import configure

# What a server answers a module's call with is its own affair: a program in the module's place says it.
HOSTILE = """
import json, time
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={"units": {"type": "raw"}, "people": {"type": "raw"}})
answer = {"changed": False, "msg": "read", "ansible_facts": {"server": {"clock": time.time()}}}
print(json.dumps(answer | json.loads(module.params["units"][0])))
"""
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - server_facts: {units: ["{{ answer }}"]}
    - ansible.builtin.debug:
        msg: "{{ [station, ansible_connection, ansible_facts.keys() | list, ansible_local | default({})] }}"
"""
AS_IT_IS = json.dumps(["own", "local", ["server"], {}])
THEIRS = ansible_mitogen.plugins.strategy.__path__[0]


def play(folder: Path, answer: str, **environment: str) -> dict[str, str]:
    """What the second task comes to on each of two servers, of which `een` answers the first with `answer` too."""
    (folder / "library").mkdir()
    (folder / "library" / "server_facts.py").write_text(HOSTILE)
    (folder / "play.yml").write_text(PLAY)
    server = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "station": "own"}
    # Behind a blank: Ansible would make a mapping of the text.
    hosts = {"een": server | {"answer": f" {answer}"}, "twee": server | {"answer": " {}"}}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    given = {
        "ANSIBLE_CONFIG": str(configure.ROOT / "ansible.cfg"),
        "ANSIBLE_LIBRARY": str(folder / "library"),
        "WERKPLAATS_EVENTS": str(folder / "events"),
    }
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", folder / "inventory.json", folder / "play.yml"],
        env=os.environ | given | environment,
        cwd=configure.ROOT,
        capture_output=True,
        check=False,
    )
    events: list[Mapping[str, Any]] = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    return {one["host"]: one["message"] for one in events if one.get("task") == "ansible.builtin.debug"}


def test_what_our_modules_answer_and_our_roles_read_is_known() -> None:
    """Of what is not known a role finds nothing: `up` of every server ended there once."""
    found: set[str] = set()
    for module in (configure.ROOT / "plugins" / "modules").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            match node:
                case ast.Call(ast.Attribute(_, "exit_json" | "fail_json"), _, words):
                    found |= {word.arg for word in words if word.arg}
    assert found > {"programs"}
    for tasks in (*configure.ROOT.glob("roles/*/tasks/*.yml"), *configure.ROOT.glob("playbooks/*.yml")):
        text = tasks.read_text()
        for name in re.findall(r"register: (\w+)", text):
            found |= set(re.findall(rf"\b{name}\.(\w+)", text))
    strategy = ast.parse((configure.ROOT / "plugins" / "strategy" / "mitogen_free.py").read_text())
    known = {node.value for node in ast.walk(strategy) if isinstance(node, ast.Constant)}
    assert found - known - {"ansible_facts"} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        '{"ansible_stats": 5}',
        '{"add_host": {"host_name": "twee", "host_vars": {"ansible_connection": "ssh", "station": "theirs"}}}',
        '{"ansible_facts": 5}',
    ],
)
def test_no_answer_of_a_server_ends_or_changes_the_run_of_another(tmp_path: Path, answer: str) -> None:
    """An operator of several servers had none of them configured when one of them answered with odd statistics."""
    assert play(tmp_path, answer)["twee"] == AS_IT_IS


@pytest.mark.slow
def test_facts_that_no_module_of_ours_finds_are_not_taken(tmp_path: Path) -> None:
    """They stood beside ours: `ansible_local` even as a variable of the play."""
    facts = {"server": {"clock": 1.0}, "ansible_local": {"x": 1}, "station": "theirs", "ansible_connection": "ssh"}
    assert play(tmp_path, json.dumps({"ansible_facts": facts}))["een"] == AS_IT_IS


@pytest.mark.slow
def test_both_are_attacks_on_who_takes_everything(tmp_path: Path) -> None:
    """The defence off: Mitogen's own strategy, beside which the same server ends the run of the other."""
    for name in "ab":
        (tmp_path / name).mkdir()
    assert "twee" not in play(tmp_path / "a", '{"ansible_stats": 5}', ANSIBLE_STRATEGY_PLUGINS=THEIRS)
    facts = '{"ansible_facts": {"server": {"clock": 1.0}, "ansible_local": "mine"}}'
    taken = play(tmp_path / "b", facts, ANSIBLE_STRATEGY_PLUGINS=THEIRS)["een"]
    assert json.loads(taken)[2:] == [["server", "ansible_local"], "mine"]
