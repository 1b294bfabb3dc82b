"""The certificate of training: what a drill was and what it came to, with the record that it is taken from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from base import canonical, files
from network_topology import names
from runbooks.drills import score
from runbooks.drills.drill import Drill
from runbooks.framework import found, record, report

FOLDER = "drills"
TITLES = {score.PASSED: "Certificate of training", score.NOT_PASSED: "Report of a drill, not passed"}
HOW = (
    "Seconds count from when the incident was there, and are taken from the records. Detected: when the trainee's "
    "`incident diagnose` named it first. Diagnosed: the first right answer, or the first run of its runbook. "
    "Recovered: when that runbook ended as healed, or else when the trainee said that it is over, and it was. The "
    "servers were containers on one machine, and nobody's data was on them."
)


def document(drill: Drill, others: Iterable[record.Record], signed: str) -> dict[str, Any]:
    """All of it, for programs: a drill that was scored, and the heads of the records of runbooks that it counts."""
    scored = drill.scored
    told = scored.told if scored else {}
    return {
        "title": TITLES[told["verdict"]],
        "who": drill.record.begun["who"],
        "network": drill.record.begun["network"],
        "twin_of": names.defined(drill.record.begun["network"]),
        "incident": drill.cause.incident,
        "subject": drill.subject,
        "how": drill.cause.how,
        "seed": drill.seed,
        "surprise": "incident" not in drill.told,
        **{name: told[name] for name in (*score.LATE, "points", "verdict", "costs")},
        "runbooks": [{"id": one.id, "head": one.head} for one in _meanwhile(drill, others)],
        "record": report.document(drill.record, signed),
    }


def _meanwhile(drill: Drill, others: Iterable[record.Record]) -> list[record.Record]:
    """Records of runbooks that were run while it went on."""
    began = drill.caused
    return [one for one in others if any(began and canonical.moment(run.at) >= began for run in one.of_kind("runs"))]


def markdown(drill: Drill, others: Iterable[record.Record], signed: str) -> str:
    """The same for people."""
    told = document(drill, others, signed)
    rows = {
        "who": told["who"],
        "where": f"{told['network']}, the twin of {told['twin_of']} on one machine",
        "incident": f"{found.find(told['incident']).title} ({told['incident']}) of {told['subject']}: {told['how']}",
        "drawn": f"by the seed {told['seed']}, {'as a surprise' if told['surprise'] else 'and told beforehand'}",
        **{what: "never" if told[what] is None else f"after {told[what]} s" for what in score.LATE},
        "points": f"{told['points']} of {score.FULL}, {score.PASSES} are enough: {told['verdict']}",
        "taken off": "; ".join(told["costs"]) or "nothing",
        "runbooks": "; ".join(f"{one['id']}, head {one['head']}" for one in told["runbooks"]) or "none was run",
    }
    table = "".join(f"| {what} | {report.plain(text)} |\n" for what, text in rows.items())
    whole = report.markdown(drill.record, signed).replace("# ", "## ", 1)
    return f"# {told['title']}\n\n| | |\n|---|---|\n{table}\n{HOW}\n\n{whole}"


def write(folder: Path, drill: Drill, others: Iterable[record.Record], signed: str) -> list[Path]:
    """Both, as files in a folder, in place of those of before."""
    every = [*others]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = {
        ".md": markdown(drill, every, signed).encode(),
        ".json": canonical.pretty(document(drill, every, signed)),
    }
    paths = [folder / f"{drill.record.id}{ending}" for ending in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        files.write_atomically(path, text, mode=0o600)
    return paths
