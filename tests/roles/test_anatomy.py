"""All roles look alike, so that who knows one knows them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
PHASED = sorted(path for path in ROLES.iterdir() if (path / "tasks/run.yml").exists())
TEMPLATES = sorted(ROLES.glob("*/templates/**/*.j2"))


def test_there_are_the_roles_of_the_design() -> None:
    assert {role.name for role in PHASED} == {
        *(
            "baseline",
            "container_engine",
            "station_folders",
            "station_identity",
            "station_release",
            "station_removed",
            "tls_mesh",
        ),
    }


@pytest.mark.parametrize("role", PHASED, ids=lambda role: role.name)
def test_a_role_reads_preflight_install_configure_run(role: Path) -> None:
    tasks = yaml.safe_load((role / "tasks/main.yml").read_text())
    assert [task["ansible.builtin.import_tasks"] for task in tasks] == [
        *("preflight.yml", "install.yml", "configure.yml", "run.yml"),
    ]
    assert (role / "README.md").exists()


@pytest.mark.parametrize("role", sorted(ROLES.iterdir()), ids=lambda role: role.name)
def test_defaults_and_argument_specs_name_the_same_variables(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    assert set(defaults) == set(specs["argument_specs"]["main"]["options"])


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_prints_and_decides_nothing(template: Path) -> None:
    assert not re.search(r"{%-?\s*(if|set|macro)\b", template.read_text())


def test_no_role_has_a_handler_since_a_killed_run_would_lose_its_notification() -> None:
    assert not list(ROLES.glob("*/handlers"))
    assert not [path for path in ROLES.glob("*/tasks/*.yml") if "notify:" in path.read_text()]
