"""Figures that a question rests on and that its author did not make: the inhabitants per postcode area, by CBS.

Such a table is a file beside the questions, `tables/cbs-pc4-2025.csv`, as CBS gives it or as a spreadsheet saved it.
The question names it, and what is published of both is made here: the question says which table by name and digest, the
table is a document of its own. So all parties divide by the same numbers, and what a steward allows is these.

Forms that are read, by the names of their columns (commas, semicolons or tabs; UTF-8):

- `PC4`, `INWONER`: "Kerncijfers per postcode" of CBS to 2020, saved as CSV;
- `postcode` or `postcode4`, `aantal_inwoners`: the names of later ones, as the geographic file has them;
- `Postcode-4`, and in its second column `Totaal` below or beside `Inwoners`: the workbook of later ones, saved as CSV;
- `Geslacht`, `Leeftijd`, `Postcode`, `Perioden`, `Bevolking_1`: StatLine table 83502NED with keys, of which the rows of
  all sexes (T001038), all ages (10000) and the year of the file's name are taken.

CBS writes -99997 for 0 to 4 inhabitants and for what is secret. Such an area, and one with 0, has no rate: it is none
of the areas of a question that names the table.
"""

import csv
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from base import canonical
from network_topology import source
from network_topology.violation import Violation

FOLDER = "tables"
PARAMETER = "population"
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-(20[0-9]{2})")
LARGEST_FILE = 16 * 1024 * 1024
MOST_AREAS = 10_000
LARGEST_COUNT = 1_000_000
SECRET = -99997
AREA = re.compile(r"[1-9][0-9]{3}")
WHOLE = re.compile(r"-?[0-9]{1,7}")
ALL_OF = {"Geslacht": "T001038", "Leeftijd": "10000"}
PAIRS = (
    ("PC4", "INWONER"),
    ("postcode", "aantal_inwoners"),
    ("postcode4", "aantal_inwoners"),
    ("Postcode", "Bevolking_1"),
)
REMEDY = "bring CBS's own file, or keep two columns of it and name them postcode4 and aantal_inwoners"
Reference = dict[str, Any]


class TableError(ValueError):
    """A table that is not as it must be, in words."""


@dataclasses.dataclass(frozen=True)
class Table:
    """Inhabitants of each area that has some; `unknown` areas are secret or have fewer than five, `empty` have none."""

    name: str
    counts: Mapping[str, int]
    unknown: int
    empty: int

    @property
    def document(self) -> dict[str, Any]:
        """As it is published and delivered."""
        return {"table": self.name, "counts": dict(self.counts), "unknown": self.unknown, "empty": self.empty}

    @property
    def reference(self) -> Reference:
        """What a question says of it."""
        told = {"areas": len(self.counts), "unknown": self.unknown, "empty": self.empty}
        return {"table": self.name, **told, "digest": canonical.digest(self.document)}

    @classmethod
    def of(cls, document: object, name: str) -> Self:
        """The table `name` of what was published. Raises TableError."""
        if not isinstance(document, dict) or set(document) != {"table", "counts", "unknown", "empty"}:
            raise TableError("it is no table")
        counts = document["counts"]
        if document["table"] != name or not NAME.fullmatch(name):
            raise TableError("it is a table of another name, and each is named after source and year")
        if not isinstance(counts, dict) or not 1 <= len(counts) <= MOST_AREAS:
            raise TableError(f"it is not of 1 to {MOST_AREAS} areas")
        if not all(AREA.fullmatch(area) and _is_count(count, 1) for area, count in counts.items()):
            raise TableError(f"its areas are not postcodes of four digits with 1 to {LARGEST_COUNT} inhabitants")
        if not all(_is_count(document[one], 0) for one in ("unknown", "empty")):
            raise TableError("it does not say how many areas it leaves out")
        return cls(name, counts, document["unknown"], document["empty"])


NONE: Mapping[str, Table] = {}


def named_by(parameters: Mapping[str, Any]) -> str | None:
    """The table that parameters name, None where they name none."""
    given = parameters.get(PARAMETER)
    name = given.get("table") if isinstance(given, Mapping) else None
    return name if isinstance(name, str) else None


def referring(parameters: Mapping[str, Any], known: Mapping[str, Table]) -> dict[str, Any]:
    """The parameters with all that a question says of the table that they name. Raises TableError."""
    name = named_by(parameters)
    if name is None:
        return dict(parameters)
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise TableError(f"the table {source.short(name)!r} is not in {FOLDER}/, where there is {there}")
    reference = known[name].reference
    if any(reference.get(field) != value for field, value in parameters[PARAMETER].items()):
        raise TableError(f"the table {name} is another one than the question says")
    return {**parameters, PARAMETER: reference}


def resolved(parameters: Mapping[str, Any], known: Mapping[str, Table]) -> dict[str, Any]:
    """The parameters as an analysis takes them, with the figures of the table that they name. Raises TableError."""
    found, name = referring(parameters, known), named_by(parameters)
    if name is None:
        return found
    return {**found, PARAMETER: {**found[PARAMETER], "counts": dict(known[name].counts)}}


def require(parameters: Mapping[str, Any], known: Mapping[str, Table]) -> None:
    """Raise TableError unless a published question says all of a table that was published with it."""
    if referring(parameters, known) != dict(parameters):
        raise TableError(f"it does not say which table {named_by(parameters)} it was made with")


def read(folder: Path) -> tuple[dict[str, Table], list[Violation]]:
    """The tables in a folder by name, and what is wrong with any; never raises."""
    found, violations = dict[str, Table](), list[Violation]()
    for path in sorted(folder.glob("[!.]*")):
        name = path.name.removesuffix(".csv")
        if name == path.name or not NAME.fullmatch(name):
            text = f"{path.name!r} lies here, and a table is named after its source and year, as in cbs-pc4-2025.csv"
            violations.append(Violation(path.parent, 0, 0, text, "rename or remove it", rule="table"))
            continue
        try:
            found[name] = _table(path, name)
        except (TableError, OSError, csv.Error) as error:
            violations.append(Violation(path, 0, 0, str(error), REMEDY, rule="table"))
    return found, violations


def _table(path: Path, name: str) -> Table:
    rows = _rows(path)
    number, header = next(((n, row) for n, row in enumerate(rows, 1) if _places(row)), (0, []))
    places = _places(header)
    if places is None:
        raise TableError("no line names a column of postcodes and one of inhabitants")
    keys = {header.index(key): one for key, one in {**ALL_OF, "Perioden": f"{name[-4:]}JJ00"}.items() if key in header}
    found: dict[str, int | None] = {}
    headings: list[str] = [*header[1:2]]
    for number, row in enumerate(rows, number + 1):  # noqa: B020  they go on where the header was
        if any(row[place : place + 1] != [one] for place, one in keys.items()):
            continue
        area = row[places[0]].removeprefix("PC") if places[0] < len(row) else ""
        if not AREA.fullmatch(area):
            headings += row[1:2] if not found else []
            continue
        if area in found:
            raise TableError(f"line {number}: area {area} stands there twice")
        found[area] = _inhabitants(row[places[1]] if places[1] < len(row) else "", number)
    if header[0] == "Postcode-4" and not any(re.search("totaal|inwoners", one, re.IGNORECASE) for one in headings):
        raise TableError("its second column is not headed Totaal or Inwoners")
    if len(found) > MOST_AREAS or not any(found.values()):
        raise TableError(f"it has {len(found)} areas of {name[-4:]}, or none with inhabitants")
    counts = {area: count for area, count in sorted(found.items()) if count}
    return Table(name, counts, *(sum(count == one for count in found.values()) for one in (None, 0)))


def _places(row: Sequence[str]) -> tuple[int, int] | None:
    """Where the postcode and the inhabitants stand below a line that is the header; None below another."""
    if row and row[0] == "Postcode-4":
        return 0, 1
    for area, count in PAIRS:
        if row.count(area) == row.count(count) == 1:
            return row.index(area), row.index(count)
    return None


def _inhabitants(text: str, number: int) -> int | None:
    text = text.replace(" ", "").replace("\u00a0", "")
    if text in ("", "."):
        return None
    if not WHOLE.fullmatch(text):
        raise TableError(f"line {number}: the inhabitants are no whole number")
    count = int(text)
    if count == SECRET:
        return None
    if not 0 <= count <= LARGEST_COUNT:
        raise TableError(f"line {number}: {count} inhabitants, where 0 to {LARGEST_COUNT} can be, or {SECRET}")
    return count


def _rows(path: Path) -> Iterator[list[str]]:
    """The lines of a file, split by what stands between most of their columns."""
    content = path.read_bytes() if path.stat().st_size <= LARGEST_FILE else b""
    if not content:
        raise TableError(f"it is empty, or larger than {LARGEST_FILE // 1024**2} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError("it is not UTF-8 text; save it as 'CSV UTF-8'") from error
    lines = text.splitlines()
    between = max(";\t,", key=lambda sign: sum(line.count(sign) for line in lines[:20]))
    return ([field.strip() for field in row] for row in csv.reader(lines, delimiter=between))


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST_COUNT
