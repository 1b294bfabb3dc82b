"""A container of a station runs another image than anybody signed, accepted or put there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common
from runbooks.framework.incident import Fit
from runbooks.framework.seen import Seen
from runbooks.framework.steps import Case, Kept, Step

TITLE = "Image tampered"
ABOUT = "organisation"
EXPLAINS = ()
INTERRUPTS = "sessions that this station takes part in now"
LOSES = ""
NAME = "werkplaats-incident"
"""Images are kept under it, for who examines them; no clearing up of the engine takes what has a name."""


def fits(seen: Seen) -> Iterator[Fit]:
    """Where an image is neither of a release that was accepted there nor known here.

    Between `accept` and `up` an older one runs, which is known here; a release that was left is an upgrade's affair.
    """
    for organisation, server in seen.reached().items():
        if not (server.accepted and seen.here.images):
            continue
        strange = {
            part: one.image
            for part, one in server.containers.items()
            if one.image and one.image not in {*server.accepted, *seen.here.images}
        }
        if strange:
            evidence = [f"station-{part} runs image {image}" for part, image in strange.items()]
            evidence.append(f"accepted there: {', '.join(server.accepted)}")
            evidence.append("it is in no publication, no release described here, and was not put there by `up`")
            yield Fit(organisation, 97, tuple(evidence))


def steps(case: Case) -> Sequence[Step]:
    """Keep what is there, then have `up` put the accepted release in its place."""
    del case
    return (
        Step(
            key="keep",
            words="keep the strange image under a name of its own, so that it can be examined",
            done=lambda case: all(_kept(case, one) for one in _strange(case)),
            run=_keep,
            before=lambda case: dict.fromkeys(_strange(case), ""),
            rollback=_forget,
        ),
        common.brought_up(
            "replace", "have `up` make the station anew from the release that was accepted", lambda c: not _strange(c)
        ),
        common.ready(),
    )


def _strange(case: Case) -> list[str]:
    """The images there that fit."""
    look, server = case.look().here.images, case.server()
    return sorted({one.image for one in server.containers.values()} - {*server.accepted, *look, ""})


def _tag(image: str) -> str:
    return f"{NAME}:{image.removeprefix('sha256:')[:12]}"


def _kept(case: Case, image: str) -> bool:
    return case.on("docker", "image", "inspect", "--format", "{{.Id}}", _tag(image)).exited == 0


def _keep(case: Case) -> None:
    for one in _strange(case):
        case.must("docker", "image", "tag", one, _tag(one))


def _forget(case: Case, kept: Kept) -> None:
    for one in kept:
        case.must("docker", "image", "rm", _tag(one))
