"""The parts of the follower that meet what others wrote: units without keys or data that answer one question each."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from on_server import disk
from on_server.follow import places, rules

LARGEST_ANSWER = 40 * 1024 * 1024
Ask = Callable[[bytes], bytes]
NO_ANSWER = (rules.RuleError, OSError, ValueError, KeyError, TypeError, AttributeError)
"""What whoever took over a part can have its answer raise."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A unit, the file that it is asked by and the one that it answers in."""

    unit: str
    asked: str
    found: str

    def __call__(self, question: bytes) -> bytes:
        """Have it answer; raises RuleError where it does not."""
        disk.write(Path(self.asked), question)
        done = subprocess.run(["systemctl", "start", self.unit], check=False, capture_output=True, text=True)
        rules.require(done.returncode == 0, f"it did not end well: journalctl --unit {self.unit} says why")
        return places.read(Path(self.found), LARGEST_ANSWER)


READER = Part("werkplaats-follow-read.service", "/run/werkplaats/follow.asked", "/run/werkplaats/follow.found")
FETCHER = Part("werkplaats-follow-fetch.service", "/run/werkplaats/fetch.asked", "/run/werkplaats/fetch.found")


def answers(ask: Ask, asked: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What a part answers of each network that it was asked about, and why it did not; of one there may be nothing."""
    try:
        said = ask(json.dumps({"networks": asked}).encode())
        rules.require(said.isascii(), "it answers in other characters than JSON needs")  # each would cost four bytes
        found = places.document(said)["networks"]
        return {name: found[name] for name in asked if isinstance(found.get(name), dict)}, ""
    except NO_ANSWER as error:
        return {}, str(error)
