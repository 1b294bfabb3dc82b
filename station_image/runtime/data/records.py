"""The CSV files that people bring for a question: read against the columns of its analysis, or refused in words.

Whoever makes such a file uses a spreadsheet and sees the sentence, not the program: each mistake that people make has a
sentence of its own, with file, line, column and remedy. No sentence holds a value of the data, and because the first
line of a file without header is data, none quotes what stands there either.

Files are read in pieces and rows are counted, not kept: what is asked is how often something occurs, and rows that are
not the same are few. So a file of half a gigabyte takes no more memory than its different rows do.
"""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..base.journal import plain
from . import dialect, repeats
from .dialect import UTF8, FileError, stripped

MOST_PROBLEMS = 20
LARGEST_FILE = 1024 * 1024 * 1024
MOST_ROWS = 250_000_000
MOST_DIFFERENT = 100_000
"""Rows that differ from each other: some 40 MB in the agent. A question about areas or years has a few thousand."""
LONGEST_KNOWN = 60
MOST_TOLD = 20
"""Files of which is told how they were read."""
CSV = f"{UTF8} and bring that file"
WORKBOOKS = {".xlsx", ".xls", ".xlsm", ".ods", ".numbers"}
WHOLE = re.compile(r"-?[0-9]{1,18}")
FRACTION = re.compile(r"-?[0-9][0-9.,]*[.,][0-9]*")
POSTCODE = re.compile(r"[1-9][0-9]{3}")
POSTCODE_LETTERS = re.compile(r"[1-9][0-9]{3}\s*[A-Za-z]{2}")
Row = tuple[int, ...]


class RecordsError(ValueError):
    """Files that cannot be used. `problems`: at most MOST_PROBLEMS sentences, then how many more there are.

    `files`: how those that could be were read.
    """

    def __init__(self, problems: list[str], count: int | None = None, files: Iterable[str] = ()) -> None:
        self.files = list(files)
        more = (len(problems) if count is None else count) - MOST_PROBLEMS
        self.problems = problems[:MOST_PROBLEMS] + ([f"and {more} more problems like these"] if more > 0 else [])
        super().__init__("; ".join(self.problems))


class Column(Protocol):
    """What may stand in a column."""

    def read(self, text: str) -> int:
        """The value. Raises ValueError with what is wrong and the remedy, without the value."""


@dataclass(frozen=True)
class Postcode4:
    """The four digits of a Dutch postcode, 1000 to 9999."""

    def read(self, text: str) -> int:
        """The four digits as a number."""
        if POSTCODE.fullmatch(text):
            return int(text)
        if POSTCODE_LETTERS.fullmatch(text):
            raise ValueError("a postcode with letters; give only its four digits, never the letters")
        if FRACTION.fullmatch(text):
            raise ValueError("a postcode with a point or a comma; give four digits and nothing else")
        raise ValueError("not a postcode of four digits from 1000 to 9999; correct it or remove the line")


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def read(self, text: str) -> int:
        """The number."""
        if FRACTION.fullmatch(text):
            raise ValueError("a number with a decimal comma or point; give whole numbers without comma or point")
        if not WHOLE.fullmatch(text):
            raise ValueError(f"not a whole number; give digits only, from {self.low} to {self.high}")
        value = int(text)
        if not self.low <= value <= self.high:
            raise ValueError(
                f"a number outside {self.low} to {self.high}, which is what was agreed; correct it or remove the line"
            )
        return value


@dataclass
class Rows:
    """How often each row stands in the files, the values in the order of the columns; in no particular order.

    `files`: of each file how it was read, in words; `repeated`: what was found twice, and said to be right.
    """

    counts: Counter[Row] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return self.counts.total()

    def __iter__(self) -> Iterator[Row]:
        return self.counts.elements()

    def __contains__(self, row: object) -> bool:
        return row in self.counts


def counted(rows: Iterable[Row]) -> Counter[Row]:
    """How often each row occurs."""
    return rows.counts if isinstance(rows, Rows) else Counter(rows)


def read(folder: Path, columns: Mapping[str, Column], right: repeats.Right = repeats.nobody_said) -> Rows:
    """All rows of all CSV files in `folder`, the values in the order of `columns`. Raises RecordsError.

    Empty lines are passed over, the order of columns in a file is free, files whose name starts with a dot are not
    looked at. A file with a header and no rows is fine: there were no cases. `right`: whether somebody said that the
    rows which two files have in common are to count twice; without that they are a problem.
    """
    problems = _Problems()
    rows = Rows()
    prints: list[repeats.Print] = []
    paths = _files(folder, problems)
    for path in paths:
        name = plain(path.name, 80)
        taker = repeats.Taker(name, len(paths)) if len(paths) > 1 else None
        try:
            with _opened(path) as file:
                encoding = dialect.encoding_of(file)
                _File(name, file, encoding, columns, problems).read_into(rows, taker)
        except UnicodeDecodeError:
            problems.add(f"{name}: it was changed while it was read; ask again when it is all there")
        except FileError as error:
            problems.add(f"{name}: {error}")
            if isinstance(error, _TooMuchError):
                break
        if taker:
            prints.append(taker.print())
    _ask(folder, prints, right, rows, problems)
    problems.stop_if_any(rows.files)
    return rows


def _ask(folder: Path, prints: list[repeats.Print], right: repeats.Right, rows: Rows, problems: _Problems) -> None:
    """Have rows that stand in two files told, or refused unless somebody said that they are right."""
    found = repeats.sentences(prints)
    if found and right(repeats.mark(prints, found)):
        rows.repeated += [f"{name}: {what}; both count" for name, what in found]
        return
    both = f"say that both are right by `station data {plain(folder.name, 80)} --both`"
    for name, what in found:
        problems.add(f"{name}: {what}; remove one of the two, or {both}")


class _TooMuchError(FileError):
    """More than is read of all files together."""


class _Problems:
    """Sentences up to a limit, and how many there were."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self.count = 0

    def add(self, sentence: str) -> None:
        self.count += 1
        if len(self._sentences) < MOST_PROBLEMS:
            self._sentences.append(sentence)

    def stop_if_any(self, files: list[str]) -> None:
        if self.count:
            raise RecordsError(self._sentences, self.count, files)


def _files(folder: Path, problems: _Problems) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "~$")))
    except OSError:
        paths = []
    found = [path for path in paths if path.suffix.lower() == ".csv"]
    workbooks = [path for path in paths if path.suffix.lower() in WORKBOOKS]
    for path in workbooks:
        problems.add(f"{plain(path.name, 80)}: a workbook, not a CSV file; {CSV} instead")
    if not found and not workbooks:
        problems.add(f"no CSV file in the folder {plain(folder.name, 80)}; put one there whose name ends in .csv")
    return found


def _opened(path: Path) -> io.BufferedReader:
    # Not through a link: who may put files here may not have the agent read its own.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FileError("it cannot be opened; bring it anew as a plain file that the station may read") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileError("not a file; remove it")
    if found.st_size > LARGEST_FILE:
        os.close(descriptor)
        raise FileError(f"more than {LARGEST_FILE // 1024**2} MB; bring only the columns that were agreed")
    return os.fdopen(descriptor, "rb")


class _File:
    """One file: its header, then its rows."""

    def __init__(
        self, name: str, file: io.BufferedReader, encoding: str, columns: Mapping[str, Column], problems: _Problems
    ) -> None:
        self._name = name
        self._columns = columns
        self._problems = problems
        self._opening = dialect.opening(file, encoding, list(columns))

    def read_into(self, rows: Rows, taker: repeats.Taker | None) -> None:
        """Count the rows, or tell what is wrong with them. Raises FileError."""
        lines, header, before = self._lines(), self._opening.names, len(rows)
        next(lines, None)
        if not self._header_is_right(header):
            return
        places = [(header.index(name), name, column) for name, column in self._columns.items()]
        counts, known = rows.counts, dict[tuple[str, ...], Row]()
        for number, line in lines:
            text = tuple(line)
            row = known.get(text)
            if row is None:
                fields = stripped(line)
                fields += [""] * (min(len(line), len(header)) - len(fields)) if fields else []
                row = self._row(number, fields, places, len(header)) if fields else None
                if row is None:
                    continue
                # Only for speed, so that most lines are not read again: not those that would take much memory.
                if len(known) < MOST_DIFFERENT and sum(map(len, line)) < LONGEST_KNOWN:
                    known[text] = row
                if row not in counts and len(counts) >= MOST_DIFFERENT:
                    raise _TooMuchError(f"more than {MOST_DIFFERENT} different rows in all; bring fewer")
            counts[row] += 1
            if taker:
                taker.add(row)
        if len(rows) > MOST_ROWS:
            raise _TooMuchError(f"more than {MOST_ROWS} rows in all; bring fewer")
        if len(rows.files) < MOST_TOLD:
            own = len(rows) - before
            rows.files.append(f"{self._name}: {own} row{'' if own == 1 else 's'}; {self._opening.dialect}")

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Number and fields of every line from the first that says something."""
        reader = csv.reader(self._opening.lines, delimiter=self._opening.delimiter, strict=True)
        passed = self._opening.number - 1
        number = passed + 1
        try:
            for line in reader:
                yield number, line
                number = passed + reader.line_num + 1
        except csv.Error:
            self._say(number, "", "quotation marks that do not belong together; remove the quotation marks")

    def _header_is_right(self, header: list[str]) -> bool:
        wanted, number = list(self._columns), self._opening.number
        if any("|" in field for field in header):
            self._say(number, "", "vertical bars between the columns; replace them by commas in a text editor")
            return False
        missing = [name for name in wanted if name not in header]
        others = [position for position, field in enumerate(header, 1) if field not in wanted]
        before = self._problems.count
        for name in missing:
            near = [place for place in others if difflib.get_close_matches(header[place - 1].lower(), [name], 1, 0.6)]
            if near:
                others.remove(near[0])
                self._say(number, name, f"did you mean it in column {near[0]}? write exactly '{name}' there")
            else:
                self._say(number, name, f"missing; the first line must name the columns: {','.join(wanted)}")
        for position in others:
            self._say(number, "", f"column {position} is not among the agreed ones ({', '.join(wanted)}); remove it")
        for name in wanted:
            if header.count(name) > 1:
                self._say(number, name, "named more than once; remove the other")
        return self._problems.count == before

    def _wrong_length(self, number: int, line: list[str], wanted: int) -> None:
        found, between = len(line), self._opening.delimiter
        why = f"{found} value{'' if found == 1 else 's'} where {wanted} belong"
        mixed = [
            name for sign, name in dialect.DELIMITERS.items() if sign != between and line[0].count(sign) == wanted - 1
        ]
        if found == 1 and mixed:
            first = dialect.DELIMITERS[between]
            self._say(number, "", f"{mixed[0]} between the values where the first line has {first}; use one of them")
        elif found > wanted:
            self._say(number, "", f"{why}; a decimal comma or another comma inside a value? give whole numbers only")
        else:
            self._say(number, "", f"{why}; fill in what is missing or remove the line")

    def _row(self, number: int, line: list[str], places: list[tuple[int, str, Column]], wanted: int) -> Row | None:
        if len(line) != wanted:
            self._wrong_length(number, line, wanted)
            return None
        values = []
        for place, name, column in places:
            if not line[place]:
                self._say(number, name, "no value; fill it in or remove the line")
                continue
            try:
                values.append(column.read(line[place]))
            except ValueError as error:
                self._say(number, name, str(error))
        return tuple(values) if len(values) == len(places) else None

    def _say(self, line: int, column: str, what: str) -> None:
        self._problems.add(f"{self._name} line {line}{f', column {column}' if column else ''}: {what}")
