"""Sources of apt without the disc that Debian was installed from: apt would wait for somebody to insert it."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path("/etc/apt/sources.list")
DISC = re.compile(r"\s*deb(-src)?\s+(\[[^]]*\]\s+)?cdrom:")


@contextlib.contextmanager
def without_discs(sources: Path) -> Iterator[Path]:
    """The list of sources without that disc: the file itself where it names none."""
    lines = sources.read_text(errors="surrogateescape").splitlines(keepends=True) if sources.exists() else []
    kept = [line for line in lines if not DISC.match(line)]
    if kept == lines:
        yield sources
        return
    with tempfile.NamedTemporaryFile("w", suffix=".list", errors="surrogateescape") as copy:
        copy.writelines(kept)
        copy.flush()
        Path(copy.name).chmod(0o644)  # apt reads as an account of its own
        yield Path(copy.name)
