"""Releases as releases/<version>.yml describes them: what people wrote, and once it was built what its image is.

Until then a file has `model.Notes` only, and no definition may name the release. What was built is written below it
once, and never changed: another image is another release.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from network_topology import context, model, shapes, source
from network_topology.rules import texts
from network_topology.violation import DefinitionError, Violation

VERSION = re.compile(r"(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}")
HEAD = "# What was built. Written by `werkplaats release build --pin`; another image is another release."
_PINNED = "image_id"
"""A file that has this field has all of the release."""


@dataclasses.dataclass(frozen=True)
class Described:
    """One file. `release` is None until it was built and pinned."""

    path: Path
    notes: model.Notes
    release: model.Release | None = None


def find(version: str, folders: tuple[Path, ...]) -> Path | None:
    """The file of a release in the first of these folders that has one; None where none has."""
    return next((path for folder in folders if (path := folder / f"{version}.yml").is_file()), None)


def is_version(text: str) -> bool:
    """Whether a text has the form of a version: MAJOR.MINOR.PATCH."""
    return VERSION.fullmatch(text) is not None


def read(path: Path) -> Described:
    """Read the file of a numbered release. Raises DefinitionError with all that is wrong with it."""
    tree, places, violations = source.read(path)
    shape = model.Release if _PINNED in tree else model.Notes
    try:
        found = shape.model_validate(tree)
    except pydantic.ValidationError as error:
        shaped = [shapes.violation(one, places, tree, shape) for one in error.errors()]
        raise DefinitionError([*violations, *shaped]) from error
    wrong = [*violations, *_wrong(found, path, places)]
    if wrong:
        raise DefinitionError(wrong)
    notes = model.Notes.model_validate(found.model_dump(include=set(model.Notes.model_fields)))
    return Described(path, notes, found if isinstance(found, model.Release) else None)


def _wrong(found: model.Notes, path: Path, places: source.Source) -> list[Violation]:
    wrong = [
        Violation(path, *places.at(one.at), f"{one.text}, but {texts.WHY}", texts.REMEDY, rule="texts")
        for one in texts.unseen(found.model_dump(mode="json"))
    ]
    if found.release != path.stem:
        text = f"it describes release {found.release!r}"
        wrong.append(Violation(path, *places.at(("release",)), text, f"write {path.stem}, or rename the file"))
    for number, one in enumerate(found.may_upgrade_from):
        if not (is_version(one) or one == context.DEVELOPMENT):
            at = places.at(("may_upgrade_from", number))
            wrong.append(Violation(path, *at, f"{one!r} is no version", "write it as in 1.0.0"))
    return wrong


def pinned(text: str, document: Mapping[str, Any]) -> str:
    """The file `text` with what was built below what people wrote; `document` is what release.json says."""
    lines = [HEAD]
    for name, value in document.items():
        if name in model.Notes.model_fields:
            continue
        if isinstance(value, Mapping):
            lines += [f"{name}:", *(f"  {json.dumps(key)}: {json.dumps(inner)}" for key, inner in value.items())]
        else:
            lines.append(f"{name}: {json.dumps(value)}")
    return text.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"
