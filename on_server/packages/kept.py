"""The packages that a step brings, and those of before, as files on the server: a step and its way back need no mirror.

`FOLDER/<part>/` holds them, and `plan.json` which they are; what an earlier upgrade left there goes with the next one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from on_server import disk
from on_server.packages import apt, look
from on_server.packages.error import PackageError


class Plan(NamedTuple):
    """Package → version: before, after, kernels that come `along`; `missing` is why one of before is not here.

    `brought`: whether a step began to bring them. Only then what is installed has to do with what was before.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]
    missing: Mapping[str, str]
    along: Mapping[str, str]
    brought: bool = False


def read(part: str) -> Plan | None:
    """What was fetched for a part; None where nothing was, or not to its end."""
    said = look.remembered(_folder(part) / look.PLAN)
    return Plan(**said) if said.keys() == {*Plan._fields} else None


def fetch(part: str, pairs: Mapping[str, str], *, back: bool) -> Plan:
    """Have the files of these versions here, and with `back` those of the installed ones. Changes no package.

    Fetched once: whoever was cut off goes on, and what was before stays that. Raises PackageError.
    """
    if (plan := read(part)) and plan.after == pairs:
        return plan
    there, folder = apt.installed(), _folder(part)
    before = {name: there[name].version for name in pairs if name in there}
    if gone := sorted(set(pairs) - set(before)):
        raise PackageError(f"{', '.join(gone)} is not installed here any more", "look again what there is to bring")
    if held := [name for name in pairs if there[name].state.startswith("h")]:
        raise PackageError(f"{', '.join(held)} is held back by its owner", f"`apt-mark unhold {' '.join(held)}`")
    along = apt.require_alone(pairs)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (folder / look.PLAN).unlink(missing_ok=True)
    missing, wanted = dict[str, str](), set[Path]()
    for name, version in before.items() if back else ():
        try:
            wanted.add(apt.download(name, version, folder))
        except PackageError as problem:
            missing[name] = problem.what
    wanted |= {apt.download(name, version, folder) for name, version in {**pairs, **along}.items()}
    for left in set(folder.iterdir()) - wanted:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    plan = Plan(before, dict(pairs), missing, along)
    _write(part, plan)
    return plan


def brings(part: str) -> None:
    """Remember that what was fetched for a part is brought from now on."""
    if plan := read(part):
        _write(part, plan._replace(brought=True))


def _write(part: str, plan: Plan) -> None:
    folder = _folder(part)
    disk.write(folder / look.PLAN, json.dumps(plan._asdict()).encode())
    disk.sync_folder(folder)


def debs(part: str, versions: Mapping[str, str]) -> dict[str, Path]:
    """Package → its file. Raises PackageError where one is not here."""
    folder = _folder(part)
    return {name: apt.download(name, version, folder) for name, version in versions.items()}


def _folder(part: str) -> Path:
    return look.FOLDER / part
