"""`trust publish --quiet`, as cron runs it each morning: nobody acts, and it writes only what somebody has to read."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from base import canonical, errors
from publication import publication
from tests.publication.published import release
from tests.werkplaats.verbs.trust.people import DAY, NETWORK, People, people
from werkplaats.operations.home import vault

__all__ = ["people"]
# Where cron runs no image was made; this checkout may have one.
WITHOUT_IMAGE = """
import runpy
from station_image.builder import images
images.current = lambda: None
runpy.run_module("werkplaats", run_name="__main__", alter_sys=True)
"""


def by_cron(*, passphrase: bool = True) -> subprocess.CompletedProcess[str]:
    """As cron does it: a process of its own, without a terminal."""
    environment = {name: text for name, text in os.environ.items() if passphrase or name != vault.PASSPHRASE_FILE}
    command = [sys.executable, "-c", WITHOUT_IMAGE, "trust", "publish", NETWORK, "--quiet"]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=120, check=False
    )


@pytest.fixture
def running(people: People) -> tuple[list[str], list[str]]:
    holders = people.published()
    people.approve("ggd")
    people.run("publish", NETWORK)
    return holders


def test_what_is_due_is_published_by_a_process_without_terminal_and_nothing_is_said_where_nothing_is(
    people: People, running: object
) -> None:
    assert running
    lifetimes = people.records.folder / "lifetimes.txt"
    lifetimes.write_text("publication 9 days\n")
    people.approve("ziekenhuis")
    people.run("publish", NETWORK)
    lifetimes.unlink()
    before = publication.read(people.place, NETWORK)
    done = by_cron()
    assert (done.returncode, done.stderr) == (errors.DONE, "")
    assert re.match(rf"publication {before.number + 1} is in .*\nits root is sha256:\w+: .*\n$", done.stdout)
    after = publication.read(people.place, NETWORK)
    assert after.ends["timestamp"] - canonical.now() > 34 * DAY
    again = by_cron()
    assert (again.returncode, again.stdout, again.stderr) == (errors.DONE, "", "")
    assert publication.read(people.place, NETWORK) == after


def test_it_writes_each_time_as_long_as_holders_have_to_act(
    people: People, running: tuple[list[str], list[str]]
) -> None:
    fresh = [people.key("root", name) for name in "de"]
    people.run("root", "change", NETWORK, *(word for key in fresh for word in ("--root", f"{key}.pub")))
    people.with_image(release(image="1"))
    people.run("publish", NETWORK)
    for _ in range(2):
        done = by_cron()
        assert (done.returncode, done.stdout) == (errors.DONE, "")
        assert "note: root version 2 waits for the root holders: 0 of 2 signed by the new ones" in done.stderr
        assert "note: targets version 2 waits for the root holders: 0 of 2 signed" in done.stderr
        # Where cron runs there is no image: what waited was taken back each morning.
        assert "note: releases version 2 waits for the release holders: 0 of 2 signed" in done.stderr
    people.sign("root", *running[0][:2], *fresh)
    people.sign("release", *running[1][:2])
    assert "publication 3 is in" in by_cron().stdout
    assert by_cron().stderr == ""
    assert publication.read(people.place, NETWORK).release.image_id.endswith("1" * 64)


def test_a_persons_run_and_it_do_not_meet(people: People, running: object) -> None:
    assert running
    with vault.find(NETWORK).lock("trust revoke"):
        done = by_cron()
    assert done.returncode == errors.REFUSED
    assert re.search(rf"{NETWORK} is locked by process {os.getpid()} .*trust revoke.*; wait until", done.stderr)
    assert by_cron().returncode == errors.DONE
    assert people.place.exists()


def test_a_vault_that_asks_for_its_passphrase_says_so_on_the_first_morning(people: People, running: object) -> None:
    """Nothing is due then. It was silent for weeks, and failed on the morning on which something was."""
    assert running
    done = by_cron(passphrase=False)
    assert done.returncode == errors.REFUSED
    assert (
        f"There is no terminal to ask on; put it in a file that only you can read and set {vault.PASSPHRASE_FILE}"
        in (done.stderr)
    )
    assert people.place.exists()
