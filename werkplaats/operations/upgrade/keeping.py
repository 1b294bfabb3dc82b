"""What a station keeps, over a change of release: brought to the formats of the other one, with a copy of before."""

from __future__ import annotations

from werkplaats.operations.look import station_says
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade.state import Upgrade


def bring(remotes: remote.Remotes, organisation: str, upgrade: Upgrade) -> None:
    """Bring what a station keeps to the formats of the release that it moves to; raises StoppedError."""


def silent(remotes: remote.Remotes, organisation: str) -> str:
    """What is wrong with a station that was just made; "" where it answers and sees its computer."""
    document = station_says.document_of(remotes.ask(organisation, "station", "status", "--json"))
    if not document:
        return station_says.SILENT
    return str(document.get("problem", "")) or ("" if document.get("computer") else "its computer does not run")
