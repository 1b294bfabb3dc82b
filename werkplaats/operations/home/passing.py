"""Passing files of one process: `plan` and `verify` take no lock, and must not write over those of a running `up`."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from base import files


@contextlib.contextmanager
def folder(run: Path) -> Iterator[Path]:
    """A folder in `run` that nobody else has, gone afterwards; what killed processes left behind goes as well."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in run.glob("passing-*"):
        if not files.is_alive(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=run, prefix=f"passing-{os.getpid()}-") as own:
        yield Path(own)
