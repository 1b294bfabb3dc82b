"""Which formats the files of this station have, and how they are given those of another release.

`python3 -m station_image.runtime.formats --show | --to '{"state/runs.json": 3}' [--check]`

It is run with the newer of two releases while no agent runs, and has the agent's folders. It prints one JSON object.
Exit codes: 0 done, 2 wrong use, 3 refused before anything was changed, 4 failed; then it is run again.
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .base.folders import Folders
from .releases import formats
from .releases.formats import FormatError

DONE, WRONG_USE, REFUSED, FAILED = 0, 2, 3, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Show or move; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m station_image.runtime.formats", allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--show", action="store_true", help="the formats that the files have, and that this release has")
    what.add_argument("--to", type=_formats, metavar="JSON", help="path → format, as a release says them")
    parser.add_argument("--check", action="store_true", help="say what --to would do, and do nothing")
    options = parser.parse_args(arguments)
    folders = Folders.from_environment()
    try:
        told = _show(folders) if options.show else _move(folders, options.to, options.check)
    except FormatError as error:
        return _say({"refused": str(error)}, REFUSED)
    except OSError as error:
        return _say({"failed": f"{error.filename}: {error.strerror}"}, FAILED)
    return _say(told, DONE)


def _show(folders: Folders) -> dict[str, Any]:
    return {"formats": formats.found(folders), "release": formats.own()}


def _move(folders: Folders, wanted: Mapping[str, int], check: bool) -> dict[str, Any]:
    todo = formats.steps(folders, wanted)
    if not check:
        if _runs(folders.control_socket):
            raise FormatError("an agent runs, and writes these files; stop it first: docker stop station-agent")
        formats.move(folders, todo, wanted)
    return {"done": not check, "moved": [step.told for step in todo], "formats": {**formats.found(folders), **wanted}}


def _runs(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _formats(text: str) -> dict[str, int]:
    found = json.loads(text)
    if not isinstance(found, dict) or any(type(one) is not int or one < 1 for one in found.values()):
        raise ValueError(text)
    return {str(path): version for path, version in found.items()}


def _say(told: Mapping[str, Any], code: int) -> int:
    print(json.dumps(told, sort_keys=True))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
