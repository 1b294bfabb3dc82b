"""A pytest plugin: one JSON line a check, with organisation, name and the reason where it failed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note the outcome of the check itself, or of its set-up where that failed."""
    report = yield
    if report.when == "call" or (report.when == "setup" and not report.passed):
        backend = getattr(item, "funcargs", {}).get("host")
        row = {
            "organisation": backend.backend.host.name if backend else "",
            "name": _name(item),
            "reason": "" if report.outcome != "failed" else _reason(call),
        }
        with Path(os.environ["WERKPLAATS_CHECKS_REPORT"]).open("a") as file:
            file.write(json.dumps(row) + "\n")
    return report


def _name(item: pytest.Item) -> str:
    words = item.name.partition("[")[0].removeprefix("test_").replace("_", " ")
    given = (
        {k: v for k, v in item.callspec.params.items() if not k.startswith("_")} if hasattr(item, "callspec") else {}
    )
    about = " ".join(str(getattr(value, "name", value)) for value in given.values())
    return f"{about}: {words}" if about else words


def _reason(call: pytest.CallInfo[None]) -> str:
    text = str(call.excinfo.value) if call.excinfo else "failed"
    return " ".join(text.split("\n")[0].removeprefix("AssertionError: ").split())[:300] or "failed"
