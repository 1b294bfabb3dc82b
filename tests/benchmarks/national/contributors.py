"""Agents of many contributors in one process: `python -m tests.benchmarks.national.contributors SECONDS FOLDER…`.

Each is the agent of a station, of its own folders, key and gateway, and does all that it does without being asked. Only
its own sockets are not served: no contributor of a federation is called. A process of each would take 60 MB and half a
second to begin; and each looks at its files every so many SECONDS here, since on this machine hundreds look.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from station_image.runtime import agent
from station_image.runtime.accepted import networks
from station_image.runtime.base import background
from station_image.runtime.base.folders import Folders
from station_image.runtime.relay import relay
from station_image.runtime.wire import polling
from tests.benchmarks.national import patient


async def keep(folders: list[Path]) -> None:
    """Be the agents of these stations until the process ends."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(background.blame_context)
    # They count and share out one after the other, so that others of them are heard meanwhile.
    loop.set_default_executor(ThreadPoolExecutor(1))
    for folder in folders:
        one = agent.assemble(Folders(folder))
        for part in (one.networks, one.polling, one.desk.wayback, one.relay):
            background.start(part.keep())
        await asyncio.sleep(0)
    await asyncio.Event().wait()


def main() -> None:
    """Keep the agents of the folders that are named."""
    seconds, *folders = sys.argv[1:]
    with (
        patient.patience(),
        mock.patch.object(networks, "LOOK_EVERY", float(seconds)),
        mock.patch.object(polling, "LOOK_EVERY", float(seconds)),
        mock.patch.object(relay, "CHANGE_EVERY", float(seconds)),
    ):
        asyncio.run(keep([Path(name) for name in folders]))


if __name__ == "__main__":
    main()
