"""What of a part is taken back: what a step brought, and nothing that was there before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from on_server.packages import kept, look, main
from on_server.packages.error import PackageError

BROUGHT = {"haproxy": "3.0.12-1"}


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """To which versions the gateway was changed, of a server where newer ones were fetched for it."""
    found: list[dict[str, str]] = []

    def change(_: str, pairs: dict[str, str], *__: Any, **___: Any) -> dict[str, Any]:
        found.append(dict(pairs))
        return {}

    monkeypatch.setattr(look, "FOLDER", tmp_path)
    monkeypatch.setattr(main, "fetch", lambda *_: {})
    monkeypatch.setattr(main, "_change", change)
    (tmp_path / "gateway").mkdir()
    plan = {"before": {"haproxy": "3.0.11-1"}, "after": BROUGHT, "missing": {}, "along": {}, "brought": False}
    (tmp_path / "gateway" / look.PLAN).write_text(json.dumps(plan))
    return found


def test_what_was_fetched_and_not_brought_is_not_taken_back(changed: list[dict[str, str]]) -> None:
    with pytest.raises(PackageError, match=r"brought of gateway is nothing, and haproxy 3\.0\.12-1 is to be taken"):
        main.back("gateway", BROUGHT)
    assert changed == []


@pytest.mark.parametrize("pairs", [{}, {"haproxy": "3.0.13-1"}, BROUGHT | {"libssl3t64": "3.5"}])
def test_what_an_earlier_upgrade_brought_stays(pairs: dict[str, str], changed: list[dict[str, str]]) -> None:
    """Else to take back an upgrade of a library brings a HAProxy with a known fault back to the internet."""
    main.bring("gateway", BROUGHT)
    with pytest.raises(PackageError, match=r"the last that was brought of gateway is haproxy 3\.0\.12-1, and "):
        main.back("gateway", pairs)
    assert changed == [BROUGHT]


def test_what_was_brought_is_taken_back_and_again_where_that_was_cut_off(changed: list[dict[str, str]]) -> None:
    main.bring("gateway", BROUGHT)
    main.bring("gateway", {})  # of services that only run what was replaced
    for _ in range(2):
        main.back("gateway", BROUGHT)
    assert changed == [BROUGHT, {}, {"haproxy": "3.0.11-1"}, {"haproxy": "3.0.11-1"}]
    assert kept.read("gateway") == kept.Plan({"haproxy": "3.0.11-1"}, BROUGHT, {}, {}, brought=True)
