"""The steward's yes and no: exactly the question that was read, by the steward's own account, and by no other."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from on_server.station_command import allowing, questions
from station_image.runtime.accepted import statement
from station_image.runtime.base import contract
from station_image.runtime.consent.allowances import Allowances, check
from tests.on_server.station_command import agents
from tests.on_server.station_command.agents import Agent
from tests.on_server.station_command.conftest import delivered

Steward = Any
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture
def steward(agent: Agent, allowances: Path) -> Steward:
    """Runs `station` as the account that the allowances belong to."""

    def run(*words: str, uid: int = agents.STEWARD, **environment: str) -> subprocess.CompletedProcess[str]:
        here: dict[str, Any] = {
            "STATION_CONTROL": str(agent.path),
            "STATION_ALLOWANCES": str(allowances),
            **environment,
        }
        return agents.run(*words, uid=uid, **here)

    return run


def test_what_was_allowed_is_what_the_agent_goes_by(
    steward: Steward, agent: Agent, allowances: Path, question: dict[str, Any]
) -> None:
    before, digest = time.time(), statement.digest(question)
    done = steward("allow", "griep", "--digest", digest)
    assert done.returncode == 0, done.stderr
    assert "griep in n is allowed until 2099-01-01, at most daily" in done.stdout
    content = json.loads((allowances / "n~griep.json").read_text())
    assert before - 1 <= content.pop("allowed") <= time.time()
    wanted = {"question": question, "digest": digest, "until": "2099-01-01", "at_most": "daily"}
    assert content == wanted
    assert check(question, Allowances(allowances).find("n", "griep"), time.time()).at_most == "daily"
    assert (allowances / "n~griep.json").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in allowances.iterdir()] == ["n~griep.json"], "a half-written file was left"
    assert [request["verb"] for request in agent.asked] == ["questions", "allowances"]


def test_a_steward_allows_for_less_long_and_more_rarely(
    steward: Steward, allowances: Path, question: dict[str, Any]
) -> None:
    words = ("--digest", statement.digest(question), "--until", "2098-02-03", "--at-most", "weekly", "--json")
    done = steward("allow", "griep", *words)
    answer = json.loads(done.stdout)
    assert (answer["exit"], answer["until"], answer["at_most"]) == (0, "2098-02-03", "weekly")
    allowance = Allowances(allowances).find("n", "griep")
    assert allowance is not None
    assert (allowance.until, allowance.at_most) == (datetime.date(2098, 2, 3), "weekly")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--until", "2099-01-02"), 3, "the question itself ends on 2099-01-01"),
        (("--until", "2020-01-01"), 3, "is past"),
        (("--until", "morgen"), 2, "a date such as 2099-01-01"),
        (("--at-most", "hourly"), 3, "the question is agreed daily"),
        (("--at-most", "unlimited"), 3, "the question is agreed daily"),
        (("--at-most", "yearly"), 2, "invalid choice"),
        (("--network", "other"), 2, "no question 'griep'"),
        (("--dig", "0"), 2, "unrecognized arguments"),
    ],
)
def test_more_than_was_asked_is_not_allowed(
    steward: Steward, allowances: Path, question: dict[str, Any], words: tuple[str, ...], code: int, said: str
) -> None:
    done = steward("allow", "griep", "--digest", statement.digest(question), *words)
    assert done.returncode == code
    assert said in done.stderr
    assert not list(allowances.iterdir())


def test_a_question_that_changed_since_it_was_read_is_refused(
    steward: Steward, agent: Agent, allowances: Path, question: dict[str, Any]
) -> None:
    read = statement.digest(question)
    agent.answers["questions"] = delivered({**question, "minimum_cell": 1})
    done = steward("allow", "griep", "--digest", read)
    assert done.returncode == 3
    assert "another one than you looked at" in done.stderr
    assert not list(allowances.iterdir())


def test_an_agent_that_shows_another_digest_than_the_question_has_is_refused(
    steward: Steward, agent: Agent, allowances: Path, question: dict[str, Any]
) -> None:
    read = statement.digest(question)
    agent.answers["questions"] = delivered({**question, "minimum_cell": 1}, digest=read)
    assert steward("allow", "griep", "--digest", read).returncode == 3
    agent.answers["questions"] = delivered(question, digest="0" * 64)
    assert steward("allow", "griep", "--digest", read).returncode == 3
    assert not list(allowances.iterdir())


def test_a_name_leads_nowhere_else(steward: Steward, agent: Agent, place: Path, question: dict[str, Any]) -> None:
    outside = {**question, "network": "../x"}
    agent.answers["questions"] = delivered(outside)
    done = steward("allow", "griep", "--digest", statement.digest(outside))
    assert done.returncode == 2
    assert not list(place.glob("x*"))


def test_without_a_digest_nothing_is_allowed(steward: Steward, allowances: Path) -> None:
    assert steward("allow", "griep").returncode == 2
    assert not list(allowances.iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several accounts")
@pytest.mark.parametrize("uid", [0, 65533])
@pytest.mark.parametrize("verb", ["allow", "refuse"])
def test_only_the_account_that_the_folder_belongs_to_allows_and_refuses(
    steward: Steward, allowances: Path, question: dict[str, Any], uid: int, verb: str
) -> None:
    allowances.chmod(0o777)
    kept = allowances / "n~griep.json"
    kept.write_text("{}")
    more = ("--digest", statement.digest(question)) if verb == "allow" else ()
    done = steward(verb, "griep", *more, uid=uid)
    assert done.returncode == 3
    assert "only the steward's own account allows" in done.stderr
    assert kept.read_text() == "{}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to root")
def test_a_folder_of_root_s_makes_nobody_a_steward(
    steward: Steward, allowances: Path, question: dict[str, Any]
) -> None:
    os.chown(allowances, 0, 0)
    for uid in (0, agents.STEWARD):
        assert steward("allow", "griep", "--digest", statement.digest(question), uid=uid).returncode == 3


def test_what_was_refused_is_gone_and_what_was_never_allowed_is_said(
    steward: Steward, agent: Agent, allowances: Path, question: dict[str, Any]
) -> None:
    steward("allow", "griep", "--digest", statement.digest(question))
    done = steward("refuse", "griep")
    assert done.returncode == 0
    assert "griep in n is no longer allowed: the next session is refused" in done.stdout
    assert not list(allowances.iterdir())
    assert agent.asked[-1] == {"verb": "allowances"}
    again = steward("refuse", "griep")
    assert again.returncode == 0
    assert "griep was not allowed; allowed here is nothing" in again.stdout


def test_a_refusal_needs_neither_agent_nor_question(
    steward: Steward, allowances: Path, question: dict[str, Any]
) -> None:
    steward("allow", "griep", "--digest", statement.digest(question))
    done = steward("refuse", "griep", STATION_CONTROL="/nonexistent")
    assert done.returncode == 1
    assert "no longer allowed" in done.stdout
    assert "is not in the register yet" in done.stdout
    assert not list(allowances.iterdir())


@given(JSON)
def test_the_digest_is_the_runtime_s(content: Any) -> None:
    assert allowing.digest(content) == statement.digest(content)


def test_the_frequencies_are_the_runtime_s_in_their_order() -> None:
    assert list(contract.FREQUENCIES) == list(allowing.AT_MOST)
    assert list(contract.FREQUENCIES.values()) == sorted(contract.FREQUENCIES.values())


def test_every_state_of_a_question_has_words() -> None:
    assert set(questions.STATES) == set(contract.State)
