"""Keys of a station are made on its server once, each with its owner, whoever runs the program."""

from __future__ import annotations

import base64
import json
import os
import pwd
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from base import errors
from on_server import keys
from publication import identity
from publication.following import own_keys
from station_image.runtime.accepted import gateway, statement
from station_image.runtime.base import contract
from tests.harness.chance import killed_at

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of several accounts")


@pytest.fixture
def root() -> Iterator[Path]:
    """A server's root that other accounts reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def made(root: Path) -> list[str]:
    return keys.Identity("ggd", "proeftuin", root=root).make()


def test_everything_is_made_once(root: Path) -> None:
    assert made(root) == ["gateway key", "request", "statement key", "statement of the gateway key"]
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert len(before) == 5
    assert made(root) == []
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_the_request_is_of_the_key_and_says_whose_it_is(root: Path) -> None:
    made(root)
    key = serialization.load_pem_private_key((root / keys.IDENTITY / "key.pem").read_bytes(), None)
    request = x509.load_pem_x509_csr((root / own_keys.REQUEST.lstrip("/")).read_bytes())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    assert request.subject.rfc4514_string() == "CN=station-ggd,OU=proeftuin,O=Datawerkplaats,C=NL"


def test_the_statement_key_is_the_station_s_alone_and_its_public_part_everybody_s(root: Path) -> None:
    made(root)
    private = root / keys.STATE / "statement.key"
    found = private.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (*keys.NUMBERS, 0o600)
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    public = serialization.load_pem_public_key((root / own_keys.STATEMENT_KEY.lstrip("/")).read_bytes())
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    assert public == key.public_key()
    assert stat.S_IMODE((root / keys.IDENTITY / "key.pem").stat().st_mode) == 0o600


def asked(root: Path, organisation: str = "ggd") -> identity.Request:
    """What the coordinator makes of the files on the server; raises RequestError where a signature does not hold."""
    text = "".join((root / name.lstrip("/")).read_text() for name in own_keys.FILES)
    return own_keys.asked("proeftuin", organisation, text)


def test_the_statement_key_signs_the_gateway_s_as_others_verify_it(root: Path) -> None:
    made(root)
    assert asked(root).statement.serial == 1
    key = x509.load_pem_x509_csr((root / own_keys.REQUEST.lstrip("/")).read_bytes()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = base64.b64decode(asked(root).statement_key)
    content = gateway.said("proeftuin", "ggd", spki, 1)
    statement.verify(public, statement.GATEWAY_KEY, content, asked(root).statement.signature)
    assert statement.DOMAIN + statement.GATEWAY_KEY.encode() + b"\n" == keys.STATEMENT
    with pytest.raises(errors.RequestError, match="its statement key did not sign"):
        asked(root, "ziekenhuis")


def test_each_new_gateway_key_has_a_higher_number_and_the_same_statement_key(root: Path) -> None:
    made(root)
    before = asked(root)
    give_up_the_gateway_key(root)
    assert made(root) == ["gateway key", "request", "statement of the gateway key"]
    after = asked(root)
    assert (after.statement.serial, after.statement_key) == (2, before.statement_key)
    assert after.fingerprint != before.fingerprint
    assert made(root) == []


def test_a_renewed_gateway_key_leaves_the_one_before_until_a_certificate_of_it_is_loaded(root: Path) -> None:
    made(root)
    folder, one = root / keys.IDENTITY, asked(root)
    before = (folder / "key.pem").read_bytes()
    for number in (2, 3):  # once more while it waits: the one in force is still kept
        renewed = keys.Identity("ggd", "proeftuin", root=root).renew()
        assert renewed == ["gateway key", "request", "statement of the gateway key"]
        assert made(root) == []
        after = asked(root)
        assert (after.statement.serial, after.statement_key) == (number, one.statement_key)
        assert (folder / "key-before.pem").read_bytes() == before
        assert stat.S_IMODE((folder / "key-before.pem").stat().st_mode) == 0o600
        assert (folder / "key.pem").read_bytes() != before
        assert json.loads((folder / "statement.json").read_text())["renews"] == 1
    (folder / "key-before.pem").unlink()
    keys.Identity("ggd", "proeftuin", root=root).renew()
    assert json.loads((folder / "statement.json").read_text())["serial"] == 4


def test_a_renewal_that_is_killed_never_loses_the_key_in_force_and_is_completed_by_the_next_run(
    root: Path, note: Callable[[str], None]
) -> None:
    """The gateway would have a certificate of a key that nobody has any more, until the coordinator comes."""
    made(root)
    before, one = (root / keys.IDENTITY / "key.pem").read_bytes(), asked(root)
    count = 0
    while True:
        count += 1
        with tempfile.TemporaryDirectory() as name:
            place = Path(name) / "server"
            subprocess.run(["cp", "--archive", str(root), str(place)], check=True)
            Path(name).chmod(0o755)
            came = killed_at(count, lambda place=place: keys.Identity("ggd", "proeftuin", root=place).renew())  # type: ignore[misc]
            kept = [path.read_bytes() for path in (place / keys.IDENTITY).glob("key*.pem")]
            assert before in kept
            made(place)
            renewed = (place / keys.IDENTITY / "key.pem").read_bytes() != before
            after = asked(place)
            assert (after.statement.serial, after.statement_key) == (1 + renewed, one.statement_key)
        if not came:
            assert renewed
            break
    note(f"the renewal of a gateway key was killed before each of its {count - 1} writes")
    assert count > 6


def test_where_there_is_no_gateway_key_there_is_none_to_renew(root: Path) -> None:
    with pytest.raises(keys.IdentityError, match=r"is not there yet, so there is none to renew; `werkplaats up` makes"):
        keys.Identity("ggd", "proeftuin", root=root).renew()
    assert not [*root.rglob("*.pem")]


def give_up_the_gateway_key(root: Path, *more: str) -> None:
    for name in ("key.pem", "request.pem", *more):
        (root / keys.IDENTITY / name).unlink()


def accepted(root: Path, text: str) -> None:
    path = root / keys.ACCEPTED / "proeftuin.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def seen(root: Path, number: int) -> str:
    """The accepted document, as far as it matters here; other keys of this station and of others are not its own."""
    rows = {"ggd": {asked(root).statement_key: number, "of before": 90}, "zorg": {asked(root).statement_key: 80}}
    return json.dumps({"network": "proeftuin", "seen": rows})


@pytest.mark.parametrize("where", ["accepted", "published", "nowhere"])
def test_a_lost_statement_begins_above_what_others_saw(root: Path, where: str) -> None:
    """From 1 again all others would refuse the gateway for good: they saw a higher number."""
    made(root)
    known = {asked(root).statement_key: 7} if where == "published" else {"of another key": 70}
    if where == "accepted":
        accepted(root, seen(root, 7))
    give_up_the_gateway_key(root, "statement.json")
    keys.Identity("ggd", "proeftuin", known, root=root).make()
    assert asked(root).statement.serial == (1 if where == "nowhere" else 8)
    assert made(root) == []


def test_the_highest_number_of_all_that_is_known_counts(root: Path) -> None:
    made(root)
    key = asked(root).statement_key
    for published, has_seen, then in ((0, 0, 2), (9, 4, 10), (3, 40, 41), (40, 40, 42)):
        accepted(root, seen(root, has_seen))
        give_up_the_gateway_key(root)
        keys.Identity("ggd", "proeftuin", {key: published}, root=root).make()
        assert asked(root).statement.serial == then


def test_the_program_takes_what_is_published_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def make(*words: object) -> SimpleNamespace:
        given.append(words)
        return SimpleNamespace(make=list)

    monkeypatch.setattr(keys, "Identity", make)
    for words in ([], ["A=", "7"]):
        monkeypatch.setattr(sys, "argv", ["keys.py", "ggd", "proeftuin", *words])
        assert keys.main() == 0
    assert given == [("ggd", "proeftuin", {}), ("ggd", "proeftuin", {"A=": 7})]


def test_after_the_last_number_only_a_new_statement_key_signs_and_it_begins_at_1(root: Path) -> None:
    made(root)
    accepted(root, seen(root, keys.LAST - 1))
    give_up_the_gateway_key(root)
    made(root)
    assert asked(root).statement.serial == keys.LAST == 2**31 - 1
    give_up_the_gateway_key(root)
    with pytest.raises(keys.IdentityError, match=r"as number 2147483647, the last one .* remove .*statement\.key and "):
        made(root)
    for name in (f"{keys.STATE}/statement.key", f"{keys.IDENTITY}/statement.pub"):
        (root / name).unlink()
    made(root)
    assert asked(root).statement.serial == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "[]", "null", "{}", '{"serial": "1"}', '{"serial": 0}', '{"serial": 2147483648}']
)
def test_a_damaged_statement_is_said_in_a_sentence(root: Path, text: str) -> None:
    made(root)
    path = root / keys.IDENTITY / "statement.json"
    path.write_text(text)
    with pytest.raises(keys.IdentityError, match=r"statement\.json cannot be read; remove it and run this again: "):
        made(root)
    path.unlink()
    assert made(root) == ["statement of the gateway key"]


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", '{"seen": []}', '{"seen": {"ggd": {"KEY": %s}}}' % 2**31])
def test_nothing_is_signed_while_what_was_seen_cannot_be_read(root: Path, text: str) -> None:
    made(root)
    accepted(root, text.replace("KEY", asked(root).statement_key))
    assert made(root) == [], "where there is nothing to sign it does not matter"
    give_up_the_gateway_key(root)
    with pytest.raises(keys.IdentityError, match=r"proeftuin\.json cannot be read, and it tells which number others"):
        made(root)


def test_a_new_statement_key_signs_the_gateway_s_anew(root: Path) -> None:
    made(root)
    give_up_the_gateway_key(root)
    made(root)
    before = asked(root)
    assert before.statement.serial == 2
    (root / keys.STATE / "statement.key").unlink()
    assert made(root) == ["statement key", "statement of the gateway key"]
    assert asked(root).statement_key != before.statement_key
    assert asked(root).statement.serial == 1
    assert [path.name for path in (root / keys.IDENTITY).iterdir() if path.name.startswith(".")] == []


def test_a_request_that_is_another_s_is_made_anew_and_the_key_stays(root: Path) -> None:
    made(root)
    key = (root / keys.IDENTITY / "key.pem").read_bytes()
    assert keys.Identity("zorg", "proeftuin", root=root).make() == [
        "request",
        "statement of the gateway key",
    ]
    assert (root / keys.IDENTITY / "key.pem").read_bytes() == key


def test_a_check_makes_nothing_and_says_what_is_missing(root: Path) -> None:
    assert keys.Identity("ggd", "proeftuin", root=root, check=True).make() == ["gateway key", "statement key"]
    assert list(root.iterdir()) == []


def test_a_statement_key_that_others_read_is_refused(root: Path) -> None:
    made(root)
    (root / keys.STATE / "statement.key").chmod(0o644)
    with pytest.raises(keys.IdentityError, match="must belong to station alone"):
        made(root)


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("mail", keys.NUMBERS[0], "number 5001 is user mail's and user station needs it"),
        ("station", 999, "user station has number 999 and needs 5001"),
    ],
)
def test_where_the_station_s_number_is_somebody_else_s_no_key_is_made(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, said: str
) -> None:
    monkeypatch.setattr(pwd, "getpwall", lambda: [SimpleNamespace(pw_name=name, pw_uid=number)])
    with pytest.raises(keys.IdentityError, match=said):
        made(root)
    assert list(root.iterdir()) == []


def test_without_openssl_it_says_who_brings_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(keys.IdentityError, match="openssl is not installed; the role baseline installs it"):
        made(root)


def test_accounts_and_folders_are_the_ones_that_a_station_has() -> None:
    assert (keys.OWNER, keys.GROUP) == (contract.AGENT_USER, contract.GROUP)
    assert keys.NUMBERS == (contract.AGENT_UID, contract.GROUP_ID)
    agreed = {one.path: (one.owner, int(one.mode, 8)) for one in contract.FOLDERS}
    names = {keys.ROOT: "root", keys.NUMBERS: contract.AGENT_USER}
    for name, owner, mode in keys.FOLDERS:
        assert agreed[f"/{name}"] == (names[owner], mode)
    assert f"/{keys.STATE}/statement.key" == f"{contract.VAR}/{contract.STATEMENT_KEY.path}"
