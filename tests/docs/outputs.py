"""What a guide shows as printed, against what was printed: line by line, where names and numbers may differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tests.docs import documents

LEFT_OUT = "…"
# What differs from run to run, longest first: digests and numbers of sessions, then other numbers.
_DIFFERENT = re.compile(r"(?P<left_out>…)|(?P<hex>\b[0-9a-f]{8,64}\b)|(?P<number>\d[\d.,:]*)|(?P<blanks> +)")
_MAY_BE = {"left_out": r".*", "hex": r"[0-9a-f]{8,64}…?", "number": r"\d[\d.,:]*", "blanks": r" +"}


def quoted() -> list[documents.Block]:
    """Every block of output in README and guides, but the one that `make demo` itself is held to."""
    found = [block for document in documents.DOCUMENTS for block in documents.blocks(document)]
    return [block for block in found if block.language == "output" and not documents.is_demo(block)]


def commands(block: documents.Block) -> list[str]:
    """What is typed above a block, without comments."""
    return [line.split("  #")[0].strip() for line in block.typed]


def unprinted(block: documents.Block, printed: Iterable[str]) -> list[str]:
    """The lines of a block that are not among the printed ones."""
    lines = [line.rstrip() for line in printed]
    patterns = {line: pattern(line) for line in block.lines if line.strip() not in ("", LEFT_OUT)}
    return [quote for quote, shape in patterns.items() if not any(shape.fullmatch(line) for line in lines)]


def pattern(line: str) -> re.Pattern[str]:
    """What a quoted line may be in another run: the same words, with other numbers and digests."""
    pieces, end = [], 0
    for found in _DIFFERENT.finditer(line.rstrip()):
        pieces += [re.escape(line[end : found.start()]), _MAY_BE[str(found.lastgroup)]]
        end = found.end()
    return re.compile("".join([*pieces, re.escape(line.rstrip()[end:])]))


def held(block: documents.Block, recordings: Sequence[Iterable[str]]) -> str:
    """A sentence about what nobody printed; "" when one of these recordings has every line of the block."""
    if not recordings:
        return f"{block}: nobody has run {' or '.join(block.typed) or 'the command above it'}"
    missing = min((unprinted(block, printed) for printed in recordings), key=len)
    return "\n".join([f"{block}: not printed:", *missing]) if missing else ""
