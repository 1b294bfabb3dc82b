"""No module imports, by whatever way round, a module that imports it."""

from __future__ import annotations

import graphlib
import tomllib
from pathlib import Path

import grimp

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]


def test_no_import_goes_in_a_circle() -> None:
    """Imports for types only, and those inside of functions, count too."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert {module.partition(".")[0] for module in graph.modules} == {*PACKAGES}
    sorter = graphlib.TopologicalSorter({one: graph.find_modules_directly_imported_by(one) for one in graph.modules})
    sorter.prepare()  # raises CycleError, which names the modules in the circle
