"""The README's `make demo` does what the README says: the Makefile's own recipe, on networks of their own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs import documents
from tests.harness import sandboxes

pytestmark = pytest.mark.servers


def make_demo(network: sandboxes.Sandbox) -> list[str]:
    """What `make demo` prints at the end, for another network than the demo's."""
    return sandboxes.make("demo", network, f"NETWORK={network.name}")


def shape(line: str, network: str) -> str:
    """A line with what differs from run to run made alike: numbers, changes, phases, the network's name."""
    line = re.sub(rf"(?<![\w.-]){re.escape(network)}(?![\w-])", "NETWORK", line)
    line = re.sub(r"^(changed|time): .*", r"\1: …", line)
    return re.sub(r"[\d.]*\d|…", "…", line)


@pytest.fixture
def lezer(tmp_path: Path) -> Iterator[sandboxes.Sandbox]:
    """A network that is not there yet, and is gone afterwards."""
    made = sandboxes.sandbox(tmp_path, "lezer")
    yield made
    made.run("destroy", "--yes", expect=None)


def test_make_demo_ends_as_the_readme_shows(lezer: sandboxes.Sandbox) -> None:
    printed = {shape(line, lezer.name) for line in make_demo(lezer)}
    shown = [line for line in documents.demo() if not line.startswith("[")]  # lines with a time come in any order
    assert shown
    missing = [line for line in shown if shape(line, "proeftuin.sandbox") not in printed]
    assert not missing, "\n".join(sorted(printed))


def test_make_demo_again_changes_nothing(toets: sandboxes.Sandbox, note: Callable[[str], None]) -> None:
    make_demo(toets)
    began = time.monotonic()
    printed = "\n".join(make_demo(toets))
    assert "changed: servers no changes; configuration 0 tasks; stations no changes" in printed
    assert f"{toets.name}: verified: " in printed
    told = next(line for line in printed.splitlines() if line.startswith("time: "))
    note(f"`make demo` again: {time.monotonic() - began:.1f} s, of which `up` {told.removeprefix('time: ')}")
