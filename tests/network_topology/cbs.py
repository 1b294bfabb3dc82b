"""Files in the forms that CBS gives them, with invented inhabitants."""

from __future__ import annotations

import random
from collections.abc import Mapping

SECRET = -99997
Counts = Mapping[str, int]


def country(areas: int = 4070) -> dict[str, int]:
    """So many areas, one in forty of which is secret and one in a hundred of which is empty."""
    chance = random.Random(1)  # noqa: S311  # reproducible, no secret
    found = sorted(chance.sample(range(1011, 10_000), areas))
    return {
        str(area): SECRET if number % 40 == 7 else 0 if number % 100 == 3 else 5 * chance.randint(1, 5_000)
        for number, area in enumerate(found)
    }


def key_figures(counts: Counts, between: str = ",") -> str:
    """ "Kerncijfers per postcode" to 2020, saved as CSV."""
    rows = [["PC4", "INWONER", "MAN"], *([area, str(count), "5"] for area, count in counts.items())]
    return "".join(between.join(row) + "\r\n" for row in rows)


def geographic(counts: Counts) -> str:
    """Of later years, the table of the geographic file."""
    return "postcode,geom,aantal_inwoners\n" + "".join(f"{area},,{count}\n" for area, count in counts.items())


def workbook(counts: Counts) -> str:
    """Of later years, the workbook saved by Dutch Excel: titles, headings in more lines than one."""
    titles = "Kerncijfers;;\r\n;;\r\nPostcode-4;Inwoners;\r\n;Totaal;Man\r\n;aantal;aantal\r\n"
    return "\ufeff" + titles + "".join(f"{area};{count};5\r\n" for area, count in counts.items()) + "Bron: CBS;;\r\n"


def statline(counts: Counts, year: int) -> str:
    """StatLine 83502NED with keys: sexes, ages and years of which one each counts."""
    rows = [
        '"ID";"Geslacht";"Leeftijd";"Postcode";"Perioden";"Bevolking_1"',
        f'"0";"T001038";"10000";"NL01  ";"{year}JJ00";"9"',
    ]
    for area, count in counts.items():
        told = "." if count == SECRET else f"{count:>8}"
        rows += [
            f'"1";"3000   ";"10000";"PC{area}";"{year}JJ00";"       3"',
            f'"2";"T001038";"10000";"PC{area}";"{year}JJ00";"{told}"',
            f'"3";"T001038";"70100";"PC{area}";"{year}JJ00";"       2"',
            f'"4";"T001038";"10000";"PC{area}";"{year - 1}JJ00";"       1"',
        ]
    return "\n".join(rows) + "\n"
