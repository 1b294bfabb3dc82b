"""What only looks: the list, the prose, the diagnosis."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from base import errors, files
from runbooks.drills import training
from runbooks.framework import diagnosis, found, looking, record
from werkplaats.operations import progress
from werkplaats.verbs import common, named


def every(given: argparse.Namespace) -> int:
    """Name all incidents."""
    if given.json:
        rows = [
            {"name": one.name, "group": one.group, "title": one.title, "about": one.about,
             "interrupts": one.interrupts, "loses": one.loses}
            for one in found.every()
        ]  # fmt: skip
        common.print_json(rows)
        return errors.DONE
    group = ""
    for one in sorted(found.every(), key=lambda each: (each.group, each.name)):
        if one.group != group:
            group = one.group
            print(f"{group}:")
        print(f"  {one.name:<28} {one.title}; {one.costs}")
    return errors.DONE


def show(given: argparse.Namespace) -> int:
    """Print the prose of one."""
    print(found.find(given.name).prose("nl" if given.nl else "en"), end="")
    return errors.DONE


def diagnose(given: argparse.Namespace) -> int:
    """Look, and name what fits."""
    network = named.find(given)
    reporter = progress.Progress(quiet=given.json)
    with network.remotes() as remotes:
        what = looking.look(network, remotes, found.every(), reporter.say)
    if given.keep:
        files.write_atomically(given.keep, what.json_text().encode(), mode=0o600)
    causes = diagnosis.diagnose(what, found.every())
    if network.made_here:  # a drill may go on, which times it
        training.looked(network.vault.folder / record.FOLDER, network.name, causes)
    if given.json:
        common.print_json({"network": network.name, "at": what.at, "found": [one.document() for one in causes]})
    else:
        print("\n".join(lines(network.name, causes)))
    return errors.FOUND if causes else errors.DONE


def lines(network: str, causes: Iterable[diagnosis.Found]) -> Iterable[str]:
    """For people."""
    causes = list(causes)
    if not causes:
        yield f"{network}: nothing is wrong that a runbook knows of"
        return
    yield f"{network}: {len(causes)} incident{'s fit' if len(causes) > 1 else ' fits'}, the likeliest first"
    for one in causes:
        yield ""
        yield f"{one.incident.name} of {one.fit.subject}: {one.incident.title} ({one.fit.score} of 100)"
        yield from (f"  seen: {line}" for line in one.fit.evidence)
        yield from (f"  explains: {line}" for line in one.consequences)
        yield f"  its runbook {one.incident.costs}"
        if one.first:
            yield f"  first try {one.first}, which loses nothing"
        target = one.fit.subject.replace(" → ", ":")
        about = "" if one.incident.about == "network" else f" --target {target}"
        yield f"  read: werkplaats incident show {one.incident.name}"
        yield f"  steps: werkplaats incident run {network} {one.incident.name}{about}"
