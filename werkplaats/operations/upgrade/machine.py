"""Carry an upgrade out, from whatever was left: wave after wave, each station drained, replaced, and tried with others.

What is to be done follows from what servers run, never from what was written down; that is for people, and so that a
killed upgrade knows where it went. Every step can be done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from base import errors
from network_topology import model
from stacks import drive
from stacks.engine import install
from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.bring_up import stations
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed, verify
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade import keeping, preflight
from werkplaats.operations.upgrade.drain import Drain
from werkplaats.operations.upgrade.failure import Code, StoppedError
from werkplaats.operations.upgrade.state import Phase, Step, Store, Upgrade

LOAD_SECONDS = 600.0
_LOAD = 'docker image inspect --format ok "$1" >/dev/null 2>&1 || docker image load --quiet >&2'
_THERE = ("docker", "image", "inspect", "--format", "{{.Id}}")


class Machine:
    """One upgrade at work; the caller holds the network's lock."""

    def __init__(
        self,
        network: networks.Network,
        remotes: remote.Remotes,
        engine: install.Engine,
        store: Store,
        say: progress.Say,
    ) -> None:
        self._network = network
        self._remotes = remotes
        self._engine = engine
        self._store = store
        self._say = say
        self._drain = Drain(remotes, say)

    def run(self, upgrade: Upgrade) -> Upgrade:
        """Go on until all have moved, somebody asks for a pause, or something stops it; returns how it stands then."""
        self._store.goes_on()
        upgrade = self._store.save(upgrade.now(Phase.RUNNING))
        try:
            for number, wave in enumerate(upgrade.waves, 1):
                if self._store.pause_is_asked:
                    self._say("paused, as was asked")
                    return self._store.save(upgrade.now(Phase.PAUSED))
                upgrade = self._wave(upgrade, number, wave)
        except StoppedError as stopped:
            failure = stopped.failure
        except servers.UnreachableError as error:
            failure = StoppedError(Code.UNREACHABLE, "", str(error)).failure
        except drive.DriveError as error:
            failure = StoppedError(Code.REPLACE, "", str(error)).failure
        else:
            return self._store.save(upgrade.now(Phase.DONE))
        # As it was kept last: the step that stopped kept how far it came.
        return self._store.save((self._store.load() or upgrade).now(Phase.PAUSED, failure))

    def _wave(self, upgrade: Upgrade, number: int, wave: Sequence[str]) -> Upgrade:
        moves = self._not_moved(upgrade, wave)
        for organisation in wave:
            if organisation not in moves and upgrade.stations[organisation].step is not Step.MOVED:
                upgrade = self._store.save(upgrade.at(organisation, Step.MOVED))
        self._drain.end(one for one in wave if one not in moves)  # of a run that was killed after it
        if not moves:
            return upgrade
        self._say(f"wave {number} of {len(upgrade.waves)}: {', '.join(moves)}")
        began = time.monotonic()
        upgrade = self._each(upgrade, moves, Step.BRINGS, lambda one: self._bring(upgrade.to, one))
        upgrade = self._steps(upgrade, moves, Step.DRAINS)
        self._drain.wait(moves, upgrade.drain_seconds)
        upgrade = self._steps(upgrade, moves, Step.REPLACES)
        self._replace(upgrade, moves)
        upgrade = self._steps(upgrade, moves, Step.STARTS)
        self._started(upgrade.to, moves)
        took = (time.monotonic() - began) / len(moves)
        for one in moves:
            upgrade = self._store.save(upgrade.at(one, Step.MOVED, took))
        return self._tried(upgrade, number, moves)

    def _not_moved(self, upgrade: Upgrade, wave: Sequence[str]) -> list[str]:
        seen, lost = observed.observe(self._remotes, wave)
        if lost:
            organisation, why = next(iter(lost.items()))
            raise StoppedError(Code.UNREACHABLE, organisation, why)
        runs = preflight.running(seen)
        return [one for one in wave if runs[one] != upgrade.to.image_id]

    def _each(self, upgrade: Upgrade, moves: Sequence[str], step: Step, do: Callable[[str], None]) -> Upgrade:
        for one in moves:
            upgrade = self._store.save(upgrade.at(one, step))
            do(one)
        return upgrade

    def _steps(self, upgrade: Upgrade, moves: Sequence[str], step: Step) -> Upgrade:
        return self._each(upgrade, moves, step, lambda _: None)

    def _bring(self, to: model.Release, organisation: str) -> None:
        """The image on a server, whole: an engine that was stopped half-way through has none of it."""
        if self._remotes.ask(organisation, *_THERE, to.image_id).stdout.strip() == to.image_id:
            return
        image = images.built(to.image_id)
        if image is None:
            raise StoppedError(Code.IMAGE, organisation, f"the image of release {to.release} is not on this machine")
        self._say(f"{organisation}: bringing the image, {image.archive.stat().st_size / 1e6:.0f} MB")
        command = ("sh", "-c", _LOAD, "load", to.image_id)
        code, _, said = self._remotes.run(organisation, command, image.archive.read_bytes(), LOAD_SECONDS)
        there = self._remotes.ask(organisation, *_THERE, to.image_id).stdout.strip()
        if code or there != to.image_id:
            raise StoppedError(Code.LOAD, organisation, said.decode(errors="replace") or "its engine has no such image")

    def _replace(self, upgrade: Upgrade, moves: Sequence[str]) -> None:
        seen, _ = observed.observe(self._remotes, moves)
        known = {one.image_id: one for one in (upgrade.to, upgrade.earlier) if one}
        for one in moves:
            keeping.bring(self._remotes, one, upgrade.to, known.get(seen[one].image) if one in seen else None)
        self._say(f"making the containers of {', '.join(moves)} from release {upgrade.to.release}")
        wanted = dict.fromkeys(moves, upgrade.to.image_id)
        _, lost = stations.up(self._network, self._remotes, self._engine, wanted, self._say)
        if lost:
            organisation, why = next(iter(lost.items()))
            raise StoppedError(Code.REPLACE, organisation, why)

    def _started(self, to: model.Release, moves: Sequence[str]) -> None:
        stations.wait(self._remotes, moves, lambda _: None)
        for one in moves:
            if wrong := keeping.silent(self._remotes, one):
                raise StoppedError(Code.START, one, f"runs release {to.release}, and {wrong}")

    def _tried(self, upgrade: Upgrade, number: int, moves: Sequence[str]) -> Upgrade:
        """A session over all stations, old and new, before anybody else moves."""
        reached = [*self._remotes.servers]
        _, verdict = verify.sessions(self._network, reached, lambda one: (self._remotes, one))
        if not verdict.good:
            raise StoppedError(Code.CANARY, moves[0], f"after wave {number}: {verdict.reason}")
        self._say(f"wave {number}: a session over old and new came out right")
        return self._store.save(upgrade.model_copy(update={"sessions": upgrade.sessions + 1}))


def release_all(remotes: remote.Remotes, organisations: Sequence[str]) -> None:
    """Have stations take part again that an upgrade drained and left."""
    Drain(remotes, lambda _: None).end(organisations)


def require_over(before: Upgrade | None) -> None:
    """Raise RefusedError while another upgrade is not over."""
    if before and not before.phase.over:
        raise errors.RefusedError(
            f"the upgrade of {before.network} to release {before.to.release} is {before.phase}",
            f"werkplaats upgrade resume {before.network}, or rollback, or abort",
        )
