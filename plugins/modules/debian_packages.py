#!/usr/bin/python3
"""Installs missing Debian packages without starting their services, and lets upgrades have those that were held.

The apt module of Ansible would first install python3-apt on somebody else's server, and cannot take a hold back.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.discs import SOURCES, without_discs  # what upgrades a server leaves out too

DOCUMENTATION = r"""
module: debian_packages
short_description: Install packages that are missing, and hold some back no more
description:
  - Never upgrades or removes a package. Services of new packages are not started, their configuration comes first.
author: [datawerkplaats]
options:
  names:
    description: Packages that must be there.
    type: list
    elements: str
    required: true
  released:
    description: Packages that are held back from upgrades and shall not be.
    type: list
    elements: str
    default: []
"""

POLICY = Path("/usr/sbin/policy-rc.d")


def apt(sources: Path, *words: str) -> None:
    """Run apt-get with this file for its list of sources; RuntimeError with its own last lines when it fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ("DPkg::Lock::Timeout=120", "Dpkg::Options::=--force-confold", f"Dir::Etc::sourcelist={sources}")
    command = ["apt-get", "-qq", *(f"--option={option}" for option in options), *words]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        said = " ".join((answer.stderr or answer.stdout).strip().splitlines()[-4:])
        raise RuntimeError(f"`apt-get {' '.join(words)}` failed: {said}; see that this server reaches its mirror")


def states(names: list[str]) -> dict[str, str]:
    """Return how dpkg has each package that is installed: `ii`, or `hi` when it is held back."""
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}\n", *names]
    rows = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    found = {name: state.strip() for state, name in (row.split("|") for row in rows)}
    return {name: state for name, state in found.items() if state in ("ii", "hi")}


def release(names: list[str]) -> None:
    """Let upgrades have packages again; what `apt-mark unhold` does, in a tenth of the time."""
    selections = "".join(f"{name} install\n" for name in names)
    subprocess.run(["dpkg", "--set-selections"], input=selections, check=True, capture_output=True, text=True)


def install(names: list[str]) -> None:
    """Install packages while no service may start; an owner's own policy-rc.d is respected and left in place."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        with without_discs(SOURCES) as sources:
            _install(sources, names)
    finally:
        if ours:
            POLICY.unlink()


def _install(sources: Path, names: list[str]) -> None:
    """What one source fails to tell, another may have: whether the packages come decides."""
    failed = ""
    try:
        apt(sources, "update")
    except RuntimeError as problem:
        failed = f"; before that, {problem}"
    try:
        # On somebody's server: what excludes a package of ours, another engine say, is not ours to remove.
        apt(sources, "install", "--no-install-recommends", "--no-remove", "--yes", *names)
    except RuntimeError as problem:
        raise RuntimeError(f"{problem}{failed}") from problem


def main() -> None:
    """Run the module."""
    os.umask(0o022)  # of a login or of sudo it may be 077: what packages make is read by other accounts
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "released": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    names, released = module.params["names"], module.params["released"]
    there = states([*names, *released])
    wanted = [name for name in names if name not in there]
    held = [name for name in released if there.get(name) == "hi"]
    if not module.check_mode:
        try:
            if wanted:
                install(wanted)
            if held:
                release(held)
        except (RuntimeError, subprocess.CalledProcessError) as problem:
            module.fail_json(msg=str(problem))
    said = [f"installed {', '.join(wanted)}"] * bool(wanted) + [f"no longer held back: {', '.join(held)}"] * bool(held)
    module.exit_json(changed=bool(wanted or held), msg="; ".join(said) or "all there")


if __name__ == "__main__":
    main()
