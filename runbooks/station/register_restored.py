"""A register lost entries, or is not as its station wrote it: no question is answered before that is settled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step
from runbooks.server import disk_full

TITLE = "Register broken, or restored from an old backup"
ABOUT = "organisation"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""
OWED = re.compile(r"(\S+) went back in its register; the steward looks with `station went-back`(?:; )?")
"""What a station says of another that went back; what is left is of itself."""
WAITS = "have not agreed yet"
NO_ROOM = re.compile(r"No space left|Read-only file system")
WORDS = {
    r"is not there any more|was restored on": "it was put back from a snapshot or a backup, and knows that",
    WAITS: "its steward said so, and stewards of the others are waited for",
    r"cannot be written": "nothing can be entered in it; once that is mended, its agent has to begin anew",
}
UNSOUND = "it is not as this station wrote it: a file was put back alone, is damaged, or somebody with root changed it"


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where a station says so of itself; or of another, whose server is not looked at from here."""
    reached = what.reached()
    for organisation, server in reached.items():
        left, owed = of_itself(server.register_problem), of_others(server.register_problem)
        if left and not (NO_ROOM.search(left) and disk_full.is_bad(server)):
            words = next((words for mark, words in WORDS.items() if re.search(mark, left)), UNSOUND)
            yield Fit(organisation, 95, (f"its register: {left}", words))
        elif owed := [one for one in owed if not (one in reached and of_itself(reached[one].register_problem))]:
            words = f"the register of {', '.join(owed)} went back, and the steward here is asked about it"
            yield Fit(organisation, 80, (words,))


def of_itself(problem: str) -> str:
    """What a station says of its own register."""
    return OWED.sub("", problem).strip("; ")


def of_others(problem: str) -> list[str]:
    """Of which other organisations it says that theirs went back."""
    return [station.rpartition(".")[2] for station in OWED.findall(problem)]


def steps(case: Case) -> Sequence[Step]:
    """Know why, have its steward say so, have the others agree, have it allowed anew."""
    network, who = case.network.name, case.subject
    return (
        common.asked(
            "why",
            "know who put what back, and when",
            f"Ring the administrator of {who}: was the server, its disk or a folder put back from a snapshot or a "
            "backup, and of when? Was it not, somebody removed or changed entries: do not say that it went back, "
            f"and keep the file as it is: `werkplaats incident run {network} server-taken-over --target {who}`. Is "
            "it known, and harmless?",
        ),
        Step(
            key="said",
            words="have its steward say that it went back, and why",
            done=_said,
            by_hand=(
                f"first `werkplaats up {network} --only {who}`, which brings what was revoked since, and "
                "`station-cut` anew for peers that were cut by hand. A register that cannot be written needs room "
                "first, then `docker restart station-agent` there. Then the steward, on its server: `station "
                "went-back`, and `station went-back --reason WHY`. What cannot be relied on stays beside it. Then "
                "run the same command again"
            ),
            patience=5,
        ),
        Step(
            key="agreed",
            words="have the stewards of the other computing parties agree",
            done=common.register_is_well,
            by_hand=(
                "each on its own server: `station went-back` shows what is gone and how often it was agreed before; "
                f"the digest is compared by telephone; then `station agree {who} --digest DIGEST`, or not. Where "
                "another station went back, the steward here does that for it. Then run the same command again"
            ),
            patience=5,
        ),
        common.asked(
            "rest",
            "have allowed what is still wanted",
            "Allowances from before count no more: did the steward look at each question (`station questions`) and "
            f"allow it anew or not? Does `werkplaats verify {network}` end well, and is there a backup from after it?",
        ),
    )


def _said(case: Case) -> bool:
    left = of_itself(case.server().register_problem)
    return common.agent_answers(case) and (not left or WAITS in left)
