"""Whatever stops an upgrade pauses it, with a code; it goes on or goes back, and everybody ends on one release.

In the network of `test_moving.py`, which runs the older release and may move to the newer one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from station_image.builder import images
from tests.harness import chance, going, servers
from tests.harness.stations import wait_until
from tests.station_image.builder import releases
from tests.station_image.builder.releases import NEWER, OLDER
from tests.upgrades.conftest import ORGANISATIONS, Moving, held, killed, on

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ALONE = "huisartsen"


@pytest.fixture
def older(hoger: Moving) -> Iterator[Moving]:
    """The network, with all stations on the older release, and the newer one accepted; so it is left, too."""
    if hoger.network.definition.read_text().count("upgrading_from") == 0:
        hoger.defined(NEWER, OLDER)
        hoger.network.up()
    assert hoger.images == on(OLDER)
    yield hoger
    if hoger.images != on(OLDER):
        hoger.step("rollback", "--yes")
    assert hoger.images == on(OLDER)


def without_image(network: Moving, organisation: str) -> None:
    """Remove the newer image from a server, so that it is brought again."""
    network.network.on(organisation, "docker", "image", "rm", "--force", releases.built(NEWER).image_id)


def test_an_image_that_was_changed_is_refused_before_anything_moves(older: Moving) -> None:
    archive = images.BUILD / releases.built(NEWER).folder.name / "image.tar"
    content = archive.read_bytes()
    archive.unlink()  # one of several links
    archive.write_bytes(content[:-600] + bytes([content[-600] ^ 1]) + content[-599:])
    try:
        told = older.step("start", "--to", NEWER, "--yes", expect=3)
    finally:
        archive.write_bytes(content)
    assert [one["code"] for one in told["failures"]] == ["image"]
    assert "was changed after it was built" in told["failures"][0]["text"]
    assert older.images == on(OLDER)


def test_a_station_that_is_ill_is_told_before_anything_moves(older: Moving) -> None:
    older.network.on("ggd", "docker", "stop", "station-computer")
    try:
        told = older.step("start", "--to", NEWER, "--yes", expect=3)
    finally:
        older.network.on("ggd", "docker", "start", "station-computer")
    assert {(one["code"], one["organisation"]) for one in told["failures"]} == {("health", "ggd")}
    older.network.works_again()


@pytest.mark.soak
def test_a_disk_that_is_full_while_the_image_comes_pauses_it_and_it_goes_on_once_there_is_room(older: Moving) -> None:
    without_image(older, ALONE)
    # Where the engine unpacks what comes; what it said to be free is elsewhere.
    small = "mkdir -p /var/lib/docker/tmp && mount -t tmpfs -o size=8m tmpfs /var/lib/docker/tmp"
    older.network.on(ALONE, "sh", "-c", small)
    try:
        told = older.step("start", "--to", NEWER, "--only", ALONE, "--yes", expect=5)
    finally:
        older.network.on(ALONE, "umount", "/var/lib/docker/tmp")
    assert told["upgrade"]["failure"]["code"] == "load"
    assert "no space left on device" in told["upgrade"]["failure"]["text"]
    assert older.images == on(OLDER)
    assert older.step("resume", "--yes")["upgrade"]["phase"] == "done"
    older.good()


@pytest.mark.soak
def test_an_engine_that_is_stopped_pauses_it_and_it_goes_on_once_that_runs(older: Moving) -> None:
    process = older.begun("start", "--to", NEWER, "--only", ALONE)
    older.until(process, "making the containers")
    with held(process):  # else it is chance whether they are made by the time that the engine stands still
        older.network.on(ALONE, "systemctl", "stop", "docker.socket", "docker.service")
    process.communicate()
    assert process.returncode == 5
    status = older.step("status", expect=None)["upgrade"]
    assert (status["phase"], status["failure"]["code"], status["failure"]["organisation"]) == (
        "paused",
        "replace",
        ALONE,
    )
    older.network.on(ALONE, "systemctl", "start", "docker.service")
    assert older.step("resume", "--yes")["upgrade"]["phase"] == "done"
    older.good()


@pytest.mark.soak
def test_a_server_that_is_rebooted_meanwhile_is_found_again(older: Moving) -> None:
    process = older.begun("start", "--to", NEWER, "--only", ALONE)
    older.until(process, "making the containers")
    servers.docker("restart", older.network.container(ALONE))
    process.communicate()
    answers = ("station", "status", "--json")
    wait_until(lambda: not older.network.on(ALONE, *answers).returncode, "the station to be back", 90)
    if process.returncode:
        assert older.step("resume", "--yes")["upgrade"]["phase"] == "done"
    older.good()


@pytest.mark.soak
def test_up_waits_for_an_upgrade_and_after_a_kill_moves_nobody(older: Moving) -> None:
    process = older.begun("start", "--to", NEWER)
    older.until(process, "wave 2 of 4")
    done = older.network.run("up", "--yes", "--all-steps", expect=3)
    assert "is locked by process" in done.stderr
    assert "(upgrade start)" in done.stderr
    killed(process)
    there = older.images
    assert there[ALONE] == on(NEWER)[ALONE]
    told = older.network.up()
    assert told["verified"], told
    assert older.images[ALONE] == there[ALONE]
    assert older.images["thuiszorg"] == there["thuiszorg"]
    assert older.step("resume", "--yes")["upgrade"]["phase"] == "done"
    assert older.images == on(NEWER)


def kill_and_go_on(older: Moving, seconds: float, back: bool) -> None:
    """Kill an upgrade after so many seconds, and resume it or go back: all end on one release, with nothing lost."""
    before = older.keeps
    process = older.begun("start", "--to", NEWER)
    time.sleep(seconds)
    killed(process)
    status = older.step("status", expect=None)["upgrade"]
    if status is None or status["phase"] != "ended from outside":
        older.step("start", "--to", NEWER, "--yes")
    elif not back:
        assert older.step("resume", "--yes")["upgrade"]["phase"] == "done"
    if back:
        older.step("rollback", "--yes")
    assert older.images == (on(OLDER) if back else on(NEWER))
    older.good()
    after = older.keeps
    for one in ORGANISATIONS:
        assert {*before[one].files.splitlines()} <= {*after[one].files.splitlines()}
        assert after[one].register.startswith(before[one].register)
        assert not back or after[one].opened == before[one].opened


@pytest.mark.soak
def test_a_killed_upgrade_goes_on_or_back_with_everybody_on_one_release(older: Moving) -> None:
    kill_and_go_on(older, chance.of("upgrade").uniform(8, 40), back=True)


@pytest.mark.soak
@pytest.mark.parametrize("point", range(20))
def test_killed_at_twenty_points_it_goes_on_or_back(older: Moving, point: int) -> None:
    choices = chance.of(f"upgrade {point}")
    kill_and_go_on(older, choices.uniform(2, 75), back=bool(point % 2))


@pytest.mark.soak
def test_an_image_that_fails_its_canary_pauses_it_and_goes_back(older: Moving) -> None:
    wrong = releases.built(releases.WRONG)
    releases.place(wrong)
    releases.describe(older.network.home, releases.WRONG)
    older.defined(releases.WRONG, OLDER)
    older.network.up()
    try:
        with going.Sessions(older.network, "ziekenhuis") as sessions:
            sessions.until(1)
            told = older.step("start", "--to", releases.WRONG, "--canary", "thuiszorg", "--yes", expect=5)
            assert told["upgrade"]["failure"]["code"] == "canary"
            assert older.images == on(OLDER) | {"thuiszorg": {wrong.image_id}}
            told = older.step("resume", "--yes", expect=5)
            assert told["upgrade"]["failure"]["code"] == "canary"
            assert older.images == on(OLDER) | {"thuiszorg": {wrong.image_id}}, "nobody else moves"
            older.step("rollback", "--yes")
            then = sessions.good
            sessions.until(then + 1)
        assert older.images == on(OLDER)
    finally:
        older.defined(NEWER, OLDER)
        older.network.up()
    older.good()


@pytest.mark.soak
def test_a_jump_that_no_release_allows_is_refused(older: Moving) -> None:
    far = releases.built(releases.FAR)
    releases.place(far)
    releases.describe(older.network.home, releases.FAR)
    older.defined(releases.FAR, OLDER)
    older.network.up()
    try:
        told = older.step("start", "--to", releases.FAR, "--yes", expect=3)
    finally:
        older.defined(NEWER, OLDER)
        older.network.up()
    assert [one["code"] for one in told["failures"]] == ["jump"]
    assert f"release {releases.FAR} does not say that it may take the place of {OLDER}" in told["failures"][0]["text"]
