from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from werkplaats import errors
from werkplaats.operations.trust import index

FILES = {"ca.pem": b"some", "identities/ggd.json": b"other"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proeftuin"


def test_an_older_publication_as_a_whole_is_refused(folder: Path) -> None:
    index.write(folder, "proeftuin", 1, FILES)
    with pytest.raises(errors.PublicationError, match="is publication 1, and 2 was read before"):
        index.read(folder, "proeftuin", least_number=2)


def test_the_publication_of_another_network_is_refused(folder: Path) -> None:
    index.write(folder, "proeftuin", 1, FILES)
    with pytest.raises(errors.PublicationError, match="is the publication of proeftuin, not of gerda"):
        index.read(folder, "gerda")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"network": "proeftuin", "number": 0, "published": "", "files": {}}']
)
def test_an_index_of_another_shape_is_refused(folder: Path, content: bytes) -> None:
    index.write(folder, "proeftuin", 1, FILES)
    (folder / "index.json").write_bytes(content)
    with pytest.raises(errors.PublicationError, match=r"index.json is not an index"):
        index.read(folder, "proeftuin")


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "identities/../../../secret", "./ca.pem"])
def test_an_index_cannot_lead_out_of_its_folder(folder: Path, name: str) -> None:
    index.write(folder, "proeftuin", 1, FILES)
    secret = folder.parent / "secret"
    secret.write_bytes(b"secret")
    told = json.loads((folder / "index.json").read_bytes())
    told["files"][name] = hashlib.sha256(b"secret").hexdigest()
    (folder / "index.json").write_text(json.dumps(told))
    with pytest.raises(errors.PublicationError, match="which is not in the publication"):
        index.read(folder, "proeftuin")


def test_a_link_in_a_publication_is_refused(folder: Path) -> None:
    index.write(folder, "proeftuin", 1, FILES)
    (folder / "ca.pem").rename(folder.parent / "elsewhere.pem")
    (folder / "ca.pem").symlink_to(folder.parent / "elsewhere.pem")
    with pytest.raises(errors.PublicationError, match=r"/ca.pem is missing"):
        index.read(folder, "proeftuin")


def test_a_folder_of_somebody_elses_making_is_not_written_over(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("all my work")
    with pytest.raises(errors.PublicationError, match="was not published here"):
        index.write(folder, "proeftuin", 1, FILES)
    assert (folder / "thesis.txt").read_text() == "all my work"


PUBLISHER = """
import itertools, pathlib, sys
from werkplaats.operations.trust import index
folder = pathlib.Path(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    files = {f"{name}.json": b"%d" % number for name in range(20)}
    index.write(folder, "proeftuin", number, files)
    print("published", flush=True)
"""


def test_a_reader_finds_a_whole_publication_whenever_a_publisher_is_killed(tmp_path: Path) -> None:
    folder, chance, number = tmp_path / "proeftuin", random.Random(20260301), 0  # noqa: S311 - seeded moments
    left_half_way = 0
    for _ in range(8):
        command = [sys.executable, "-c", PUBLISHER, str(folder), str(number + 1)]
        publisher = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert publisher.stdout
        assert publisher.stdout.readline() == b"published\n"
        with pytest.raises(subprocess.TimeoutExpired):
            publisher.wait(chance.uniform(0, 0.03))
        publisher.send_signal(signal.SIGKILL)
        publisher.communicate()
        whole = index.read(folder, "proeftuin", least_number=number + 1)
        assert set(whole.files.values()) == {b"%d" % whole.number}
        number = whole.number
        left_half_way += len(list(tmp_path.glob(".proeftuin.*"))) > 2
    assert left_half_way, "nothing was ever interrupted: this test has shown nothing"
    index.write(folder, "proeftuin", number + 1, {})
    assert len(list(tmp_path.iterdir())) == 3, "the link, what it leads to, and the one before it"


def test_a_reader_beside_a_publisher_never_sees_a_mixture(tmp_path: Path) -> None:
    folder = tmp_path / "proeftuin"
    index.write(folder, "proeftuin", 1, {f"{name}.json": b"1" for name in range(20)})
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(folder), "2"], stdout=subprocess.PIPE)
    seen: set[int] = set()
    try:
        while len(seen) < 5:
            whole = index.read(folder, "proeftuin", least_number=max(seen, default=1))
            assert set(whole.files.values()) == {b"%d" % whole.number}
            seen.add(whole.number)
    finally:
        publisher.kill()
        publisher.communicate()
