"""Holders whose keys are on tokens: real ones of SoftHSM, by the same commands as holders with a key in a file."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tuf.api.metadata import Metadata

from base import errors
from publication import acceptance, publication
from publication.following import applied, follow, kept
from stacks.servers.image import make
from tests.publication.published import release
from tests.werkplaats.operations.reach.terminals import Terminal
from tests.werkplaats.verbs.trust.people import NETWORK, People, people
from tests.werkplaats.verbs.trust.softhsm import MODULE, PIN, Tokens
from werkplaats.operations.home import tokens as tokens_of
from werkplaats.verbs.trust import signing

__all__ = ["people"]
ROOT = Path(__file__).parents[4]
COMMAND = "import sys; from werkplaats import cli; sys.exit(cli.main(['trust', *sys.argv[1:]]))"
ORGANISATION = "ggd"


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokens]:
    made = Tokens(tmp_path / "softhsm", monkeypatch)
    made.put_in("anna")
    made.make_key("anna")
    yield made
    made.look_again()


def key_of(people: People, kind: str, label: str, *words: str) -> str:
    """The file of a holder's key on a token."""
    file = people.folder / f"{kind}-{label}"
    people.run(kind, "key", NETWORK, str(file), "--token", label, *words)
    return str(file)


def founded(people: People, root: str, releases: str) -> tuple[list[str], list[str]]:
    """A network with a root holder and a release holder on tokens, and two more of each with files."""
    roots, holders = (
        [root, *(people.key("root", one) for one in "bc")],
        [
            releases,
            *(people.key("release", one) for one in "bc"),
        ],
    )
    named = [f"--root={key}.pub" for key in roots] + [f"--release={key}.pub" for key in holders]
    people.run("root", "found", NETWORK, *named)
    return roots, holders


def waiting(people: People) -> dict[str, bytes]:
    """What waits for holders."""
    folder = people.home / "inventories" / NETWORK / "publication" / "waiting"
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def signed_by(people: People, role: str) -> set[str]:
    found: Metadata[Any] = Metadata.from_bytes(waiting(people)[f"{role}.json"])
    return {*found.signatures}


@pytest.fixture
def published(people: People, tokens: Tokens) -> list[str]:
    """Published, each role signed by a token and a file; the keys of release holders."""
    tokens.put_in("bert")
    tokens.make_key("bert", "0a")
    roots, holders = founded(people, key_of(people, "root", "anna"), key_of(people, "release", "bert", "--id", "0a"))
    people.approve(ORGANISATION)
    people.sign("root", *roots[:2])
    people.run("publish", NETWORK, expect=errors.REFUSED)
    people.sign("release", *holders[:2])
    people.run("publish", NETWORK)
    return holders


def test_the_file_of_a_key_on_a_token_names_it_and_has_no_secret(people: People, tokens: Tokens) -> None:
    file = Path(key_of(people, "root", "anna"))
    assert file.read_text() == "hsm:2?label=anna\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    public = serialization.load_pem_public_key(file.with_name("root-anna.pub").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    there = {path.name: path.read_bytes() for path in people.folder.iterdir() if path.is_file()}
    assert "exists already" in people.run("root", "key", NETWORK, str(file), "--token", "anna", expect=errors.WRONG_USE)
    assert there == {path.name: path.read_bytes() for path in people.folder.iterdir() if path.is_file()}


def test_a_publication_signed_by_tokens_and_files_is_read_by_operators(people: People, published: list[str]) -> None:
    found = publication.read(people.place, NETWORK)
    assert str(found.holders.root) == str(found.holders.releases) == "2 of 3"
    people.with_image(release(image="1"))
    people.run("publish", NETWORK)
    people.sign("release", published[2])
    assert "releases version 2 waits for the release holders: enough signed" in people.sign("release", published[0])
    people.run("publish", NETWORK)
    assert publication.read(people.place, NETWORK).release.image_id.endswith("1" * 64)


def question(people: People, folder: Path) -> dict[str, Any]:
    """What the follower asks its part that parses, on a server that accepted what is published and kept it."""
    taken = publication.take(people.place, NETWORK, None)
    for name, text in kept.laid(taken.following, taken.files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    accepted = applied.text(acceptance.accept(taken.verified))
    asked = {"organisation": ORGANISATION, "accepted": accepted, "keys": "", "kept": str(folder), "sources": []}
    return {"networks": {NETWORK: asked}}


def answered(command: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        command, input=json.dumps(asked).encode(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)["networks"][NETWORK]
    return found


def test_the_follower_s_part_that_parses_reads_it(people: People, published: list[str]) -> None:
    folder = people.folder / "kept"
    asked = question(people, folder)
    found = answered([sys.executable, "-m", follow.__name__], asked)
    assert (found["sources"], found["number"]) == ({str(folder): ""}, 1)
    assert published


@pytest.mark.servers
def test_debian_s_own_library_reads_it(people: People, published: list[str]) -> None:
    """The follower on a server runs on Debian's python3-tuf and python3-securesystemslib, which are older than ours."""
    folder = people.folder / "kept"
    asked = question(people, folder)
    people.folder.chmod(0o755)
    places = [f"--volume={ROOT / part}:/suite/{part}:ro" for part in ("base", "network_topology", "publication")]
    isolated = ["--rm", "--interactive", "--network=none", "--read-only", "--tmpfs=/tmp", "--workdir=/suite"]
    begun = ["docker", "run", *isolated, *places, f"--volume={folder}:{folder}:ro", make.ensure(print)]
    versions = [*begun, "dpkg-query", "--show", "python3-tuf", "python3-securesystemslib"]
    print(subprocess.run(versions, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout)
    found = answered([*begun, "python3", "-B", "-m", follow.__name__], asked)
    assert (found["sources"], found["number"]) == ({str(folder): ""}, 1)
    assert published


def asked_to_sign(people: People, expect: int) -> str:
    """What a holder of the token anna is told that signs, and nothing that waits is another than before."""
    roots, _ = founded(people, key_of(people, "root", "anna"), people.key("release", "a"))
    before = waiting(people)
    told = people.run("root", "sign", NETWORK, "--key", roots[0], "--yes", expect=expect)
    assert waiting(people) == before
    assert PIN not in told
    return told


def pulls_out(tokens: Tokens) -> None:
    for one in (tokens.folder / "tokens").iterdir():
        shutil.rmtree(one)
    tokens.look_again()


def exchanges_the_public_half(tokens: Tokens) -> None:
    """Leave on the token the private half of the holder's key, beside the public half of another."""


WRONG: dict[str, tuple[Callable[[Tokens, pytest.MonkeyPatch], object], int, str]] = {
    "a wrong PIN": (
        lambda tokens, _: tokens.pin("20394858"),
        errors.REFUSED,
        "the token anna does not open with this PIN; give the right one; after a few wrong ones a token locks itself",
    ),
    "no token": (
        lambda tokens, _: pulls_out(tokens),
        errors.WRONG_USE,
        "no token anna is there, but none at all; put it in, or name the label that its own tool shows",
    ),
    "another token": (
        lambda tokens, _: (pulls_out(tokens), tokens.put_in("bert")),
        errors.WRONG_USE,
        "no token anna is there, but 'bert'; put it in",
    ),
    "two tokens": (
        lambda tokens, _: tokens.put_in("anna"),
        errors.WRONG_USE,
        "2 tokens are called anna; leave only yours in, and try again",
    ),
    "no key on it": (
        lambda tokens, _: (pulls_out(tokens), tokens.put_in("anna")),
        errors.WRONG_USE,
        "the token anna: could not find ECDSA key on the PKCS#11 token; name the id of a key of P-256",
    ),
    "no module": (
        lambda _, patch: patch.delenv(tokens_of.MODULE),
        errors.WRONG_USE,
        "PYKCS11LIB is not set: nothing speaks to your token; set PYKCS11LIB to the path of its module, such as",
    ),
    "a module that is missing": (
        lambda tokens, patch: patch.setenv(tokens_of.MODULE, str(tokens.folder / "none.so")),
        errors.WRONG_USE,
        "none.so, which is no file; set PYKCS11LIB to the path of its module",
    ),
    "no module of tokens": (
        lambda tokens, patch: patch.setenv(tokens_of.MODULE, str(tokens.folder / "softhsm2.conf")),
        errors.WRONG_USE,
        "softhsm2.conf, named by PYKCS11LIB, is no module that speaks to tokens: PKCS11Error OS exception while",
    ),
    "no library": (
        lambda _, patch: patch.setitem(sys.modules, "pkcs11", None),
        errors.WRONG_USE,
        "what signs with tokens is not installed here: import of pkcs11 halted; None in sys.modules; run `make token`",
    ),
    "no file of the PIN": (
        lambda tokens, _: (tokens.folder / "pin").unlink(),
        errors.REFUSED,
        "pin, named by WERKPLAATS_PIN_FILE, is not a file; name the file of the PIN",
    ),
    "an empty file of the PIN": (
        lambda tokens, _: tokens.pin(""),
        errors.REFUSED,
        "pin is empty; put the PIN on its first line",
    ),
    "a file of the PIN that is no text": (
        lambda tokens, _: (tokens.folder / "pin").write_bytes(b"\xff1234"),
        errors.REFUSED,
        "pin is not text; put the PIN on its first line",
    ),
    "a file of the PIN that others read": (
        lambda tokens, _: (tokens.folder / "pin").chmod(0o640),
        errors.REFUSED,
        "pin has mode 0640: others on this machine can read it; chmod 600",
    ),
    "nobody to ask": (
        lambda _, patch: patch.delenv(tokens_of.PIN_FILE),
        errors.REFUSED,
        "PIN of the token anna: There is no terminal to ask on; put it in a file that only you can read and set "
        "WERKPLAATS_PIN_FILE to its path",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_and_nothing_is_signed(
    people: People, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    change, code, sentence = WRONG[what]
    roots, _ = founded(people, key_of(people, "root", "anna"), people.key("release", "a"))
    before = waiting(people)
    change(tokens, monkeypatch)
    told = people.run("root", "sign", NETWORK, "--key", roots[0], "--yes", expect=code)
    assert sentence in told
    assert PIN not in told
    assert waiting(people) == before
