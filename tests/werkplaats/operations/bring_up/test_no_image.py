"""Looking never builds an image: `plan` says who makes it, `verify` needs none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.bring_up import planning, up
from werkplaats.operations.home import networks, places


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> networks.Network:
    """A network of whose servers this operator runs none yet, on a machine where no image was made."""

    def build(*_: object) -> None:
        raise AssertionError("an image is built")

    monkeypatch.setattr(images, "current", lambda: None)
    monkeypatch.setattr(images, "ensure", build)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    (tmp_path / "inventories" / "proeftuin").mkdir(parents=True)
    (tmp_path / "inventories" / "proeftuin" / "servers.yml").write_text("{}\n")
    return networks.find("proeftuin")


def test_verify_needs_none(network: networks.Network) -> None:
    report = up.verify_network(network, progress.Progress(quiet=True))
    assert [verdict.reason for verdict in report.faults()] == ["no server is reached that could propose a session"]


@pytest.mark.slow
def test_a_plan_says_who_makes_it(network: networks.Network) -> None:
    told = io.StringIO()
    plan = planning.plan(network, (), progress.Progress(told))
    assert "the station image is not made on this machine yet: werkplaats up proeftuin makes it" in told.getvalue()
    assert plan.left_out == {}
