"""The README's `make demo` does what the README says: the Makefile's own recipe, on networks of their own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

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


Shown = tuple[sandboxes.Sandbox, list[str]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The network `lezer`, of which nothing was there before the demo, and what that printed; it is gone afterwards."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("lezer"), "lezer")
    try:
        yield made, make_demo(made)
    finally:
        made.run("destroy", "--yes", expect=None)


def test_make_demo_ends_as_the_readme_shows(shown: Shown) -> None:
    lezer, lines = shown
    printed = {shape(line, lezer.name) for line in lines}
    wanted = [line for line in documents.demo() if not line.startswith("[")]  # lines with a time come in any order
    assert wanted
    missing = [line for line in wanted if shape(line, "proeftuin.sandbox") not in printed]
    assert not missing, "\n".join(sorted(printed))


def test_make_demo_again_changes_nothing(shown: Shown, note: Callable[[str], None]) -> None:
    lezer, _ = shown
    began = time.monotonic()
    printed = "\n".join(make_demo(lezer))
    assert "changed: servers no changes; configuration 0 tasks; stations no changes" in printed
    assert f"{lezer.name}: verified: " in printed
    told = next(line for line in printed.splitlines() if line.startswith("time: "))
    note(f"`make demo` again: {time.monotonic() - began:.1f} s, of which `up` {told.removeprefix('time: ')}")
