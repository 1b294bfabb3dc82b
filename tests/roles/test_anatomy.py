"""All roles look alike, so that who knows one knows them all."""

from __future__ import annotations

import configparser
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.action import server_part as action
from plugins.modules import server_part as module
from tests.docs import documents

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
FILTERS = sorted(path for path in (ROOT / "plugins/filter").glob("*.py") if path.stem != "__init__")
TEMPLATES = sorted((ROOT / "roles").glob("*/templates/**/*.j2"))
# What a role has one task of on the server; the other tasks of a role prove or refuse something.
PARTS = {
    "baseline": "server_part",
    "container_engine": "server_part",
    "server_facts": "server_facts",
    "station_folders": "server_part",
    "station_identity": "station_identity",
    "station_release": "new_login",
    "station_removed": "ansible.builtin.script",
    "tls_mesh": "server_part",
    "follower": "server_part",
    "station_backup": "server_part",
    "monitoring": "server_part",
}


def tasks(role: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((role / "tasks/main.yml").read_text())
    return found


def test_there_are_the_roles_of_the_design() -> None:
    assert {role.name for role in ROLES} == set(PARTS)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_is_one_file_with_one_task_that_brings_its_part_of_the_server(role: Path) -> None:
    assert [path.name for path in (role / "tasks").iterdir()] == ["main.yml"]
    assert [PARTS[role.name] in task for task in tasks(role)].count(True) == 1
    assert all(task["name"] for task in tasks(role)), "a task without a name tells nothing when it fails"
    assert (role / "README.md").exists()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_depends_on_no_other_since_the_playbook_reads_the_server_once(role: Path) -> None:
    assert yaml.safe_load((role / "meta/main.yml").read_text())["dependencies"] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_part_of_a_server_says_nothing_that_is_not_understood(role: Path) -> None:
    understood = action._OURS | set(yaml.safe_load(module.DOCUMENTATION)["options"])
    for task in tasks(role):
        assert set(task.get("server_part", {})) <= understood - {"files"}


def test_the_words_of_a_part_are_explained_in_one_place_and_no_others() -> None:
    rows = documents.table(ROOT / "roles/README.md", "The words of `server_part`")
    understood = action._OURS | set(yaml.safe_load(module.DOCUMENTATION)["options"])
    assert {row[0].strip("`") for row in rows} == understood - {"files"}
    assert len(rows) == len(understood) - 1


def test_the_roles_are_listed_with_their_tasks_and_filters_in_the_order_of_the_play() -> None:
    rows = documents.table(ROOT / "roles/README.md", "What there is")
    listed = {role.strip("`"): (task.strip("`"), filters.strip("`")) for role, _, _, task, filters in rows}
    modules = {path.stem: f"plugins/filter/{path.name}" for path in FILTERS}
    assert listed == {name: (task, modules.get(name, "none")) for name, task in PARTS.items()}
    [play] = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    imported = [task["ansible.builtin.import_role"] for task in play["tasks"] if "ansible.builtin.import_role" in task]
    assert list(listed)[:-1] == [role["name"] for role in imported]


@pytest.mark.parametrize("path", FILTERS, ids=lambda path: path.stem)
def test_a_filter_module_is_one_role_s_and_its_readme_names_it(path: Path) -> None:
    role = ROOT / "roles" / path.stem
    assert f"`plugins/filter/{path.name}`" in (role / "README.md").read_text()
    for name in filters(path):
        users = {one.name for one in ROLES if uses(one, name)}
        assert users == {path.stem} if path.stem != "server_facts" else len(users) > 1, name


def filters(path: Path) -> set[str]:
    """The names that a filter module makes known."""
    found: Any = importlib.import_module(f"plugins.filter.{path.stem}")
    return set(found.FilterModule().filters())


def uses(role: Path, name: str) -> bool:
    texts = [path.read_text() for folder in ("tasks", "defaults") for path in (role / folder).glob("*.yml")]
    return any(re.search(rf"\|\s*{name}\b", text) for text in texts)


def test_the_playbook_reads_the_server_before_every_role_with_whichever_tags() -> None:
    [play] = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    roles = [task for task in play["tasks"] if "ansible.builtin.import_role" in task]
    assert roles[0]["ansible.builtin.import_role"]["name"] == "server_facts"
    assert {tag for role in roles for tag in role["tags"]} == set(roles[0]["tags"]) == {"prepare", "connect"}
    assert {role["ansible.builtin.import_role"]["name"] for role in roles} == set(PARTS) - {"station_removed"}


def test_every_task_is_root_s_by_its_interpreter_and_none_starts_another() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "ansible.cfg")
    assert settings["defaults"]["interpreter_python"].startswith("sudo -n ")
    files = [*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")]
    assert not [path for path in files if "become" in path.read_text()]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_and_argument_specs_name_the_same_variables(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    assert set(defaults) == set(specs["argument_specs"]["main"]["options"])


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_prints_and_decides_nothing(template: Path) -> None:
    assert not re.search(r"{%-?\s*(if|set|macro)\b", template.read_text())


def test_no_role_has_a_handler_since_a_killed_run_would_lose_its_notification() -> None:
    assert not list((ROOT / "roles").glob("*/handlers"))
    assert not [path for path in (ROOT / "roles").glob("*/tasks/*.yml") if "notify:" in path.read_text()]
