from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from base import errors
from publication import folder as folders
from publication import repository
from tests.harness.pki import Signer
from werkplaats.operations.coordinator import repository as writing

ROOT = Path(__file__).parents[2]
SIGNER = Signer()
FILES = SIGNER.with_ca({"identities/ggd.json": b"other"})


def read(folder: Path, network: str, least_number: int = 0) -> repository.Whole:
    return repository.verify(folders.read(folder), network, least_number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proeftuin"


def test_an_older_publication_as_a_whole_is_refused(folder: Path) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    with pytest.raises(errors.PublicationError, match="is publication 1, and 2 was read before"):
        read(folder, "proeftuin", least_number=2)


def test_the_publication_of_another_network_is_refused(folder: Path) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    with pytest.raises(errors.PublicationError, match="is the publication of proeftuin, not of gerda"):
        read(folder, "gerda")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"[]"),
        b'{"network": "proeftuin", "number": 0, "published": "2026-03-01T12:00:00Z", "files": {}}',
        b'{"network": "proeftuin", "number": 1, "published": "\\u001b[2J", "files": {}}',  # it is shown on a terminal
    ],
    ids=["empty", "no fields", "a list", "number 0", "control characters"],
)
def test_an_index_of_another_shape_is_refused(folder: Path, content: bytes) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    (folder / "index.json").write_bytes(content)
    with pytest.raises(errors.PublicationError, match=r"index.json is not an index"):
        read(folder, "proeftuin")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"number": 1', b'"number": 7,\n  "number": 1'),
        (b'"number": 1', b'"number": 1.0'),
        (b'"number": 1', b'"number":  1'),
        (b'"proeftuin"', b'"proeftui\\u006e"'),
    ],
    ids=["a key twice", "a float", "other spacing", "an escape"],
)
def test_a_signed_index_in_another_form_is_refused(folder: Path, written: bytes, instead: bytes) -> None:
    """A key written twice is number 7 to who takes the first and 1 to who takes the last: two publications in one."""
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    content = (folder / "index.json").read_bytes()
    assert content.count(written) == 1
    content = content.replace(written, instead)
    (folder / "index.json").write_bytes(content)
    (folder / "index.json.sig").write_bytes(SIGNER.sign(content))
    with pytest.raises(errors.PublicationError, match=r"index.json is not"):
        read(folder, "proeftuin")


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "identities/../../../secret", "./ca.pem"])
def test_an_index_cannot_lead_out_of_its_folder(folder: Path, name: str) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    secret = folder.parent / "secret"
    secret.write_bytes(b"secret")
    told = json.loads((folder / "index.json").read_bytes())
    told["files"][name] = hashlib.sha256(b"secret").hexdigest()
    content = json.dumps(told).encode()
    (folder / "index.json").write_bytes(content)
    (folder / "index.json.sig").write_bytes(SIGNER.sign(content))
    with pytest.raises(errors.PublicationError, match="which is not in the publication"):
        read(folder, "proeftuin")


def test_a_link_in_a_publication_is_refused(folder: Path) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    (folder / "ca.pem").rename(folder.parent / "elsewhere.pem")
    (folder / "ca.pem").symlink_to(folder.parent / "elsewhere.pem")
    with pytest.raises(errors.PublicationError, match=r"/ca.pem is missing"):
        read(folder, "proeftuin")


def test_a_folder_of_somebody_elses_making_is_not_written_over(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("all my work")
    with pytest.raises(errors.PublicationError, match="was not published here"):
        writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    assert (folder / "thesis.txt").read_text() == "all my work"


PUBLISHER = """
import itertools, pathlib, sys
from tests.harness.pki import Signer
from publication import repository
from werkplaats.operations.coordinator import repository as writing
signer, folder = Signer(), pathlib.Path(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    files = {f"{name}.json": b"%d" % number for name in range(20)}
    writing.write(folder, "proeftuin", number, signer.with_ca(files), signer.sign)
    print("published", flush=True)
"""


def contents(whole: repository.Whole) -> set[bytes]:
    return {content for name, content in whole.files.items() if name != repository.AUTHORITY}


def test_a_reader_finds_a_whole_publication_whenever_a_publisher_is_killed(tmp_path: Path) -> None:
    folder, chance, number = tmp_path / "proeftuin", random.Random(20260301), 0  # noqa: S311 - seeded moments
    left_half_way = 0
    for _ in range(8):
        command = [sys.executable, "-c", PUBLISHER, str(folder), str(number + 1)]
        publisher = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert publisher.stdout
        assert publisher.stdout.readline() == b"published\n"
        with pytest.raises(subprocess.TimeoutExpired):
            publisher.wait(chance.uniform(0, 0.03))
        publisher.send_signal(signal.SIGKILL)
        publisher.communicate()
        whole = read(folder, "proeftuin", least_number=number + 1)
        assert contents(whole) == {b"%d" % whole.number}
        number = whole.number
        left_half_way += len(list(tmp_path.glob(".proeftuin.*"))) > 2
    assert left_half_way, "nothing was ever interrupted: this test has shown nothing"
    writing.write(folder, "proeftuin", number + 1, FILES, SIGNER.sign)
    assert len(list(tmp_path.iterdir())) == 3, "the link, what it leads to, and the one before it"


def test_a_reader_beside_a_publisher_never_sees_a_mixture(tmp_path: Path) -> None:
    folder = tmp_path / "proeftuin"
    first = SIGNER.with_ca({f"{name}.json": b"1" for name in range(20)})
    writing.write(folder, "proeftuin", 1, first, SIGNER.sign)
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(folder), "2"], stdout=subprocess.PIPE, cwd=ROOT)
    seen: set[int] = set()
    try:
        while len(seen) < 5:
            whole = read(folder, "proeftuin", least_number=max(seen, default=1))
            assert contents(whole) == {b"%d" % whole.number}
            seen.add(whole.number)
    finally:
        publisher.kill()
        publisher.communicate()


def test_a_publication_that_nobody_signed_is_refused_with_the_remedy(folder: Path) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    (folder / "index.json.sig").unlink()
    with pytest.raises(
        errors.PublicationError, match=r"/index.json.sig is missing.*werkplaats trust publish proeftuin"
    ):
        read(folder, "proeftuin")


@pytest.mark.parametrize(
    "signed",
    [
        b"",
        b"\n",
        b"AAAA\n",
        b"no base64 at all!",
        "é".encode(),
        b"A" * 100_000,
        SIGNER.sign(b"another index"),
        Signer().sign(b"{}"),
        SIGNER.sign(b"{}", network="gerda"),
    ],
    ids=["empty", "a line", "no DER", "no base64", "no ASCII", "large", "another index", "another key", "another name"],
)
def test_a_signature_that_does_not_hold_is_refused_by_its_file(folder: Path, signed: bytes) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    (folder / "index.json.sig").write_bytes(signed)
    with pytest.raises(errors.PublicationError, match=r"/index.json.sig is not the signature of index.json"):
        read(folder, "proeftuin")


@pytest.mark.parametrize("whitespace", [b" ", b"\n"])
def test_the_signature_is_over_the_exact_bytes_and_not_over_what_they_mean(folder: Path, whitespace: bytes) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    content = (folder / "index.json").read_bytes()
    (folder / "index.json").write_bytes(content + whitespace)
    with pytest.raises(errors.PublicationError, match=r"/index.json.sig is not the signature of index.json"):
        read(folder, "proeftuin")


@pytest.mark.parametrize("pem", [b"", b"no certificate", SIGNER.pem + SIGNER.pem])
def test_a_ca_that_is_not_one_certificate_is_refused(folder: Path, pem: bytes) -> None:
    writing.write(folder, "proeftuin", 1, {"ca.pem": pem}, SIGNER.sign)
    with pytest.raises(errors.PublicationError, match=r"/ca.pem is no CA of ours"):
        read(folder, "proeftuin")


def test_an_index_that_does_not_name_the_ca_is_refused(folder: Path) -> None:
    writing.write(folder, "proeftuin", 1, {}, SIGNER.sign)
    with pytest.raises(errors.PublicationError, match=r"/ca.pem is missing"):
        read(folder, "proeftuin")
    (folder / "ca.pem").write_bytes(SIGNER.pem)
    with pytest.raises(errors.PublicationError, match=r"/ca.pem is not (the file|in index.json)"):
        read(folder, "proeftuin")


def between(folder: Path, then: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `then` happen once, after a reader has read the index and before it reads the signature."""
    content, waiting = folders._content, [then]

    def hooked(path: Path) -> bytes | None:
        if path.name == repository.SIGNATURE and waiting:
            waiting.pop()()
        return content(path)

    monkeypatch.setattr(folders, "_content", hooked)
    assert folder.exists()


def test_a_reader_between_an_index_and_its_signature_reads_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member's folder is no link: whatever fetches a publication puts its files in place one by one."""
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    writing.write(tmp_path / "newer", "proeftuin", 2, FILES, SIGNER.sign)
    shutil.copytree(folder, tmp_path / "fetched")

    def fetch() -> None:
        for name in ("index.json", "index.json.sig"):
            shutil.copy(tmp_path / "newer" / name, tmp_path / "fetched" / name)

    between(tmp_path / "fetched", fetch, monkeypatch)
    assert read(tmp_path / "fetched", "proeftuin").number == 2


def test_half_of_a_newer_publication_is_refused_and_not_called_an_attack(folder: Path, tmp_path: Path) -> None:
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    writing.write(tmp_path / "newer", "proeftuin", 2, FILES, SIGNER.sign)
    shutil.copy(tmp_path / "newer" / "index.json", folder / "index.json")
    with pytest.raises(
        errors.PublicationError, match="or is being replaced at this moment; fetch the publication anew"
    ):
        read(folder, "proeftuin")


def test_a_publication_with_a_ca_on_another_curve_is_refused(folder: Path) -> None:
    other = Signer(ec.SECP384R1())
    writing.write(folder, "proeftuin", 1, other.with_ca({}), other.sign)
    with pytest.raises(errors.PublicationError, match=r"/ca.pem is no CA of ours.*P-256 is the only kind"):
        read(folder, "proeftuin")


def test_the_ca_that_is_given_back_is_the_one_that_signed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves the folder could show one CA to who verifies, and another to who looks whether it is the known."""
    writing.write(folder, "proeftuin", 1, FILES, SIGNER.sign)
    content, reads = folders._content, []

    def hooked(path: Path) -> bytes | None:
        if path.name == repository.AUTHORITY:
            reads.append(path)
        return content(path)

    monkeypatch.setattr(folders, "_content", hooked)
    read(folder, "proeftuin")
    assert len(reads) == 1
