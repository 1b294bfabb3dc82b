"""What a station keeps goes back to an older format, and its agent stands still for that and no longer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
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
    """One server with an engine; `answers` is what is asked of it → what comes of it, each time or the first times."""

    def __init__(self, **answers: remote.Done | BaseException | list[remote.Done | BaseException]) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._answers = answers

    def ask(self, _: str, *command: str) -> remote.Done:
        self.asked.append(command)
        answer = self._answers.get(self.words[-1], remote.Done())
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else remote.Done()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def words(self) -> list[str]:
        """What was asked: to stop or start the agent, and to create, run or end what makes files go back."""
        return [
            command[3] if command[0] == "sh" else "run" if "--attach" in command else command[1]
            for command in self.asked
        ]


def bring(server: Remotes) -> None:
    keeping.bring(cast("Any", server), "gelre", OLD, NEW)


RUN = ["end", "create", "run", "end"]


def test_the_agent_stands_still_until_its_container_is_made_anew() -> None:
    server = Remotes()
    bring(server)
    assert server.words == ["stop", *RUN]


def test_what_does_not_go_back_is_said_and_the_agent_works_again() -> None:
    server = Remotes(run=remote.Done('{"refused": "one of them is newer"}', "", 1))
    with pytest.raises(StoppedError, match="one of them is newer") as found:
        bring(server)
    assert found.value.failure.code is Code.FORMAT
    assert server.words == ["stop", *RUN, "end", "start"]


def test_an_agent_that_does_not_stop_is_given_no_other_beside_it() -> None:
    server = Remotes(stop=remote.Done("0123456789ab\n"))
    with pytest.raises(StoppedError, match="its agent does not stop"):
        bring(server)
    assert server.words == ["stop", "end", "start"]


GONE = servers.UnreachableError("gelre: it does not answer", "")
NO_ENGINE = remote.Done("", "Cannot connect to the Docker daemon", 1)
THERE = remote.Done("0123456789ab\n")


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({"stop": GONE}, ["stop", "end", "start"]),  # whether it was stopped is not known
        ({"create": GONE}, ["stop", "end", "create", "end", "start"]),
        ({"run": GONE}, ["stop", "end", "create", "run", "end", "start"]),
        ({"run": KeyboardInterrupt()}, ["stop", "end", "create", "run", "end", "start"]),
        ({"run": GONE, "start": servers.UnreachableError("another", "")}, ["stop", *RUN, "start"]),
    ],
)
def test_a_server_that_goes_away_in_between_is_not_left_with_a_stopped_agent(
    answers: dict[str, Any], asked: list[str]
) -> None:
    """And what may run there yet is ended before its agent works again."""
    server = Remotes(**answers)
    with pytest.raises((servers.UnreachableError, KeyboardInterrupt)) as found:
        bring(server)
    assert found.value in answers.values()
    assert "another" not in str(found.value)
    assert server.words == asked


@pytest.mark.parametrize("end", [GONE, NO_ENGINE, THERE])
@pytest.mark.parametrize("run", [GONE, KeyboardInterrupt(), remote.Done("", "failed", 125), remote.Done()])
def test_no_agent_works_beside_what_may_yet_write_its_files(end: Any, run: Any) -> None:
    server = Remotes(run=run, end=[remote.Done(), end, end])
    with pytest.raises(StoppedError) as found:
        bring(server)
    assert found.value.failure.code is Code.STILL
    assert "its agent stands still" in found.value.failure.text
    assert "resume" in found.value.failure.remedy("gerda")
    assert "start" not in server.words


def test_what_a_run_before_left_there_is_ended_before_another_one_is_made() -> None:
    server = Remotes(end=[THERE])
    with pytest.raises(StoppedError, match="may still write") as found:
        bring(server)
    assert found.value.failure.code is Code.FORMAT
    assert server.words == ["stop", "end", "end", "start"], "it was ended by then"
    assert "may still write" in keeping.check(cast("Any", Remotes(end=[THERE])), "gelre", OLD, NEW)


def test_the_image_is_the_one_that_is_there_with_the_agent_s_memory_and_few_processes() -> None:
    server = Remotes()
    bring(server)
    given = server.asked[server.words.index("create")]
    assert {"--pull=never", "--memory=256m", "--memory-swap=256m", "--pids-limit=64"} <= {*given}
    assert given.index("--pids-limit=64") < given.index(NEW.image_id)


@pytest.mark.parametrize(("listed", "left"), [(0, ""), (2, ""), (9, "0123456789ab\n")])
def test_an_engine_that_lists_what_just_stopped_for_a_moment_is_asked_again(
    tmp_path: Path, listed: int, left: str
) -> None:
    """Seen of Docker 20.10 under load: the agent had stopped, and a rollback said that it does not."""
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\n[ "$1" = ps ] || exit 0\necho >> "$0.asked"\n'
        f'[ "$(wc -l < "$0.asked")" -gt {listed} ] || echo 0123456789ab\n'
    )
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", keeping._STOP, "stop", "station-agent"], env={"PATH": path}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, left)
