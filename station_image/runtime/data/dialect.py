"""How a CSV file was saved: its encoding by its first bytes, what stands between its columns by its first line.

Spreadsheets write commas, semicolons (with Dutch settings) or tabs, in UTF-8 or, as 'Unicode text', in UTF-16. Which
columns a file has is agreed, so nothing is guessed: of the three the one is taken that makes the first line exactly the
agreed names. No name has a comma, a semicolon or a tab in it, so that never more than one does. Where none does the
file is refused, and the mistake is told as whichever comes nearest would have it.

In Windows-1252, as Excel writes its plain 'CSV', nothing is read: names and values are ASCII, which is UTF-8 already,
so a file with any other character has something in it that was not agreed.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_LINE = 64 * 1024
PIECE = 1024 * 1024
UTF8 = "save it as 'CSV UTF-8'"
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t]*')
"""A first line by which Excel is told what stands between columns: neither names nor values."""
# Bytes that a file starts with: a zip archive (xlsx, ods), an OLE document (xls).
WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
UTF16_STARTS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF8_READ, UTF16_READ = "utf-8-sig", "utf-16"
ENCODINGS = {UTF8_READ: "UTF-8", UTF16_READ: "UTF-16"}


class FileError(Exception):
    """A file that cannot be read at all."""


@dataclass(frozen=True)
class Dialect:
    """How a file was saved: a codec of Python, and what stands between columns; "" where there is but one."""

    encoding: str
    delimiter: str

    def __str__(self) -> str:
        between = f"{DELIMITERS[self.delimiter]} between columns" if self.delimiter else "one column"
        return f"{between}, {ENCODINGS[self.encoding]}"


@dataclass(frozen=True)
class Opening:
    """The first line that says something, by what it was split, its number, and all lines from it on."""

    dialect: Dialect
    names: list[str]
    number: int
    lines: Iterator[str]

    @property
    def delimiter(self) -> str:
        """What the rest is split by."""
        return self.dialect.delimiter or ","


def encoding_of(file: io.BufferedReader) -> str:
    """The codec of a file that is text, which takes a pass of its own; afterwards it is at its begin again.

    Raises FileError.
    """
    start = file.read(4)
    if start.startswith(WORKBOOK_STARTS):
        raise FileError(f"a workbook that was renamed to .csv; open it in the spreadsheet and {UTF8}")
    file.seek(0)
    encoding = UTF16_READ if start.startswith(UTF16_STARTS) else UTF8_READ
    blank = _utf16_is_blank(file) if encoding == UTF16_READ else _utf8_is_blank(file)
    if blank:
        raise FileError("it is empty; write the names of the columns in its first line, or remove it")
    file.seek(0)
    return encoding


def opening(file: io.BufferedReader, encoding: str, agreed: list[str]) -> Opening:
    """The first line of a file of the columns `agreed`, and what follows. Raises FileError."""
    lines = _lines(io.TextIOWrapper(file, encoding, newline=""))
    number, named = 0, ""
    for line in lines:
        number += 1
        found = SEPARATOR.fullmatch(line.rstrip("\r\n")) if number == 1 else None
        if found:
            named = found[1]
        elif "".join(sign for sign in line if sign not in DELIMITERS and sign != '"').strip():
            return _split(line, named, Dialect(encoding, ""), agreed, number, lines)
    return Opening(Dialect(encoding, ""), [], max(1, number), iter(()))


def stripped(fields: Iterable[str]) -> list[str]:
    """The fields without blanks, and without the empty ones that a spreadsheet leaves behind the last."""
    found = [field.strip() for field in fields]
    while found and not found[-1]:
        found.pop()
    return found


def _split(line: str, named: str, dialect: Dialect, agreed: list[str], number: int, lines: Iterator[str]) -> Opening:
    parts = {delimiter: _parts(line, delimiter) for delimiter in DELIMITERS}
    right = [delimiter for delimiter, names in parts.items() if sorted(names) == sorted(agreed)]
    if named and right and named not in right:
        raise FileError("its line sep= says another sign than stands between the columns; remove that line")
    # A name alone is the same by all three.
    best = max(right or parts, key=lambda one: (one == named, len({*parts[one]} & {*agreed}), len(parts[one])))
    return Opening(
        Dialect(dialect.encoding, best if best in line else ""), parts[best], number, itertools.chain([line], lines)
    )


def _parts(line: str, delimiter: str) -> list[str]:
    try:
        return stripped(next(csv.reader([line], delimiter=delimiter, strict=True), []))
    except csv.Error:
        return []


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise FileError(f"a line of more than {LONGEST_LINE} characters; {UTF8} and bring that file")
        yield line


def _utf16_is_blank(file: io.BufferedReader) -> bool:
    """Whether a file in UTF-16 holds nothing but blanks."""
    decoder, blank = codecs.getincrementaldecoder(UTF16_READ)(), True
    try:
        while piece := file.read(PIECE):
            blank = not decoder.decode(piece).strip() and blank
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise FileError(f"it begins as UTF-16 ('Unicode text') and does not go on so; {UTF8}") from error
    return blank


def _utf8_is_blank(file: io.BufferedReader) -> bool:
    """Whether a file in UTF-8 holds nothing but blanks."""
    decoder, blank, line, foreign = codecs.getincrementaldecoder(UTF8_READ)(), True, 1, 0
    while piece := file.read(PIECE):
        if b"\0" in piece:
            raise FileError(f"saved in UTF-16 ('Unicode text') without its mark, so it may be read in two ways; {UTF8}")
        if not foreign:
            held = len(decoder.getstate()[0])  # bytes of a character that began in the piece before
            try:
                blank = not decoder.decode(piece).strip() and blank
            except UnicodeDecodeError as error:
                foreign = line + piece.count(b"\n", 0, max(0, error.start - held))
            line += piece.count(b"\n")
    if not foreign and decoder.getstate()[0]:
        foreign = line
    if foreign:
        raise FileError(
            f"line {foreign} has a character in another encoding than UTF-8, as Excel's plain 'CSV' writes it; {UTF8}"
        )
    return blank
