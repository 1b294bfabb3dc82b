"""A disk of a server is full or nearly so, or can only be read: what cannot be written is not done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step

TITLE = "Disk full"
ABOUT = "organisation"
EXPLAINS = (
    *("station-down", "agent-stuck", "computer-stuck", "engine-broken", "gateway-down", "follower-stopped"),
    "partition",
)
INTERRUPTS = ""
LOSES = ""
FULL, NEARLY = 99, 95
"""Per cent of bytes or inodes."""
KEPT = "200M"
"""Of the journal, at least: it is evidence."""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where a file system has little left, or takes nothing."""
    for organisation, server in what.reached().items():
        bad = [_words(place, disk) for place, disk in server.disks.items() if _is_bad(disk)]
        worst = max((100 if disk.read_only else disk.used for disk in server.disks.values()), default=0)
        if bad:
            yield Fit(organisation, 97 if worst >= FULL else 60, tuple(bad))


def is_bad(server: seen.Server) -> bool:
    """Whether any of its disks has little left, or takes nothing."""
    return any(_is_bad(one) for one in server.disks.values())


def _is_bad(disk: seen.Disk) -> bool:
    return disk.read_only or disk.used >= NEARLY


def _words(place: str, disk: seen.Disk) -> str:
    how = "can only be read" if disk.read_only else f"is {disk.used} % full"
    return f"the disk of {place} {how}, {disk.free // 2**20} MiB of {disk.size // 2**20} MiB are free"


def steps(case: Case) -> Sequence[Step]:
    """First what can be fetched again, then old lines of the journal, then what a person finds."""
    del case
    return (
        _emptied(
            "packages",
            "remove packages that apt keeps and can fetch again",
            ("apt-get", "clean"),
            "apt fetches them again when they are needed",
        ),
        _emptied(
            "journal",
            f"remove the oldest lines of the journal, but for {KEPT}",
            ("journalctl", "--rotate", f"--vacuum-size={KEPT}"),
            "lines that are gone are gone",
            "the journal is evidence: are its oldest lines to go?",
        ),
        Step(
            key="room",
            words="look whether there is room",
            done=_room,
            by_hand=(
                "see what fills it: `du -xh --max-depth=3 / | sort --human-numeric-sort`. Never "
                "remove anything below /var/lib/werkplaats or /etc/werkplaats. A disk that can only be read has "
                "failed, or its file system has: ring the administrator"
            ),
            patience=1,
        ),
    )


def _emptied(key: str, words: str, command: Sequence[str], no_way_back: str, decides: str = "") -> Step:
    """A step that makes some room, and is done when there is enough; the next one makes more."""
    ran: list[str] = []

    def run(case: Case) -> None:
        case.must(*command)
        ran.append(key)

    return Step(
        key=key,
        words=words,
        done=lambda case: bool(ran) or _needs_none(case),
        run=run,
        no_way_back=no_way_back,
        decides=decides,
        patience=1,
    )


def _needs_none(case: Case) -> bool:
    """Whether it has room, or takes nothing whatever room it has: then no evidence goes."""
    return _room(case) or any(one.read_only for one in case.server().disks.values())


def _room(case: Case) -> bool:
    server = case.server()
    return server.reached and all(not one.read_only and one.used < NEARLY for one in server.disks.values())
