"""CHANGELOG.md as a document: which versions there are, and which of their changes break something, for whom.

    ## 1.1.0 (2027-02-01)

    - **Breaking:** what changed. This only affects you if you did so and so: what to do about it.
    - Any other change, in the lines that it takes.

Versions are `MAJOR.MINOR.PATCH`, or with `.devN` while they are made, the newest first.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from base import errors
from werkplaats.operations.home import places

PATH = places.CHECKOUT / "CHANGELOG.md"
UNRELEASED = "not released yet"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:\.dev(\d+))?")
_HEADING = re.compile(rf"## ({_VERSION.pattern}) \((\d{{4}}-\d{{2}}-\d{{2}}|{UNRELEASED})\)")
_BREAKING = "**Breaking:** "
_FORM = re.compile(r"\*\*Breaking:\*\* (?P<what>\S.*?[.:]) This only affects you if (?P<who>[^:]+): (?P<todo>\S.*\.)")


@dataclasses.dataclass(frozen=True)
class Breaking:
    """A change that breaks something: since which version, what it is, who it affects and what they do."""

    version: str
    what: str
    who: str
    todo: str

    def __str__(self) -> str:
        return f"{self.version}: {self.what} This only affects you if {self.who}: {self.todo}"


def order(version: str) -> tuple[int, ...]:
    """By which versions are put in order: one that is still made comes before itself. Raises UsageError for none."""
    found = _VERSION.fullmatch(version)
    if found is None:
        raise errors.UsageError(f"{version!r} is no version", "write it as in 1.2.0")
    *numbers, made = found.groups()
    return (*map(int, numbers), *((1, 0) if made is None else (0, int(made))))


def read(path: Path) -> dict[str, list[Breaking]]:
    """Version → its breaking changes, the newest version first.

    Raises UsageError naming the line where the text is in another form: an entry that nobody finds stops nobody.
    """
    found: dict[str, list[Breaking]] = {}
    for number, version, entry in _entries(path):
        if not entry:
            if found and order(version) >= order([*found][-1]):
                raise _wrong(path, number, f"{version} does not come before {[*found][-1]}")
            found[version] = []
        elif entry.startswith(_BREAKING):
            form = _FORM.fullmatch(entry)
            if form is None:
                raise _wrong(
                    path, number, "it is not as in `**Breaking:** what. This only affects you if who: do this.`"
                )
            found[version].append(Breaking(version, **form.groupdict()))
        elif "breaking" in entry.lower().split(" ")[0]:
            raise _wrong(path, number, "a breaking change begins with `**Breaking:** `")
    return found


def between(known: dict[str, list[Breaking]], before: str, now: str) -> list[Breaking]:
    """The breaking changes of all versions after one, up to another."""
    return [
        one
        for version, changes in reversed(known.items())
        if order(before) < order(version) <= order(now)
        for one in changes
    ]


def _entries(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, version and text of each entry as one line; with an empty text a version begins."""
    version, start, entry, begun = "", 0, "", False
    for number, line in enumerate([*path.read_text().splitlines(), ""], start=1):
        if entry and line.startswith("  ") and line.strip():
            entry += f" {line.strip()}"
            continue
        if entry:
            yield start, version, entry
            entry = ""
        if line.startswith("#") and number > 1:
            heading = _HEADING.fullmatch(line)
            if heading is None:
                raise _wrong(path, number, f"a version is not as in `## 1.2.0 (2027-02-01)`, or `({UNRELEASED})`")
            version, begun = heading[1], False
            yield number, version, ""
        elif line.startswith("- ") and version:
            start, entry, begun = number, line[2:].strip(), True
        elif line.strip() and begun:  # before its first entry a version may be described
            raise _wrong(path, number, "a line belongs to no entry: they begin with `- ` and go on after two blanks")


def _wrong(path: Path, number: int, what: str) -> errors.UsageError:
    return errors.UsageError(f"{path}:{number}: {what}", "correct it: operators are stopped by what stands there")
