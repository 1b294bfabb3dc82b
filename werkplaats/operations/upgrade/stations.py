"""Stations move from the image of one release to that of another: image, drain, containers, and its first answer."""

from __future__ import annotations

from collections.abc import Sequence

from network_topology import model
from stacks.engine import install
from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.bring_up import stations
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import keeping, preflight
from werkplaats.operations.upgrade.drain import Drain
from werkplaats.operations.upgrade.failure import Code, StoppedError
from werkplaats.operations.upgrade.machine import Keep
from werkplaats.operations.upgrade.state import Step

LOAD_SECONDS = 600.0
_LOAD = ("docker", "image", "load", "--quiet")
_THERE = ("docker", "image", "inspect", "--format", "{{.Id}}")


class Stations:
    """A `machine.Mover` of this operator's stations to the release `to`; `earlier` is the one that they come from."""

    def __init__(
        self,
        network: networks.Network,
        remotes: remote.Remotes,
        engine: install.Engine,
        to: model.Release,
        earlier: model.Release | None,
        drain_seconds: int,
        say: progress.Say,
    ) -> None:
        self._network = network
        self._remotes = remotes
        self._engine = engine
        self._to = to
        self._known = {one.image_id: one for one in (to, earlier) if one}
        self._seconds = drain_seconds
        self._say = say
        self._drain = Drain(remotes, say)

    def left(self, wave: Sequence[str]) -> list[str]:
        """Who does not run the image, in both parts."""
        runs = preflight.running(self._seen(wave))
        return [one for one in wave if runs[one] != self._to.image_id]

    def _seen(self, organisations: Sequence[str]) -> dict[str, observed.Observed]:
        seen, lost = observed.observe(self._remotes, organisations)
        if lost:
            organisation, why = next(iter(lost.items()))
            raise StoppedError(Code.UNREACHABLE, organisation, why)
        return seen

    def bring(self, moves: Sequence[str]) -> None:
        """The image, to one server after the other."""
        for one in moves:
            self._bring(one)

    def move(self, moves: Sequence[str], keep: Keep) -> None:
        """All of them at once: one run of the engine for both parts of each."""
        for one in moves:
            keep(one, Step.DRAINS)
        with self._drain.held(moves, self._seconds):
            for one in moves:
                keep(one, Step.REPLACES)
            self._replace(moves)
            for one in moves:
                keep(one, Step.STARTS)
            self._started(moves)

    def _bring(self, organisation: str) -> None:
        """The image on a server, whole: an engine that was stopped half-way through has none of it."""
        to = self._to
        if self._has(organisation, to):
            return
        image = images.built(to.image_id)
        if image is None:
            raise StoppedError(Code.IMAGE, organisation, f"the image of release {to.release} is not on this machine")
        self._say(f"{organisation}: bringing the image, {image.archive.stat().st_size / 1e6:.0f} MB")
        code, _, said = self._remotes.run(organisation, _LOAD, image.archive.read_bytes(), LOAD_SECONDS)
        if code or not self._has(organisation, to):
            raise StoppedError(Code.LOAD, organisation, said.decode(errors="replace") or "its engine has no such image")

    def _has(self, organisation: str, release: model.Release) -> bool:
        return self._remotes.ask(organisation, *_THERE, release.image_id).stdout.strip() == release.image_id

    def _wrote(self, organisation: str, at: observed.Observed) -> model.Release | None:
        """The release whose formats a station's files may have: that of its agent, which makes them new as it starts.

        A run that was killed may have made one of both containers, or taken the agent's away: then any that is there.
        """
        if agent := at.containers.get("station-agent"):
            return self._known.get(agent["image"])
        newer = [one for one in self._known.values() if keeping.older(self._to, one)]
        return next((one for one in newer if self._has(organisation, one)), None)

    def _replace(self, moves: Sequence[str]) -> None:
        for one, at in self._seen(moves).items():
            keeping.bring(self._remotes, one, self._to, self._wrote(one, at))
        self._say(f"making the containers of {', '.join(moves)} from release {self._to.release}")
        wanted = dict.fromkeys(moves, self._to.image_id)
        _, lost = stations.up(self._network, self._remotes, self._engine, wanted, self._say)
        if lost:
            organisation, why = next(iter(lost.items()))
            raise StoppedError(Code.REPLACE, organisation, why)

    def _started(self, moves: Sequence[str]) -> None:
        stations.wait(self._remotes, moves, lambda _: None)
        for one in moves:
            if wrong := keeping.silent(self._remotes, one):
                raise StoppedError(Code.START, one, f"runs release {self._to.release}, and {wrong}")
