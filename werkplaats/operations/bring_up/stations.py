"""Stations: the two containers of each organisation, on its own engine."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from base import errors
from network_topology import context
from publication import acceptance
from stacks import drive, parts, plans
from stacks.components import station
from stacks.engine import install
from stacks.stations import program
from werkplaats.operations import progress
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed, station_says
from werkplaats.operations.reach import heard, remote, shell, ssh_config
from werkplaats.operations.release import find

START_SECONDS = 30.0
MOST_SAID = 600  # characters of what an engine says: its reason stands at the end
MAKES_NONE, REMOVES_NONE = "its engine does not make the station: ", "its engine does not remove the station: "
NO_IMAGE = "sha256:" + "0" * 64  # of stations that are removed, or are planned before there is one
_END = 'docker rm --force "$1" > /dev/null; docker ps --all --quiet --filter "name=^/$1$"'


def up(
    network: networks.Network,
    remotes: remote.Remotes,
    engine: install.Engine,
    images: Mapping[str, str],
    say: progress.Say,
) -> tuple[drive.Outcome, dict[str, str]]:
    """Make the stations of `images` (organisation → image id) as declared; all others are not touched.

    Returns what changed, and organisation → why, of those whose server went away meanwhile. Raises LostStateError.
    """
    remotes.open_for_engine(images)
    stack = _stack(network, remotes, engine, images)
    _require_known(stack, network.name, remotes, images)
    declared = _images_before(stack.state / drive.PLAN)
    stack.recover(say)
    for organisation in stack.forget_others(remotes.servers):
        say(f"{organisation}: this operator runs no server of it any more; its station is left as it is")
    found, lost = observed.observe(remotes, images)
    removed, lost_then = _remove_unfit(remotes, stack, found, say)
    lost |= lost_then
    changes: list[drive.Change] = []
    while True:
        if lost:  # one such server would fail the whole stack
            images = {organisation: image for organisation, image in images.items() if organisation not in lost}
            stack = _stack(network, remotes, engine, images)
        # One that runs the image of before is as the state has it: reading it again would be a run of the engine more.
        as_known = {o for o in images if any(map(found[o].as_wanted, (images[o], declared.get(o, NO_IMAGE))))}
        drifted = [o for o in images if o in removed or o not in as_known]
        try:
            outcome = stack.up(say, leave_out=_others(remotes, images), drifted=drifted)
        except drive.PartsError as error:
            if not error.failed.keys() & images.keys():
                raise
            changes += error.outcome.changes
            lost |= {o: _cannot(remotes, o, said) for o, said in error.failed.items()}
        else:
            return drive.Outcome((*changes, *outcome.changes)), lost


def require_known(
    network: networks.Network, remotes: remote.Remotes, engine: install.Engine, organisations: Iterable[str]
) -> None:
    """Raise LostStateError where stations are there and the state knows of none: each would be ended and made anew."""
    _require_known(_stack(network, remotes, engine, {}), network.name, remotes, organisations)


def _require_known(stack: drive.Stack, network: str, remotes: remote.Remotes, organisations: Iterable[str]) -> None:
    def there() -> list[str]:
        found, _ = observed.observe(remotes, organisations)
        return [f"{name} of {organisation}" for organisation, one in found.items() for name in one.containers]

    stack.require_known(f"stations of {network}", there)


def _cannot(remotes: remote.Remotes, organisation: str, said: str, what: str = MAKES_NONE) -> str:
    """Why an engine that does not do what Pulumi asks leaves its station out, and what to look at."""
    config, name = str(remotes.config), ssh_config.alias(organisation, ssh_config.ENGINE)
    # By the same way, since of some reasons Docker's client tells Pulumi nothing.
    command = [str(install.PROGRAMS / "ssh"), "-F", config, "-T", "--", name, "docker version"]
    done = heard.run(command, shell.LOGIN_SECONDS, most=heard.MOST)
    told = done.stderr.strip() if done.returncode else ""
    why = " ".join((told or said).split())[-MOST_SAID:]
    way = () if remotes.servers[organisation].here else ("ssh", "-F", config, name)
    by_hand = shlex.join((*way, "sudo", "docker", "version"))
    return f"{what}{why}; see whether `{by_hand}` tells of a server, mend what it says, and run this again"


def _remove_unfit(
    remotes: remote.Remotes, stack: drive.Stack, seen: Mapping[str, observed.Observed], say: progress.Say
) -> tuple[set[str], dict[str, str]]:
    """Remove station containers that are not in the state, and those that do not run: Pulumi would leave both alone.

    Returns whose were removed, and organisation → why, of whose server went away.
    """
    known = stack.identifiers()
    removed, lost = set(), {}
    for organisation, one in seen.items():
        for container in one.containers.values():
            if why := _unfit(container, known):
                say(f"{organisation}: removing {container['name']}, which {why}")
                try:
                    end_going_back(remotes, organisation)
                    remotes.ask(organisation, "docker", "rm", "--force", container["id"])
                except errors.WerkplaatsError as error:
                    lost[organisation] = str(error)
                else:
                    removed.add(organisation)
    return removed, lost


def end_going_back(remotes: remote.Remotes, organisation: str) -> None:
    """Have nothing write what a station keeps before its agent does; raises HalfWayError, UnreachableError.

    A run of before whose answer was lost may be at it still. What was not started yet is not any more: what is removed
    cannot be started.
    """
    done = remotes.ask(organisation, "sh", "-c", _END, "end", parts.GOING_BACK)
    if done.exited or done.stdout.strip():
        why = " ".join((done.stderr.strip() or done.stdout).split())
        raise errors.HalfWayError(
            f"{organisation}: container {parts.GOING_BACK} may still write what its station keeps: {why}",
            f"have `docker rm --force {parts.GOING_BACK}` work there, then run this again",
        )


def _unfit(container: Mapping[str, str], known: Collection[str]) -> str:
    if container["id"] not in known:
        return "a run that was killed left behind"
    return "" if container["state"] == "running" else f"does not run: {container['state']}"


def running(remotes: remote.Remotes, views: Mapping[str, acceptance.Accepted]) -> dict[str, str]:
    """Organisation → the image that its station runs, of those whose operators said yes to a release with a number.

    Only an upgrade moves a station from one of these to another. "" where agent and computer do not run the same.
    """
    asked = [o for o, view in views.items() if view.release and view.release.release != context.DEVELOPMENT]
    seen, _ = observed.observe(remotes, asked) if asked else ({}, {})
    return {organisation: one.image for organisation, one in seen.items()}


def late(network: networks.Network, applicable: hand_over.Applicable, running: Mapping[str, str]) -> dict[str, str]:
    """Organisation → what is to be done, of whose station runs a release that its operator says yes to no more.

    To replace it is an upgrade's: that drains it, and brings what it keeps to the other formats. What is no release at
    all is replaced at once.
    """
    published = applicable.publication.releases.values() if applicable.publication else ()
    known = {one.image_id: one.release for one in (*published, *find.every(network.home))}
    found = {}
    for organisation, image in running.items():
        view = applicable.views[organisation]
        if view.release and image in known and image not in {one.image_id for one in view.releases}:
            only = f"--to {view.release.release} --only {organisation}"
            found[organisation] = (
                f"its station runs release {known[image]}: werkplaats upgrade start {network.name} {only} moves it"
            )
    return found


def wait(remotes: remote.Remotes, organisations: Iterable[str], say: progress.Say) -> None:
    """Wait until every agent answers and sees its computer: verification asks nothing of a station that still starts.

    One that does not come is said, not raised: verification will find it.
    """
    starting = set(organisations)
    deadline = time.monotonic() + START_SECONDS
    while starting and time.monotonic() < deadline:
        answers = remotes.ask_all(starting, "station", "status", "--json")
        starting = {o for o, one in answers.items() if not station_says.status_of(one).get("computer")}
    for organisation in sorted(starting):
        say(f"{organisation}: the station does not answer after {START_SECONDS:.0f} s")


def adopt(network: networks.Network, remotes: remote.Remotes, engine: install.Engine) -> drive.Outcome:
    """Have a state that knows of nothing know of the stations that are there; returns what `up` would change of them.

    Of whom there is not a whole station, of one image, nothing is known afterwards. Raises UnmetError, DriveError.
    """
    found, lost = observed.observe(remotes, remotes.servers)
    if lost:
        raise errors.UnmetError(
            f"what runs there is not known: {'; '.join(lost.values())}",
            f"have every server of {network.name} answer, then run this again",
        )
    whole = {organisation: one for organisation, one in found.items() if one.image}
    ids = {
        f"{organisation}-{name.removeprefix('station-')}": container["id"]
        for organisation, one in whole.items()
        for name, container in one.containers.items()
    }
    remotes.open_for_engine(whole)
    return _stack(network, remotes, engine, {organisation: one.image for organisation, one in whole.items()}).adopt(ids)


def plan(
    network: networks.Network, remotes: remote.Remotes, engine: install.Engine, images: Mapping[str, str]
) -> drive.Outcome:
    """What `up` would change of the stations of `images`."""
    remotes.open_for_engine(images)
    stack = _stack(network, remotes, engine, images)
    return stack.preview(leave_out=[*_others(remotes, images), *stack.others(remotes.servers)])


def destroy(
    network: networks.Network,
    remotes: remote.Remotes,
    engine: install.Engine,
    reached: Iterable[str],
    say: progress.Say,
) -> tuple[drive.Outcome, dict[str, str]]:
    """Remove the station containers of the servers that are reached; of the others they stay in the state.

    Returns what went, and organisation → why, of those whose engine does not remove them.
    """
    images = dict.fromkeys(reached, NO_IMAGE)
    remotes.open_for_engine(images)
    stack = _stack(network, remotes, engine, images)
    stack.recover(say)
    found, lost = observed.observe(remotes, images)
    lost |= _remove_unfit(remotes, stack, found, say)[1]
    try:
        return stack.destroy(say, leave_out=[*_others(remotes, images), *lost]), {}
    except drive.PartsError as error:
        if not error.failed.keys() <= images.keys():
            raise
        return error.outcome, {o: _cannot(remotes, o, said, REMOVES_NONE) for o, said in error.failed.items()}


def _others(remotes: remote.Remotes, images: Mapping[str, str]) -> list[str]:
    return [organisation for organisation in remotes.servers if organisation not in images]


def _stack(
    network: networks.Network, remotes: remote.Remotes, engine: install.Engine, images: Mapping[str, str]
) -> drive.Stack:
    state = network.vault.folder / "stacks" / "stations"

    def planned(known: Collection[str]) -> program.StationsPlan:
        # A station that is not ours to touch now is declared only where it exists: it would be removed otherwise.
        declared = [organisation for organisation in remotes.servers if organisation in images or organisation in known]
        # Computing parties first: every other station calls them as soon as it is there, until they answer.
        declared.sort(key=lambda organisation: organisation not in network.compiled.computes)
        wanted = {**_images_before(state / drive.PLAN), **images}
        return program.StationsPlan(network.name, tuple(_spec(remotes, o, wanted.get(o, NO_IMAGE)) for o in declared))

    return drive.Stack(
        project=program.PROJECT,
        program=program.program,
        plan=planned,
        state=state,
        engine=engine,
    )


def _images_before(path: Path) -> dict[str, str]:
    """Of which image each station was to be: the plan is read by hand too, and would replace those not touched now."""
    plan = plans.before(path, program.StationsPlan)
    return {spec.organisation: spec.image for spec in plan.stations} if plan else {}


def _spec(remotes: remote.Remotes, organisation: str, image: str) -> station.StationSpec:
    address = f"ssh://{ssh_config.alias(organisation, ssh_config.ENGINE)}"
    return station.StationSpec(organisation, address, ("-F", str(remotes.config)), image)
