"""The clock of a server is minutes off: what is good looks ended or not begun there, and stations refuse each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework.incident import Fit
from runbooks.framework.seen import Seen, Server
from runbooks.framework.steps import Case, Step
from station_image.runtime.consent import plan

TITLE = "Clock off"
ABOUT = "organisation"
EXPLAINS = ("partition",)
INTERRUPTS = ""
LOSES = ""
NEARLY, OFF = 60, plan.CLOCK_SKEW
"""Seconds: from the second on, stations refuse what another signs."""


def fits(seen: Seen) -> Iterator[Fit]:
    """Where it differs from the clock here. Where all differ alike, the one here is the likelier one."""
    apart = {organisation: server.clock for organisation, server in seen.reached().items()}
    alike = len(apart) > 1 and max(apart.values()) - min(apart.values()) < NEARLY
    for organisation, seconds in apart.items():
        if abs(seconds) < NEARLY:
            continue
        off = abs(seconds) > OFF and not alike
        evidence = [f"its clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the one here"]
        if not seen.servers[organisation].synchronised:
            evidence.append("it is synchronised with no time server")
        if alike:
            evidence.append("all servers differ from here by the same: look at the clock of this machine first")
        elif off:
            evidence.append(f"stations refuse what is signed more than {OFF} s from their own time")
        yield Fit(organisation, 96 if off else 60, tuple(evidence), ahead=not off)


def right(server: Server) -> bool:
    """Whether it is near enough."""
    return server.reached and abs(server.clock) < NEARLY


def steps(case: Case) -> Sequence[Step]:
    """The administrator has it follow a time server; no clock is set from here."""
    return (
        Step(
            key="right time",
            words=f"have the clock of {case.subject} be right",
            done=lambda case: right(case.server()),
            by_hand=(
                f"ring the administrator of {case.subject}: `timedatectl timesync-status`, or `chronyc tracking`, "
                "tells which time server it follows, and whether that answers (UDP port 123). Where it is to go back, "
                "end no session for it and set nothing by hand: have the time service do it. Nothing has to be revoked "
                "or made anew. When it is right, run the same command again"
            ),
            patience=5,
        ),
    )
