"""A station's certificate ended, or will soon: it was not renewed, or what was renewed did not come to its server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step
from werkplaats.checks import lapse

TITLE = "Certificate ended, or ending"
ABOUT = "organisation"
EXPLAINS = ("partition", "wrong-dns")
INTERRUPTS = ""
LOSES = ""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where that of a gateway is late. One that was withdrawn is not renewed: that is no lapse."""
    for organisation, server in what.reached().items():
        if organisation in what.here.out or not (late := _late(server)):
            continue
        ended = (server.certificate_days or 0) < 0
        evidence = [*late, _published(what, organisation), *server.follower]
        yield Fit(organisation, 97 if ended else 60, tuple(evidence), ahead=not ended)


def _late(server: seen.Server) -> list[str]:
    return lapse.Ends(server.certificate_days, None, server.certificate_life, None).wrong


def _published(what: seen.Seen, organisation: str) -> str:
    """Where renewing is stuck: with the coordinator, or on the way to the server."""
    if organisation not in what.here.certificates:
        return f"which one is published for it is not known here: {what.here.publication_wrong or 'none lies here'}"
    days = what.here.certificates[organisation]
    if renewed(what, organisation):
        return f"one that is good for {days} days is published, and did not come to its server"
    return "no later one is published: renewing it is the coordinator's"


def renewed(what: seen.Seen, organisation: str) -> bool:
    """Whether a later one than the server's is published, which is not late itself."""
    days, server = what.here.certificates.get(organisation), what.servers[organisation]
    return days is not None and days > (server.certificate_days or 0) and days >= 0


def steps(case: Case) -> Sequence[Step]:
    """The coordinator renews it, then it comes to the server."""
    name = case.network.name
    return (
        Step(
            key="renewed",
            words=f"have a later certificate of {case.subject} published here",
            done=lambda case: not _late(case.server()) or renewed(case.look(), case.subject),
            by_hand=(
                f"ring the coordinator, or be it: `werkplaats trust publish {name}` signs a certificate anew for the "
                "same keys, and says what it waits for. Then fetch the publication. Revoke nothing: an ended "
                "certificate is not a stolen key. When it lies here, run the same command again"
            ),
            patience=1,
        ),
        common.brought_up("placed", "have `up` bring it to the gateway", lambda case: not _late(case.server())),
        common.ready(),
    )
