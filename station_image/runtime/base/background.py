"""Tasks that nobody waits for; asyncio itself keeps only weak references to tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from .journal import note

_tasks: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run `work`; an error in it is noted, with its kind and place but not its text, which may hold values."""
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None:
        blame(error)


def blame_context(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """In place of asyncio's own handler, that would print the text of exceptions."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        blame(error)
    else:
        note("loop-problem", what=context.get("message"))


def blame(error: BaseException) -> None:
    """Note an error that nobody expected: kind and place."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
    note("task-failed", kind=type(error).__name__, place=place)
