"""One set of servers, made once, serves every test that needs a whole network: `toets`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from tests.harness import leftovers, notes, sandboxes

# None is judged by its time. Where a change is judged they are the same at every run, at a desk others each time.
hypothesis.settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
hypothesis.settings.load_profile("unhurried")


def pytest_report_header() -> str:
    return notes.cgroups()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where servers are asked for: those of a run that was cut off hold the names of their networks."""
    if not session.config.option.collectonly and any(item.get_closest_marker("servers") for item in session.items):
        notes.of(session.config).extend(f"left by a run that was cut off: {name}" for name in leftovers.removed())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With `-q` pytest shows neither the header nor what tests print: `make test` shows it here."""
    if told := notes.of(config):
        terminalreporter.section("measured and seen")
        for line in (notes.cgroups(), *told):
            terminalreporter.write_line(line)


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell a line at the end of the run."""
    return notes.of(request.config).append


@pytest.fixture(scope="session", autouse=True)
def _sockets_of_ssh() -> Iterator[None]:
    """ssh's sockets lie in a folder of the tests, and not beside the keys of whoever runs them."""
    with (
        tempfile.TemporaryDirectory(prefix="w", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_power_is_lost() -> Iterator[None]:
    """What tests write need not have reached the disk: a process that is killed takes nothing of it along."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # refuses what is no open file as the other does
        yield


@pytest.fixture(scope="session")
def toets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The network `toets.sandbox`, up and verified; destroyed at the end."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("toets"), "toets")
    made.up()
    yield made
    made.run("destroy", "--yes", expect=None)
