"""A server to log in to, for the tests of how servers are reached."""

from __future__ import annotations

import faulthandler
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.werkplaats.operations.reach.test_remote import Sshd, key


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    made = Sshd(key(tmp_path, "host"))
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Where a login failed, tell what the threads of the server did: it has gone unanswered, rarely, for 20 s."""
    report = yield
    if report.failed and call.when == "call" and "sshd" in item.fixturenames:
        with tempfile.TemporaryFile("w+") as dumped:
            faulthandler.dump_traceback(dumped)
            dumped.seek(0)
            report.sections.append(("threads", dumped.read()))
    return report
