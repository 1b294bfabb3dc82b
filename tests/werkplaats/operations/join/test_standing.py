"""How far a server came, by what is seen of it."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from publication.following import own_keys
from stacks import parts
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.coordinator import ledger
from werkplaats.operations.join import standing
from werkplaats.operations.look import observed

NEWER, OLDER, OTHER = (SimpleNamespace(image_id=f"sha256:{digit * 64}", release=f"1.{digit}.0") for digit in "321")


def running(image: str) -> observed.Observed:
    return observed.Observed({f"station-{one.name}": {"state": "running", "image": image} for one in parts.PARTS})


@pytest.mark.parametrize(
    ("image", "runs", "moves_to"),
    [(NEWER.image_id, True, ""), (OLDER.image_id, True, NEWER.release), (OTHER.image_id, False, "")],
)
def test_while_an_upgrade_goes_on_a_station_of_either_release_runs(
    monkeypatch: pytest.MonkeyPatch, image: str, runs: bool, moves_to: str
) -> None:
    """Else a walk asks each time to bring up what `up` leaves as it is."""
    view = SimpleNamespace(release=NEWER, releases=(NEWER, OLDER))
    found = SimpleNamespace(views={"gelre": view}, publication=None, waiting={}, refused={})
    remotes = SimpleNamespace(probe=dict, ask=lambda *_: SimpleNamespace(exited=0, stdout=""))
    network: Any = SimpleNamespace(name="n", inventory=None, remotes=lambda: contextlib.nullcontext(remotes))
    monkeypatch.setattr(own_keys, "asked", lambda *_: SimpleNamespace(model_dump=lambda **_: {}))
    monkeypatch.setattr(hand_over, "applicable", lambda *_: found)
    monkeypatch.setattr(observed, "observe", lambda *_: ({"gelre": running(image)}, {}))
    monkeypatch.setattr(ledger, "Records", lambda _: SimpleNamespace(read=lambda *_: None))
    stands = standing.look(network, "gelre")
    assert (stands.runs, stands.moves_to) == (runs, moves_to)
