"""CSV files as people make them: each mistake has its sentence, and no sentence holds a value."""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station_image.runtime import analyses
from station_image.runtime.data import dialect, records
from tests.benchmarks import records as measured
from tests.harness.fuzzing import examples

COLUMNS: dict[str, records.Column] = {"postcode4": records.Postcode4(), "ligduur": records.Integer(0, 365)}
HEADER = "postcode4,ligduur\n"
BOTH = "remove one of the two, or say that both are right by `station data griep --both`"
MANY = "".join(f"{7001 + 7 * n * n % 40},{n % 90}\n" for n in range(300))
MORE = "".join(f"{7001 + 11 * n * n % 40},{n % 80}\n" for n in range(250))
UTF8 = "save it as 'CSV UTF-8'"
OTHER_ENCODING = f"has a character in another encoding than UTF-8, as Excel's plain 'CSV' writes it; {UTF8}"
AGREED = "is not among the agreed ones (postcode4, ligduur); remove it"
NAME_THEM = "missing; the first line must name the columns: postcode4,ligduur"
QUOTES = "quotation marks that do not belong together; remove the quotation marks"
WHOLE = "not a whole number; give digits only, from 0 to 365"
COMMA = "a number with a decimal comma or point; give whole numbers without comma or point"
OUTSIDE = "a number outside 0 to 365, which is what was agreed; correct it or remove the line"
LETTERS = "a postcode with letters; give only its four digits, never the letters"
NO_POSTCODE = "not a postcode of four digits from 1000 to 9999; correct it or remove the line"
EMPTY = "it is empty; write the names of the columns in its first line, or remove it"
RENAMED = f"a workbook that was renamed to .csv; open it in the spreadsheet and {UTF8}"
NO_FILE = "no CSV file in the folder griep; put one there whose name ends in .csv"

MISTAKES: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    # How the spreadsheet saved it
    "bars": (
        {"a.csv": "postcode4|ligduur\n"},
        ["a.csv line 1: vertical bars between the columns; replace them by commas in a text editor"],
    ),
    "cp1252": ({"a.csv": (HEADER + "7001,3\n7002,é\n").encode("cp1252")}, [f"a.csv: line 3 {OTHER_ENCODING}"]),
    "cp1252 header": ({"a.csv": "postcode4,kliniekë\n".encode("cp1252")}, [f"a.csv: line 1 {OTHER_ENCODING}"]),
    "utf-16 without mark": (
        {"a.csv": (HEADER + "7001,3\n").encode("utf-16-le")},
        [f"a.csv: saved in UTF-16 ('Unicode text') without its mark, so it may be read in two ways; {UTF8}"],
    ),
    "utf-16 cut short": (
        {"a.csv": (HEADER + "7001,3\n").encode("utf-16")[:-1]},
        [f"a.csv: it begins as UTF-16 ('Unicode text') and does not go on so; {UTF8}"],
    ),
    "two signs between columns": (
        {"a.csv": "postcode4;ligduur\n7001;3\n7002,4\n"},
        ["a.csv line 3: commas between the values where the first line has semicolons; use one of them"],
    ),
    "sep= says another sign": (
        {"a.csv": "sep=,\npostcode4;ligduur\n7001;3\n"},
        ["a.csv: its line sep= says another sign than stands between the columns; remove that line"],
    ),
    "workbook": (
        {"a.xlsx": b"PK\x03\x04"},
        [f"a.xlsx: a workbook, not a CSV file; {UTF8} and bring that file instead"],
    ),
    "workbook beside": (
        {"a.csv": HEADER, "a.ods": b"PK\x03\x04"},
        [f"a.ods: a workbook, not a CSV file; {UTF8} and bring that file instead"],
    ),
    "xlsx renamed": ({"a.csv": b"PK\x03\x04\x14"}, [f"a.csv: {RENAMED}"]),
    "xls renamed": ({"a.csv": b"\xd0\xcf\x11\xe0\xa1"}, [f"a.csv: {RENAMED}"]),
    "quotation mark left open": ({"a.csv": HEADER + '"7001,3\n7002,4\n'}, [f"a.csv line 2: {QUOTES}"]),
    "quotation mark inside": ({"a.csv": HEADER + '"70"01,3\n'}, [f"a.csv line 2: {QUOTES}"]),
    # Which file
    "no file": ({}, [NO_FILE]),
    "text file": ({"a.txt": HEADER}, [NO_FILE]),
    "empty": ({"a.csv": ""}, [f"a.csv: {EMPTY}"]),
    "blank lines": ({"a.csv": "\n\n  \n"}, [f"a.csv: {EMPTY}"]),
    "twice": (
        {"a.csv": HEADER + "7001,3\n", "copy of a.csv": HEADER + "7001,3\n"},
        [f"copy of a.csv: the same 1 row as a.csv; {BOTH}"],
    ),
    "twice, as another program saved it": (
        {
            "cases - kopie.csv": "ligduur;postcode4\r\n" + "3;7001\r\n4;7002\r\n",
            "cases.csv": HEADER + "7002,4\n7001,3\n",
        },
        [f"cases.csv: the same 2 rows as cases - kopie.csv; {BOTH}"],
    ),
    "the month before is in it": (
        {"a.csv": HEADER + MANY, "b.csv": HEADER + MANY + MORE},
        [f"b.csv: about 10 in 10 runs of rows are the same as in a.csv; {BOTH}"],
    ),
    # Its first line
    "no header": (
        {"a.csv": "7001,3\n7002,4\n"},
        [
            f"a.csv line 1, column postcode4: {NAME_THEM}",
            f"a.csv line 1, column ligduur: {NAME_THEM}",
            f"a.csv line 1: column 1 {AGREED}",
            f"a.csv line 1: column 2 {AGREED}",
        ],
    ),
    "column missing": ({"a.csv": "postcode4\n7001\n"}, [f"a.csv line 1, column ligduur: {NAME_THEM}"]),
    "column misspelt": (
        {"a.csv": "Postcode,ligduur\n7001,3\n"},
        ["a.csv line 1, column postcode4: did you mean it in column 1? write exactly 'postcode4' there"],
    ),
    "column too many": ({"a.csv": "postcode4,ligduur,naam\n7001,3,x\n"}, [f"a.csv line 1: column 3 {AGREED}"]),
    "column too many between semicolons": (
        {"a.csv": "postcode4;ligduur;naam\n7001;3;x\n"},
        [f"a.csv line 1: column 3 {AGREED}"],
    ),
    "no name above a column": ({"a.csv": "postcode4;;ligduur\n7001;1;3\n"}, [f"a.csv line 1: column 2 {AGREED}"]),
    "column missing below sep=": (
        {"a.csv": "sep=;\npostcode4;dagen\n"},
        [f"a.csv line 2, column ligduur: {NAME_THEM}", f"a.csv line 2: column 2 {AGREED}"],
    ),
    "column twice": (
        {"a.csv": "postcode4,ligduur,ligduur\n7001,3,3\n"},
        ["a.csv line 1, column ligduur: named more than once; remove the other"],
    ),
    # Its other lines
    "too few values": (
        {"a.csv": HEADER + "7001\n"},
        ["a.csv line 2: 1 value where 2 belong; fill in what is missing or remove the line"],
    ),
    "decimal comma": (
        {"a.csv": HEADER + "7001,3,5\n"},
        [
            "a.csv line 2: 3 values where 2 belong; a decimal comma or another comma inside a value? "
            "give whole numbers only"
        ],
    ),
    "decimal comma in quotes": ({"a.csv": HEADER + '7001,"3,5"\n'}, [f"a.csv line 2, column ligduur: {COMMA}"]),
    "decimal comma between semicolons": (
        {"a.csv": "postcode4;ligduur\n7001;3,5\n"},
        [f"a.csv line 2, column ligduur: {COMMA}"],
    ),
    "decimal point": ({"a.csv": HEADER + "7001,3.0\n"}, [f"a.csv line 2, column ligduur: {COMMA}"]),
    "thousands": ({"a.csv": HEADER + "7001,1.000\n"}, [f"a.csv line 2, column ligduur: {COMMA}"]),
    "no value": (
        {"a.csv": HEADER + "7001,\n"},
        ["a.csv line 2, column ligduur: no value; fill it in or remove the line"],
    ),
    "words": ({"a.csv": HEADER + "7001,onbekend\n"}, [f"a.csv line 2, column ligduur: {WHOLE}"]),
    "error of the spreadsheet": ({"a.csv": HEADER + "7001,#N/B\n"}, [f"a.csv line 2, column ligduur: {WHOLE}"]),
    "very long": ({"a.csv": HEADER + f"7001,{'9' * 5000}\n"}, [f"a.csv line 2, column ligduur: {WHOLE}"]),
    "too large": ({"a.csv": HEADER + "7001,366\n"}, [f"a.csv line 2, column ligduur: {OUTSIDE}"]),
    "negative": ({"a.csv": HEADER + "7001,-1\n"}, [f"a.csv line 2, column ligduur: {OUTSIDE}"]),
    "postcode with letters": ({"a.csv": HEADER + "7001AB,3\n"}, [f"a.csv line 2, column postcode4: {LETTERS}"]),
    "postcode with a space": ({"a.csv": HEADER + "7001 ab,3\n"}, [f"a.csv line 2, column postcode4: {LETTERS}"]),
    "postcode as a number": (
        {"a.csv": HEADER + "7001.0,3\n"},
        ["a.csv line 2, column postcode4: a postcode with a point or a comma; give four digits and nothing else"],
    ),
    "postcode too short": ({"a.csv": HEADER + "701,3\n"}, [f"a.csv line 2, column postcode4: {NO_POSTCODE}"]),
    "postcode with zero": ({"a.csv": HEADER + "0701,3\n"}, [f"a.csv line 2, column postcode4: {NO_POSTCODE}"]),
    "postcode in other digits": (
        {"a.csv": HEADER + "\u0667\u0660\u0660\u0661,3\n"},
        [f"a.csv line 2, column postcode4: {NO_POSTCODE}"],
    ),
    "two mistakes in a line": (
        {"a.csv": HEADER + "7001,3\n\nx,y\n"},
        [f"a.csv line 4, column postcode4: {NO_POSTCODE}", f"a.csv line 4, column ligduur: {WHOLE}"],
    ),
}
FINE: dict[str, tuple[dict[str, str | bytes], list[records.Row]]] = {
    "plain": ({"a.csv": HEADER + "7001,3\n"}, [(7001, 3)]),
    "with a byte order mark": ({"a.csv": (HEADER + "7001,3\n").encode("utf-8-sig")}, [(7001, 3)]),
    "header only": ({"a.csv": HEADER}, []),
    "columns in another order": ({"a.csv": "ligduur,postcode4\n3,7001\n"}, [(7001, 3)]),
    "quoted": ({"a.csv": '"postcode4","ligduur"\n"7001","3"\n'}, [(7001, 3)]),
    "spaces": ({"a.csv": " postcode4 , ligduur \n 7001 ,\u00a03 \n"}, [(7001, 3)]),
    "empty lines of a spreadsheet": ({"a.csv": HEADER + "7001,3\n,\n\n,\n"}, [(7001, 3)]),
    "lines end as on Windows": ({"a.csv": HEADER.replace("\n", "\r\n") + "7001,3\r\n"}, [(7001, 3)]),
    "semicolons": ({"a.csv": "postcode4;ligduur\n7001;3\n"}, [(7001, 3)]),
    "semicolons as Excel writes them": ({"a.csv": b"\xef\xbb\xbfpostcode4;ligduur\r\n7001;3\r\n"}, [(7001, 3)]),
    "tabs": ({"a.csv": "postcode4\tligduur\n7001\t3\n"}, [(7001, 3)]),
    "Unicode text of Excel": ({"a.csv": "postcode4\tligduur\r\n7001\t3\r\n".encode("utf-16")}, [(7001, 3)]),
    "utf-16, the other way round": (
        {"a.csv": b"\xfe\xff" + "postcode4;ligduur\r\n7001;3\r\n".encode("utf-16-be")},
        [(7001, 3)],
    ),
    "sep=": ({"a.csv": "sep=;\r\npostcode4;ligduur\r\n7001;3\r\n"}, [(7001, 3)]),
    "sep= in quotation marks": ({"a.csv": '"sep=;"\npostcode4;ligduur\n7001;3\n'}, [(7001, 3)]),
    "sep= with a mark of order": ({"a.csv": b"\xef\xbb\xbfsep=\t\npostcode4\tligduur\n7001\t3\n"}, [(7001, 3)]),
    "empty columns behind": ({"a.csv": "postcode4;ligduur;;\n7001;3;;\n7002;4\n;;;\n"}, [(7001, 3), (7002, 4)]),
    "empty columns behind some": ({"a.csv": HEADER + "7001,3,,\n"}, [(7001, 3)]),
    "quoted, between semicolons": ({"a.csv": '"postcode4";"ligduur"\n"7001";"3"\n'}, [(7001, 3)]),
    "lines end as on an old Mac": ({"a.csv": "postcode4;ligduur\r7001;3\r"}, [(7001, 3)]),
    "two empty files": ({"a.csv": HEADER, "b.csv": HEADER}, []),
    "no end of line": ({"a.csv": HEADER + "7001,3"}, [(7001, 3)]),
    "two files": ({"a.csv": HEADER + "7001,3\n", "B.CSV": HEADER + "7002,4\n"}, [(7002, 4), (7001, 3)]),
    "beside what is open": ({"a.csv": HEADER, ".~lock.a.csv#": "x", "~$a.xlsx": "x", "lees mij.txt": "x"}, []),
}


def bring(folder: Path, files: dict[str, str | bytes]) -> Path:
    found = folder / "griep"
    found.mkdir(exist_ok=True)
    for name, content in files.items():
        (found / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return found


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_its_remedy(tmp_path: Path, mistake: str) -> None:
    files, sentences = MISTAKES[mistake]
    with pytest.raises(records.RecordsError) as caught:
        records.read(bring(tmp_path, files), COLUMNS)
    assert caught.value.problems == sentences


@pytest.mark.parametrize("kind", FINE)
def test_a_file_that_is_fine_is_read_however_it_was_saved(tmp_path: Path, kind: str) -> None:
    files, rows = FINE[kind]
    assert list(records.read(bring(tmp_path, files), COLUMNS)) == rows


@pytest.mark.parametrize("kind", [*FINE, *MISTAKES])
def test_a_file_in_the_smallest_pieces_is_read_or_refused_in_the_same_words(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FINE[kind][0] if kind in FINE else MISTAKES[kind][0]
    folder = bring(tmp_path, files)

    def read() -> tuple[list[records.Row], list[str]]:
        try:
            return list(records.read(folder, COLUMNS)), []
        except records.RecordsError as error:
            return [], error.problems

    whole = read()
    monkeypatch.setattr(dialect, "PIECE", 1)
    assert read() == whole


def test_of_very_many_mistakes_the_first_twenty_are_told_and_how_many_more(tmp_path: Path) -> None:
    with pytest.raises(records.RecordsError) as caught:
        records.read(bring(tmp_path, {"a.csv": HEADER + "x,3\n" * 50}), COLUMNS)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 30 more problems like these"


def test_a_link_and_a_folder_with_the_name_of_a_file_are_not_read(tmp_path: Path) -> None:
    """Who may put files here may not have the agent read its own."""
    secret = tmp_path / "statement.key"
    secret.write_text(HEADER)
    folder = bring(tmp_path, {})
    (folder / "a.csv").symlink_to(secret)
    (folder / "b.csv").mkdir()
    os.mkfifo(folder / "c.csv")
    with pytest.raises(records.RecordsError) as caught:
        records.read(folder, COLUMNS)
    assert caught.value.problems == [
        "a.csv: it cannot be opened; bring it anew as a plain file that the station may read",
        "b.csv: not a file; remove it",
        "c.csv: not a file; remove it",
    ]


def test_a_folder_that_is_not_there_is_told_like_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(records.RecordsError, match="no CSV file in the folder griep"):
        records.read(tmp_path / "griep", COLUMNS)


@pytest.mark.parametrize("limit", ["LARGEST_FILE", "MOST_ROWS"])
def test_more_than_fits_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(records, limit, 3)
    with pytest.raises(records.RecordsError, match=r"a\.csv: more than"):
        records.read(bring(tmp_path, {"a.csv": HEADER + "7001,3\n" * 4}), COLUMNS)


def test_rows_are_counted_and_those_that_differ_from_each_other_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEADER + "7001,3\n7002,4\n 7001 , 3\n" * 4
    folder = bring(tmp_path, {"a.csv": text})
    rows = records.read(folder, COLUMNS)
    assert (len(rows), dict(rows.counts)) == (12, {(7001, 3): 8, (7002, 4): 4})
    monkeypatch.setattr(records, "MOST_DIFFERENT", 1)
    with pytest.raises(records.RecordsError, match=r"a\.csv: more than 1 different rows in all; bring fewer"):
        records.read(folder, COLUMNS)


def test_a_line_without_end_is_refused_before_it_is_held(tmp_path: Path) -> None:
    folder = bring(tmp_path, {"a.csv": HEADER + "7" * 100_000})
    with pytest.raises(records.RecordsError, match=r"a\.csv: a line of more than 65536 characters"):
        records.read(folder, COLUMNS)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "wrong"), [(60, False), (20, True)], ids=["60 MB", "20 MB of mistakes"])
def test_a_large_file_takes_no_more_memory_than_a_small_one(
    size: int, wrong: bool, note: Callable[[str], None]
) -> None:
    """What it did: an honest file of 60 MB ended the agent of its own organisation, of 256 MB."""
    told = measured.run(size, wrong=wrong)
    note(f"{size} MB of CSV: {told['seconds']:.1f} s, {told['grown'] / 1024**2:.1f} MB more memory")
    assert bool(told["problems"]) == wrong
    assert told["grown"] < measured.MOST_MB * 1024**2


SECRET = "48151623"
AROUND = st.text(string.printable + "é€;\0\ufeff", max_size=12)
LINE = st.tuples(
    AROUND, st.sampled_from(["", SECRET, f"{SECRET[:4]}AB", f"{SECRET},5", f'"{SECRET}"', "7001,3"]), AROUND
)


@given(
    header=st.sampled_from([HEADER, "", "postcode4;ligduur\n", "ligduur,postcode4,\n", "Postcode4,Ligduur\n"]),
    lines=st.lists(LINE.map("".join), max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_no_value_stands_in_a_sentence_or_in_the_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, lines: list[str], encoding: str
) -> None:
    content = (header + "\n".join(lines)).encode(encoding, errors="replace")
    folder = bring(tmp_path, {"a.csv": content})
    said = "\n".join(analyses.look("hotspots/1", {"areas": ["7001"]}, folder)[1])
    try:
        records.read(folder, COLUMNS)
    except records.RecordsError as error:
        said += str(error)
    said += "".join(capsys.readouterr())
    assert SECRET[:4] not in said


FIELDS = st.sampled_from(
    ["7001", "3", " 7002 ", "", '"3"', '"3', "7001,3", "é", "1e9", "-3", "\u0663", "\u202e", "\r", "3,5", "x" * 300]
)
WRITTEN = st.lists(st.lists(FIELDS, max_size=4).map(",".join), max_size=8).map("\n".join)


@pytest.mark.fuzz
@given(content=st.binary(max_size=80) | WRITTEN.map(str.encode) | WRITTEN.map(lambda text: (HEADER + text).encode()))
@examples(150)
def test_any_file_is_read_or_refused_by_sentences_in_one_line(tmp_path: Path, content: bytes) -> None:
    folder, problems, rows = bring(tmp_path, {"a.csv": content}), list[str](), records.Rows()
    try:
        rows = records.read(folder, COLUMNS)
    except records.RecordsError as error:
        problems = error.problems
    assert all(problems)
    assert "".join(problems).isprintable()
    assert all(1000 <= postcode <= 9999 and 0 <= days <= 365 for postcode, days in rows.counts)
