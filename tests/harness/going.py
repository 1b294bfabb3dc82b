"""Sessions that go on while something is done to a network, and whether anything of its stations was started anew."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from tests.harness import sandboxes

_CONTAINERS = ("station-agent", "station-computer")


class Sessions(threading.Thread):
    """One session after another, as an administrator of `organisation` has them run.

    `good` came to a result, also without who was `left_out`; `failed` is what was said of those that did not, and
    `wrong` what came that is not the sum of what was put in.

    Another organisation than the first: of that `up` has its own run, and each has so many places at once.
    """

    def __init__(self, network: sandboxes.Sandbox, organisation: str) -> None:
        super().__init__()
        self.network, self.organisation = network, organisation
        self.good, self.failed, self.left_out = 0, list[str](), set[str]()
        self.wrong = list[str]()
        self._over = threading.Event()

    @property
    def tried(self) -> int:
        """How many have ended."""
        return self.good + len(self.failed)

    def run(self) -> None:
        while not self._over.is_set():
            done = self.network.on(self.organisation, "station", "session", "--json")
            told = json.loads(done.stdout or "{}")
            if told.get("outcome") == "done":
                self.good += 1
                self.wrong += [done.stdout] * (told["result"]["correct"] is not True)
                self.left_out |= {*told["left_out"]}
            else:
                self.failed.append(told.get("reason") or told.get("error") or done.stdout + done.stderr)

    def until(self, good: int) -> None:
        """Wait until so many came to a result."""
        deadline = time.monotonic() + sandboxes.BACK_SECONDS
        while self.good < good:
            assert time.monotonic() < deadline, self.failed
            time.sleep(0.1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()


def gives_way(network: sandboxes.Sandbox, organisations: Iterable[str]) -> None:
    """Have a session that goes on through all of a story take what processor time the rest leaves.

    It computes as fast as it can, for as long as it is let: everything else would wait for it.
    """
    for one in organisations:
        network.on(one, "sh", "-c", "renice -n 19 -p $(pgrep -f station_image.runtime.computer)")


def started(network: sandboxes.Sandbox, organisations: Iterable[str]) -> dict[str, str]:
    """Organisation → when its containers were started, and since when which process is the gateway's master."""
    found = {}
    for one in organisations:
        shown = network.on(one, "docker", "inspect", "--format", "{{.Name}} {{.State.StartedAt}}", *_CONTAINERS)
        gateway = network.on(one, "systemctl", "show", "--property=MainPID,ActiveEnterTimestamp", "werkplaats-gateway")
        assert shown.returncode == gateway.returncode == 0, (shown, gateway)
        found[one] = shown.stdout + gateway.stdout
    return found
