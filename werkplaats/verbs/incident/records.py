"""Print the record of an incident, sign it, write it as PDF."""

from __future__ import annotations

import argparse
from pathlib import Path

from base import errors, files
from runbooks.drills import drill
from runbooks.framework import record
from runbooks.framework import report as reports
from werkplaats.verbs import common, named


def report(given: argparse.Namespace) -> int:
    """Do as asked; a record that was altered is refused, with the line."""
    folder = named.find(given).vault.folder / record.FOLDER
    if not given.id:
        return _list(given, folder)
    path = folder / f"{given.id}.jsonl"
    if not path.is_file() or path.parent != folder:
        raise errors.UsageError(f"there is no record {given.id!r}", f"werkplaats incident report {given.network}")
    told = record.read(path)
    _require_over(told)
    if given.sign:
        reports.sign(told, given.sign)
    signed = reports.signed(told, given.allowed_signers)
    if given.pdf:
        files.write_atomically(given.pdf, reports.pdf(told, signed), mode=0o600)
        print(f"{given.pdf} is written")
    elif given.json:
        common.print_json(reports.document(told, signed))
    else:
        print(reports.markdown(told, signed), end="")
    return errors.DONE


def _require_over(told: record.Record) -> None:
    """Raise RefusedError for a drill that goes on: its trainee is to find out what stands there."""
    if told.is_open and told.begun["incident"] == drill.NAME:
        raise errors.RefusedError(
            f"{told.id} is a drill that goes on, and says what was caused",
            f"werkplaats drill {told.begun['network']} tells how far it is; its record is shown when it is over",
        )


def _list(given: argparse.Namespace, folder: Path) -> int:
    """All that are as they were written; where others are not, that is told last. Raises AlteredError."""
    altered = record.altered(folder)
    rows = [reports.row(one) for one in record.every(folder)]
    if given.json:
        common.print_json(rows)
    else:
        for row in rows:
            print(f"{row['id']}: {row['incident']} of {row['subject']}, {row['state']}")
        if not rows and not altered:
            print("no incident is recorded")
    if altered:
        raise record.AlteredError("\n".join(one.what for one in altered), altered[0].remedy)
    return errors.DONE
