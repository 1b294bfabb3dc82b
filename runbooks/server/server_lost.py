"""A server is gone for good: a fresh one gets what its station's backup holds. People say so: away is not gone."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Server lost"
ABOUT = "organisation"
EXPLAINS = ()
INTERRUPTS = "questions to that station, until the stewards agreed that it went back"
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Be sure, decide about the keys, a fresh server, the newest backup, the stewards."""
    network, who = case.network.name, case.subject
    return (
        common.asked(
            "gone",
            "be sure that it is gone for good, and not only away",
            f"Did the administrator of {who} say that its disk is lost? A server that does not answer is "
            "server-unreachable; one that refuses a login is administrator-locked-out. Two servers with the keys of "
            "one station are worse than none: can the old one come up again by itself? Then have it unplugged.",
        ),
        common.asked(
            "keys",
            "decide whether its keys may go on",
            f"Where is the disk now? The keys of {who} lay on it. Stolen, sold, or back at a hoster unwiped: "
            f"somebody may have them, so nothing is restored: stop here, `werkplaats incident run {network} "
            f"stolen-station-key --target {who}`. That is for {who} to decide, with the coordinator. Destroyed, "
            "wiped, or encrypted with a key that nobody else has: the same keys go on. Do they?",
        ),
        Step(
            key="fresh",
            words="have a fresh server with Debian 13, that lets us in",
            done=common.reached,
            by_hand=(
                f"ring the administrator of {who}: a fresh server, its firewall as the sheet says "
                f"(`werkplaats doctor {network} --only {who}`), its host key read to you by telephone. Write that, and "
                "the address where it is another, in servers.yml. Do not run `up` on it before the restore: the "
                "station would make new keys. Then run the same command again"
            ),
            patience=1,
        ),
        Step(
            key="restored",
            words="have the newest backup of the station put back, and its agent answer",
            done=common.agent_answers,
            by_hand=(
                "take a file that was fetched before it was lost, and the organisation's own key: `werkplaats backup "
                f"check {network} --station {who} --file FILE --identity KEYFILE`, then `werkplaats backup "
                f"restore-station {network} {who} FILE --identity KEYFILE`. It ends with exit code 1 and says what "
                f"people do next. Without any backup: `werkplaats up {network} --only {who}`, `werkplaats trust "
                f"request {network}`, and the coordinator approves new keys by telephone, after the old ones were "
                "revoked. Then run the same command again"
            ),
            patience=5,
        ),
        Step(
            key="agreed",
            words="have its steward say that it went back, and the others agree",
            done=common.register_is_well,
            by_hand=(
                f'the steward of {who}, on its server: `station went-back --reason "server lost"`; the stewards of the '
                "other computing parties agree by the digest, which they compare by telephone: `station went-back` "
                f"there, then `station agree {who} --digest DIGEST`. Then run the same command again"
            ),
            patience=5,
        ),
        common.asked(
            "rest",
            "have what no backup has be done by people",
            "Did the steward allow each question anew (`station questions`, `station allow`)? Were peers cut again "
            "that were cut after the backup (`station-cut --list`)? Did the scientist bring the files again? Did "
            f"`werkplaats verify {network}` end well?",
        ),
    )
