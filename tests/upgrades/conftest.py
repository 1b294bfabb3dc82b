"""The network `hoger`, on the older of two releases; what of it is looked at before and after it moved."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import sandboxes
from tests.station_image.builder import releases
from tests.station_image.builder.releases import NEWER, OLDER

ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")
_IMAGES = "docker inspect --format {{.Image}} station-agent station-computer"
_KEPT = "cd /var/lib/werkplaats && find allowances data state/*.key -type f | sort | xargs sha256sum"
_GROWS = "/var/lib/werkplaats/register/register.jsonl"
_OPENED = "/var/lib/werkplaats/state/runs.json"


@dataclasses.dataclass(frozen=True)
class Keeps:
    """What one station keeps: files that stay byte for byte, its register, and what was opened."""

    files: str
    register: str
    opened: str


@dataclasses.dataclass(frozen=True)
class Moving:
    """The network and what is asked of it."""

    network: sandboxes.Sandbox

    @property
    def images(self) -> dict[str, set[str]]:
        """Organisation → the images that its containers are made from."""
        return {one: {*self.network.on(one, "sh", "-c", _IMAGES).stdout.split()} for one in ORGANISATIONS}

    def step(self, step: str, *options: str, expect: int | None = 0) -> dict[str, Any]:
        """What a step of `upgrade` told."""
        told: dict[str, Any] = json.loads(self.network.run(f"upgrade {step}", "--json", *options, expect=expect).stdout)
        return told

    def begun(self, *words: str) -> subprocess.Popen[str]:
        """A step of `upgrade` that goes on; it says lines of what it does."""
        step, *options = words
        return self.network.start("upgrade", step, self.network.name, *options, "--yes")

    def until(self, process: subprocess.Popen[str], said: str) -> None:
        """Wait until it says this."""
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if said in line:
                return
        pytest.fail(f"it never said {said!r}: {''.join(lines)}")

    def defined(self, release: str, earlier: str = "") -> None:
        """Have the definition name a release, and the one that stations come from; all operators say yes."""
        define(self.network, release, earlier)

    @property
    def keeps(self) -> dict[str, Keeps]:
        """What every station keeps."""
        on = self.network.on
        return {
            one: Keeps(on(one, "sh", "-c", _KEPT).stdout, on(one, "cat", _GROWS).stdout, on(one, "cat", _OPENED).stdout)
            for one in ORGANISATIONS
        }

    def good(self) -> None:
        """Everything is as it should be, and a session with everybody works; else the test fails."""
        told = json.loads(self.network.run("verify", "--json").stdout)
        assert all(one["good"] for one in told["verdicts"]), told


def define(network: sandboxes.Sandbox, release: str, earlier: str = "", until: str = "2099-12-31") -> None:
    """Have the definition of a network name a release, and the one that stations come from."""
    lines = network.definition.read_text().split("\n")
    kept = [line for line in lines if not line.startswith(("release:", "upgrading_"))]
    said = [f"release: {release}"]
    if earlier:
        said += [f"upgrading_from: {earlier}", f"upgrading_until: {until}"]
    at = next(number for number, line in enumerate(kept) if line.startswith("technique:"))
    network.definition.write_text("\n".join([*kept[: at + 1], *said, *kept[at + 1 :]]))


def on(version: str) -> dict[str, set[str]]:
    """The images of a network that runs a release."""
    return {one: {releases.built(version).image_id} for one in ORGANISATIONS}


def killed(process: subprocess.Popen[str]) -> None:
    """Kill a command with all that it started, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@contextlib.contextmanager
def held(process: subprocess.Popen[str]) -> Iterator[None]:
    """Have a command, with all that it started, go no step further meanwhile."""
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGCONT)


@pytest.fixture(scope="package")
def hoger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    """A network on the older release that may move to the newer one: a question was asked in it, and nothing moved."""
    for version in (OLDER, NEWER):
        releases.place(releases.built(version))
    definition = sandboxes.DEFINITION.replace("release: dev", f"release: {OLDER}")
    made = Moving(sandboxes.sandbox(tmp_path_factory.mktemp("hoger"), "hoger", definition))
    releases.describe(made.network.home)
    try:
        made.network.up()
        made.network.run("rehearse")
        yield made
    finally:
        made.network.run("destroy", "--yes", expect=None)
