"""The revocation list on a server ended, or will soon; once it ended, that gateway lets no peer in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step
from werkplaats.checks import lapse

TITLE = "Revocation list ended, or ending"
ABOUT = "organisation"
EXPLAINS = ("partition", "wrong-dns")
INTERRUPTS = ""
LOSES = ""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where that of a gateway is late."""
    for organisation, server in what.reached().items():
        if not (late := _late(server)):
            continue
        ended = (server.list_days or 0) < 0
        evidence = [*late, _published(what, server), *server.follower]
        yield Fit(organisation, 98 if ended else 60, tuple(evidence), ahead=not ended)


def _late(server: seen.Server) -> list[str]:
    return lapse.Ends(None, server.list_days, None, server.list_life).wrong


def _published(what: seen.Seen, server: seen.Server) -> str:
    if what.here.list_days is None:
        return f"which list is published is not known here: {what.here.publication_wrong or 'none lies here'}"
    if newer(what, server):
        return f"one that is good for {what.here.list_days} days is published, and did not come to its server"
    return "no later one is published: making it is the coordinator's"


def newer(what: seen.Seen, server: seen.Server) -> bool:
    """Whether a later one than the server's is published, and good."""
    days = what.here.list_days
    return days is not None and days >= 0 and days > (server.list_days or 0)


def steps(case: Case) -> Sequence[Step]:
    """The coordinator makes a newer one, then it comes to the server."""
    name = case.network.name
    return (
        Step(
            key="made",
            words="have a later revocation list published here",
            done=lambda case: not _late(case.server()) or newer(case.look(), case.server()),
            by_hand=(
                f"ring the coordinator, or be it: `werkplaats trust publish {name}` makes one, which is good for 90 "
                "days where nothing else was said. Then fetch the publication. Never remove the list from a server: "
                "without it whoever was revoked would be let in. When it lies here, run the same command again"
            ),
            patience=1,
        ),
        common.brought_up("placed", "have `up` bring it to the gateway", lambda case: not _late(case.server())),
        common.ready(),
    )
