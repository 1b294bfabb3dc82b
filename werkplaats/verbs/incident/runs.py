"""Run a runbook: show its steps, take them, take them back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection

from base import errors
from runbooks.framework import diagnosis, found, looking, record, running, seen
from runbooks.framework.incident import Incident
from runbooks.framework.steps import Case
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote
from werkplaats.verbs import common, named


def run(given: argparse.Namespace) -> int:
    """Do as asked, for the target that was named or found."""
    incident, network = found.find(given.name), named.find(given)
    reason = (given.reason or "").strip()
    if given.execute and not reason:
        raise errors.UsageError("why it is done stands in the record: --reason is missing", 'add --reason "…"')
    if len(reason) > record.LONGEST:
        raise errors.UsageError(
            f"the record keeps {record.LONGEST} characters of a reason, and --reason has {len(reason)}", "shorten it"
        )
    reporter = progress.Progress()
    with network.remotes() as remotes:
        case = _case(network, remotes, incident, given, reporter.say)
        if not given.execute:
            return _dry(incident, case, rollback=given.rollback)
        if given.rollback:
            told = running.rollback(incident, case, reason)
        else:
            told = running.execute(incident, case, reason, _typed)
    print(f"{told.entries[-1].told['outcome']}: {incident.name} of {case.subject}")
    print(f"the record: werkplaats incident report {network.name} {told.id}")
    return errors.DONE


def _case(
    network: networks.Network,
    remotes: remote.Remotes,
    incident: Incident,
    given: argparse.Namespace,
    say: progress.Say,
) -> Case:
    def look() -> seen.Seen:
        return looking.look(network, remotes, found.every(), say)

    def look_at(organisation: str) -> seen.Server:
        return looking.look(network, remotes, found.every(), say, (organisation,)).servers[organisation]

    subject = _subject(network, incident, given.target) if given.target else _fitting(incident, network, look())
    return Case(network, remotes, subject, say, look, look_at)


def _subject(network: networks.Network, incident: Incident, target: str) -> str:
    """What a person named. Raises UsageError."""
    if incident.about == "network":
        raise errors.UsageError(f"{incident.name} is about the whole network", "leave --target out")
    parts = target.split(seen.ARROW) if seen.ARROW in target else target.split(":")
    wanted = 2 if incident.about == "link" else 1
    if len(parts) != wanted:
        raise errors.UsageError(f"--target {target}: {incident.name} is about a {incident.about}", HOW[wanted])
    known = {one.organisation for one in network.servers}
    named.require(network, parts)
    if incident.about == "organisation" and parts[0] not in known:
        raise errors.UsageError(f"the server of {parts[0]} is another operator's", "ask that operator")
    if wanted == 2:
        _require_link(network, parts[0], parts[1], known)
    return seen.ARROW.join(parts)


def _require_link(network: networks.Network, source: str, target: str, known: Collection[str]) -> None:
    """Raise UsageError for what nobody here can look at: no link, or one that another operator's server tries."""
    every = {(one.source, one.target) for one in network.compiled.links}
    ours = sorted(f"{a}:{b}" for a, b in every if a in known)
    there = f"links that can be looked at from here: {', '.join(ours) or 'none'}"
    if (source, target) not in every:
        raise errors.UsageError(f"{network.name} has no link from {source} to {target}", there)
    if source not in known:
        raise errors.UsageError(
            f"the link from {source} to {target} is tried by another operator's server", f"ask that operator; {there}"
        )


HOW = {1: "name one organisation", 2: "name both ends, as in --target ggd:ziekenhuis"}


def _fitting(incident: Incident, network: networks.Network, what: seen.Seen) -> str:
    """What it fits by what is seen. Raises UsageError where that is not one."""
    if incident.about == "network":
        return network.name
    causes = [one for one in diagnosis.diagnose(what, found.every()) if one.incident.name == incident.name]
    if len(causes) == 1:
        return causes[0].fit.subject
    fits = ", ".join(one.fit.subject for one in causes)
    raise errors.UsageError(
        f"{incident.name} fits {f'{len(causes)} targets: {fits}' if causes else 'nothing that is seen now'}",
        "say whom it is about: --target",
    )


def _dry(incident: Incident, case: Case, *, rollback: bool) -> int:
    """Print the steps. Changes nothing."""
    print(f"{incident.name} of {case.subject}: {incident.title}; {incident.costs}")
    steps = incident.steps(case)
    for one in running.planned(case, steps):
        print(one.line())
    again = f"werkplaats incident run {case.network.name} {incident.name}"
    about = "" if incident.about == "network" else f" --target {case.subject.replace(seen.ARROW, ':')}"
    back = " --rollback" if rollback else ""
    what = "take back what was done" if rollback else "take these steps"
    print(f'nothing was changed; to {what}: {again}{about}{back} --execute --reason "…"')
    return errors.DONE


def _typed(question: str) -> str:
    """What a person types. Raises RefusedError where nobody sits at a terminal: no option says yes to this."""
    if not sys.stdin.isatty():
        raise errors.RefusedError(
            f"{question.splitlines()[0]} There is no terminal to ask on, so this step was not taken",
            "run the same command at a terminal",
        )
    return common.typed(question).strip()
