"""The documents of the project, taken apart: commands in fenced blocks, code in sentences, links, tables."""

from __future__ import annotations

import dataclasses
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.harness import sandboxes

ROOT = sandboxes.ROOT
README = ROOT / "README.md"
# Pages that only tell the site where its contents come from begin with a directive and are no guides.
GUIDES = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.read_text().startswith("# ")]
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *GUIDES]
_FENCE = re.compile(r"^\s*```(?P<language>\w*)$")


@dataclasses.dataclass(frozen=True)
class Command:
    """A line that a reader types, without its comment."""

    document: Path
    number: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.number} {' '.join(self.words)}"


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block. `typed` is what stands in the last block of commands above it: what it is the answer to."""

    document: Path
    number: int
    language: str
    lines: tuple[str, ...]
    typed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.number}"


def blocks(document: Path) -> list[Block]:
    """Every fenced block of a document, as it stands there but for its indentation."""
    found: list[Block] = []
    typed: tuple[str, ...] = ()
    number, language, lines = 0, "", list[str]()
    for at, line in enumerate(document.read_text().splitlines(), 1):
        if (fence := _FENCE.match(line)) and not number:
            number, language, lines = at, fence["language"], []
        elif fence:
            within = tuple(textwrap.dedent("\n".join(lines)).splitlines())
            typed = within if language == "sh" else typed
            found.append(Block(document, number, language, within, typed))
            number = 0
        elif number:
            lines.append(line)
    return found


def commands(program: str) -> list[Command]:
    """Every line of a fenced block that starts with this program, in all documents."""
    return [
        Command(document, number, tuple(shlex.split(line, comments=True)))
        for document in DOCUMENTS
        for number, line, fenced in _lines(document)
        if fenced and line.split(maxsplit=1)[:1] == [program]
    ]


def inline(document: Path) -> list[str]:
    """What stands in backticks within sentences and tables."""
    text = "\n".join(line for _, line, fenced in _lines(document) if not fenced)
    return re.findall(r"`([^`]+)`", text)


def links(document: Path) -> list[str]:
    """Targets of links to other files of the project."""
    found = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    return [target for target in found if "://" not in target]


def table(document: Path, heading: str) -> list[list[str]]:
    """The cells of the rows of every table below a heading, up to the next; head and rule left out."""
    text = document.read_text()
    section = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    body = [row for row, after in zip(rows, [*rows[1:], ""], strict=True) if not _rule(row) and not _rule(after)]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in body]


def demo() -> list[str]:
    """The lines that the README says `make demo` ends with."""
    (block,) = [block for block in blocks(README) if is_demo(block)]
    return [line for line in block.lines if line.strip()]


def is_demo(block: Block) -> bool:
    """Whether a block is how `make demo` ends: it stands between marks."""
    return block.document == README and README.read_text().splitlines()[block.number - 2] == "<!-- demo -->"


def _rule(row: str) -> bool:
    return bool(row) and set(row) <= set("|-: ")


def _lines(document: Path) -> Iterator[tuple[int, str, bool]]:
    """Number, line, and whether it is within a fenced block."""
    fenced = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        else:
            yield number, line, fenced
