"""The computer's end of its connection with the agent."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.stations import ROOT

ORPHAN = """
import asyncio, socket
from station_image.runtime.mpc.agent_link import AgentLink

async def run():
    agent, ours = socket.socketpair()
    link = AgentLink(ours)
    if {unread}:
        link.send({{"event": "beat"}})
    agent.close()
    await link.receive()

asyncio.run(run())
"""


@pytest.mark.parametrize("unread", [False, True])
def test_a_session_whose_agent_was_killed_ends_without_a_word_so_that_others_name_its_own_party(unread: bool) -> None:
    command = [sys.executable, "-c", ORPHAN.format(unread=unread)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
