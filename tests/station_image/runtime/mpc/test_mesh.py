"""Who leaves a session says because of whom, and is heard, whatever is on its way to it."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from station_image.runtime.data.seal import KEY, NONCE, Channel
from station_image.runtime.mpc.mesh import Mesh, PartyLostError

FORTH, BACK = (os.urandom(KEY + NONCE) for _ in range(2))


async def two() -> tuple[Mesh, Mesh]:
    """Parties 0 and 1, connected, of which neither waits for a third."""
    loop, ends = asyncio.get_running_loop(), socket.socketpair()
    one, other = (Mesh(number, 3, loop) for number in (0, 1))
    one._others, other._others = {1}, {0}
    await one.attach(1, ends[0], Channel(FORTH, BACK))
    await other.attach(0, ends[1], Channel(BACK, FORTH))
    return one, other


def test_who_leaves_is_heard_by_one_that_is_about_to_send_and_is_not_named() -> None:
    """Else an honest party that finds a lie first, and ends, is the one that the others name."""

    async def run() -> PartyLostError:
        one, other = await two()
        await one.leave(PartyLostError(None, "a product is not what it says"))
        peer = one._peers[1]
        assert peer._transport is not None
        peer._raw.close()
        peer._transport.get_extra_info("socket")._sock.close()  # at once, as at the end of a process
        other.lines().send(0, b"a share")
        async with asyncio.timeout(5):
            await asyncio.wait({other.failed})
        error = other.failed.exception()
        assert isinstance(error, PartyLostError)
        return error

    error = asyncio.run(run())
    assert (error.root, str(error)) == (None, "a product is not what it says")


def test_two_that_leave_at_once_wait_for_nothing_more_than_each_other() -> None:
    async def run() -> None:
        one, other = await two()
        lost = PartyLostError(None, "a product is not what it says")
        async with asyncio.timeout(5):
            await asyncio.gather(one.leave(lost), other.leave(lost))
        assert all(peer.over for mesh in (one, other) for peer in mesh._peers.values())
        for mesh in (one, other):
            with pytest.raises(PartyLostError, match="a product is not what it says"):
                mesh.failed.result()

    asyncio.run(run())
