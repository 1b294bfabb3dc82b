"""What every map is drawn with: its width, colours and font, and texts that fit where they stand."""

import textwrap
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

WIDTH, MARGIN = 1480, 32
LINE_HEIGHT, LINE_CHARACTERS = 20, 175

INK, SOFT, PAPER, LINE = "#1d2733", "#5b6875", "#ffffff", "#c9d1d9"
COMPUTE, CONTRIBUTE = "#0b5c7a", "#8aa9b8"
FONT = "font-family: 'Source Sans 3', 'Segoe UI', 'DejaVu Sans', sans-serif"


def wrapped(sentence: str) -> Iterator[str]:
    """The lines of a sentence that goes over the whole width."""
    yield from textwrap.wrap(sentence, LINE_CHARACTERS, subsequent_indent="   ")


def rows(text: str, room: float, font: int, most: int) -> list[str]:
    """A text over as many rows as it may have; the last is cut where it does not fit."""
    return textwrap.wrap(text, letters(room, font), max_lines=most, placeholder="…")


def fitted(text: str, room: float, font: int) -> str:
    """A text, cut where it does not fit into so many pixels."""
    most = letters(room, font)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def letters(room: float, font: int) -> int:
    """How many letters fit: of the fonts named here one is on average at most 0.57 as wide as it is high."""
    return int(room / (font * 0.57))


def words(x: float, y: float, text: str, font: int, colour: str = INK, weight: int = 400) -> str:
    """An element with a text; x is where it begins, y where its letters stand, both in pixels."""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    return f'<text x="{short(x)}" y="{short(y)}" font-size="{font}" fill="{colour}"{bold}>{escape(text)}</text>'


def box(x: float, y: float, width: float, height: float) -> str:
    """Place and size of a rectangle, as attributes."""
    return f'x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}"'


def illustrative() -> Iterator[str]:
    """A mark below the header: nobody may take what is drawn for what is."""
    yield f'<rect x="{MARGIN}" y="88" width="288" height="22" rx="11" fill="#fff3d6" stroke="#d9a521"/>'
    yield words(MARGIN + 12, 104, "illustrative: the details are invented", 13, "#7a5a00")


def short(number: float) -> str:
    """A number of pixels, short and the same everywhere."""
    return f"{number:.1f}".removesuffix(".0")


def other_sets(alternates: Sequence[Sequence[str]]) -> str:
    """How a heading goes on where other sets of computing parties are named."""
    count = len(alternates)
    return f", {count} other set{'' if count == 1 else 's'}" if count else ""
