"""A station that stands still in one phase of each session, so that a test can hurt it there.

Which phase it is follows from the session: `rounds` of an acceptance is the place of a phase in PHASES, from 1 on. It
lives on: its agent answers, and its computer gives signs of life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

PHASES = ("agreeing", "channels", "gathering", "handing over", "computing", "opening", "finishing", "results")
_now: ContextVar[str] = ContextVar("phase in which the session of this task stands still", default="")


def stood(log: str) -> set[str]:
    """The phases in which a station stands still, by what its parts wrote."""
    return {phase for phase in PHASES if f"stands still: {phase}\n" in log}


async def _reached(phase: str) -> None:
    if _now.get() == phase:
        print(f"stands still: {phase}", flush=True)
        await asyncio.sleep(3600)


def _before(owner: Any, name: str, phase: str) -> None:
    """Have a coroutine function stand still before it does anything."""
    work = getattr(owner, name)

    async def held(*arguments: Any, **named: Any) -> Any:
        await _reached(phase)
        return await work(*arguments, **named)

    setattr(owner, name, held)


def _told_by(owner: Any, name: str, plan: Callable[..., Any]) -> None:
    """Have a function, before it does anything, note the phase of the session that its arguments are about."""
    work = getattr(owner, name)

    def telling(*arguments: Any, **named: Any) -> Any:
        _now.set(PHASES[plan(*arguments)["rounds"] - 1])
        return work(*arguments, **named)

    setattr(owner, name, telling)


def agent() -> None:
    """Stand still in what the agent does."""
    from station_image.runtime.session import delivery, handover, intake, session, sessions
    from station_image.runtime.wire import connection

    _told_by(sessions.Sessions, "_reserve", lambda _, proposed, __: proposed.parameters)
    _told_by(session.Session, "_compute", lambda one: one.plan.parameters)
    send = connection.Connection.send

    async def answered(self: Any, header: Any, *rest: Any, **named: Any) -> None:
        if isinstance(header.get("answer"), dict):
            await _reached("agreeing")
        await send(self, header, *rest, **named)

    connection.Connection.send = answered  # type: ignore[method-assign]
    _before(intake.Intake, "next", "gathering")
    _before(handover.ComputerLink, "deposit", "handing over")
    _before(session.Session, "_channel", "channels")
    _before(handover.ComputerLink, "remembered", "opening")
    _before(delivery.Delivery, "to_all", "results")


def computer() -> None:
    """Stand still in what the computer does."""
    from station_image.runtime.mpc import agreement, mesh, session

    _told_by(session, "_session", lambda _, plan, *__: plan["parameters"])
    _before(agreement, "confirm", "computing")
    finish = mesh.Mesh.finish

    async def finished(self: Any) -> None:
        await self.first(_reached("finishing"))  # as whatever a computer waits for
        await finish(self)

    mesh.Mesh.finish = finished  # type: ignore[method-assign]
