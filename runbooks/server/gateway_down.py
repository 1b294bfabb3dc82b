"""The gateway does not run: no peer reaches this station, and it reaches none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common
from runbooks.framework.incident import Fit
from runbooks.framework.looking import GATEWAY
from runbooks.framework.seen import Seen
from runbooks.framework.steps import Case, Step

TITLE = "Gateway down"
ABOUT = "organisation"
EXPLAINS = ("partition",)
INTERRUPTS = ""
LOSES = ""


def fits(seen: Seen) -> Iterator[Fit]:
    """Where its unit is there and not active."""
    for organisation, server in seen.reached().items():
        unit = server.unit(GATEWAY)
        if unit.runs or unit.active in ("not there", "unknown"):
            continue
        evidence = [f"{GATEWAY} is {unit.active} ({unit.sub}, result {unit.result or 'none'})"]
        if unit.restarts:
            evidence.append(f"systemd started it {unit.restarts} times by itself")
        if unit.enabled not in ("enabled", ""):
            evidence.append(f"it is {unit.enabled}, and would not start at a boot")
        yield Fit(organisation, 95, tuple(evidence))


def steps(case: Case) -> Sequence[Step]:
    """Start it; where it cannot start, have `up` put its files back."""
    del case
    return (
        common.start(GATEWAY, "start the gateway"),
        Step(
            key="loaded",
            words="look whether the gateway has loaded what lies on disk",
            done=lambda case: case.on("gateway-reload", "--check").exited == 0,
            by_hand="`gateway-reload --check` tells what is wrong; `werkplaats up` with `--only` puts its files back",
            patience=30,
        ),
    )
