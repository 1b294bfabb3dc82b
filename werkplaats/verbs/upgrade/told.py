"""What people and programs are told of an upgrade: where it is, what it would do, and why it is not begun."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.upgrade import begin, machine
from werkplaats.operations.upgrade.state import Step, Upgrade
from werkplaats.verbs import common


def lines(upgrade: Upgrade, runs: Mapping[str, str], away: Mapping[str, str]) -> list[str]:
    """Where an upgrade is, for people; `runs` (organisation → image) and `away` are of the servers that were asked."""
    which = f"upgrade {upgrade.number} {'back to' if upgrade.back else 'to'} {upgrade.goal}"
    found = [f"{upgrade.network}: {which}: {upgrade.phase}, since {upgrade.changed}"]
    for number, wave in enumerate(upgrade.waves, 1):
        for one in wave:
            at = upgrade.stations[one]
            there = "cannot be reached" if one in away else "moved" if _is_there(upgrade, one, runs) else at.step
            took = f", {at.seconds:.1f} s" if at.seconds is not None and there == "moved" else ""
            found.append(f"  wave {number:<3} {one:<24} {there}{took}")
    found.append(f"  sessions over old and new came out right up to wave {upgrade.tried}")
    if upgrade.failure:
        found.append(f"stopped: {upgrade.failure.line(upgrade.network)}")
    if not upgrade.phase.over:
        found.append(f"next: {machine.ways_on(upgrade)}")
    return found


def _is_there(upgrade: Upgrade, organisation: str, runs: Mapping[str, str]) -> bool:
    """By what its server runs, where that was looked at; else by what is kept."""
    if upgrade.to and organisation in runs:
        return runs[organisation] == upgrade.to.image_id
    return upgrade.stations[organisation].step is Step.MOVED


def document(upgrade: Upgrade | None) -> dict[str, Any] | None:
    """An upgrade, for programs."""
    if upgrade is None:
        return None
    remedy = upgrade.failure.remedy(upgrade.network) if upgrade.failure else ""
    return {**upgrade.model_dump(mode="json"), "remedy": remedy}


def show_plan(given: argparse.Namespace, planned: begin.Planned) -> int:
    """Show what would be done, or why it is not; returns the exit code."""
    upgrade = planned.upgrade
    failures = [one.line(upgrade.network) for one in planned.failures]
    if given.json:
        common.print_json({
            "upgrade": document(upgrade),
            "seconds": [round(one, 1) for one in planned.seconds],
            "brings": planned.brings,
            "failures": [one.model_dump(mode="json") for one in planned.failures],
        })  # fmt: skip
    else:
        print_plan(planned)
        for line in failures:
            print(f"refused: {line}")
        if failures:
            print("nothing was changed")
    return errors.REFUSED if failures else errors.DONE


def print_plan(planned: begin.Planned) -> None:
    """Show the waves of an upgrade, for people."""
    upgrade = planned.upgrade
    earlier = f" from {upgrade.earlier.release}" if upgrade.earlier else ""
    first = len(upgrade.waves) - len(
        planned.seconds
    )  # those before it moved already, in the upgrade that it goes on with
    moving = upgrade.waves[first:]
    what = "stations move" if upgrade.to else "servers move"
    print(f"{upgrade.network}: {sum(map(len, moving))} {what}{earlier} to {upgrade.goal}")
    for number, (wave, seconds) in enumerate(zip(moving, planned.seconds, strict=True), first + 1):
        print(f"  wave {number:<3} about {seconds:4.0f} s: {', '.join(wave)}")
    for organisation, brings in planned.brings.items():
        for one in brings:
            print(f"  {organisation}: {one}")


def ended(given: argparse.Namespace, upgrade: Upgrade, reporter: progress.Progress | None) -> int:
    """Show how an upgrade ended; returns the exit code."""
    seconds = round(reporter.seconds, 1) if reporter else 0.0
    if given.json:
        common.print_json({"upgrade": document(upgrade), "seconds": seconds})
    elif not upgrade.stations:
        everybody = "every station has" if upgrade.to else "no server lacks"
        print(f"{upgrade.network}: {everybody} {upgrade.goal}; nothing to do")
    else:
        for line in lines(upgrade, {}, {}):
            print(line)
    return errors.DONE if upgrade.phase.over else errors.HALF_WAY
