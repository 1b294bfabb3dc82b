"""MPyC's runtime with our options, codec and error handling. Internals of `mpyc==0.11` are touched only here.

MPyC reads its options from `sys.argv`, and there is one runtime per process. The fork server imports it once with one
party (`preload`), each session's process then sets it up anew for its own parties, which takes milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import numpy as np

from ..data import shares
from . import codec
from .mesh import Mesh


def preload() -> None:
    """Import everything heavy, before forking. Leaves no event loop behind that children would share."""
    import gmpy2  # noqa: F401  # for its side effect: MPyC takes it when it is there

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        _with_arguments(1, 0, 0, lambda: __import__("mpyc.runtime"))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def set_up(parties: int, number: int, threshold: int) -> Any:
    """MPyC's runtime for this process. Call inside the running loop."""
    import mpyc.asyncoro
    import mpyc.runtime
    import mpyc.thresha

    mpc = _with_arguments(parties, number, threshold, mpyc.runtime.setup)
    mpyc.runtime.mpc = mpc
    mpyc.runtime.pickle = codec
    mpyc.thresha.np_random_split = split
    if (len(mpc.parties), mpc.pid, mpc.threshold) != (parties, number, threshold):
        raise RuntimeError("MPyC did not take the options that it was given")
    if mpc.SecInt(shares.BIT_LENGTH).field.modulus != shares.FIELD:
        raise RuntimeError("MPyC computes in another field than the plan's")
    return mpc


def split(field: Any, secret: Any, threshold: int, parties: int) -> Any:
    """As `mpyc.thresha.np_random_split`, which asks the system for each coefficient by itself."""
    values = secret.value if isinstance(secret, field.array) else secret
    coefficients = np.array(shares.random(threshold * len(values), field.modulus), dtype=object)
    powers = np.vander(np.array(range(1, parties + 1), dtype=object), threshold + 1, increasing=True)
    return powers @ np.vstack((values.reshape(1, -1), coefficients.reshape(threshold, len(values)))) % field.modulus


def catch_errors(mesh: Mesh) -> None:
    """Let an exception inside an MPyC coroutine end the session. MPyC itself would stop the event loop."""
    import mpyc.asyncoro

    reconcile = mpyc.asyncoro._reconcile

    def reconcile_or_fail(decl: Any, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            reconcile(decl, task)
        else:
            mesh.fail(error)

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            mesh.fail(error)

    mpyc.asyncoro._reconcile = reconcile_or_fail
    mesh.loop.set_exception_handler(handle)


def _with_arguments(parties: int, number: int, threshold: int, action: Any) -> Any:
    options = [f"-M{parties}", f"-I{number}", f"-T{threshold}", f"-L{shares.BIT_LENGTH}", f"-K{shares.SECURITY}"]
    before = sys.argv
    sys.argv = [before[0], *options, "--no-log", "--no-uvloop"]
    try:
        return action()
    finally:
        sys.argv = before
