"""Bring a network up: servers → configure → image → stations → acceptance, each told with its time.

Every step looks at what is there and does what is missing, so an interrupted run is simply run again. What cannot be
reached is named and left out; the rest goes on.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from base import errors, together
from stacks import drive
from stacks.engine import install
from stacks.servers.image import make as server_image
from werkplaats.operations import progress
from werkplaats.operations.bring_up import (
    carried,
    configure,
    enforce,
    federations,
    hand_over,
    hostvars,
    questions,
    servers,
    stations,
    unchanged,
)
from werkplaats.operations.home import networks
from werkplaats.operations.look import agreement, verify
from werkplaats.operations.offered import examine, table
from werkplaats.operations.reach import remote
from werkplaats.operations.release import build

HostVars = Mapping[str, Mapping[str, Any]]
First = Callable[[remote.Remotes, Sequence[str], progress.Say], Mapping[str, str]]
"""What is done at servers before anything else: of these organisations, which to leave out, and why."""
BOOT_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run is limited: to some organisations, and whether it also does the coordinator's and accepting steps.

    `first` is done at servers that carry a station, or can, before what applies there is looked at.
    """

    only: Sequence[str] = ()
    all_steps: bool = False
    first: First | None = None


@dataclasses.dataclass
class Outcome:
    """What a run did and found; `phases` are seconds of wall clock."""

    servers: drive.Outcome = dataclasses.field(default_factory=lambda: drive.Outcome(()))
    configured: dict[str, int] = dataclasses.field(default_factory=dict)
    stations: drive.Outcome = dataclasses.field(default_factory=lambda: drive.Outcome(()))
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)  # organisation → why
    waiting: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # organisation → what is not accepted
    applies: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # organisation → what needs nobody's yes
    questions: dict[str, dict[str, list[str]]] = dataclasses.field(default_factory=dict)  # name → state → organisations
    federations: federations.Told = dataclasses.field(default_factory=dict)
    report: verify.Report | None = None
    phases: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Done, found, refused or half-way."""
        if self.left_out:
            return errors.HALF_WAY
        if self.waiting:
            return errors.REFUSED
        return errors.DONE if self.report and self.report.good else errors.FOUND


class Run:
    """One run of `up`; the caller holds the network's lock."""

    def __init__(self, network: networks.Network, options: Options, reporter: progress.Progress) -> None:
        self.network = network
        self.options = options
        self.reporter = reporter
        self.outcome = Outcome(phases=reporter.phases)
        self.beside = federations.Federations(network.name)

    def __call__(self) -> Outcome:
        """Go through the phases; the station image is made while servers boot."""
        with self.begun():
            self.finish()
        return self.outcome

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Servers are made and reached, and what applies on them is agreed; nothing of that is on them yet."""
        for pid in drive.end_children(self.network.vault.folder):
            self.reporter.say(f"ended process {pid} of a run that was killed: it was still configuring servers")
        with self.reporter.phase("servers") as say:
            self._engine = install.ensure(say)
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as beside:
            image = beside.submit(self._image)
            with self.reporter.phase("servers") as say:
                if self.network.made_here:
                    self.outcome.servers = servers.up(self.network, self._engine, server_image.ensure(say), say)
                self.remotes, wanted = self._reach()
                self._wanted = self._offered(self.remotes, wanted)
                if self.options.first:
                    self.outcome.left_out |= self.options.first(self.remotes, self._wanted, say)
            together.hear([image])
            self._release = image.result()
        with self.remotes:
            self._agree()
            # Of who is out nothing is made, so that it may be a station of which another machine has the state.
            stations.require_known(self.network, self.remotes, self._engine, self.reached())
            yield

    def _agree(self) -> None:
        """Take the steps that this run may take."""
        remotes, wanted = self.remotes, self.reached()
        with self.reporter.phase("configure") as say:
            if self.options.all_steps:
                applicable = hand_over.take_all(self.network, remotes, wanted, self._release, say)
            else:
                applicable = hand_over.applicable(self.network, remotes, wanted)
            self.outcome.applies = applicable.applies
            hand_over.keep(self.network, remotes, applicable)
            self.outcome.left_out |= applicable.refused
            self._applicable = applicable

    def finish(self) -> None:
        """Bring what applies, configure, make the stations, and verify."""
        ready = self._configure()
        if ready:
            self._stations(ready)

    def reached(self) -> list[str]:
        """The organisations of which something can be done on their servers."""
        return self._able(self._wanted)

    def _image(self) -> Mapping[str, Any]:
        with self.reporter.phase("image") as say:
            return build.usable(self.network.definition.release, self.network.home, say)

    def _reach(self) -> tuple[remote.Remotes, list[str]]:
        remotes = self.network.remotes()
        unreachable = remotes.probe(patience=BOOT_SECONDS if self.outcome.servers.changes else 0)
        wanted = [o for o in remotes.servers if not self.options.only or o in self.options.only]
        self.outcome.left_out = {o: why for o, why in unreachable.items() if o in wanted}
        for organisation, why in self.outcome.left_out.items():
            self.reporter.say(f"{organisation}: left out: {why}", "servers")
        return remotes, [o for o in wanted if o not in unreachable]

    def _offered(self, remotes: remote.Remotes, wanted: Sequence[str]) -> list[str]:
        """Who is left of these once each server that has nothing of ours was looked at; nothing is placed before."""
        found, lost = examine.examine(self.network, remotes, examine.untouched(remotes, wanted), far=False)
        refused = lost | {o: why for o, one in found.items() if (why := table.stops(one.findings))}
        for organisation, why in refused.items():
            self.reporter.say(f"{organisation}: left out, and nothing was placed on it: {why}", "servers")
        self.outcome.left_out |= refused
        return [o for o in wanted if o not in refused]

    def _configure(self) -> HostVars:
        """Configure all servers: those of which nothing is accepted yet are only prepared.

        Returns the stations that may be made of servers.
        """
        remotes, applicable = self.remotes, self._applicable
        with self.reporter.phase("configure") as say:
            wanted = self.reached()
            self.beside = federations.beside(self.network, remotes, wanted, say)
            self.outcome.federations = self.beside.told()
            running = stations.running(remotes, applicable.views)
            hosts = hostvars.applied(self.network, applicable, wanted, running, self.beside)
            self.outcome.waiting = self._waiting(applicable, [o for o in wanted if o not in hosts])
            self._late = stations.late(self.network, applicable, running)
            for organisation, what in self._late.items():
                self.outcome.waiting.setdefault(organisation, []).append(what)
            fresh = [o for o in wanted if o not in applicable.views]
            notes = unchanged.Notes(self.network.run_folder, remotes)
            if same := notes.unchanged(hosts):
                say(f"{len(same)} servers are as the run before left them")
            bare = hostvars.prepared(self.network, fresh, str(self._release["image_id"]), applicable.publication)
            rest = bare | {o: hosts[o] for o in hosts if o not in same}
            notes.forget(rest)
            played = configure.run(self.network.run_folder, remotes, rest, say)
            self.outcome.configured = dict(played.changed)
            self.outcome.left_out |= played.failed
            self.outcome.waiting = {o: why for o, why in self.outcome.waiting.items() if o not in played.failed}
            self.outcome.left_out |= carried.bring(self.network.name, remotes, self._able(hosts), applicable.taken)
            self.outcome.left_out |= self.beside.bring(remotes, self._able(hosts))
            self.outcome.left_out |= enforce.overtaken(self.network, remotes, applicable.taken, self._able(hosts))
            ready = {o: hosts[o] for o in self._able(hosts)}
            notes.keep({o: ready[o] for o in ready if o not in same})
        return ready

    def _waiting(self, applicable: hand_over.Applicable, without: Sequence[str]) -> dict[str, list[str]]:
        """Organisation → what its server waits for; `without` are those of which no station can be made yet."""
        name, found = self.network.name, {}
        for organisation, changes in applicable.waiting.items():
            found[organisation] = [*changes, f"its operator's yes: werkplaats accept {name} --only {organisation}"]
        for organisation in (o for o in without if o not in found):
            found[organisation] = [
                f"a certificate: run werkplaats trust request {name} --only {organisation}, which the coordinator "
                "approves and publishes"
            ]
        for organisation, why in applicable.keyless.items():
            found[organisation] = [f"its keys: {why}; once this run has prepared it run the same command again"]
        return found

    def _able(self, organisations: Sequence[str] | Mapping[str, Any]) -> list[str]:
        return [o for o in organisations if o not in self.outcome.left_out]

    def _stations(self, hosts: HostVars) -> None:
        remotes, applicable = self.remotes, self._applicable
        with self.reporter.phase("stations") as say:
            images_of = {o: station["image"]["id"] for o, station in hosts.items() if o not in self._late}
            self.outcome.stations, lost = stations.up(self.network, remotes, self._engine, images_of, say)
            for organisation, why in lost.items():
                say(f"{organisation}: left out: {why}")
            say(drive.summary(self.outcome.stations))
            self.outcome.left_out |= lost
            made = {o: hosts[o] for o in self._able(hosts)}
            if self.outcome.stations.changes:
                stations.wait(remotes, made, say)
            self.outcome.questions, untold = questions.deliver(self.network, remotes, applicable, made, say)
            told, lost = self.beside.deliver(remotes, [*made], say)
            self.outcome.questions |= told
            self.outcome.left_out |= untold | lost
        with self.reporter.phase("acceptance") as say:
            agreed = agreement.Agreed({o: applicable.views[o] for o in made}, applicable.publication)
            self.outcome.report = verify.run(self.network, remotes, made, self.outcome.left_out, agreed, say)


def verify_network(
    network: networks.Network, reporter: progress.Progress, *, only: Sequence[str] = ()
) -> verify.Report:
    """Verify without changing anything."""
    with network.remotes() as remotes:
        wanted = [o for o in remotes.servers if not only or o in only]
        left_out = {o: why for o, why in remotes.probe().items() if o in wanted}
        reached = [o for o in wanted if o not in left_out]
        applicable = hand_over.applicable(network, remotes, reached, looking=True)
        say = functools.partial(reporter.say, phase="verify")
        beside = federations.beside(network, remotes, reached, say, looking=True)
        running = stations.running(remotes, applicable.views)
        hosts = hostvars.applied(network, applicable, reached, running, beside)
        missing = [o for o in reached if o not in hosts]
        left_out |= {o: applicable.refused.get(o, "nothing is accepted on it yet") for o in missing}
        agreed = agreement.Agreed({o: applicable.views[o] for o in hosts}, applicable.publication)
        report = verify.run(network, remotes, hosts, left_out, agreed, say)
        stale = [verify.Verdict("check", network.name, "the publication", applicable.stale)] if applicable.stale else []
        return dataclasses.replace(report, verdicts=(*stale, *report.verdicts))
