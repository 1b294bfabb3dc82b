"""The shares that contributors bring to one computing party: whose, which, how long, and when it is over."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.data import shares
from station_image.runtime.session import intake
from station_image.runtime.session.intake import Intake
from tests.station_image.runtime.neighbours import plain_plan, run
from tests.station_image.runtime.views import Small

TAG = "0" * 32 + ".edition"
BODY = shares.pack(range(8))
EVERYBODY = ["n.a", "n.b", "n.c", "n.d"]


class Told:
    """An intake, and what it said."""

    def __init__(self, folder: Path, seconds: float = 5) -> None:
        self.events: list[dict[str, Any]] = []
        agreed = plain_plan(Small.make(folder).networks("n.a").find("n"))
        self.intake = Intake(dataclasses.replace(agreed, intake=seconds), self.say)  # type: ignore[arg-type]

    def say(self, event: str, **facts: Any) -> None:
        self.events.append({"event": event, **facts})

    async def handed_on(self) -> list[tuple[str, str, bytes]]:
        """All that is handed on, until it is over."""
        found = []
        while (came := await self.intake.next()) is not None:
            found.append(came)
        return found


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_it_is_over_as_soon_as_everybody_came_or_declined(told: Told) -> None:
    for number, peer in enumerate(EVERYBODY[:3], 1):
        told.intake.deposit(peer, TAG, BODY)
        assert told.events[-1] == {"event": "intake", "have": number, "of": 4}
    told.intake.decline("n.d", "allowance: none")
    assert run(told.handed_on(), 4) == [(peer, TAG, BODY) for peer in EVERYBODY[:3]]
    assert told.events[-1] == {"event": "contributor", "station": "n.d", "reason": "allowance: none"}
    assert told.intake.editions == dict.fromkeys(EVERYBODY[:3], "edition")


def test_it_is_over_with_its_time_and_who_is_missing_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(tmp_path, seconds=0.01)
    told.intake.deposit("n.a", TAG, BODY)
    told.intake.absent("n.c", "does not answer")
    assert run(told.handed_on()) == [("n.a", TAG, BODY)]
    assert "missing=n.b,n.c,n.d" in capsys.readouterr().out
    assert not told.intake.waits_for("n.b")
    with pytest.raises(RefusedError, match="intake: it is over"):
        told.intake.deposit("n.b", TAG, BODY)


def test_who_is_absent_is_still_waited_for_and_who_declined_or_came_is_not(told: Told) -> None:
    told.intake.absent("n.b", "does not answer")
    told.intake.decline("n.c", "no")
    told.intake.deposit("n.d", TAG, BODY)
    assert [told.intake.waits_for(peer) for peer in (*EVERYBODY, "n.z")] == [True, True, False, False, False]


def test_the_same_submission_may_come_twice_and_another_may_not_follow_it(told: Told) -> None:
    told.intake.deposit("n.a", TAG, BODY)
    told.intake.deposit("n.a", TAG, BODY)
    with pytest.raises(RefusedError, match="shares: a second submission"):
        told.intake.deposit("n.a", "1" * 32 + ".edition", BODY)


@pytest.mark.parametrize(
    ("peer", "tag", "body", "said"),
    [
        ("n.z", TAG, BODY, "contributors: n.z is not one of them"),
        ("n.a", TAG, BODY[:-1], "shares: 95 bytes where 96 belong"),
        ("n.a", TAG, BODY + b"\0", "shares: 97 bytes where 96 belong"),
        ("n.a", "short", BODY, "shares: "),
        ("n.a", "0" * 101, BODY, "shares: "),
        ("n.a", TAG, b"\xff" * 96, "shares: a share outside the field"),
    ],
)
def test_what_does_not_belong_is_refused_and_nothing_of_it_kept(
    told: Told, peer: str, tag: str, body: bytes, said: str
) -> None:
    with pytest.raises(RefusedError, match=said):
        told.intake.deposit(peer, tag, body)
    assert told.events == []

    for one in EVERYBODY:
        told.intake.decline(one, "no")
    assert run(told.handed_on()) == []


def test_so_much_waits_to_be_handed_on_and_who_brings_more_waits(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shares of 625 contributors are more than an agent's memory."""
    monkeypatch.setattr(intake, "WAITING", 2 * len(BODY))

    async def work() -> None:
        for peer in EVERYBODY[:2]:
            await told.intake.room(len(BODY))
            told.intake.deposit(peer, TAG, BODY)
        brings = asyncio.create_task(told.intake.room(len(BODY)))
        await asyncio.sleep(0.01)
        assert not brings.done()
        assert await told.intake.next() == ("n.a", TAG, BODY)
        await brings
        told.intake.deposit("n.c", TAG, BODY)
        brings = asyncio.create_task(told.intake.room(len(BODY)))
        told.intake.end()
        await brings
        with pytest.raises(RefusedError, match="intake: it is over"):
            told.intake.deposit("n.d", TAG, BODY)

    run(work())


def test_one_that_is_larger_than_what_may_wait_is_handed_on_alone(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "WAITING", 1)
    run(told.intake.room(len(BODY)))
    told.intake.deposit("n.a", TAG, BODY)
    assert run(told.intake.next()) == ("n.a", TAG, BODY)
