"""A publication in a folder, with whoever publishes beside the reader: the reader has one of them, or a sentence."""

from __future__ import annotations

import functools
import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tuf.api.metadata import TargetFile

from base import errors
from publication import folder as folders
from publication import publication, reading
from publication.whole import Whole
from tests.publication import publications
from werkplaats.operations.coordinator import placing

ROOT = Path(__file__).parents[2]
FILES = {"definition.json": b"a definition", "identities/ggd.json": b"other", "releases/dev.json": b"a release"}


@functools.cache
def maker() -> publications.Maker:
    return publications.Maker()


def read(folder: Path, network: str = "proeftuin") -> Whole:
    return publication._read(folder, network, None)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proeftuin"


def write(folder: Path, number: int, files: dict[str, bytes] = FILES) -> None:
    placing.write(folder, maker().relayed(files, number), number)


def test_the_publication_of_another_network_is_refused(folder: Path) -> None:
    write(folder, 1)
    with pytest.raises(errors.PublicationError, match="root 1 is the root of 'proeftuin', not of gerda"):
        read(folder, "gerda")


def test_a_folder_that_is_not_there_or_is_empty_is_no_publication(folder: Path) -> None:
    for _ in range(2):
        assert not folders.there(folder)
        with pytest.raises(errors.PublicationError, match=r"1\.root\.json is missing: this is no publication"):
            read(folder)
        folder.mkdir(exist_ok=True)


def test_what_an_earlier_version_published_is_refused_with_the_way(folder: Path) -> None:
    folder.mkdir()
    (folder / "index.json").write_text("{}")
    assert folders.there(folder)
    with pytest.raises(
        errors.PublicationError, match=r"by an earlier version .* trust root found proeftuin.*trust publ"
    ):
        read(folder)


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "identities/../../../secret", "./ca.pem", "a\nb"])
def test_metadata_cannot_lead_out_of_its_folder(folder: Path, name: str) -> None:
    made = maker().relayed(FILES)

    def lead_out(one: object) -> None:
        one.targets[name] = TargetFile.from_data(name, b"secret", ["sha256"])  # type: ignore[attr-defined]

    publications.put(folder, maker().resigned(made, "network", lead_out))
    with pytest.raises(errors.PublicationError, match=r"is nothing that a publication has"):
        read(folder)


def test_a_digest_cannot_lead_out_of_its_folder(folder: Path, tmp_path: Path) -> None:
    made = maker().relayed(FILES)
    (tmp_path / "secret.definition.json").write_bytes(b"a definition")

    def lead_out(one: object) -> None:
        one.targets["definition.json"].hashes = {"sha256": "../../secret"}  # type: ignore[attr-defined]

    publications.put(folder, maker().resigned(made, "network", lead_out))
    with pytest.raises(errors.PublicationError, match=r"definition.json is published without a SHA-256"):
        read(folder)


@pytest.mark.parametrize("name", ["identities/ggd.json", "metadata/timestamp.json", "identities"])
def test_a_link_in_a_publication_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    write(folder, 1)
    path = folder / name if "metadata" in name else folder / "targets" / name
    if name == "identities/ggd.json":
        path = publications.target(folder, name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(errors.PublicationError, match=r"/(identities/ggd|metadata/timestamp).json is missing"):
        read(folder)


def test_a_folder_of_somebody_elses_making_is_not_written_over(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("all my work")
    with pytest.raises(errors.PublicationError, match="was not published here"):
        write(folder, 1)
    assert (folder / "thesis.txt").read_text() == "all my work"


PUBLISHER = """
import itertools, pathlib, sys
from tests.publication.test_reading import write
for number in itertools.count(int(sys.argv[2])):
    write(pathlib.Path(sys.argv[1]), number, {f"questions/{name}.json": b"%d" % number for name in range(20)})
    print("published", flush=True)
"""


def publisher(folder: Path, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PUBLISHER, str(folder), str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)


def test_a_reader_finds_a_whole_publication_whenever_a_publisher_is_killed(tmp_path: Path) -> None:
    folder, chance, number = tmp_path / "proeftuin", random.Random(20260301), 0  # noqa: S311 - seeded moments
    left_half_way = 0
    for _ in range(8):
        process = publisher(folder, number + 1)
        assert process.stdout
        assert process.stdout.readline() == b"published\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        whole = read(folder)
        assert whole.number > number
        assert {*whole.files.values()} == {b"%d" % whole.number}
        number = whole.number
        left_half_way += len(list(tmp_path.glob(".proeftuin.*"))) > 2
    assert left_half_way, "nothing was ever interrupted: this test has shown nothing"
    write(folder, number + 1)
    assert len(list(tmp_path.iterdir())) == 3, "the link, what it leads to, and the one before it"


def test_a_reader_beside_a_publisher_never_sees_a_mixture(tmp_path: Path) -> None:
    folder = tmp_path / "proeftuin"
    write(folder, 1, {f"questions/{name}.json": b"1" for name in range(20)})
    process = publisher(folder, 2)
    seen: set[int] = set()
    try:
        while len(seen) < 5:
            whole = read(folder)
            assert whole.number >= max(seen, default=1)
            assert {*whole.files.values()} == {b"%d" % whole.number}
            seen.add(whole.number)
    finally:
        process.kill()
        process.communicate()


def between(then: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `then` happen once, after a reader has read which is the newest and before it reads what belongs to it."""
    source, waiting = folders.source, [then]

    def hooked(folder: Path) -> reading.Source:
        content = source(folder)

        def give(name: str) -> bytes | None:
            if name.endswith(".snapshot.json") and waiting:
                waiting.pop()()
            return content(name)

        return give

    monkeypatch.setattr(folders, "source", hooked)


def test_a_reader_reads_again_what_was_replaced_meanwhile(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member's folder is no link: whatever fetches a publication puts its files in place one by one."""
    publications.put(folder, maker().relayed(FILES, 1))
    publications.put(tmp_path / "newer", maker().relayed(FILES, 2))

    def fetch() -> None:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "newer", folder)

    between(fetch, monkeypatch)
    assert read(folder).number == 2


def test_a_folder_in_which_something_is_replaced_all_the_time_is_refused_in_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publications.put(folder, maker().relayed(FILES, 1))
    source, number = folders.source, iter(range(2, 10_000))

    def hooked(folder: Path) -> reading.Source:
        newest = folder / reading.NEWEST
        newest.unlink()
        newest.write_bytes(b" " * next(number))
        return source(folder)

    monkeypatch.setattr(folders, "source", hooked)
    monkeypatch.setattr(publication, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(errors.PublicationError, match="is being replaced again and again"):
        read(folder)


def test_half_of_a_newer_publication_is_refused_and_not_called_an_attack(folder: Path) -> None:
    publications.put(folder, maker().relayed(FILES, 1))
    (folder / reading.NEWEST).write_bytes(maker().relayed(FILES, 2)[reading.NEWEST])
    with pytest.raises(
        errors.PublicationError, match=r"metadata/2.snapshot.json is missing; fetch the publication anew"
    ):
        read(folder)


def test_no_more_is_taken_than_a_publication_may_have(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publications.put(folder, maker().relayed(FILES))
    path = publications.target(folder, "identities/ggd.json")
    path.write_bytes(bytes(reading.LARGEST_FILE + 1))
    with pytest.raises(errors.PublicationError, match=r"ggd.json is larger than 4194304 bytes; fetch the publication"):
        read(folder)
    path.write_bytes(FILES["identities/ggd.json"])
    assert read(folder)
    monkeypatch.setattr(reading, "MOST_FILES", 2)
    with pytest.raises(errors.PublicationError, match="has more than 2 files"):
        read(folder)
    monkeypatch.setattr(reading, "MOST_FILES", 3)
    monkeypatch.setattr(reading, "LARGEST_WHOLE", 20)
    with pytest.raises(errors.PublicationError, match="is larger than 20 bytes"):
        read(folder)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"x-network":"proeftuin"', b'"x-network":"gerda","x-network":"proeftuin"'),
        (b'"version":1', b'"version":7,"version":1'),
        (b'"version":1', b'"version":  1'),
        (b'"proeftuin"', b'"proeftui\\u006e"'),
    ],
    ids=["a key twice", "a version twice", "other spacing", "an escape"],
)
def test_what_is_signed_is_what_metadata_says_and_not_how_it_is_written(
    folder: Path, written: bytes, instead: bytes
) -> None:
    """Each reader takes the last of two, has it written in the one form that is signed, and so they all read alike."""
    made = maker().relayed(FILES)
    name = publications.of(made, "root")
    assert made[name].count(written) >= 1
    publications.put(folder, {**made, name: made[name].replace(written, instead, 1)})
    assert read(folder).network == "proeftuin"
    assert json.loads(made[name])
