"""hotspots: cases per area, only of areas with enough cases at enough contributors, and which areas stand out.

A contributor brings one row per case, with the four digits of the postcode of residence. Rows of other areas than the
agreed ones are passed over. No total over all areas is opened: together with the opened areas it would tell about the
suppressed ones.

An area is a hotspot when its rate (or its cases, without `population`) is at least `factor` times the usual one. Usual
is the median over all areas, where a suppressed area counts with half of the minimum cell. A median is not moved by the
outbreaks that are looked for, and when only outbreaks are opened the suppressed areas still say what is usual.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Collection, Mapping
from typing import Any

from ..data import records
from ..data.cells import Cells, Group
from . import AnalysisError, Opened, Source, _cells

VERSION = 1
DATA = True
MOST_AREAS = 4500
"""The Netherlands has some 4,070 areas of four digits."""
LARGEST_FACTOR = 100
LARGEST_POPULATION = 1_000_000
RANGE = re.compile(r"([1-9][0-9]{3})(?:-([1-9][0-9]{3}))?")
COLUMN = "postcode4"


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """`areas`: postcodes and ranges; `population` of every area; `factor`, 2 unless told; `bits` of a count.

    Of a table that the question names the areas are those with inhabitants; `areas` then limits them, or is left out.
    """
    _cells.only(given, "areas", "population", "factor", "bits")
    given = _of_table(given)
    areas = _read_areas(given.get("areas"))
    completed = {
        "areas": _as_ranges(areas),
        "factor": _cells.whole(given, "factor", 2, LARGEST_FACTOR, 2),
        "bits": _cells.read_bits(given),
    }
    if given.get("population") is not None:
        completed["population"] = _read_population(given["population"], areas)
    return completed


def columns(_: Mapping[str, Any]) -> dict[str, records.Column]:
    """One column, one row per case."""
    return {COLUMN: records.Postcode4()}


def cells(parameters: Mapping[str, Any]) -> Cells:
    """Each area."""
    ranges = (_range(text) for text in parameters["areas"])
    return (Group({COLUMN: tuple((areas[0], areas[-1], 1) for areas in ranges)}),)


def length(parameters: Mapping[str, Any]) -> int:
    """Bits and presence of every area."""
    return _layout(parameters).length


def numbers(source: Source, rows: Collection[records.Row]) -> list[int]:
    """Cases per area. Raises RecordsError above what the bits hold."""
    cases = records.counted(rows)
    return _layout(source.parameters).numbers([cases[area,] for area in _areas(source.parameters)])


async def check(run: Any) -> list[int]:
    """Contributors whose numbers are not counts with a presence."""
    return await _cells.check(run, _layout(run.parameters))


async def compute(run: Any) -> Any:
    """Totals where they suffice, zeros elsewhere; then which are which."""
    layout = _layout(run.parameters)
    kept, flags = await _cells.suppress(run, layout, *_cells.totals(run, layout))
    return await run.shared([kept, flags])


def outcome(opened: Opened) -> dict[str, Any]:
    """Opened areas with cases (and rate per 10,000), how many were suppressed, and the hotspots."""
    areas, count = _areas(opened.parameters), len(opened.values) // 2
    cases = _cells.opened(opened.values[:count], opened.values[count:], opened.minimum_cell)
    if len(cases) != len(areas):
        raise AnalysisError("the result has another length than this analysis gives")
    population = opened.parameters.get("population")
    # Without population every area weighs the same.
    people = [population[str(area)] if population else 1 for area in areas]
    rates = [
        (opened.minimum_cell / 2 if found is None else found) / each for found, each in zip(cases, people, strict=True)
    ]
    usual = statistics.median(rates)
    rows, hotspots = [], []
    for area, found, rate in zip(areas, cases, rates, strict=True):
        if found is None:
            continue
        rows.append({"area": str(area), "cases": found})
        if population:
            rows[-1]["rate_per_10000"] = round(10_000 * rate, 2)
        if rate >= opened.parameters["factor"] * usual:
            hotspots.append(str(area))
    return {"areas": rows, "suppressed": len(areas) - len(rows), "hotspots": hotspots}


def _layout(parameters: Mapping[str, Any]) -> _cells.Cells:
    return _cells.Cells.single(len(_areas(parameters)), parameters["bits"])


def _areas(parameters: Mapping[str, Any]) -> list[int]:
    """The areas of completed parameters, ascending."""
    return [area for text in parameters["areas"] for area in _range(text)]


def _range(text: object) -> range:
    match = RANGE.fullmatch(str(text))
    if match is None:
        raise AnalysisError("areas: each is a postcode of four digits, or a range such as 7001-7040")
    first, last = int(match[1]), int(match[2] or match[1])
    if first > last:
        raise AnalysisError(f"areas: the range {first}-{last} runs backwards")
    return range(first, last + 1)


def _read_areas(given: object) -> list[int]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_AREAS:
        raise AnalysisError("areas: a list of postcodes of four digits and of ranges such as 7001-7040")
    areas = sorted({area for text in given for area in _range(text)})
    if len(areas) > MOST_AREAS:
        raise AnalysisError(f"areas: {len(areas)} of them, at most {MOST_AREAS} are possible; leave out empty ranges")
    return areas


def _as_ranges(areas: list[int]) -> list[str]:
    """The shortest text of `areas`, so that equal areas are equal parameters."""
    ends: list[list[int]] = []
    for area in areas:
        if ends and ends[-1][1] == area - 1:
            ends[-1][1] = area
        else:
            ends.append([area, area])
    return [str(first) if first == last else f"{first}-{last}" for first, last in ends]


def _of_table(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters with areas and inhabitants out of a table, where they name one: an area without has no rate."""
    table = given.get("population")
    if not isinstance(table, Mapping) or "table" not in table:
        return given
    counts = table.get("counts")
    if not isinstance(counts, Mapping):
        raise AnalysisError("population: the table that the question names is not at hand")
    named = given.get("areas")
    if named is not None and not (isinstance(named, list) and 1 <= len(named) <= MOST_AREAS):
        raise AnalysisError("areas: a list of postcodes of four digits and of ranges such as 7001-7040")
    wanted = None if named is None else {str(area) for text in named for area in _range(text)}
    people = {area: count for area, count in counts.items() if wanted is None or area in wanted}
    if not people:
        raise AnalysisError("areas: the table knows inhabitants of none of them")
    return {**given, "areas": sorted(people), "population": people}


def _read_population(given: object, areas: list[int]) -> dict[str, int]:
    if not isinstance(given, Mapping):
        raise AnalysisError("population: a mapping of each area to its inhabitants")
    people = {str(area): count for area, count in given.items()}
    missing, others = sorted({*map(str, areas)} - set(people)), sorted(set(people) - {*map(str, areas)})
    if missing:
        raise AnalysisError(f"population: area {missing[0]} is missing; give all areas or leave population out")
    if others:
        raise AnalysisError(f"population: {others[0][:20]!r} is not among the areas")
    return {area: _cells.whole(people, area, 1, LARGEST_POPULATION) for area in sorted(people)}
