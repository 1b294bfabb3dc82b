"""What is looked at before anything moves: all that would stop an upgrade half-way, of every station at once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from network_topology import model
from publication import verified
from station_image.builder import images
from werkplaats.checks import lapse
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed, station_says
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade import keeping
from werkplaats.operations.upgrade.failure import Code, Failure

CLOCK_SECONDS = 60
"""By which a clock may differ: a plan of a session is refused that seems so far in the future."""
ROOM = 4
"""Times the archive: the engine keeps it unpacked, and for a while as it came."""
SMALLEST_ROOM = 256 * 1024 * 1024
_SECONDS, _BYTES = re.compile("[0-9]{1,12}"), re.compile("[0-9]{1,18}")
_DISK = 'df --output=avail -B1 "$(docker info --format {{.DockerRootDir}})" | tail -1'


def image_of(release: model.Release) -> tuple[images.StationImage | None, list[Failure]]:
    """The image of a release on this machine, with every byte as its release says."""
    image = images.built(release.image_id)
    if image is None:
        text = f"the image of release {release.release}, {release.image_id[:19]}…, is not on this machine"
        return None, [Failure.of(Code.IMAGE, "", text)]
    wrong = image.altered(verified.document(release))
    return image, [Failure.of(Code.IMAGE, "", wrong)] if wrong else []


def look(
    network: networks.Network,
    remotes: remote.Remotes,
    organisations: Sequence[str],
    archive: Path | None = None,
) -> tuple[dict[str, observed.Observed], list[Failure]]:
    """What engines have, and every reason not to begin, of these servers, which may get an image; changes nothing."""
    unreachable = remotes.probe()
    found = [Failure.of(Code.UNREACHABLE, o, unreachable[o]) for o in organisations if o in unreachable]
    reached = [o for o in organisations if o not in unreachable]
    seen, lost = observed.observe(remotes, reached)
    found += [Failure.of(Code.HEALTH, o, why) for o, why in lost.items()]
    need = max(SMALLEST_ROOM, ROOM * archive.stat().st_size) if archive else SMALLEST_ROOM
    room = remotes.ask_all(reached, "sh", "-c", _DISK)
    off = clocks(remotes, reached)
    told = remotes.ask_all(reached, "station", "status", "--json")
    ending = remotes.ask_all(reached, *lapse.command(network.name))
    for organisation in (o for o in reached if o not in lost):
        found += _space(organisation, room[organisation], need)
        found += [Failure.of(Code.CLOCK, organisation, why) for why in [clock(off[organisation])] if why]
        found += _health(network.name, organisation, told[organisation], seen[organisation])
        found += [
            Failure.of(Code.CERTIFICATE, organisation, wrong) for wrong in lapse.read(_text(ending[organisation])).wrong
        ]
    return seen, found


def clocks(remotes: remote.Remotes, organisations: Iterable[str]) -> dict[str, float | None]:
    """Organisation → by how many seconds its server's clock is ahead of this machine's; None where it tells none.

    A clock that may have shown any moment at which servers were asked is ahead by nothing.
    """
    began = time.time()
    answers = remotes.ask_all(organisations, "date", "+%s")
    ended = time.time()
    told = {one: _text(answer).strip() for one, answer in answers.items()}
    shown = {one: int(text) if _SECONDS.fullmatch(text) else None for one, text in told.items()}
    return {one: None if at is None else max(at - ended, 0) + min(at - began, 0) for one, at in shown.items()}


def clock(off: float | None) -> str:
    """What is wrong with a server's clock that is so much ahead; "" where nothing is."""
    if off is None:
        return "it does not say what its clock shows"
    return f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}" if abs(off) > CLOCK_SECONDS else ""


def own_clock(off: Mapping[str, float | None]) -> str:
    """Why this machine's own clock is taken for wrong; "" where no more servers differ from it than agree with it."""
    told = [one for one in off.values() if one is not None]
    wrong = [one for one in told if clock(one)]
    if len(wrong) * 2 <= len(told):
        return ""
    return f"the clock of this machine differs from those of {len(wrong)} of {len(told)} servers: set it right first"


def accepted(
    network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str], to: model.Release
) -> list[Failure]:
    """Who has not said yes to the image: whoever ships one reads all data, so that a name is not enough."""
    applicable = hand_over.applicable(network, remotes, organisations, looking=True)
    found = []
    for organisation in organisations:
        view = applicable.views.get(organisation)
        if why := applicable.refused.get(organisation):
            found.append(Failure.of(Code.NOT_ACCEPTED, organisation, why))
        elif view is None or to not in view.releases:
            yes = ", ".join(one.release for one in view.releases) if view else "none"
            text = f"release {to.release} with this image is not accepted here; accepted: {yes}"
            found.append(Failure.of(Code.NOT_ACCEPTED, organisation, text))
    return found


def jump(
    to: model.Release, earlier: Iterable[model.Release], known: Iterable[model.Release], *, back: bool = False
) -> list[Failure]:
    """Why the image of a release may not take the place of those that run, or on the way `back` theirs.

    Where releases in between lead there they are named.
    """
    found = []
    for one in earlier:
        named = to.release in one.may_upgrade_from if back else one.release in to.may_upgrade_from
        if one.image_id == to.image_id or named:
            continue
        way = _way(one.release, to.release, known)
        also = f"; by way of {', then '.join(way)}" if way else ""
        text = f"release {to.release} does not say that it may take the place of {one.release}{also}"
        found.append(Failure.of(Code.JUMP, "", text))
    return found


def formats(
    remotes: remote.Remotes, to: model.Release, runs: Mapping[str, str], known: Iterable[model.Release]
) -> list[Failure]:
    """Of whom what is kept cannot go back to the formats of a release; `runs`: organisation → image."""
    releases = {one.image_id: one for one in known}
    wrong = {one: keeping.check(remotes, one, to, releases.get(image)) for one, image in runs.items()}
    return [Failure.of(Code.FORMAT, one, why) for one, why in wrong.items() if why]


def _way(start: str, end: str, known: Iterable[model.Release]) -> list[str]:
    """The shortest row of releases from one to another, without the first."""
    after: dict[str, list[str]] = {}
    for one in known:
        for earlier in one.may_upgrade_from:
            after.setdefault(earlier, []).append(one.release)
    ways = [[start]]
    met = {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == end:
            return way[1:]
        for following in sorted(set(after.get(way[-1], [])) - met):
            met.add(following)
            ways.append([*way, following])
    return []


def _space(organisation: str, answer: remote.Answer, need: int) -> Iterator[Failure]:
    said = _text(answer).strip()
    if not _BYTES.fullmatch(said):
        yield Failure.of(
            Code.HEALTH, organisation, f"its engine does not say where it keeps images: {said[:80] or 'nothing'}"
        )
    elif int(said) < need:
        text = f"{int(said) / 1e6:.0f} MB are free where its engine keeps images, and {need / 1e6:.0f} MB are needed"
        yield Failure.of(Code.SPACE, organisation, text)


def _health(network: str, organisation: str, answer: remote.Answer, running: observed.Observed) -> Iterator[Failure]:
    document = station_says.status_of(answer)
    if not document:
        yield Failure.of(Code.HEALTH, organisation, station_says.SILENT)
        return
    problem = station_says.problem_of(document, network) or document.get("register", {}).get("problem", "")
    if problem:
        yield Failure.of(Code.HEALTH, organisation, problem)
    if not document.get("computer"):
        yield Failure.of(Code.HEALTH, organisation, "its computer does not run")
    if len({one["image"] for one in running.containers.values()}) > 1:
        yield Failure.of(Code.HEALTH, organisation, "agent and computer run different images: werkplaats up mends that")


def _text(answer: remote.Answer) -> str:
    return "" if isinstance(answer, servers.UnreachableError) else answer.stdout


def running(seen: Mapping[str, observed.Observed]) -> dict[str, str]:
    """Organisation → the image that both parts of its station run; "" where they do not, or not the same."""
    return {o: one.image if one.image and one.as_wanted(one.image) else "" for o, one in seen.items()}
