"""A revocation waits for nothing: whatever else cannot be published yet, it is with what was published last."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from base import canonical, errors
from publication import publication, verified
from tests.publication.published import release
from tests.werkplaats.verbs.trust.people import DAY, EXAMPLES, NETWORK, People, people
from werkplaats import cli
from werkplaats.operations.home import networks, places, vault

__all__ = ["people"]
NEWER = "2.0.0"


def read(people: People) -> verified.Verified:
    return publication.read(people.place, NETWORK)


def edit(people: People, before: str, after: str) -> None:
    path = people.home / "networks" / NETWORK / "network.yml"
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def revoke(people: People) -> str:
    return people.run("revoke", NETWORK, "ggd", "--reason", "keyCompromise", "--yes")


@pytest.fixture
def running(people: People, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """A network that is published, with one station; the holders' keys. A newer release is known."""
    known = places.known(places.home())
    monkeypatch.setattr(
        places, "known", lambda _: dataclasses.replace(known, releases={**known.releases, NEWER: frozenset({2})})
    )
    holders = people.published()
    people.approve("ggd")
    people.run("publish", NETWORK)
    assert set(read(people).identities) == {"ggd"}
    return holders


def a_release_waits(people: People) -> str:
    edit(people, "release: dev", f"release: {NEWER}")
    people.with_image(release(NEWER))
    return "releases version 2 waits for the release holders"


def a_release_is_nowhere(people: People) -> str:
    edit(people, "release: dev", f"release: {NEWER}")
    people.with_image(None)
    return f"the station image of release {NEWER} is not made on this machine"


def more_must_sign(people: People) -> str:
    path = people.home / "networks" / NETWORK / "network.yml"
    path.write_text(path.read_text() + "signatures: {root: 3, releases: 2}\n")
    return "2 of the root holders must sign by its metadata, and 3 by the definition"


def the_definition_is_wrong(people: People) -> str:
    edit(people, "release: dev", "release: 9.9.9")
    return "there is no release '9.9.9'"


def the_kind_is_wrong(people: People) -> str:
    edit(people, "kind: regional", "kind: supraregional")
    return "'organisations' stands in a supraregional network"


def a_federation_has_its_name(people: People) -> str:
    """Another definition altogether, and a sound one: what was published goes on under this name all the same."""
    shutil.copytree(EXAMPLES, people.home / "networks", dirs_exist_ok=True)
    text = (EXAMPLES / "kansrijke-start-oost" / "network.yml").read_text()
    path = people.home / "networks" / NETWORK / "network.yml"
    path.write_text(text.replace("network: kansrijke-start-oost", f"network: {NETWORK}"))
    return f"{NETWORK} is a supraregional network"


def a_key_stands_in_brackets(people: People) -> str:
    edit(people, "release: dev", 'release: dev\n"[key]": 3')
    return "'[key]' is unknown"


WRONG = {
    one.__name__: one
    for one in (the_definition_is_wrong, the_kind_is_wrong, a_key_stands_in_brackets, a_federation_has_its_name)
}
WAITS = {one.__name__: one for one in (a_release_waits, a_release_is_nowhere, more_must_sign)} | WRONG


@pytest.mark.parametrize("why", WAITS)
def test_a_revocation_waits_for_nothing_else(people: People, running: object, why: str) -> None:
    """Gains: who has a stolen key goes on for as long as holders of something else take to sign for that."""
    assert running
    before, told = read(people), WAITS[why](people)
    codes = {
        "a_release_is_nowhere": errors.WRONG_USE,
        "the_definition_is_wrong": errors.FOUND,
        "the_kind_is_wrong": errors.FOUND,
        "a_key_stands_in_brackets": errors.FOUND,
    }
    assert told in people.run("publish", NETWORK, expect=codes.get(why, errors.REFUSED))
    assert read(people) == before
    said = revoke(people)
    assert "ggd: its certificate is revoked: keyCompromise" in said
    assert "note: all else is as it was published before: " in said
    assert told in said
    found = read(people)
    assert found.identities == {}
    serial = before.identities["ggd"].station_certificate.serial_number
    assert found.revocations.get_revoked_certificate_by_serial_number(serial)
    assert found.definition == before.definition
    assert found.release == before.release


@pytest.mark.parametrize("why", WRONG)
def test_what_is_published_is_put_in_force_whatever_is_wrong_with_the_definition(
    people: People, running: object, why: str
) -> None:
    assert running
    (people.records.folder / "servers.yml").write_text("{}\n")
    told = WRONG[why](people)
    said = people.run("enforce", NETWORK)
    assert "note: in force is put what was published last: " in said
    assert told in said
    assert "run by other operators" in said


@pytest.mark.parametrize("why", WRONG)
def test_an_operator_whose_definition_is_wrong_puts_in_force_what_was_read_last(
    people: People, running: object, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gains: a revocation is not in force at an operator until the coordinator mends the definition."""
    assert running
    own = people.folder / "operator"
    for name in ("networks", "publications"):
        shutil.copytree(people.home / name, own / name)
    (own / "inventories" / NETWORK).mkdir(parents=True)
    (own / "inventories" / NETWORK / "servers.yml").write_text("{}\n")
    people.home = own
    monkeypatch.setenv("WERKPLAATS_HOME", str(own))
    people.at("operator")
    told = WRONG[why](people)
    assert cli.main(["trust", "enforce", NETWORK]) != errors.DONE, "nothing was read here yet"
    assert told in capsys.readouterr().err
    kept = vault.folder_of(NETWORK) / networks.TRUSTED
    publication.read_on(people.place, NETWORK, kept, root=read(people).root)
    said = people.run("enforce", NETWORK)
    assert "note: in force is put what was published last: " in said
    assert "run by other operators" in said


def test_who_waits_for_a_release_gets_it_with_the_revocation_in_it(
    people: People, running: tuple[list[str], list[str]]
) -> None:
    a_release_waits(people)
    people.run("publish", NETWORK, expect=errors.REFUSED)
    revoke(people)
    people.sign("release", *running[1][:2])
    people.run("publish", NETWORK)
    found = read(people)
    assert (found.definition.release, found.identities) == (NEWER, {})


def test_what_is_due_is_signed_anew_while_a_release_waits(people: People, running: object) -> None:
    """Else the word that a publication is the newest ended after 35 days, and nobody could change anything by it."""
    assert running
    lifetimes = people.records.folder / "lifetimes.txt"
    lifetimes.write_text("publication 9 days\n")
    people.approve("ziekenhuis")
    people.run("publish", NETWORK)
    before = read(people)
    assert before.ends["timestamp"] - canonical.now() < 10 * DAY
    lifetimes.unlink()
    a_release_waits(people)
    told = people.run("publish", NETWORK, expect=errors.REFUSED)
    assert f"publication {before.number + 1} is in" in told
    assert "releases version 2 waits for the release holders" in told
    after = read(people)
    assert after.ends["timestamp"] - canonical.now() > 34 * DAY
    people.run("publish", NETWORK, expect=errors.REFUSED)
    assert read(people) == after, "and no more than is due"


def test_where_nothing_was_published_there_is_nothing_to_go_on_with(people: People) -> None:
    root, _ = people.found()
    people.sign("root", *root[:2])
    people.approve("ggd")
    told = people.run("revoke", NETWORK, "ggd", "--reason", "keyCompromise", "--yes", expect=errors.REFUSED)
    assert "releases version 1 waits for the release holders" in told
    assert not people.place.exists()


STOPPED = """
import os, runpy, signal, sys
from werkplaats.operations.bring_up import up
up.Run.__call__ = lambda self: os.kill(os.getpid(), signal.SIGSTOP)
runpy.run_module("werkplaats", run_name="__main__", alter_sys=True)
"""
COORDINATING = """
import os, signal, sys
from werkplaats.operations.home import vault
with vault.find(sys.argv[1]).coordinating("up"):
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextlib.contextmanager
def stopped(program: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that stops in the middle of what it does: until it goes on, or is killed."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, "-c", program, *words], stdin=nothing, stdout=nothing, stderr=nothing)
    try:
        found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert found
        assert found.si_code == os.CLD_STOPPED
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_a_revocation_waits_for_no_up_that_hangs(people: People, running: object) -> None:
    """Gains: who has a stolen key and a server that hangs in `up` goes on for as long as that hangs."""
    assert running
    (people.records.folder / "servers.yml").write_text("{}\n")
    with stopped(STOPPED, "up", NETWORK, "--yes") as up:
        assert f"locked by process {up.pid} " in people.run("publish", NETWORK, expect=errors.REFUSED)
        said = people.run("revoke", NETWORK, "ggd", "--reason", "keyCompromise", "--yes", "--now")
        assert f"note: process {up.pid} of " in said
        assert f"run werkplaats trust enforce {NETWORK}" in said
        assert read(people).identities == {}
        assert "run by other operators" in people.run("enforce", NETWORK)
    assert "note: process" not in people.run("enforce", NETWORK)


def test_a_revocation_waits_for_a_step_of_the_coordinator_and_names_one_that_hangs(
    people: People, running: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that write records and list at once would leave neither right: the only thing that a brake waits for."""
    assert running
    monkeypatch.setattr(vault, "PATIENCE_SECONDS", 0.3)
    before = read(people)
    with stopped(COORDINATING, NETWORK) as step:
        words = ("revoke", NETWORK, "ggd", "--reason", "keyCompromise", "--yes")
        told = people.run(*words, expect=errors.REFUSED)
        assert f"what the coordinator of {NETWORK} keeps is locked by process {step.pid} of " in told
        assert "(up); wait until it has ended, or end it and run the same command again" in told
        assert read(people) == before
        monkeypatch.setattr(vault, "PATIENCE_SECONDS", 30.0)
        threading.Timer(0.5, step.send_signal, [signal.SIGCONT]).start()
        people.run(*words)
    assert read(people).identities == {}
