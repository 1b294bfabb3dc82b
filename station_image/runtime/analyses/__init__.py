"""The analyses that this release can run: one file each, found by name and version. How to add one: docs/analyses.md.

The agent imports these modules too: numpy and MPyC are imported inside `check` and `compute`, never at the top.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..data import records, repeats
from ..data.cells import Cells

NAME = re.compile(r"([a-z][a-z0-9_]{0,40})/([1-9][0-9]{0,3})")


class AnalysisError(ValueError):
    """An analysis that this release does not have, or parameters that it does not take."""


@dataclass(frozen=True)
class Source:
    """What a contributor's numbers are made from, besides rows. `data` is the folder with the question's files.

    `right`: whether its people said that rows which two of these have in common count twice.
    """

    session: str
    station: str
    parameters: Mapping[str, Any]
    data: Path | None = None
    right: repeats.Right = repeats.nobody_said


@dataclass(frozen=True)
class Opened:
    """What a result party has: numbers opened to it, numbers opened to the computing parties, who contributed."""

    session: str
    parameters: Mapping[str, Any]
    contributors: tuple[str, ...]
    values: tuple[int, ...]
    public: tuple[int, ...]
    field: int
    minimum_cell: int = 0


class Analysis(Protocol):
    """The interface of an analysis module."""

    VERSION: int
    DATA: bool

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters, checked and completed. Raises AnalysisError naming the parameter."""

    def columns(self, parameters: Mapping[str, Any]) -> dict[str, records.Column]:
        """What a contributor's CSV files hold."""

    def cells(self, parameters: Mapping[str, Any]) -> Cells:
        """What it opens numbers about, totals too. One without this is answered beside no other on the same data."""

    def by_region(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it opens those of each regional network too. One without this never does."""

    def length(self, parameters: Mapping[str, Any]) -> int:
        """How many numbers each contributor shares."""

    def numbers(self, source: Source, rows: Collection[records.Row]) -> list[int]:
        """A contributor's numbers from its rows. Raises RecordsError."""

    async def check(self, run: Any) -> list[int]:
        """On shares: positions of contributors whose numbers are not as they must be. They are left out."""

    async def compute(self, run: Any) -> Any:
        """On shares: the joint computation; `run` is a `mpc.run.Run`, the result a `mpc.run.Shared`."""

    def outcome(self, opened: Opened) -> dict[str, Any]:
        """The result for people. Raises AnalysisError when the opened numbers cannot be right."""


@functools.cache
def available() -> tuple[str, ...]:
    """The names of all analyses that this release has, with their versions, sorted."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return tuple(f"{name}/{importlib.import_module(f'{__name__}.{name}').VERSION}" for name in names)


def find(name: str) -> Analysis:
    """The analysis `name`, such as "acceptance_sum/1". Raises AnalysisError when this release does not have it."""
    match = NAME.fullmatch(name)
    folder = Path(__file__).parent
    # Only names of files that lie here are imported: the name comes from another station.
    if match is None or match[1] not in {path.stem for path in folder.glob("[a-z]*.py")}:
        raise AnalysisError(f"this release has no analysis {name[:60]!r}")
    module: Any = importlib.import_module(f"{__name__}.{match[1]}")
    if int(match[2]) != module.VERSION:
        raise AnalysisError(f"this release has version {module.VERSION} of {match[1]}, not {match[2]}")
    return module  # type: ignore[no-any-return]  # a module is an object with these functions


def cells_of(name: str, parameters: Mapping[str, Any]) -> Cells | None:
    """The cells that an analysis states; None where it states none. Raises AnalysisError."""
    stated = getattr(find(name), "cells", None)
    return None if stated is None else stated(parameters)


def by_region(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether an analysis opens its cells of each regional network too. Raises AnalysisError."""
    asked = getattr(find(name), "by_region", None)
    return asked is not None and asked(parameters)


def bring(name: str, source: Source) -> tuple[list[int], records.Rows]:
    """What a contributor shares, and the rows that it comes from. Raises AnalysisError, RecordsError."""
    analysis = find(name)
    rows = records.Rows()
    if analysis.DATA:
        if source.data is None:
            raise records.RecordsError(["this analysis reads data, and no folder with data was given"])
        rows = records.read(source.data, analysis.columns(source.parameters), source.right)
    return analysis.numbers(source, rows), rows


class Looked(NamedTuple):
    """Rows that a session would find, what keeps it from using them, how each file was read, what counts twice."""

    rows: int
    problems: list[str]
    files: list[str]
    repeated: list[str]


def look(name: str, parameters: Mapping[str, Any], folder: Path, right: repeats.Right = repeats.nobody_said) -> Looked:
    """The CSV files in `folder` as a session would read them. Raises AnalysisError."""
    analysis = find(name)
    completed = analysis.parameters(parameters)
    rows = records.Rows()
    if not analysis.DATA:
        return Looked(0, [], [], [])
    try:
        rows = records.read(folder, analysis.columns(completed), right)
        analysis.numbers(Source("", "", completed, folder), rows)
    except records.RecordsError as error:
        return Looked(len(rows), error.problems, rows.files or error.files, rows.repeated)
    return Looked(len(rows), [], rows.files, rows.repeated)
