"""Begin an upgrade: what would be done, in which order and for how long, and every reason not to."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from base import canonical, errors
from network_topology import model
from publication import verified
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote
from werkplaats.operations.release import find
from werkplaats.operations.upgrade import canary, packages, preflight, waves
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
    """An upgrade that was not begun. `seconds` is of each wave; `failures` are why it is not begun.

    `brings`: organisation → what its server gets, and what it does not get and why, in words.
    """

    upgrade: Upgrade
    seconds: Sequence[float]
    failures: Sequence[Failure]
    brings: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)


def plan(
    network: networks.Network,
    remotes: remote.Remotes,
    version: str,
    options: Options,
    before: Upgrade | None,
) -> Planned:
    """What `start` would do; changes nothing but that it has stations run a session over all of them.

    Raises UsageError for a release that the definition does not name, RefusedError where nothing is published.
    """
    published = _published(network, remotes)
    to = _named(published, version, network.name)
    wanted = _wanted(remotes, options)
    image, failures = preflight.image_of(to)
    seen, found = preflight.look(network, remotes, wanted, image.archive if image else None)
    failures += found
    reached = _reached(wanted, failures)
    failures += preflight.accepted(network, remotes, reached, to)
    runs = preflight.running(seen)
    moves = {one: runs.get(one, "") for one in reached if runs.get(one) != to.image_id}
    known = {one.image_id: one for one in (*published.releases.values(), *find.every(network.home))}  # the last counts
    earlier, unknown = _earlier(known, to, moves)
    failures += unknown + preflight.jump(to, earlier, known.values())
    failures += preflight.formats(remotes, to, moves, earlier)
    going_on = _going_on(before, to)
    last = earlier[0] if earlier else going_on.earlier if going_on else None
    held_back = _held_back(remotes, going_on, wanted)
    return _planned(network, remotes, options, before, _Found(moves, failures, to, last, held_back))


def _held_back(remotes: remote.Remotes, going_on: Upgrade | None, wanted: Collection[str]) -> list[str]:
    """Who did not move in the upgrade that this one goes on with, and is not named now: it stays where it is."""
    if going_on is None or going_on.to is None:
        return []
    away = remotes.probe()
    others = [o for o in going_on.stations if o in remotes.servers and o not in wanted and o not in away]
    seen, _ = observed.observe(remotes, others)
    return [one for one, image in preflight.running(seen).items() if image not in ("", going_on.to.image_id)]


def _wanted(remotes: remote.Remotes, options: Options) -> list[str]:
    if options.drain_seconds < 1:
        raise errors.UsageError(f"sessions cannot be waited for {options.drain_seconds} s", "name at least 1")
    return [one for one in remotes.servers if not options.only or one in options.only]


def _reached(wanted: Sequence[str], failures: Sequence[Failure]) -> list[str]:
    away = {one.organisation for one in failures if one.code is Code.UNREACHABLE}
    return [one for one in wanted if one not in away]


def plan_servers(
    network: networks.Network, remotes: remote.Remotes, options: Options, before: Upgrade | None
) -> Planned:
    """The same of newer packages for servers, of which each has apt fetch its lists first."""
    wanted = _wanted(remotes, options)
    _, failures = preflight.look(network, remotes, wanted)
    found, lost = packages.look(remotes, _reached(wanted, failures), refresh=True)
    failures += [Failure.of(Code.PACKAGES, one, str(error)) for one, error in lost.items()]
    silent = {one: there.unreached for one, there in found.items() if there.unreached}
    failures += [Failure.of(Code.PACKAGES, one, _unlisted(why)) for one, why in silent.items()]
    moves = [one for one, there in found.items() if packages.steps(there)]
    brings = {one: [*map(str, packages.steps(there)), *packages.left(there)] for one, there in found.items()}
    made = _planned(network, remotes, options, before, _Found(moves, failures))
    return dataclasses.replace(made, brings={one: lines for one, lines in brings.items() if lines})


def _unlisted(why: str) -> str:
    """Without its lists of today a server would say that there is nothing to bring."""
    return f"its sources of packages do not answer: {why}"


@dataclasses.dataclass(frozen=True)
class _Found:
    """What servers tell: who `moves`, why nothing is begun, and `to` and from which release; None where it is none.

    Of the upgrade that this one goes on with those are `held_back` who did not move, and are not to.
    """

    moves: Collection[str]
    failures: list[Failure]
    to: model.Release | None = None
    earlier: model.Release | None = None
    held_back: Collection[str] = ()


def _planned(
    network: networks.Network, remotes: remote.Remotes, options: Options, before: Upgrade | None, found: _Found
) -> Planned:
    """The waves, behind those of an upgrade to the same that this one goes on with: a rollback is of both."""
    moves, failures, to = found.moves, found.failures, found.to
    planned = waves.waves(moves, network.compiled.computes, canary=options.canary, group=options.group)
    works = canary.Works()
    if moves and not failures:
        works, why = canary.look(network, remotes)
        failures += [Failure.of(Code.HEALTH, "", f"no session works: {why}")] if why else []
    same = before if before and bool(before.to) == bool(to) else None
    known = {one: at.seconds for one, at in same.stations.items() if at.seconds is not None} if same else {}
    going_on = _going_on(before, to)
    others = {*moves, *found.held_back}
    moved = tuple(
        kept for wave in (going_on.waves if going_on else ()) if (kept := tuple(o for o in wave if o not in others))
    )
    now = canonical.stamp(canonical.now())
    stations = {one: Station(step=Step.WAITS, since=now, seconds=known.get(one)) for one in moves}
    earlier_ones = {one: at for one, at in going_on.stations.items() if one not in others} if going_on and moves else {}
    upgrade = Upgrade(
        network=network.name,
        number=(before.number if before else 0) + 1,
        to=to,
        earlier=found.earlier,
        waves=(*moved, *planned) if moves else (),
        stations={**earlier_ones, **stations},
        drain_seconds=options.drain_seconds,
        phase=Phase.RUNNING if moves else Phase.DONE,
        works=works,
        tried=len(moved) if moves else 0,
        taken_back=tuple(sorted((before.unwanted if before else frozenset()) - {to.image_id if to else ""})),
        began=now,
        changed=now,
    )
    return Planned(upgrade, waves.estimate(planned, known, USUAL_SECONDS), failures)


def _going_on(before: Upgrade | None, to: model.Release | None) -> Upgrade | None:
    """The upgrade of before, where the one that begins goes on with it: it brings others to the same release."""
    return before if before and to and before.to == to and not before.back else None


def again(network: networks.Network, remotes: remote.Remotes, before: Upgrade) -> list[Failure]:
    """Why an upgrade that was begun may not go on: what was said yes to, and what lies here, may be others by now."""
    if before.to is None:
        return []
    there = [one for one in before.stations if one in remotes.servers]
    away = remotes.probe()
    reached = [one for one in there if one not in away]
    _, failures = preflight.image_of(before.to)
    return failures + preflight.accepted(network, remotes, reached, before.to)


def back(network: networks.Network, remotes: remote.Remotes, before: Upgrade | None) -> Planned:
    """What `rollback` would do of the last upgrade, wherever it stands: who moved goes back, and the last one first.

    One that goes back already, and is not done, goes on.
    """
    if before is None or (before.to and not before.earlier):
        what = "was never upgraded from here" if before is None else "came from no release that is known here"
        raise errors.RefusedError(f"{network.name} {what}", "there is nothing to go back to")
    if before.back and before.phase is Phase.DONE:
        raise errors.RefusedError(
            f"the last upgrade of {network.name} went back to {before.goal} already",
            f"werkplaats upgrade start {network.name}",
        )
    comes_from, goes_to = (before.earlier, before.to) if before.back else (before.to, before.earlier)
    moved = before.waves if before.to else _brought(before)
    order = tuple(
        kept
        for wave in (moved if before.back else waves.back(moved))
        if (kept := tuple(one for one in wave if one in remotes.servers))
    )
    there = [one for wave in order for one in wave]
    unreachable = remotes.probe()
    failures = [Failure.of(Code.UNREACHABLE, one, unreachable[one]) for one in there if one in unreachable]
    if comes_from and goes_to:
        reached = [one for one in there if one not in unreachable]
        failures += _no_way_back(network, remotes, reached, comes_from, goes_to)
    now = canonical.stamp(canonical.now())
    known = {one: at.seconds for one, at in before.stations.items() if at.seconds is not None}
    upgrade = before.model_copy(
        update={
            "number": before.number + 1,
            "to": goes_to,
            "earlier": comes_from,
            "back": True,
            "waves": order,
            "stations": {one: before.stations[one].begins(now) for one in there},
            "phase": Phase.RUNNING,
            "failure": None,
            "began": now,
            "changed": now,
            "tried": 0,
        }
    )
    brings = {one: [f"back to what was: {part}" for part in before.stations[one].brought] for one in there}
    return Planned(upgrade, waves.estimate(order, known, USUAL_SECONDS), failures, brings)


def _brought(before: Upgrade) -> waves.Waves:
    """The waves of an upgrade of packages, of those servers alone that got some which can be taken back.

    And of one that it was at when it was killed: its station may drain.
    """
    amidst = (Step.DRAINS, Step.PACKAGES)
    touched = {one for one, at in before.stations.items() if at.brought or at.step in amidst}
    moved = [tuple(one for one in wave if one in touched) for wave in before.waves]
    if not any(moved):
        raise errors.RefusedError(
            f"the last upgrade of the servers of {before.network} brought nothing that has a way back",
            "bring newer versions: of Debian's packages, and of a reboot, there is none",
        )
    return tuple(wave for wave in moved if wave)


def _no_way_back(
    network: networks.Network,
    remotes: remote.Remotes,
    reached: Sequence[str],
    comes_from: model.Release,
    goes_to: model.Release,
) -> list[Failure]:
    failures = preflight.accepted(network, remotes, reached, goes_to)
    failures += preflight.jump(goes_to, [comes_from], [], back=True)
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
    known: Mapping[str, model.Release], to: model.Release, runs: Mapping[str, str]
) -> tuple[list[model.Release], list[Failure]]:
    """The release that runs where something moves, and who runs an image of none, or of yet another one."""
    found = {image: known[image] for image in runs.values() if image in known and image != to.image_id}
    wrong = [_strange(one, image) for one, image in runs.items() if image not in known]
    if len(found) > 1:
        told = ", ".join(sorted(one.release for one in found.values()))
        text = f"stations run releases {told}, and an upgrade comes from one: bring those of one first, by --only"
        wrong.append(Failure.of(Code.JUMP, "", text))
    return [found[image] for image in sorted(found)], wrong


def _strange(organisation: str, image: str) -> Failure:
    if not image:
        return Failure.of(Code.HEALTH, organisation, "its station does not run")
    text = f"it runs image {image[:19]}…, of no release that is known here"
    return Failure.of(Code.JUMP, organisation, text)
