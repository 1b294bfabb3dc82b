"""Relays that hold back what they pass on: a round-trip time where the kernel has no `tc netem`.

`python -m tests.benchmarks.wires.relay 0.005 7001:8001 …` listens on 7001 and passes to 8001, each byte 5 ms later in
each direction, and to connect takes 10 ms. Bandwidth is not limited.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections import deque


async def serve(delay: float, ports: dict[int, int]) -> None:
    """Relay for ever."""
    for own, target in ports.items():
        await asyncio.start_server(functools.partial(_relay, target=target, delay=delay), "127.0.0.1", own)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, target: int, delay: float) -> None:
    await asyncio.sleep(delay)
    there, back = await asyncio.open_connection("127.0.0.1", target)
    await asyncio.gather(_pass(reader, back, delay, after=delay), _pass(there, writer, delay, after=0.0))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, after: float) -> None:
    await asyncio.sleep(after)
    loop = asyncio.get_running_loop()
    held: deque[bytes] = deque()

    def release() -> None:
        data = held.popleft()
        if data:
            writer.write(data)
        else:
            writer.close()

    while True:
        try:
            data = await reader.read(256 * 1024)
        except ConnectionError:
            data = b""
        held.append(data)
        # Timers of the same delay fire in the order in which they were set.
        loop.call_later(delay, release)
        if not data:
            return


if __name__ == "__main__":
    pairs = (text.split(":") for text in sys.argv[2:])
    asyncio.run(serve(float(sys.argv[1]), {int(own): int(target) for own, target in pairs}))
