from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from base import errors, files
from werkplaats.operations.home import sealed, vault

PASSPHRASE = "correct horse battery staple"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def kept(tmp_path: Path) -> vault.Vault:
    return vault.Vault("gerda", tmp_path / "state" / "gerda", ask=lambda _: PASSPHRASE)


def test_the_vault_lies_where_the_xdg_specification_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert vault.find("gerda.sandbox").folder == tmp_path / "xdg" / "werkplaats" / "gerda.sandbox"
    monkeypatch.setenv("XDG_STATE_HOME", "relative/counts/as/unset")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert vault.find("gerda").folder == tmp_path / "home" / ".local" / "state" / "werkplaats" / "gerda"


@pytest.mark.parametrize("name", ["", ".", "..", "../other", "a/b", "/etc"])
def test_a_name_that_is_a_path_is_no_network(name: str) -> None:
    with pytest.raises(errors.UsageError):
        vault.find(name)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_as_they_should_be_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        kept = vault.Vault("gerda", tmp_path / "state" / "gerda")
        kept.write("something", b"secret")
        kept.make_passphrase()
        files.write_atomically(tmp_path / "for everybody", b"", mode=0o644)
    finally:
        os.umask(before)
    assert mode(tmp_path / "for everybody") == 0o644
    assert mode(kept.folder) == 0o700
    assert {mode(path) for path in kept.folder.iterdir()} == {0o600}


def test_a_vault_that_others_can_enter_is_refused(kept: vault.Vault) -> None:
    kept.folder.chmod(0o750)
    with pytest.raises(errors.VaultError, match=r"has mode 0750.*chmod 700"):
        vault.Vault("gerda", kept.folder)


def test_a_secret_that_others_can_read_is_refused(kept: vault.Vault) -> None:
    kept.write("something", b"secret")
    (kept.folder / "something").chmod(0o640)
    with pytest.raises(errors.VaultError, match=r"something has mode 0640"):
        kept.read("something")


def test_a_key_is_encrypted_and_opens_with_its_passphrase_only(kept: vault.Vault) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    kept.write_private_key("ca-1.key", key)
    assert kept.read("ca-1.key").startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert kept.read_private_key("ca-1.key").public_key() == key.public_key()
    stranger = vault.Vault("gerda", kept.folder, ask=lambda _: "another passphrase")
    with pytest.raises(errors.VaultError, match="does not open with this passphrase"):
        stranger.read_private_key("ca-1.key")


def test_openssl_opens_a_key_with_the_passphrase_and_not_without(kept: vault.Vault) -> None:
    kept.write_private_key("ca-1.key", ec.generate_private_key(ec.SECP256R1()))

    def opens(passphrase: str) -> bool:
        command = ["openssl", "pkey", "-in", str(kept.folder / "ca-1.key"), "-noout", "-passin", f"pass:{passphrase}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert opens(PASSPHRASE)
    assert not opens("")


def test_a_key_is_never_written_over(kept: vault.Vault) -> None:
    kept.write_private_key("ca-1.key", ec.generate_private_key(ec.SECP256R1()))
    before = kept.read("ca-1.key")
    with pytest.raises(FileExistsError):
        kept.write_private_key("ca-1.key", ec.generate_private_key(ec.SECP256R1()))
    assert kept.read("ca-1.key") == before
    assert [path.name for path in kept.folder.iterdir()] == ["ca-1.key"]


def test_a_new_passphrase_is_asked_twice_and_then_no_more(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return PASSPHRASE

    kept = vault.Vault("gerda", tmp_path / "gerda", ask=ask)
    kept.write_private_key("one.key", ec.generate_private_key(ec.SECP256R1()))
    kept.write_private_key("two.key", ec.generate_private_key(ec.SECP256R1()))
    kept.read_private_key("one.key")
    assert len(asked) == 2


def test_two_different_new_passphrases_are_refused(tmp_path: Path) -> None:
    answers = iter([PASSPHRASE, "something else entirely"])
    kept = vault.Vault("gerda", tmp_path / "gerda", ask=lambda _: next(answers))
    with pytest.raises(errors.VaultError, match="the two passphrases differ"):
        kept.write_private_key("one.key", ec.generate_private_key(ec.SECP256R1()))
    assert not kept.has("one.key")


def test_a_short_passphrase_is_refused_for_a_new_key(tmp_path: Path) -> None:
    kept = vault.Vault("gerda", tmp_path / "gerda", ask=lambda _: "nineteen characters")
    with pytest.raises(errors.VaultError, match="take at least 20"):
        kept.write_private_key("one.key", ec.generate_private_key(ec.SECP256R1()))


def test_without_a_terminal_the_remedy_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", (tmp_path / "nothing").open("w+"))
    kept = vault.Vault("gerda", tmp_path / "gerda")
    with pytest.raises(errors.VaultError, match="WERKPLAATS_PASSPHRASE_FILE"):
        kept.write_private_key("one.key", ec.generate_private_key(ec.SECP256R1()))


def test_the_named_passphrase_file_goes_before_the_one_in_the_vault(
    kept: vault.Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.make_passphrase()
    named = tmp_path / "passphrase"
    named.write_text(f"{PASSPHRASE}\n")
    named.chmod(0o600)
    monkeypatch.setenv(vault.PASSPHRASE_FILE, str(named))
    kept.write_private_key("one.key", ec.generate_private_key(ec.SECP256R1()))
    monkeypatch.delenv(vault.PASSPHRASE_FILE)
    with pytest.raises(errors.VaultError, match="does not open"):
        vault.Vault("gerda", kept.folder).read_private_key("one.key")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: (path.write_text(PASSPHRASE), path.chmod(0o644)), "has mode 0644"),
        (lambda path: (path.write_text("\n"), path.chmod(0o600)), "is empty"),
        (lambda _: None, "is not a file"),
    ],
)
def test_a_passphrase_file_that_is_no_good_is_refused(
    kept: vault.Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, message: str
) -> None:
    assert callable(make)
    make(tmp_path / "passphrase")
    monkeypatch.setenv(vault.PASSPHRASE_FILE, str(tmp_path / "passphrase"))
    with pytest.raises(errors.VaultError, match=message):
        kept.write_private_key("one.key", ec.generate_private_key(ec.SECP256R1()))


def test_a_made_passphrase_stays_the_same(kept: vault.Vault) -> None:
    kept.make_passphrase()
    before = kept.read("passphrase")
    kept.make_passphrase()
    assert kept.read("passphrase") == before
    assert len(before) > 40


def schemes(path: Path) -> tuple[list[str], list[int]]:
    """What openssl sees of an encrypted key: the algorithms, and the numbers of the derivation."""
    told = subprocess.run(["openssl", "asn1parse", "-in", str(path)], capture_output=True, text=True, check=True).stdout
    numbers = [int(number, 16) for number in re.findall(r"INTEGER +:(\S+)", told)]
    return re.findall(r"OBJECT +:(\S+)", told), numbers


def test_a_key_costs_memory_for_every_passphrase_that_is_tried(kept: vault.Vault) -> None:
    """Whoever finds a backup tries passphrases: 2,048 rounds of PBKDF2 took half a thousandth of a second each."""
    kept.write_private_key("ca-1.key", ec.generate_private_key(ec.SECP256R1()))
    assert schemes(kept.folder / "ca-1.key") == (["PBES2", "scrypt", "aes-256-cbc"], [2**14, 8, 5])


def test_a_made_passphrase_that_lies_beside_the_key_costs_no_time(tmp_path: Path) -> None:
    kept = vault.Vault("gerda.sandbox", tmp_path / "gerda.sandbox")
    kept.make_passphrase()
    kept.write_private_key("ca-1.key", ec.generate_private_key(ec.SECP256R1()))
    assert schemes(kept.folder / "ca-1.key")[1] == [2, 8, 5]


def test_a_key_of_an_earlier_release_opens_and_is_encrypted_anew(kept: vault.Vault) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    weak = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    kept.write("ca-1.key", key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, weak))
    assert not sealed.strong(kept.read("ca-1.key"))
    assert kept.read_private_key("ca-1.key").private_numbers() == key.private_numbers()
    again = kept.read("ca-1.key")
    assert sealed.strong(again)
    assert kept.read_private_key("ca-1.key").private_numbers() == key.private_numbers()
    assert kept.read("ca-1.key") == again, "once is enough"


def test_keys_of_every_length_open_again() -> None:
    """A length of the encoding that is wrong shows with one key in many."""
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
        key = ec.generate_private_key(curve)
        pem = sealed.seal(key, b"x", sealed.QUICK)
        assert serialization.load_pem_private_key(pem, b"x").private_numbers() == key.private_numbers()  # type: ignore[union-attr]
        with pytest.raises(ValueError, match=r"."):
            serialization.load_pem_private_key(pem, b"y")
