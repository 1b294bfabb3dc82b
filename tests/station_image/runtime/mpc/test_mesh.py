"""Who leaves a session says because of whom, and is heard, whatever is on its way to it."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time

import pytest

from station_image.runtime.data.seal import KEY, NONCE, Channel
from station_image.runtime.mpc import exchanger, mesh
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


class Standing:
    """An agent that says nothing any more."""

    def __init__(self) -> None:
        self.heard = time.monotonic()


def test_a_party_whose_agent_stands_still_leaves_and_is_named_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its computer lives and gives its beats, and what it waits for never comes."""
    monkeypatch.setattr(mesh, "AGENT_SILENCE", 0.3)

    async def run() -> PartyLostError:
        one, other = await two()
        one.start(lambda: None, Standing())
        own = await ended(one)
        assert (own.root, str(own)) == (0, "its agent gave no sign of life for 0.3 s")
        await one.leave(own)
        return await ended(other)

    error = asyncio.run(run())
    assert (error.root, str(error)) == (0, "it left: its agent gave no sign of life for 0.3 s")


LIAR = 2


async def three() -> list[Mesh]:
    """Three parties, connected."""
    loop = asyncio.get_running_loop()
    meshes = [Mesh(number, 3, loop) for number in range(3)]
    for one, other in itertools.combinations(meshes, 2):
        forth, back = (os.urandom(KEY + NONCE) for _ in range(2))
        near, far = socket.socketpair()
        await one.attach(other.number, near, Channel(forth, back))
        await other.attach(one.number, far, Channel(back, forth))
    return meshes


async def ended(mesh: Mesh) -> PartyLostError:
    """Why the session failed for one of them."""
    async with asyncio.timeout(10):
        await asyncio.wait({mesh.failed})
    error = mesh.failed.exception()
    assert isinstance(error, PartyLostError)
    return error


def end(mesh: Mesh) -> None:
    """As when its process ends."""
    for peer in mesh._peers.values():
        peer._raw.shutdown(socket.SHUT_RDWR)


def test_a_liar_that_leaves_has_no_honest_party_name_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells each of two others that it leaves because of the other one.

    The gain: both name an honest organisation in a report that they sign, and with the liar's own that is most of them.
    """
    monkeypatch.setattr(mesh, "HEARSAY", 0.1)

    async def run() -> list[PartyLostError]:
        meshes = await three()
        for mine, accused in ((0, 1), (1, 0)):
            meshes[LIAR]._peers[mine].write(exchanger.LEAVE, accused, b"it sent keys that do not belong to its number")
        return [await ended(one) for one in meshes[:LIAR]]

    errors = asyncio.run(run())
    assert [(one.root, one.told_by, one.about) for one in errors] == [(None, LIAR, 1), (None, LIAR, 0)]


def test_who_leaves_because_of_another_is_not_named_and_the_other_is_once_it_is_seen_here_too() -> None:
    async def run() -> PartyLostError:
        meshes = await three()
        await meshes[1].leave(PartyLostError(LIAR, "its connection broke"))
        end(meshes[1])
        left = meshes[0]._peers[1]._transport
        async with asyncio.timeout(5):
            while left is not None and not left.is_closing():
                await asyncio.sleep(0)
        assert not meshes[0].failed.done(), "it heard that one left, and sees nothing itself yet"
        end(meshes[LIAR])
        return await ended(meshes[0])

    error = asyncio.run(run())
    assert (error.root, str(error), error.told_by) == (LIAR, "its connection was closed", None)


def test_two_that_leave_because_of_each_other_are_both_told_of_and_neither_is_named() -> None:
    async def run() -> PartyLostError:
        meshes = await three()
        await meshes[1].leave(PartyLostError(LIAR, "its connection broke"))
        await meshes[LIAR].leave(PartyLostError(1, "its connection was closed"))
        return await ended(meshes[0])

    error = asyncio.run(run())
    assert (error.root, error.told_by, error.about) == (None, LIAR, 1)


def test_two_that_leave_at_once_wait_for_nothing_more_than_each_other() -> None:
    async def run() -> None:
        one, other = await two()
        lost = PartyLostError(None, "a product is not what it says")
        async with asyncio.timeout(5):
            await asyncio.gather(one.leave(lost), other.leave(lost))
        assert all(peer.over for party in (one, other) for peer in party._peers.values())
        for party in (one, other):
            with pytest.raises(PartyLostError, match="a product is not what it says"):
                party.failed.result()

    asyncio.run(run())
