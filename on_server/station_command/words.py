"""Text for people: one printable line, a value cut to what fits, rows as a table."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 160


def plain(text: object) -> str:
    """`text` on one line that moves no terminal's cursor: most of it was written by other organisations."""
    return "".join(" " if unicodedata.category(char)[0] == "C" else char for char in str(text))


def say(text: str = "") -> None:
    """Print one line, at once."""
    print(plain(text), flush=True)


def short(value: Any) -> str:
    """A value of a question in words; what is long is cut, and says so."""
    inner = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    nested = any(isinstance(item, list | Mapping) for item in inner)
    if isinstance(value, Mapping) and nested:
        return "; ".join(f"{key}: {short(item)}" for key, item in value.items())
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {item}" for key, item in value.items()) or "(none)"
    elif isinstance(value, list) and not nested:
        text = ", ".join(map(str, value)) or "(none)"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST:
        return text
    count = f"{len(value)} in all, " if isinstance(value, list | Mapping) else ""
    return f"{text[:LONGEST]}… ({count}whole with --json)"


def table(rows: Sequence[Mapping[str, Any]], indent: str = "") -> list[str]:
    """Rows under the names of their columns; what a row lacks stays empty. The last column is as wide as it is."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[name.replace("_", " ") for name in columns]]
    cells += [["" if row.get(name) is None else plain(row[name]) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [indent + "  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def outline(content: Mapping[str, Any], indent: str = "") -> list[str]:
    """An object as lines: single values first, then lists of objects as tables."""
    lines, tables = [], []
    for key, value in content.items():
        name = key.replace("_", " ")
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            tables += [f"{indent}{name}:", *table(value, indent + "  ")]
        elif isinstance(value, Mapping) and value:
            tables += [f"{indent}{name}:", *outline(value, indent + "  ")]
        elif isinstance(value, list | Mapping):
            lines.append(f"{indent}{name}: {', '.join(map(str, value)) or '(none)'}")
        else:
            lines.append(f"{indent}{name}: {'(suppressed)' if value is None else value}")
    return lines + tables
