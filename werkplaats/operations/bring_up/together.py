"""The twin of a federation: the sandboxes of its members, the network between them, and the trust of one in another.

One person plays all parts in it. Each member is brought up by its own `up`, which is held where all is agreed and
nothing configured yet: there the members federate, so that every server is configured once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence

from base import errors
from network_topology import names
from publication import acceptance, whole
from stacks.servers import between
from werkplaats.operations import progress
from werkplaats.operations.bring_up import federations, hand_over, servers, teardown, up
from werkplaats.operations.coordinator import federating, steps
from werkplaats.operations.home import networks, vault
from werkplaats.operations.look import agreement, verify
from werkplaats.operations.reach import remote


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of each member, and of what they do together. `runs`: member → its own `up`, which ended."""

    runs: Mapping[str, up.Run]
    left_out: Mapping[str, str]
    """Organisation, by reference → why nothing of the federation is on its server."""
    report: verify.Report

    @property
    def exit_code(self) -> int:
        """That of the member of which most is amiss, or of the federation."""
        own = errors.DONE if self.report.good else errors.FOUND
        return max(errors.HALF_WAY if self.left_out else own, *(one.outcome.exit_code for one in self.runs.values()))


def bring_up(federation: networks.Federation, reporter: progress.Progress) -> Outcome:
    """Bring up all of a twin, or mend it; what is as it should be is left alone."""
    regions = [federation.member(slug) for slug in federation.definition.members]
    runs = {one.name: up.Run(one, up.Options(all_steps=True), reporter.about(one.name)) for one in regions}
    with _locked(federation, regions, "up", reporter), contextlib.ExitStack() as begun:
        with reporter.phase("federate") as say:
            root = _consented(federation, regions, say)
        for run in runs.values():
            begun.enter_context(run.begun())
        with reporter.phase("federate") as say:
            servers.connect(federation, regions, say)
            known, left_out = _federate(federation, root, runs, say)
        for run in runs.values():
            run.finish()
        with reporter.phase("acceptance") as say:
            report = _verified(known, {slug: (run.network, run.remotes) for slug, run in runs.items()}, left_out, say)
    return Outcome(runs, left_out, report)


def destroy(federation: networks.Federation, reporter: progress.Progress) -> None:
    """Take a twin down with the sandboxes of its members, as far as they are there."""
    made = [slug for slug in federation.definition.members if vault.folder_of(slug).exists()]
    regions = [federation.member(slug) for slug in made]
    with _locked(federation, regions, "destroy", reporter):
        with reporter.phase("servers") as say:
            if between.remove(federation.name):
                say("the network between its regions is removed")
        for one in regions:
            teardown.destroy(one, reporter.about(one.name))
        shutil.rmtree(federation.vault.folder)


def verify_federation(federation: networks.Federation, reporter: progress.Progress) -> verify.Report:
    """Have the stations that this operator reaches call their peers of it, and compute with everybody.

    Changes nothing.
    """
    regions = federation.operated
    with contextlib.ExitStack() as opened, reporter.phase("verify") as say:
        reached = {slug: (one, opened.enter_context(one.remotes())) for slug, one in regions.items()}
        return _verified(federation, reached, {}, say)


@contextlib.contextmanager
def _locked(
    federation: networks.Federation, regions: Sequence[networks.Network], purpose: str, reporter: progress.Progress
) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for one in (federation, *sorted(regions, key=lambda one: one.name)):
            lock = held.enter_context(one.vault.lock(purpose))
            if lock.taken_over:
                reporter.say(lock.taken_over)
        yield


def _consented(federation: networks.Federation, regions: Sequence[networks.Network], say: progress.Say) -> str:
    """Have the root holders of each member say yes, which the `up` of that member publishes; returns whose root it is.

    It comes first, so that what a member publishes first says so already.
    """
    root = steps.found(federation)
    for region in regions:
        organisations = tuple(sorted(federation.definition.members[region.name].organisations))
        with region.vault.coordinating("up"):
            steps.found(region)
            new = federating.consent(region, federation.name, whole.Consent(root=root, organisations=organisations))
        if new:
            say(f"{region.name}: its root holders say yes to {federation.name}")
    return root


def _federate(
    federation: networks.Federation, root: str, runs: Mapping[str, up.Run], say: progress.Say
) -> tuple[networks.Federation, dict[str, str]]:
    """Take the steps of its coordinator and of every operator.

    Returns it as it is known then, with the roots of its members, and who could not accept it.
    """
    known = federation.again()
    with known.vault.coordinating("up"):
        federating.publish(known, say)
    published, left_out = federations.read(known, root), dict[str, str]()
    for slug, run in runs.items():
        one = federations.look(known, published, run.network, run.remotes, run.reached())
        failed = hand_over.accept(known, run.remotes, one.found, one.found.waiting)
        if accepted := one.found.waiting.keys() - failed.keys():
            say(f"{slug}: accepted on {len(accepted)} servers")
        left_out |= {names.reference(slug, organisation): why for organisation, why in failed.items()}
    return known, left_out


Reached = Mapping[str, tuple[networks.Network, remote.Remotes]]
"""Member → its regional network, and how its servers are reached."""


def _verified(
    federation: networks.Federation, reached: Reached, left_out: Mapping[str, str], say: progress.Say
) -> verify.Report:
    """What the stations of all regions do with each other."""
    answers, unreachable, views = dict[str, remote.Answer](), dict(left_out), dict[str, acceptance.Accepted]()
    published = federations.read(federation)
    for slug, (region, remotes) in reached.items():
        own = [one for one in federation.definition.members[slug].organisations if one in remotes.servers]
        away = remotes.probe()
        unreachable |= {names.reference(slug, one): away[one] for one in own if one in away}
        there = [one for one in own if names.reference(slug, one) not in unreachable]
        found = federations.look(federation, published, region, remotes, there).found
        refused = found.refused | {
            one: "its operator accepted nothing of it" for one in there if one not in found.views
        }
        unreachable |= {names.reference(slug, one): why for one, why in refused.items()}
        views |= {names.reference(slug, one): view for one, view in found.views.items()}
        asked = remotes.ask_all(found.views, *verify.LINKS)
        answers |= {names.reference(slug, one): answer for one, answer in asked.items()}
    agreed = agreement.Agreed(views, published)
    links = verify.links(federation, answers, unreachable, agreed)
    checks = [verify.Verdict("check", one, "reachable", why) for one, why in unreachable.items()]
    say(verify.links_in_words(links))

    def at(reference: str) -> tuple[remote.Remotes, str]:
        slug, organisation = names.home(federation.name, reference)
        return reached[slug][1], organisation

    able = [one for one, answer in answers.items() if isinstance(answer, remote.Done)]
    session, verdict = verify.sessions(federation, able, at)
    say(verify.session_in_words(session, verdict))
    return verify.Report((*checks, *links, verdict), session, agreed.digests())
