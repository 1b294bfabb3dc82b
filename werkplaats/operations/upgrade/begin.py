"""Begin an upgrade: what would be done, in which order and for how long, and every reason not to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from base import canonical, errors
from network_topology import model
from publication import verified
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed, verify
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import packages, preflight, waves
from werkplaats.operations.upgrade.failure import Code, Failure
from werkplaats.operations.upgrade.state import Phase, Station, Step, Upgrade

USUAL_SECONDS = 12.0
"""What a station takes of which nobody knows it yet: the image comes to it, and both containers are made."""
DRAIN_SECONDS = 600


@dataclasses.dataclass(frozen=True)
class Options:
    """What people choose: `canary` volunteers, so many move at once, sessions are waited for so long."""

    only: Sequence[str] = ()
    canary: str = ""
    group: int = waves.GROUP
    drain_seconds: int = DRAIN_SECONDS


@dataclasses.dataclass(frozen=True)
class Planned:
    """An upgrade that was not begun. `seconds` is of each wave; `failures` are why it is not begun."""

    upgrade: Upgrade
    seconds: Sequence[float]
    failures: Sequence[Failure]


def plan(
    network: networks.Network,
    remotes: remote.Remotes,
    version: str,
    options: Options,
    before: Upgrade | None,
) -> Planned:
    """What `start` would do; changes nothing but that it has stations run one session over all of them.

    Raises UsageError for a release that is not published, RefusedError where nothing is.
    """
    published = _published(network, remotes)
    to = _named(published, version, network.name)
    wanted = [one for one in remotes.servers if not options.only or one in options.only]
    image, failures = preflight.image_of(to)
    failures += preflight.look(network, remotes, wanted, image.archive if image else None)
    away = {one.organisation for one in failures if one.code is Code.UNREACHABLE}
    reached = [one for one in wanted if one not in away]
    failures += preflight.accepted(network, remotes, reached, to)
    seen, _ = observed.observe(remotes, reached)
    runs = preflight.running(seen)
    moves = [one for one in wanted if runs.get(one) != to.image_id]
    earlier, unknown = _earlier(published, to, {one: runs.get(one, "") for one in moves})
    failures += unknown + preflight.jump(to, earlier, published.releases.values())
    failures += preflight.formats(remotes, to, {one: runs.get(one, "") for one in moves}, earlier)
    planned = waves.waves(moves, network.compiled.computes, canary=options.canary, group=options.group)
    if moves and not failures:
        failures += _session(network, remotes)
    last = earlier[0] if earlier else (before.earlier if before and before.to == to else None)
    return _planned(network, to, last, planned, options, before, failures)


def plan_servers(
    network: networks.Network, remotes: remote.Remotes, options: Options, before: Upgrade | None
) -> Planned:
    """The same of newer packages for servers, of which each has apt fetch its lists first."""
    wanted = [one for one in remotes.servers if not options.only or one in options.only]
    failures = preflight.look(network, remotes, wanted)
    away = {one.organisation for one in failures if one.code is Code.UNREACHABLE}
    found, lost = packages.look(remotes, [one for one in wanted if one not in away], refresh=True)
    failures += [Failure(code=Code.PACKAGES, organisation=one, text=str(error)) for one, error in lost.items()]
    moves = [one for one, there in found.items() if packages.steps(there)]
    planned = waves.waves(moves, network.compiled.computes, canary=options.canary, group=options.group)
    if moves and not failures:
        failures += _session(network, remotes)
    return _planned(network, None, None, planned, options, before, failures)


def _planned(
    network: networks.Network,
    to: model.Release | None,
    earlier: model.Release | None,
    planned: waves.Waves,
    options: Options,
    before: Upgrade | None,
    failures: Sequence[Failure],
) -> Planned:
    known = _known(before) if before and bool(before.to) == bool(to) else {}
    now = canonical.stamp(canonical.now())
    moves = [one for wave in planned for one in wave]
    upgrade = Upgrade(
        network=network.name,
        number=(before.number if before else 0) + 1,
        to=to,
        earlier=earlier,
        waves=planned,
        stations={one: Station(step=Step.WAITS, since=now, seconds=known.get(one)) for one in moves},
        drain_seconds=options.drain_seconds,
        phase=Phase.RUNNING if moves else Phase.DONE,
        began=now,
        changed=now,
    )
    return Planned(upgrade, waves.estimate(planned, known, USUAL_SECONDS), failures)


def back(network: networks.Network, remotes: remote.Remotes, before: Upgrade | None) -> Planned:
    """What `rollback` would do of the last upgrade, wherever it stands: who moved goes back, and the last one first."""
    if before is None or (before.to and not before.earlier):
        what = "was never upgraded from here" if before is None else "came from no release that is published"
        raise errors.RefusedError(f"{network.name} {what}", "there is nothing to go back to")
    if before.back:
        raise errors.RefusedError(
            f"the last upgrade of {network.name} went back to {before.goal} already",
            f"werkplaats upgrade start {network.name}",
        )
    order = waves.back(before.waves)
    there = [one for wave in order for one in wave]
    unreachable = remotes.probe()
    failures = [
        Failure(code=Code.UNREACHABLE, organisation=one, text=unreachable[one]) for one in there if one in unreachable
    ]
    if before.to and before.earlier:
        reached = [one for one in there if one not in unreachable]
        failures += _no_way_back(network, remotes, reached, before.to, before.earlier)
    now = canonical.stamp(canonical.now())
    upgrade = before.model_copy(
        update={
            "number": before.number + 1,
            "to": before.earlier,
            "earlier": before.to,
            "back": True,
            "waves": order,
            "stations": {one: Station(since=now, seconds=_known(before).get(one)) for one in there},
            "phase": Phase.RUNNING,
            "failure": None,
            "began": now,
            "changed": now,
            "sessions": 0,
        }
    )
    return Planned(upgrade, waves.estimate(order, _known(before), USUAL_SECONDS), failures)


def _no_way_back(
    network: networks.Network,
    remotes: remote.Remotes,
    reached: Sequence[str],
    comes_from: model.Release,
    goes_to: model.Release,
) -> list[Failure]:
    failures = preflight.accepted(network, remotes, reached, goes_to)
    failures += preflight.jump(goes_to, [comes_from], [])
    seen, _ = observed.observe(remotes, reached)
    images = {one: at.image for one, at in seen.items()}
    return failures + preflight.formats(remotes, goes_to, images, [comes_from])


def _published(network: networks.Network, remotes: remote.Remotes) -> verified.Verified:
    found = hand_over.applicable(network, remotes, [], looking=True).publication
    if found is None:
        raise errors.RefusedError(
            f"{network.name} has no publication here", f"fetch it, or werkplaats trust publish {network.name}"
        )
    return found


def _named(published: verified.Verified, version: str, network: str) -> model.Release:
    allowed = [one for one in (published.release, published.earlier) if one]
    for one in allowed:
        if one.release == version:
            return one
    also = f" (and {published.definition.upgrading_from} while an upgrade goes on)" if published.earlier else ""
    raise errors.UsageError(
        f"the definition of {network} that is published names release {published.definition.release}{also}, not "
        f"{version}",
        f"write `release: {version}`, `upgrading_from: {published.definition.release}` and `upgrading_until`; have two "
        f"release holders sign, publish, and have each operator accept it",
    )


def _earlier(
    published: verified.Verified, to: model.Release, runs: Mapping[str, str]
) -> tuple[list[model.Release], list[Failure]]:
    """The releases that run where something moves, and who runs an image of none."""
    known = {one.image_id: one for one in published.releases.values()}
    found = {image: known[image] for image in runs.values() if image in known and image != to.image_id}
    strange = [_strange(one, image) for one, image in runs.items() if image not in known]
    return [found[image] for image in sorted(found)], strange


def _strange(organisation: str, image: str) -> Failure:
    if not image:
        return Failure(code=Code.HEALTH, organisation=organisation, text="its station does not run")
    text = f"it runs image {image[:19]}…, of no release that is published"
    return Failure(code=Code.JUMP, organisation=organisation, text=text)


def _session(network: networks.Network, remotes: remote.Remotes) -> list[Failure]:
    """Whether a session works now: else nobody could tell afterwards what broke it."""
    _, verdict = verify.sessions(network, [*remotes.servers], lambda one: (remotes, one))
    if verdict.good:
        return []
    return [Failure(code=Code.HEALTH, organisation="", text=f"no session works: {verdict.reason}")]


def _known(before: Upgrade | None) -> dict[str, float]:
    return {one: at.seconds for one, at in before.stations.items() if at.seconds is not None} if before else {}
