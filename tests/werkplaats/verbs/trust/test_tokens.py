"""Holders whose keys are on tokens: real ones of SoftHSM, by the same commands as holders with a key in a file."""

from __future__ import annotations

import json
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
from securesystemslib.signer import Signature, SSlibKey
from tuf.api.metadata import Metadata

from base import errors
from publication import acceptance, profile, publication
from publication.following import applied, follow, kept
from publication.whole import Holders
from stacks.servers.image import make
from tests.publication.published import release
from tests.werkplaats.operations.reach.terminals import Terminal
from tests.werkplaats.verbs.trust.people import NETWORK, People, people
from tests.werkplaats.verbs.trust.softhsm import PIN, Tokens
from werkplaats.operations.home import keyfiles
from werkplaats.operations.home import tokens as tokens_of

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


def founded(people: People, root: str, release: str, others: str = "b") -> tuple[list[str], list[str]]:
    """A network of which these hold the root and the releases, with others of each whose keys are in files."""
    roots, releases = (
        [root, *(people.key("root", one) for one in others)],
        [
            release,
            *(people.key("release", one) for one in others),
        ],
    )
    named = [f"--root={key}.pub" for key in roots] + [f"--release={key}.pub" for key in releases]
    people.run("root", "found", NETWORK, *named)
    return roots, releases


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
    root, release = key_of(people, "root", "anna"), key_of(people, "release", "bert", "--id", "0a")
    roots, holders = founded(people, root, release, "bc")
    people.approve(ORGANISATION)
    people.sign("root", *roots[:2])
    people.run("publish", NETWORK, expect=errors.REFUSED)
    people.sign("release", *holders[:2])
    people.run("publish", NETWORK)
    return holders


@pytest.mark.usefixtures("tokens")
def test_the_file_of_a_key_on_a_token_names_it_and_has_no_secret(people: People) -> None:
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
    assert isinstance(found.holders, Holders)
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
    return {"networks": {NETWORK: asked | {"ca": profile.as_pem(taken.verified.authority).decode()}}}


def answered(command: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(command, input=json.dumps(asked).encode(), cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)["networks"][NETWORK]
    return found


def require_read(people: People, command: list[str]) -> None:
    """A follower reads what a token signed, and its signature counts: without it nothing is read."""
    folder = people.folder / "kept"
    asked = question(people, folder)
    found = answered(command, asked)
    assert (found["sources"], found["number"]) == ({str(folder): ""}, 1)
    root = folder / "metadata" / "1.root.json"
    signed: Metadata[Any] = Metadata.from_bytes(root.read_bytes())
    del signed.signatures[SSlibKey.from_crypto(keyfiles.public(people.folder / "root-anna.pub")).keyid]
    root.write_bytes(signed.to_bytes())
    assert "root was signed by 1/2 keys" in answered(command, asked)["refused"]


@pytest.mark.usefixtures("published")
def test_the_follower_s_part_that_parses_reads_it(people: People) -> None:
    require_read(people, [sys.executable, "-m", follow.__name__])


@pytest.mark.servers
@pytest.mark.usefixtures("published")
def test_debian_s_own_library_reads_it(people: People) -> None:
    """The follower on a server runs on Debian's python3-tuf and python3-securesystemslib, which are older than ours."""
    folder = people.folder / "kept"
    folder.mkdir()
    places = [f"--volume={ROOT / part}:/suite/{part}:ro" for part in ("base", "network_topology", "publication")]
    isolated = ["--rm", "--interactive", "--network=none", "--read-only", "--tmpfs=/tmp", "--workdir=/suite"]
    begun = ["docker", "run", *isolated, *places, f"--volume={folder}:{folder}:ro", make.ensure(print)]
    versions = [*begun, "dpkg-query", "--show", "python3-tuf", "python3-securesystemslib"]
    print(subprocess.run(versions, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout)
    require_read(people, [*begun, "python3", "-B", "-m", follow.__name__])


def puts_in_instead(tokens: Tokens, label: str) -> None:
    pulls_out(tokens)
    tokens.put_in(label)


def pulls_out(tokens: Tokens) -> None:
    for one in (tokens.folder / "tokens").iterdir():
        shutil.rmtree(one)
    tokens.look_again()


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
        lambda tokens, _: puts_in_instead(tokens, "bert"),
        errors.WRONG_USE,
        "no token anna is there, but 'bert'; put it in",
    ),
    "two tokens": (
        lambda tokens, _: tokens.put_in("anna"),
        errors.WRONG_USE,
        "2 tokens are called anna; leave only yours in, and try again",
    ),
    "no key on it": (
        lambda tokens, _: puts_in_instead(tokens, "anna"),
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


def with_another_public_half(tokens: Tokens) -> None:
    """Leave the private half of the holder's key on the token, with the public half of another one."""
    tokens.make_key("anna", "03")
    der = tokens.folder / "other.der"
    tokens.tool("anna", "--read-object", "--type", "pubkey", "--id", "03", "--output-file", str(der))
    for key_id in ("02", "03"):
        tokens.tool("anna", "--delete-object", "--type", "pubkey", "--id", key_id)
    tokens.tool("anna", "--write-object", str(der), "--type", "pubkey", "--id", "02")


@pytest.mark.parametrize("checked", [True, False])
def test_a_token_whose_halves_do_not_belong_together_signs_nothing(
    people: People, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, checked: bool
) -> None:
    """Who puts another public half on a token has its holder believe to have signed what nobody takes for signed."""
    with_another_public_half(tokens)
    roots, _ = founded(people, key_of(people, "root", "anna"), people.key("release", "a"))
    if not checked:
        monkeypatch.setattr(SSlibKey, "verify_signature", lambda *_: None)
    told = people.run(
        "root", "sign", NETWORK, "--key", roots[0], "--yes", expect=errors.REFUSED if checked else errors.DONE
    )
    assert ("the token anna signs with another key than the public half on it is of" in told) is checked
    assert bool(signed_by(people, "root")) is not checked


def test_a_token_that_is_pulled_out_half_way_has_signed_nothing(
    people: People, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root holder signs two roles: the first is not written where the second is not signed."""
    roots, _ = founded(people, key_of(people, "root", "anna"), people.key("release", "a"))
    before, signs = waiting(people), tokens_of.Signer.sign

    def once(own: tokens_of.Signer, payload: bytes) -> Signature:
        made = signs(own, payload)
        pulls_out(tokens)
        return made

    monkeypatch.setattr(tokens_of.Signer, "sign", once)
    told = people.run("root", "sign", NETWORK, "--key", roots[0], "--yes", expect=errors.WRONG_USE)
    assert "no token anna is there, but none at all" in told
    assert waiting(people) == before


def test_the_token_of_somebody_else_signs_nothing_and_is_asked_for_no_pin(
    people: People, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.put_in("bert")
    tokens.make_key("bert")
    stranger = key_of(people, "root", "bert")
    founded(people, key_of(people, "root", "anna"), people.key("release", "a"))
    before = waiting(people)
    monkeypatch.delenv(tokens_of.PIN_FILE)
    told = people.run("root", "sign", NETWORK, "--key", stranger, "--yes", expect=errors.REFUSED)
    assert "root-bert is not the key of a root holder of proeftuin" in told
    assert waiting(people) == before


@pytest.mark.usefixtures("tokens")
def test_a_pin_is_asked_for_once_at_a_terminal_and_not_shown(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    roots, _ = founded(people, key_of(people, "root", "anna"), people.key("release", "a"))
    monkeypatch.delenv(tokens_of.PIN_FILE)
    with Terminal(COMMAND, "root", "sign", NETWORK, "--key", roots[0], "--yes") as terminal:
        shown = terminal.until("PIN of the token anna: ")
        assert not terminal.echoes()
        terminal.type(f"{PIN}\n")
        shown += terminal.until("waits for the root holders: 1 of 2 signed; targets version 1 waits")
        assert terminal.end() == errors.DONE
    assert PIN not in shown + terminal.shown
    assert "PIN of" not in terminal.shown
    assert signed_by(people, "root") == signed_by(people, "targets") != set()


NO_KEYS = {
    "of another curve": (("--id", "04"), "ecdsa with ecdsa-sha2-nistp384, and P-256 is the only kind that is taken"),
    "that is not there": (
        ("--id", "05"),
        "could not find ECDSA key on the PKCS#11 token; name the id of a key of P-256",
    ),
    "with an id that is none": (("--id", "-2"), "argument --id: invalid key_id value: '-2'"),
    "with an id of other letters": (("--id", "9c "), "argument --id: invalid key_id value: '9c '"),
}


@pytest.mark.parametrize("which", NO_KEYS)
def test_a_key_that_readers_do_not_take_is_told_before_anything_is_made(
    people: People, tokens: Tokens, which: str
) -> None:
    words, sentence = NO_KEYS[which]
    tokens.make_key("anna", "04", "secp384r1")
    command = ["root", "key", NETWORK, str(people.folder / "root-a"), "--token", "anna", *words]
    if sentence.startswith("argument"):
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == errors.WRONG_USE
        assert sentence in done.stderr
    else:
        assert sentence in people.run(*command, expect=errors.WRONG_USE)
    assert not [*people.folder.glob("root-a*")]


FILES = {
    "nothing after its form": b"hsm:",
    "no label": b"hsm:2\n",
    "more lines": b"hsm:2?label=anna\nhsm:3?label=anna\n",
    "marks of a terminal": b"hsm:2?label=anna%1b%5b2J\n",
    "no text": b"hsm:2?label=\xff\xfe\n",
    "a large one": b"hsm:2?label=" + b"a" * 4096 + b"\n",
}


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("what", FILES)
def test_a_file_that_names_no_key_is_told(people: People, what: str) -> None:
    file = Path(key_of(people, "root", "anna"))
    founded(people, str(file), people.key("release", "a"))
    file.write_bytes(FILES[what])
    told = people.run("root", "sign", NETWORK, "--key", str(file), "--yes", expect=errors.WRONG_USE)
    assert "root-anna names no key on a token; make it anew: `werkplaats trust root key --token`" in told


@pytest.mark.usefixtures("tokens")
def test_a_file_loads_no_module(people: People) -> None:
    """A module runs as who signs: whoever could have a file name one, on the stick on which it lies, ran programs."""
    file = Path(key_of(people, "root", "anna"))
    founded(people, str(file), people.key("release", "a"))
    for more in ("&module-path=/stick/evil.so", "?module-path=/stick/evil.so"):
        file.write_text(f"hsm:2?label=anna{more}\n")
        told = people.run("root", "sign", NETWORK, "--key", str(file), "--yes", expect=errors.WRONG_USE)
        assert f"no token anna{more} is there, but 'anna'" in told
    file.write_text("hsm:2?label=anna\n")
    file.chmod(0o644)
    told = people.run("root", "sign", NETWORK, "--key", str(file), "--yes", expect=errors.REFUSED)
    assert "has mode 0644: others on this machine can read it" in told


@pytest.mark.usefixtures("tokens")
def test_a_locked_pin_is_told() -> None:
    """No token of SoftHSM locks itself: what a card says is raised in its stead."""
    wanted = "the token anna is locked after too many wrong PINs; unlock it with its own tool, or have another holder"
    with pytest.raises(errors.VaultError, match=wanted), tokens_of._in_sentences("anna"):
        raise pkcs11.PinLocked
    wanted = "does not answer as it should: DeviceRemoved; see whether its own tool still reads it"
    with pytest.raises(errors.VaultError, match=wanted), tokens_of._in_sentences("anna"):
        raise pkcs11.DeviceRemoved
