"""A network moves to another release while sessions go on, and back: two real releases, built from the tree.

One story at running servers, in order: each test goes on where the one before it ended. They differ in a version of the
session protocol and in a format of what stations keep.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import chance, going, sandboxes
from tests.station_image.builder import releases
from tests.station_image.builder.releases import NEWER, OLDER

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")
MEANWHILE = f"release: {NEWER}\nupgrading_from: {OLDER}\nupgrading_until: 2099-12-31"
SLOT = "docker inspect --format {{.Image}} station-agent station-computer"
KEPT = "cd /var/lib/werkplaats && find register state allowances data -type f | sort | xargs sha256sum"


@pytest.fixture(scope="module")
def hoger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network on the older release."""
    for version in (OLDER, NEWER):
        releases.place(releases.built(version))
    definition = sandboxes.DEFINITION.replace("release: dev", f"release: {OLDER}")
    made = sandboxes.sandbox(tmp_path_factory.mktemp("hoger"), "hoger", definition)
    releases.describe(made.home)
    try:
        made.up()
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)


def images(network: sandboxes.Sandbox) -> dict[str, set[str]]:
    """Organisation → the images that its containers are made from."""
    return {one: {*network.on(one, "sh", "-c", SLOT).stdout.split()} for one in ORGANISATIONS}


def on(version: str) -> dict[str, set[str]]:
    return {one: {releases.built(version).image_id} for one in ORGANISATIONS}


def upgraded(network: sandboxes.Sandbox, step: str, *options: str, expect: int = 0) -> dict[str, Any]:
    """What a step of `upgrade` told."""
    told = network.run(f"upgrade {step}", "--json", *options, expect=expect).stdout
    document: dict[str, Any] = json.loads(told)
    return document


def defined(network: sandboxes.Sandbox, line: str) -> None:
    """Have the definition say this of releases."""
    text = network.definition.read_text().split("\n")
    kept = [one for one in text if not one.startswith(("release:", "upgrading_"))]
    at = next(number for number, one in enumerate(kept) if one.startswith("technique:"))
    network.definition.write_text("\n".join([*kept[: at + 1], line, *kept[at + 1 :]]))


def good(network: sandboxes.Sandbox) -> None:
    """Everything is as it should be, and a session with everybody works."""
    told = json.loads(network.run("verify", "--json").stdout)
    assert all(one["good"] for one in told["verdicts"]), told


def test_a_release_that_no_operator_accepted_moves_nothing(hoger: sandboxes.Sandbox) -> None:
    assert images(hoger) == on(OLDER)
    done = hoger.run("upgrade start", "--to", NEWER, "--yes", expect=2)
    assert f"names release {OLDER}, not {NEWER}; write `release: {NEWER}`" in done.stderr
    assert images(hoger) == on(OLDER)


def test_while_the_definition_names_both_up_moves_no_station(hoger: sandboxes.Sandbox) -> None:
    defined(hoger, MEANWHILE)
    told = hoger.up()
    assert told["verified"], told
    assert told["changes"]["stations"] == []
    assert images(hoger) == on(OLDER)


def test_what_would_be_done_is_shown_in_waves_and_nothing_is(hoger: sandboxes.Sandbox) -> None:
    told = upgraded(hoger, "start", "--to", NEWER, "--dry-run")
    assert told["failures"] == []
    assert told["upgrade"]["waves"] == [["huisartsen"], ["ggd"], ["ziekenhuis"], ["thuiszorg"]]
    assert len(told["seconds"]) == 4
    assert images(hoger) == on(OLDER)
    assert upgraded(hoger, "status")["upgrade"] is None


def test_all_stations_move_while_sessions_go_on_and_none_fails(hoger: sandboxes.Sandbox) -> None:
    with going.Sessions(hoger, "ziekenhuis") as sessions:
        sessions.until(1)
        told = upgraded(hoger, "start", "--to", NEWER, "--yes")
        good_then = sessions.good
        sessions.until(good_then + 1)
    assert sessions.failed == []
    assert sessions.left_out == set()
    assert told["upgrade"]["phase"] == "done"
    assert told["upgrade"]["sessions"] == 4
    assert images(hoger) == on(NEWER)
    good(hoger)


def test_where_all_moved_there_is_nothing_to_do(hoger: sandboxes.Sandbox) -> None:
    told = upgraded(hoger, "start", "--to", NEWER, "--yes")
    assert told["upgrade"]["stations"] == {}
    assert images(hoger) == on(NEWER)


def test_all_go_back_while_sessions_go_on_and_nothing_is_lost(hoger: sandboxes.Sandbox) -> None:
    with going.Sessions(hoger, "ziekenhuis") as sessions:
        sessions.until(1)
        upgraded(hoger, "start", "--to", OLDER, "--yes")
        sessions.until(sessions.good + 1)
    assert sessions.failed == []
    assert images(hoger) == on(OLDER)
    good(hoger)


def test_a_killed_upgrade_is_resumed_wherever_it_was(hoger: sandboxes.Sandbox) -> None:
    choices = chance.of("upgrade")
    for _ in range(2):
        process = hoger.start("upgrade", "start", hoger.name, "--to", NEWER, "--yes")
        time.sleep(choices.uniform(3, 25))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        state = upgraded(hoger, "status")["upgrade"]
        if state and state["phase"] == "running":
            told = upgraded(hoger, "resume", "--yes")
            assert told["upgrade"]["phase"] == "done", told
        else:
            upgraded(hoger, "start", "--to", NEWER, "--yes")
        assert images(hoger) == on(NEWER)
        good(hoger)
        upgraded(hoger, "rollback", "--yes")
        assert images(hoger) == on(OLDER)
