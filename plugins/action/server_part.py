"""Refuses, renders a role's files on the controller, installs, and has the files placed and put in force: all in one
task, since tasks are what a run costs.

A role's `templates/` mirrors the server's root: `templates/etc/x.conf.j2` becomes `/etc/x.conf`. Templates that lie
directly in `templates/` are building blocks, for files of which there are many (`rendered`). Templates see the task's
`variables` and nothing else: what is not given is an error, not an empty string.
"""

from __future__ import annotations

import base64
import fnmatch
from pathlib import Path
from typing import Any

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_OURS = {"refuse", "packages", "variables", "rendered", "written", "rights", "validate", "without"}


def environment(templates: Path) -> jinja2.Environment:
    """Return the environment that every template of a role is rendered in."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  configuration files, not HTML
    )


def render(role: Path, args: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all files of a task: dicts with path, content (base64), owner, group, mode, validate.

    Raises jinja2.TemplateError when a template asks for a variable that the task does not give.
    """
    variables = dict(args.get("variables") or {})
    templates = role / "templates"
    jinja = environment(templates)
    found: list[tuple[str, bytes, str]] = []
    for source in sorted(templates.glob("*/**/*.j2")):
        name = source.relative_to(templates).as_posix()
        found.append(("/" + name.removesuffix(".j2"), jinja.get_template(name).render(variables).encode(), "0644"))
    for spec in args.get("rendered") or []:
        text = jinja.get_template(spec["template"]).render(variables | dict(spec.get("variables") or {}))
        found.append((spec["path"], text.encode(), "0644"))
    for spec in args.get("written") or []:
        content = spec["content"].encode() if "content" in spec else Path(spec["source"]).read_bytes()
        found.append((spec["path"], content, str(spec.get("mode", "0644"))))
    without = args.get("without") or []
    return [
        {"path": path, "content": base64.b64encode(content).decode(), **_rights(path, mode, args)}
        for path, content, mode in found
        if not any(fnmatch.fnmatchcase(path, glob) for glob in without)
    ]


def _rights(path: str, mode: str, args: dict[str, Any]) -> dict[str, Any]:
    rights: dict[str, Any] = {"owner": "root", "group": "root", "mode": mode, "validate": None}
    for name in ("rights", "validate"):
        for rule in args.get(name) or []:
            if fnmatch.fnmatchcase(path, rule["match"]):
                rights.update({key: value for key, value in rule.items() if key != "match"})
                break
    return rights


class ActionModule(ActionBase):  # type: ignore[misc]
    """Say why not, render, install what is lacking, then call the module once."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Bring the part of the server that the role is about into its state."""
        super().run(tmp, task_vars)
        role, args = self._task._role, dict(self._task.args)
        if role is None:
            raise AnsibleActionFail("server_part belongs in a role: it places the role's templates/")
        if faults := args.get("refuse"):
            raise AnsibleActionFail("; ".join(faults))
        # Before anything changes: a file that cannot be rendered must not leave a server with half of its part.
        wants = {key: value for key, value in args.items() if key not in _OURS} | {"files": _files(role, args)}
        packages: dict[str, Any] = {}
        if args.get("packages"):
            packages = self._execute_module("debian_packages", module_args=dict(args["packages"]), task_vars=task_vars)
            if packages.get("failed"):
                return packages
        result: dict[str, Any] = self._execute_module("server_part", module_args=wants, task_vars=task_vars)
        if packages.get("changed"):
            result |= {"changed": True, "msg": f"{packages['msg']}; {result['msg']}"}
        return result


def _files(role: Any, args: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return render(Path(role._role_path), args)
    except jinja2.TemplateError as problem:
        where = getattr(problem, "name", None) or "a template"
        raise AnsibleActionFail(f"role {role.get_name()}, {where}: {problem}") from problem
    except FileNotFoundError as problem:
        raise AnsibleActionFail(f"{problem.filename} is missing; take a complete copy of this project") from problem
