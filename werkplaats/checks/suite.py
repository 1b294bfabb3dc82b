"""Run the checks in this process, on servers that are reached already: a verdict for each check of each server.

A check asks ten things of a server, and a login for each would cost more than all answers. So the caller gives a
function per server that runs a command there as root, over a connection that is open.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Generator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
from testinfra import host as testinfra_host
from testinfra.backend import base

from base import together

# A command line for /bin/sh → exit code, standard output, standard error.
Ask = Callable[[str], tuple[int, bytes, bytes]]
# Of pytest, what reads no options of its own suite, shows or keeps something, or belongs to a developer's environment.
_WITHOUT = ("cacheprovider", "terminal", "faulthandler", "logging", "unraisableexception", "threadexception")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One check of one server; `reason` is empty when it is good."""

    organisation: str
    name: str
    reason: str


def run(servers: Mapping[str, Ask], expected: Path) -> list[Verdict]:
    """Run every check on every server (organisation → its root shell).

    `expected`: a JSON file, organisation → host variables. Raises RuntimeError when the suite itself cannot be run.
    """
    chorus = _Chorus(servers)
    plugin = _Plugin({name: functools.partial(chorus.ask, name) for name in servers})
    words = ["-s", "--disable-plugin-autoload", *(word for name in _WITHOUT for word in ("-p", f"no:{name}"))]
    suite = str(Path(__file__).parent)
    try:
        code = pytest.main([*words, "--rootdir", suite, "-c", os.devnull, "--expected", str(expected), suite], [plugin])
    finally:
        chorus.close()
    # pytest calls a suite that it could not collect interrupted as well.
    if code == pytest.ExitCode.INTERRUPTED and not plugin.error:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r} {plugin.error}")
    return plugin.verdicts


class _Chorus:
    """Asks all servers at once what the first of them is asked: their answers are there when their turn comes.

    Checks go through the servers one after another and ask each the same.
    """

    def __init__(self, servers: Mapping[str, Ask]) -> None:
        self._servers = servers
        self._first = next(iter(servers), "")
        self._singers = {name: futures.ThreadPoolExecutor(max_workers=1) for name in servers}
        self._answers: dict[tuple[str, str], futures.Future[tuple[int, bytes, bytes]]] = {}

    def ask(self, server: str, line: str) -> tuple[int, bytes, bytes]:
        """The answer of one server; an answer that came ahead serves once."""
        if (server, line) not in self._answers:
            for name in self._servers if server == self._first else (server,):
                self._answers[name, line] = self._singers[name].submit(self._servers[name], line)
        answer = self._answers.pop((server, line))
        together.hear([answer])
        return answer.result()

    def close(self) -> None:
        """Ask no more."""
        for singer in self._singers.values():
            singer.shutdown(cancel_futures=True)


class _Backend(base.BaseBackend):  # type: ignore[misc]
    """What testinfra asks, asked through the given function."""

    NAME = "root-shell"

    def __init__(self, organisation: str, ask: Ask) -> None:
        super().__init__(organisation)
        self.host = self.parse_hostspec(organisation)
        self._ask = ask
        self._encoding = "utf-8"

    def run(self, command: str, *args: str, **_: Any) -> base.CommandResult:
        line = self.quote(command, *args)
        return self.result(*self._in_order(line))

    def _in_order(self, line: str) -> tuple[int, bytes, bytes, bytes]:
        code, stdout, stderr = self._ask(line)
        return code, line.encode(), stdout, stderr


class _Plugin:
    """Gives each check its servers, and takes down what came of it."""

    def __init__(self, servers: Mapping[str, Ask]) -> None:
        self.verdicts: list[Verdict] = []
        self.error = ""
        self._hosts = [testinfra_host.Host(_Backend(organisation, ask)) for organisation, ask in servers.items()]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "host" in metafunc.fixturenames:
            ids = [host.backend.get_hostname() for host in self._hosts]
            metafunc.parametrize("host", self._hosts, ids=ids, scope="module")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.error = self.error or (report.longreprtext if report.failed else "")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the outcome of the check itself, or of its set-up where that failed."""
        report = yield
        if report.when == "call" or (report.when == "setup" and not report.passed):
            given: dict[str, Any] = dict(item.callspec.params)  # type: ignore[attr-defined]  # every check has a server
            organisation = given.pop("host").backend.get_hostname()
            reason = "" if report.outcome != "failed" else _reason(call)
            self.verdicts.append(Verdict(organisation, _name(item.name, given), reason))
        return report


def _name(name: str, given: Mapping[str, Any]) -> str:
    words = name.partition("[")[0].removeprefix("test_").replace("_", " ")
    about = " ".join(str(getattr(value, "name", value)) for value in given.values())
    return f"{about}: {words}" if about else words


def _reason(call: pytest.CallInfo[None]) -> str:
    text = str(call.excinfo.value) if call.excinfo else "failed"
    return " ".join(text.split("\n")[0].removeprefix("AssertionError: ").split())[:300] or "failed"
