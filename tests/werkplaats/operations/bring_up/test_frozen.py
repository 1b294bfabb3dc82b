"""A publication of which nobody said lately that it is the newest: whoever looks still sees, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from base import errors
from publication import publication
from tests.harness.coordinator import Coordinator
from tests.publication import publications
from tests.publication.published import RELEASES
from werkplaats import cli
from werkplaats.operations import progress
from werkplaats.operations.bring_up import up
from werkplaats.operations.coordinator import ledger
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import networks, places
from werkplaats.operations.look import status


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> networks.Network:
    """A network of which this operator read the publication while it was good, and the root by its fingerprint."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    (tmp_path / "inventories" / "proeftuin").mkdir(parents=True)
    (tmp_path / "inventories" / "proeftuin" / "servers.yml").write_text("{}\n")
    network = networks.find("proeftuin")
    network.vault.make_passphrase()
    own = Coordinator(network.definition, network.vault, ledger.Records(network.inventory))
    own.approve("ggd")
    network.publication.parent.mkdir(parents=True)
    made = publishing.publish(network.publication, network.definition, RELEASES, own.authority)
    publication.read(network.publication, network.name, network.trusted, root=made.root)
    gone = publications.expired(publications.gathered(network.publication), own.roles.online())
    publications.put(network.publication, gone)
    return network


def test_verify_says_so_and_goes_on(frozen: networks.Network) -> None:
    report = up.verify_network(frozen, progress.Progress(quiet=True))
    first, *others = [verdict.reason for verdict in report.faults()]
    assert "timestamp was good until" in first
    assert "stations work on" in first
    assert others == ["no server is reached that could propose a session"]


def test_status_says_so_and_shows_what_was_said_last(
    frozen: networks.Network, capsys: pytest.CaptureFixture[str]
) -> None:
    found = status.certificates(frozen)
    assert found.days.keys() == {"ggd"}
    assert "timestamp was good until" in found.wrong
    assert cli.main(["status", "proeftuin"]) == errors.FOUND
    assert "no change is made by the publication: " in capsys.readouterr().err


def test_nothing_is_accepted_of_it(frozen: networks.Network, capsys: pytest.CaptureFixture[str]) -> None:
    before = frozen.trusted.read_bytes()
    assert cli.main(["accept", "proeftuin", "--yes"]) == errors.REFUSED
    assert "timestamp was good until" in capsys.readouterr().err
    assert frozen.trusted.read_bytes() == before


def test_who_publishes_makes_it_good_again(frozen: networks.Network, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trust", "publish", "proeftuin"]) == errors.DONE, capsys.readouterr().err
    assert status.certificates(frozen).wrong == ""
