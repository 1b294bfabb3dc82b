"""A suspected leak on real servers: what is kept of each, without a file of people in it, and what is drafted of it."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbooks.framework import record
from tests.faults import incidents
from tests.harness import sandboxes
from tests.werkplaats.operations.reach.terminals import COMMAND, Terminal

pytestmark = [pytest.mark.servers, pytest.mark.soak]
MARKED = "MARKED-9241"
KEPT = {
    *("journal/station.txt", "journal/units.txt", "journal/logins.txt", "station/status.json", "station/register.json"),
    *("containers.txt", "cut.txt", "digests.txt", "var/lib/werkplaats/register/register.jsonl"),
}


@pytest.fixture(scope="module")
def lek(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network of three, of which one has data of people, and a session ran."""
    made = incidents.three(tmp_path_factory.mktemp("lek"), "lek")
    try:
        made.up()
        made.bring("ggd", "cases.csv", f"postcode4\n{MARKED}\n".encode())
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)


def test_evidence_of_each_server_is_kept_without_a_file_of_people_and_a_notification_drafted(
    lek: sandboxes.Sandbox, tmp_path: Path
) -> None:
    before = incidents.snapshot(lek)
    words = ("incident", "run", lek.name, "suspected-leak", "--execute", "--reason", "a laptop was stolen")
    typist = Terminal(COMMAND, *words, **lek.environment)
    for _ in range(4):
        typist.until(f"Type {lek.name} to go on: ")
        typist.type(f"{lek.name}\n")
    assert typist.end() == 0, typist.shown
    after = incidents.snapshot(lek)
    changed = {one: {*before[one].splitlines()} ^ {*after[one].splitlines()} for one in before}
    assert not any(changed.values()), f"what is there is evidence: {changed}"

    (folder,) = (one for one in (lek.vault / record.FOLDER).iterdir() if one.is_dir())
    summed = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, check=False)
    assert summed.returncode == 0, summed
    assert not [*folder.glob("*.not-kept")]
    for one in incidents.ORGANISATIONS:
        place = tmp_path / one
        with tarfile.open(folder / f"{one}.tar.gz") as packed:
            packed.extractall(place, filter="data")
        named = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        assert named >= KEPT
        empty = [name for name in KEPT - {"cut.txt"} if not (place / name).stat().st_size]
        assert not empty, "nothing was found of what happened there"
        assert "sudo" in (place / "journal/logins.txt").read_text()
        draft = (folder / f"article-33-{one}.md").read_text()
        assert "TO FILL IN" in draft
        for path in (*place.rglob("*"), folder / f"article-33-{one}.md"):
            assert path.is_dir() or MARKED.encode() not in path.read_bytes(), path
    assert "ended: healed" in lek.run("incident report", folder.name).stdout
