"""`station went-back` and `station agree`: the steward's own account says it, to exactly what was read."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from on_server.station_command import going_back
from station_image.runtime.consent import back
from station_image.runtime.consent.back import GoingBack
from tests.on_server.station_command import agents
from tests.on_server.station_command.agents import Agent, done

SAID = GoingBack("n", "n.b", 6, "ab" * 32, 9, "put back from the snapshot of Tuesday", 1_800_000_000)
GONE = {"session": "cd" * 16, "question": "griep", "at": 1_799_990_000, "told": 9}
OTHER = {
    **SAID.content,
    **{"statement": SAID.digest, "waits": True, "organisation": "b", "agreed": 0, "times": 0, "gone": [GONE]},
}
SOUND = {"entries": 6, "last": "ab" * 32, "lost": None, "problem": "", "own": [], "others": []}
LOST = {**SOUND, "lost": {"entries": 9, "at": 1_799_990_000, "by": "n.a"}}
OWN = {**SAID.content, "statement": SAID.digest, "waits_for": ["n.c"]}


class Steward:
    """Runs `station` as the account that the allowances belong to, with an agent that knows how registers stand."""

    def __init__(self, place: Path, allowances: Path) -> None:
        self.allowances = allowances
        self.agent = Agent(
            place / "back.sock", {"back": done(1, **LOST), "go_back": done(1, **SOUND), "agree": done(station="n.b")}
        )

    def __call__(self, *words: str, uid: int = agents.STEWARD) -> subprocess.CompletedProcess[str]:
        here: dict[str, Any] = {"STATION_CONTROL": str(self.agent.path), "STATION_ALLOWANCES": str(self.allowances)}
        return agents.run(*words, uid=uid, **here)

    def knows(self, **changes: Any) -> None:
        self.agent.answers["back"] = done(1, **{**SOUND, **changes})

    @property
    def asked(self) -> list[str]:
        return [request["verb"] for request in self.agent.asked]

    @property
    def files(self) -> dict[str, Any]:
        return {path.name: json.loads(path.read_text()) for path in self.allowances.iterdir()}


@pytest.fixture
def steward(place: Path, allowances: Path) -> Iterator[Steward]:
    made = Steward(place, allowances)
    yield made
    made.agent.close()


def test_the_digest_is_made_here_from_what_is_shown_as_the_agent_makes_it() -> None:
    assert going_back.digest(OTHER) == SAID.digest
    assert set(going_back.STATEMENT) == set(SAID.content)


def test_a_station_that_was_put_back_says_what_is_gone_and_what_to_do(steward: Steward) -> None:
    told = steward("went-back").stdout
    assert "entry 9 is not there, which this station signed on" in told
    assert "n.a showed" in told
    assert 'station went-back --reason "WHY"' in told
    assert steward.files == {}


def test_what_the_steward_says_is_about_the_register_as_it_is_now(steward: Steward) -> None:
    before = time.time()
    assert steward("went-back", "--reason", SAID.reason).returncode == 1
    said = steward.files[back.SAID]
    assert before - 1 <= said.pop("at") <= time.time()
    assert said == {"entries": 6, "last": "ab" * 32, "reason": SAID.reason}
    assert steward.asked == ["back", "go_back"]
    assert (steward.allowances / back.SAID).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_a_reason_is_what_another_steward_can_read(steward: Steward, reason: str) -> None:
    assert steward("went-back", "--reason", reason).returncode == 2
    assert steward.files == {}


def test_it_is_said_once_and_then_waited_for(steward: Steward) -> None:
    steward.knows(own=[OWN])
    again = steward("went-back", "--reason", "again")
    assert again.returncode == 3
    assert "waits for the others" in again.stderr
    shown = steward("went-back").stdout
    assert "waits for the stewards of n.c" in shown
    assert SAID.digest in shown
    steward.knows(own=[{**OWN, "waits_for": []}])
    assert "all others agreed" in steward("went-back").stdout


def test_another_s_steward_reads_what_is_gone_and_how_to_agree(steward: Steward) -> None:
    steward.knows(others=[{**OTHER, "times": 2}])
    told = steward("went-back").stdout
    assert "b says that its register went back to entry 6 on" in told
    assert SAID.reason in told
    assert "session cdcdcdcd of griep" in told
    assert "2 times" in told
    assert f"station agree b --digest {SAID.digest}" in told


def test_the_steward_agrees_to_exactly_what_was_read(steward: Steward) -> None:
    steward.knows(others=[OTHER])
    assert steward("agree", "b", "--digest", SAID.digest).returncode == 0
    [(name, content)] = steward.files.items()
    assert name == "n.n.b.agreed"
    assert content["statement"] == SAID.digest
    assert back.agreed(steward.allowances, SAID)
    assert not back.agreed(steward.allowances, GoingBack(**{**SAID.content, "entries": 5}))
    assert steward.agent.asked[-1] == {"verb": "agree", "network": "n", "station": "n.b"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("b", "--digest", "0" * 64), 3, "something else than you looked at"),
        (("c", "--digest", SAID.digest), 2, "says nothing of the kind"),
        (("b", "--digest", SAID.digest, "--network", "m"), 2, "says nothing of the kind"),
    ],
)
def test_to_another_text_or_of_another_station_nobody_agrees(
    steward: Steward, words: tuple[str, ...], code: int, said: str
) -> None:
    steward.knows(others=[OTHER])
    found = steward("agree", *words)
    assert found.returncode == code
    assert said in found.stderr
    assert steward.files == {}


def test_an_agent_that_shows_one_text_and_means_another_gets_no_yes(steward: Steward) -> None:
    """What it would gain: the steward reads "entry 6" and agrees to entry 0."""
    steward.knows(others=[{**OTHER, "entries": 0, "statement": SAID.digest}])
    assert steward("agree", "b", "--digest", SAID.digest).returncode == 3
    assert steward.files == {}


def test_a_name_that_leads_out_of_the_folder_is_none(steward: Steward) -> None:
    """What an agent would gain: the steward's account writes where the agent cannot."""
    said = GoingBack(**{**SAID.content, "station": "../../n.b"})
    steward.knows(others=[{**OTHER, **said.content, "statement": said.digest}])
    refused = steward("agree", "b", "--digest", said.digest)
    assert refused.returncode == 4
    assert "no names of a network and a station" in refused.stderr
    assert steward.files == {}


@pytest.mark.skipif(agents.STEWARD != agents.NOBODY, reason="takes root, to be another account than the steward's")
@pytest.mark.parametrize("words", [("went-back", "--reason", "mine"), ("agree", "b", "--digest", SAID.digest)])
def test_nobody_but_the_steward_says_either(steward: Steward, words: tuple[str, ...]) -> None:
    steward.knows(others=[OTHER])
    for uid in (0, agents.NOBODY - 1):
        refused = steward(*words, uid=uid)
        assert refused.returncode == 3
        assert "only the steward's own account" in refused.stderr
    assert steward.files == {}


def test_a_station_that_was_restored_says_so_where_nobody_showed_an_entry(steward: Steward) -> None:
    steward.knows(lost={"entries": 0, "at": 1_799_990_000, "by": ""})
    told = steward("went-back").stdout
    assert "a backup was put back on this server on 2027-01-15" in told
    assert "entry 0" not in told
    assert 'station went-back --reason "WHY"' in told
