"""What one organisation brought is wrong, and so is each result with it: its own people look, nobody else."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Input garbage or an outlier"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = "the question that is taken back meanwhile"
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Ask no more, have each look at its own, bring what is right, tell who has the result."""
    name = case.network.name
    return (
        common.asked(
            "stopped",
            "have the question be asked no more meanwhile",
            "Each steward who doubts takes the yes back: `station refuse NAME`. For all of them the coordinator "
            f"takes it out: its file out of `questions/`, reviewed, then `werkplaats check {name}` and `werkplaats "
            f"trust publish {name}`. Is it stopped, or is it agreed that it goes on?",
        ),
        common.asked(
            "own",
            "have each organisation look at its own files, on its own server",
            "The scientist of each: `station data NAME` tells rows, problems, repeated rows and files that lie "
            "where no session reads them; and compares with the own source: years, units, dates, a file too many, "
            "the test file. Nobody sends rows, totals or counts to anybody to compare: each says only `right` or "
            "`wrong`. Nobody asks questions of one organisation less to find whose it is: that is how one is told "
            "apart, and it is refused. Did each say so?",
        ),
        common.asked(
            "right",
            "have right files brought",
            "The scientist of who found it brings them by sftp, in the place of the wrong ones, and looks again: "
            "`station data NAME`. Are they right?",
        ),
        common.asked(
            "told",
            "tell whoever has a result with it",
            "`station register` tells which sessions it contributed to; the result parties mark their results "
            "(`station results SESSION`) as wrong, and tell whom they gave them to. Nothing takes a result back. Do "
            "they know?",
        ),
        common.asked(
            "again",
            "ask again when that is safe",
            "With one organisation's files changed the same question is refused: a result beside the earlier one would "
            "tell about that one. It is answered once at least the minimum of contributors brought new files. Is that "
            "agreed, and did each steward allow it again (`station questions`, `station allow`)?",
        ),
    )
