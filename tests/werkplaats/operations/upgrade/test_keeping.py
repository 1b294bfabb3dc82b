"""What a station keeps goes back to an older format, and its agent stands still for that and no longer."""

from __future__ import annotations

from typing import Any, cast

import pytest

from network_topology import model
from tests.publication.published import release
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade import keeping
from werkplaats.operations.upgrade.failure import Code, StoppedError


def of(version: str, number: int) -> model.Release:
    return model.Release.model_validate({**release(version), "formats": {"register.db": number}}, strict=False)


OLD, NEW = of("1.0.0", 1), of("1.1.0", 2)


class Remotes:
    """One server; `answers` is docker's word → what comes of it."""

    def __init__(self, **answers: remote.Done | BaseException) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._answers = answers

    def ask(self, _: str, *command: str) -> remote.Done:
        self.asked.append(command)
        answer = self._answers.get(command[1], remote.Done())
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def words(self) -> list[str]:
        """What docker was asked to do."""
        return [command[1] for command in self.asked]


def bring(server: Remotes) -> None:
    keeping.bring(cast("Any", server), "gelre", OLD, NEW)


def test_the_agent_stands_still_until_its_container_is_made_anew() -> None:
    server = Remotes()
    bring(server)
    assert server.words == ["stop", "run"]


def test_what_does_not_go_back_is_said_and_the_agent_works_again() -> None:
    server = Remotes(run=remote.Done('{"refused": "one of them is newer"}', "", 1))
    with pytest.raises(StoppedError, match="one of them is newer") as found:
        bring(server)
    assert found.value.failure.code is Code.FORMAT
    assert server.words == ["stop", "run", "start"]


GONE = servers.UnreachableError("gelre: it does not answer", "")


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({"stop": GONE}, ["stop", "start"]),  # whether it was stopped is not known
        ({"run": GONE}, ["stop", "run", "start"]),
        ({"run": KeyboardInterrupt()}, ["stop", "run", "start"]),
        ({"run": GONE, "start": servers.UnreachableError("another", "")}, ["stop", "run", "start"]),
    ],
)
def test_a_server_that_goes_away_in_between_is_not_left_with_a_stopped_agent(
    answers: dict[str, Any], asked: list[str]
) -> None:
    server = Remotes(**answers)
    with pytest.raises((servers.UnreachableError, KeyboardInterrupt)) as found:
        bring(server)
    assert found.value in answers.values()
    assert "another" not in str(found.value)
    assert server.words == asked


def test_the_image_is_the_one_that_is_there_with_the_agent_s_memory_and_few_processes() -> None:
    server = Remotes()
    bring(server)
    given = server.asked[-1]
    assert {"--pull=never", "--memory=256m", "--memory-swap=256m", "--pids-limit=64"} <= {*given}
    assert given.index("--pids-limit=64") < given.index(NEW.image_id)
