"""Incidents that no test of faults causes: in the table of results with the reason, and never as passed."""

from __future__ import annotations

BY_PEOPLE = "nothing on a server tells: people do, and its runbook acts on none"
# Incident, how it comes about, why that cannot be caused here.
NOT_HERE = (
    (
        "server-unreachable",
        "a server that is nobody's sandbox, switched off",
        "its switch is its administrator's; every server of these tests is a sandbox's",
    ),
    ("release-to-withdraw", "a release that should not have been", BY_PEOPLE),
    (
        "suspected-leak",
        "somebody suspects that data got out",
        "nothing on a server tells: people do; what it keeps and drafts is a test by itself",
    ),
    (
        "server-lost",
        "its disk is gone",
        "that it is gone people say; one that is removed, and restored from its backup, is a test of its own",
    ),
    ("server-taken-over", "somebody else is root on it", BY_PEOPLE),
    (
        "result-withheld",
        "a party that keeps its part back",
        "that such a session names it is a test of the station; its runbook acts on none",
    ),
    (
        "input-outlier",
        "garbage in the files of one organisation",
        "no server may tell of data: people see it in a result, and its runbook acts on none",
    ),
    ("federation-root-compromised", "somebody has keys of its root holders", BY_PEOPLE),
    (
        "register-restored",
        "its server put back from a snapshot or a backup",
        "tests of their own put one back both ways, and have the stewards settle it",
    ),
)
