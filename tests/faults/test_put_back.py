"""A server that is put back from a snapshot: found, said, agreed to by the others, and working again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import sandboxes
from tests.harness.stations import wait_until

pytestmark = pytest.mark.servers
QUESTION = sandboxes.QUESTION
VAR, SNAPSHOT = "/var/lib/werkplaats", "/var/tmp/snapshot"
BACK = "server put back from the snapshot of Tuesday"


@pytest.fixture
def snapshot(toets: sandboxes.Sandbox) -> Iterator[str]:
    """The server of thuiszorg as it was before the last session: a copy that is taken, and put back after it."""
    toets.run("rehearse")
    on(toets, f"rm -rf {SNAPSHOT} && cp --archive {VAR} {SNAPSHOT}")
    toets.run("rehearse")
    # Folders stay: the engine has mounted them.
    on(toets, f"docker stop station-agent && find {VAR} -type f -delete && cp --archive {SNAPSHOT}/. {VAR}/")
    on(toets, "docker start station-agent")
    yield "thuiszorg"
    on(toets, f"rm -rf {SNAPSHOT}")


def on(toets: sandboxes.Sandbox, line: str) -> None:
    done = toets.on("thuiszorg", "sh", "-c", line)
    assert done.returncode == 0, done


def steward(toets: sandboxes.Sandbox, organisation: str, *words: str, expect: int | None = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(toets.person("steward", organisation, *words, "--json", expect=expect).stdout)
    return found


def status(toets: sandboxes.Sandbox) -> dict[str, dict[str, Any]]:
    return {one["organisation"]: one for one in json.loads(toets.run("status", "--json", expect=None).stdout)}


def test_a_server_that_was_put_back_is_refused_until_the_stewards_agreed_and_works_then(
    toets: sandboxes.Sandbox, snapshot: str
) -> None:
    found = wait_until(lambda: not (one := status(toets)[snapshot])["good"] and one, "status to say that", 60)
    assert "is not there any more: it was put back from a snapshot" in found["register"]
    for _ in range(2):
        refused = toets.person("scientist", "ggd", "propose", QUESTION, expect=3)
        assert f"{snapshot}: register: entry " in refused.stderr
    verified = json.loads(toets.run("verify", "--json", expect=1).stdout)
    wrong = {row["subject"] for row in verified["verdicts"] if not row["good"]}
    assert wrong == {snapshot}

    assert "--reason" in toets.person("steward", snapshot, "went-back", expect=1).stdout
    [said] = steward(toets, snapshot, "went-back", "--reason", BACK, expect=1)["own"]
    assert sorted(said["waits_for"]) == [f"{toets.name}.ggd", f"{toets.name}.ziekenhuis"]
    toets.on("ggd", "station", "agree", snapshot, "--digest", said["statement"])
    assert steward(toets, "ggd", "went-back", expect=1)["others"][0]["agreed"] == 0, "root is no steward"
    for party in ("ggd", "ziekenhuis"):
        toets.person("scientist", "ggd", "propose", QUESTION, expect=3)
        shown = toets.person("steward", party, "went-back", expect=1).stdout
        assert BACK in shown
        assert "gone from it, and entered here: session " in shown
        assert f"station agree {snapshot} --digest {said['statement']}" in shown
        toets.person("steward", party, "agree", snapshot, "--digest", said["statement"])
    assert steward(toets, snapshot, "went-back")["own"][0]["waits_for"] == []
    refused = toets.person("scientist", "ggd", "propose", QUESTION, expect=3)
    assert "given before this station went back" in refused.stderr

    # As its steward does; a proposal of the second in which it was said is too early.
    wait_until(lambda: time.time() > said["moment"] + 1, "the next second")
    [row] = steward(toets, snapshot, "questions", QUESTION)["questions"]
    toets.person("steward", snapshot, "allow", QUESTION, "--digest", row["digest"])
    toets.person("scientist", "ggd", "propose", QUESTION)
    toets.run("verify")
    assert all(one["good"] for one in status(toets).values())
    kinds = {entry["kind"] for entry in steward(toets, snapshot, "register", "--last", "60")["entries"]}
    assert {"lost", "went-back", "granted", "run"} <= kinds
