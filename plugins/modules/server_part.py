#!/usr/bin/python3
"""Brings one part of a server into the state that its role describes, in one task.

The action plugin of the same name renders everything on the controller; this module compares, places and runs.
"""

from __future__ import annotations

import base64
import fnmatch
import grp
import json
import os
import pwd
import shlex
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: server_part
short_description: Place rendered files, folders and links, and run what puts them in force, in one task
description:
  - Called through its action plugin, which renders the role's C(templates/).
  - Every file is written beside its place, checked by the daemon that reads it, and renamed over the old one.
author: [datawerkplaats]
options:
  files:
    description: Rendered files with path, content (base64), owner, group, mode and optionally validate.
    type: list
    elements: dict
    default: []
  folders:
    description: Folders with path, owner, group and mode, parents first.
    type: list
    elements: dict
    default: []
  links:
    description: Symbolic links with path and to.
    type: list
    elements: dict
    default: []
  absent:
    description: Files and links that must not be there.
    type: list
    elements: path
    default: []
  only:
    description: Folders in which nothing else may lie, with the glob patterns (relative) of what may stay.
    type: list
    elements: dict
    default: []
  commands:
    description: Commands to run when everything is in place; each counts as a change, so give only what is needed.
    type: list
    elements: list
    default: []
  programs:
    description:
      - Programs of ours that put in force what lies on disk, run every time, not in check mode. Each finds out itself
        whether there is something to do, and prints a JSON object with changed, message and perhaps waits.
    type: list
    elements: list
    default: []
"""


class PlaceError(Exception):
    """A sentence: what could not be placed, and what to do."""


class Places:
    """The state of one run: what changed, and the differences for `--diff`."""

    def __init__(self, check: bool) -> None:
        self.check = check
        self.changed: list[str] = []
        self.diff: list[dict[str, str]] = []

    def note(self, path: str, before: str, after: str) -> None:
        """Remember one change."""
        self.changed.append(path)
        self.diff.append({"before_header": path, "after_header": path, "before": before, "after": after})

    def owner_ids(self, spec: dict[str, Any]) -> tuple[int, int]:
        """Return uid and gid by name; in check mode an account that does not exist yet counts as a difference (-1)."""
        owner, group = str(spec.get("owner") or "root"), str(spec.get("group") or "root")
        try:
            return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
        except KeyError:
            if self.check:
                return -1, -1
            raise PlaceError(
                f"{spec['path']} is for {owner}:{group}, and this server has no such account; "
                "run the role `baseline` first, or make the account if accounts are not managed here"
            ) from None

    def folder(self, spec: dict[str, Any]) -> None:
        """Make one folder, or correct its rights."""
        path, mode = Path(spec["path"]), int(str(spec["mode"]), 8)
        uid, gid = self.owner_ids(spec)
        wanted = f"folder {spec.get('owner') or 'root'}:{spec.get('group') or 'root'} {mode:04o}\n"
        try:
            found = path.lstat()
        except FileNotFoundError:
            self.note(str(path), "", wanted)
            if not self.check:
                path.mkdir(mode=0o700, parents=True)
                os.chown(path, uid, gid)
                path.chmod(mode)
            return
        if not stat.S_ISDIR(found.st_mode):
            raise PlaceError(f"{path} must be a folder and is something else; move it away and run again")
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (uid, gid, mode):
            self.note(str(path), f"folder {found.st_uid}:{found.st_gid} {stat.S_IMODE(found.st_mode):04o}\n", wanted)
            if not self.check:
                os.chown(path, uid, gid)
                path.chmod(mode)

    def file(self, spec: dict[str, Any]) -> None:
        """Write one file where content or rights differ."""
        path, mode = Path(spec["path"]), int(str(spec["mode"]), 8)
        content = base64.b64decode(spec["content"])
        uid, gid = self.owner_ids(spec)
        before, rights = b"", None
        try:
            found = path.lstat()
        except FileNotFoundError:
            pass
        else:
            if stat.S_ISDIR(found.st_mode):
                raise PlaceError(f"{path} must be a file and is a folder; move it away and run again")
            if stat.S_ISREG(found.st_mode):
                before, rights = path.read_bytes(), (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        if rights == (uid, gid, mode) and before == content:
            return
        was = "" if rights is None else f"{rights[0]}:{rights[1]} {rights[2]:04o}\n"
        self.note(str(path), was + before.decode(errors="replace"), f"{uid}:{gid} {mode:04o}\n" + content.decode())
        if not self.check:
            self._write(path, content, (uid, gid, mode), spec.get("validate"))

    @staticmethod
    def _write(path: Path, content: bytes, rights: tuple[int, int, int], validate: str | None) -> None:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as new:
                new.write(content)
                new.flush()
                os.fchown(new.fileno(), rights[0], rights[1])
                os.fchmod(new.fileno(), rights[2])
                # A power cut must not leave an empty file under the final name.
                os.fsync(new.fileno())
            if validate:
                _validate(path, name, validate)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def link(self, spec: dict[str, Any]) -> None:
        """Make one symbolic link."""
        path, target = Path(spec["path"]), str(spec["to"])
        before = str(path.readlink()) if path.is_symlink() else ""
        if before == target:
            return
        if path.exists() and not path.is_symlink():
            raise PlaceError(f"{path} must be a link to {target} and is something else; move it away and run again")
        self.note(str(path), before, target)
        if not self.check:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.new")
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(path)

    def remove(self, path: Path) -> None:
        """Take one file or link away."""
        if path.is_symlink() or path.exists():
            self.note(str(path), "present\n", "")
            if not self.check:
                path.unlink()

    def remove_others(self, spec: dict[str, Any], wanted: set[str]) -> None:
        """Take away what nobody placed, then the folders that became empty; others may enter those that stay."""
        root = Path(spec["folder"])
        keep = [str(pattern) for pattern in spec.get("keep") or []]
        parents = {str(parent) for path in wanted for parent in Path(path).parents}
        for folder, _names, files in os.walk(root, topdown=False):
            for name in files:
                path = Path(folder) / name
                relative = str(path.relative_to(root))
                if str(path) not in wanted and not any(fnmatch.fnmatchcase(relative, glob) for glob in keep):
                    self.remove(path)
            here = Path(folder)
            if here != root and str(here) not in parents | wanted and not self.check and not any(here.iterdir()):
                self.note(str(here), "folder\n", "")
                here.rmdir()
            elif here != root and str(here) not in wanted and here.stat().st_mode & 0o055 != 0o055:
                # Nobody gave it a mode: it came with what lies in it, once under the umask of a login.
                self.note(str(here), f"folder {stat.S_IMODE(here.stat().st_mode):04o}\n", "folder 0755\n")
                if not self.check:
                    here.chmod(0o755)


def _validate(path: Path, name: str, command: str) -> None:
    words = [word.replace("%s", name) for word in shlex.split(command)]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    if answer.returncode:
        said = (answer.stderr or answer.stdout).strip().replace(name, str(path))
        raise PlaceError(f"{path} was not placed, the old one stands: `{words[0]}` refuses it: {said}")


def run(words: list[str]) -> str:
    """Run a command and return what it printed; PlaceError with its words when it fails."""
    answer = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if answer.returncode:
        said = (answer.stderr or told(answer.stdout).get("message") or answer.stdout).strip()
        raise PlaceError(f"`{' '.join(map(str, words))}` failed: {said}")
    return answer.stdout


def put_in_force(words: list[str]) -> dict[str, Any]:
    """Run one of our programs and return what it told; PlaceError when it fails, or does not tell what it did."""
    printed = run(words)
    found = told(printed)
    if not {"changed", "message"} <= set(found):
        said = printed.strip() or "it printed nothing"
        raise PlaceError(
            f"`{' '.join(map(str, words))}` does not tell what it did: {said}; run it on the server and see, then again"
        )
    return found


def told(printed: str) -> dict[str, Any]:
    """Return what one of our programs printed as JSON; {} when it is something else."""
    try:
        found = json.loads(printed)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def reload_units(places: Places, units: list[str]) -> bool:
    """Let systemd read changed units; asks systemd itself, so that a run killed in between is made good.

    Returns whether there was something to read.
    """
    if not units or places.check:
        return False
    show = ["systemctl", "show", "--property=NeedDaemonReload", "--property=LoadState", *units]
    answer = subprocess.run(show, capture_output=True, text=True, check=False).stdout
    # A unit that was asked for before it existed stays "not-found" until systemd reads its files again, and one that
    # had failed when its file was taken away, "error".
    if any(one in answer for one in ("NeedDaemonReload=yes", "LoadState=not-found", "LoadState=error")):
        subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True)
        return True
    return False


def units_among(files: list[dict[str, Any]]) -> list[str]:
    """Return the names of the systemd units that the files are, or are drop-ins of."""
    names = set()
    for spec in files:
        path = Path(spec["path"])
        if path.is_relative_to("/etc/systemd/system"):
            names.add(path.parent.name.removesuffix(".d") if path.suffix == ".conf" else path.name)
    return sorted(names)


def main() -> None:
    """Run the module."""
    os.umask(0o022)  # of a login or of sudo it may be 077: what is made here is read by other accounts
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "default": []},
            "folders": {"type": "list", "elements": "dict", "default": []},
            "links": {"type": "list", "elements": "dict", "default": []},
            "absent": {"type": "list", "elements": "path", "default": []},
            "only": {"type": "list", "elements": "dict", "default": []},
            "commands": {"type": "list", "elements": "list", "default": []},
            "programs": {"type": "list", "elements": "list", "default": []},
        },
        supports_check_mode=True,
    )
    wants = module.params
    places = Places(module.check_mode)
    try:
        for folder in wants["folders"]:
            places.folder(folder)
        for spec in wants["files"]:
            places.file(spec)
        for link in wants["links"]:
            places.link(link)
        for path in wants["absent"]:
            places.remove(Path(path))
        wanted = {str(spec["path"]) for spec in [*wants["files"], *wants["folders"], *wants["links"]]}
        for only in wants["only"]:
            places.remove_others(only, wanted)
        reloaded = reload_units(places, units_among(wants["files"]))
        ran = [] if places.check else [" ".join(words) for words in wants["commands"] if run(words) is not None]
        programs = [] if places.check else [put_in_force(words) for words in wants["programs"]]
    except PlaceError as problem:
        module.fail_json(msg=str(problem), placed=places.changed)
    except OSError as problem:
        module.fail_json(
            msg=f"{problem.filename}: {problem.strerror}; nothing after it was placed", placed=places.changed
        )
    done = [*places.changed, *ran, *["systemd read its units again"] * reloaded]
    said = [str(program["message"]) for program in programs if program["changed"] or program.get("waits")]
    module.exit_json(
        changed=bool(done) or any(program["changed"] for program in programs),
        placed=places.changed,
        programs=programs,
        waits=any(program.get("waits") for program in programs),
        diff=places.diff,
        msg="; ".join([", ".join(done)] * bool(done) + said) or "as it should be",
    )


if __name__ == "__main__":
    main()
