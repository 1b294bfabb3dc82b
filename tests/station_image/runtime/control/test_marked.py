"""What is computed, by whom and on what, is in nothing that monitoring is told, in no status and in no journal."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from on_server.backup import main as backup
from on_server.follow import places
from on_server.incident import look
from on_server.metrics import alerts, looked, table, telling
from tests.station_image.runtime.agreed import ELSEWHERE, MEMBERS, PLANTED, Agreed

AREA = 31
MORE = {"ggd": 711, "gelre": 790, "sensire": 633, "yunio": 823, "huisarts": 877}
"""Cases of one area beside those that are planted, so that each count there is one that nothing else looks like."""
OWN = {member: MORE[member] + PLANTED[AREA][number] for number, member in enumerate(MEMBERS)}
TOTAL = sum(OWN.values())
NAME, WHY = "M.J. van Gemarkeerd", "besproken-in-gemarkeerd-overleg"


AS_LONG = re.compile(r"-- \d+ ms, in \d+ out \d+ bytes|\b\w*(?:seconds|ms)=\d+|127\.0\.0\.1:\d+|\[NOTICE\] +\(\d+\)")


def counts(*numbers: int) -> re.Pattern[str]:
    """Numbers, where they stand alone and are no part of a longer one."""
    return re.compile(rf"(?<![\w.])(?:{'|'.join(map(str, numbers))})(?![\w.])")


def told(agreed: Agreed, member: str, root: Path, patch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the server of a station would tell: to monitoring, to a receiver, to whoever asks for its status."""
    station = agreed[member]
    own = root / member / "etc/werkplaats"
    own.mkdir(parents=True, exist_ok=True)
    if not (own / "networks.d").exists():
        (own / "networks.d").symlink_to(station.root / "networks.d")
    (root / member / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / member / "proc/self/mountinfo").write_text(Path("/proc/self/mountinfo").read_text())
    patch.setattr(look, "CONTROL", str(station.root / "control/agent.sock"))
    samples = looked.samples(places.Paths(root / member), backup.Places(root / member))
    assert {"peer_heard_timestamp_seconds", "network_problem"} <= {one.metric for one in samples}
    said: list[dict[str, Any]] = []
    for later in (0, 7200):
        telling.tell(root / member / "told", samples, station.id, time.time() + later, said.append)
    return {
        "metrics": table.text(samples, station.id),
        "receiver": json.dumps(said),
        "status": json.dumps(station.ask("status")),
        "rules": alerts.rules(),
    }


def journals(agreed: Agreed) -> dict[str, str]:
    """What they wrote, without how long something took and how many bytes it was."""
    written = {f"{one}: {part}": agreed[one].log(part) for one in MEMBERS for part in ("agent", "computer", "gateway")}
    return {where: AS_LONG.sub("", text) for where, text in written.items()}


def test_counts_results_and_the_words_that_were_allowed_are_told_nowhere(
    agreed: Agreed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for member, more in MORE.items():
        agreed.put(member, agreed.cases(member, more * [AREA]))
    agreed.everywhere(purpose=WHY)
    answer = agreed.ask()
    assert "result" in answer, str(answer)[-900:]
    assert agreed.opened(answer)[AREA] == TOTAL, "what is looked for has been computed"
    found = {
        f"{one}: {what}": text for one in MEMBERS for what, text in told(agreed, one, tmp_path, monkeypatch).items()
    }
    marked = counts(TOTAL, *OWN.values(), *(agreed.first + area for area in (*PLANTED, *ELSEWHERE)))
    assert marked.search(json.dumps(answer)), "it would be found"
    for where, text in {**found, **journals(agreed)}.items():
        assert not marked.search(text), (where, marked.search(text))
        assert WHY not in text, where


def test_a_value_that_is_none_is_told_nowhere(agreed: Agreed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agreed.put("gelre", agreed.cases("gelre") + f"{NAME}\n")
    answer = agreed.ask()
    assert answer["exit"], answer
    found = {
        f"{one}: {what}": text for one in MEMBERS for what, text in told(agreed, one, tmp_path, monkeypatch).items()
    }
    for where, text in {**found, **journals(agreed)}.items():
        assert NAME not in text, where
