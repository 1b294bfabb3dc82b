"""A file of metrics read again, as a scraper reads it."""

from __future__ import annotations

import re

from on_server.metrics import table

LINE = re.compile(r"([a-z_]+)\{([^}]*)\} (\S+)")
LABEL = re.compile(r'([a-z]+)="([^"]*)"')


def read(text: str, station: str) -> list[table.Sample]:
    """The samples of a file; what is no line of it fails."""
    found = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        assert match, line
        labels = dict(LABEL.findall(match[2]))
        assert labels.pop(table.STATION) == station, line
        found.append(table.Sample(match[1].removeprefix(table.PREFIX), tuple(labels.values()), float(match[3])))
    return found
