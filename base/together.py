"""One action for several things at once, and whoever interrupts it is heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

LOOK_SECONDS = 0.5
AT_ONCE = 16

One = TypeVar("One")
Found = TypeVar("Found")


def each(action: Callable[[One], Found], things: Iterable[One], at_once: int = AT_ONCE) -> list[Found]:
    """What the action returns for each, in their order; raises what it raised of the first that it raised of.

    Where somebody interrupts, nothing more is begun.
    """
    pool = ThreadPoolExecutor(at_once)
    try:
        tries = [pool.submit(action, one) for one in things]
        hear(tries)
        return [one.result() for one in tries]
    finally:
        pool.shutdown(cancel_futures=True)


def hear(tries: Iterable[Future[Any]]) -> None:
    """Wait until all are done, as `wait` does, but for an interrupt too.

    Python runs the handler of a signal in its main thread, which does not awake for one that came just before it began
    to wait, or that the kernel gave to another thread: Ctrl-C would count once the slowest of all is done.
    """
    while wait(tries, LOOK_SECONDS).not_done:
        pass
