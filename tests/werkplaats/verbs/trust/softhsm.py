"""Tokens of SoftHSM 2 (Debian's softhsm2), in a folder of the test's own; keys on them are made as the guide says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pkcs11
import pytest

from werkplaats.operations.home import tokens

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, KEEPERS_PIN = "20394857", "87654321"


class Tokens:
    """The tokens that are in. The library asks once which there are: leaving a change has it ask again."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        (folder / "tokens").mkdir(parents=True)
        settings = folder / "softhsm2.conf"
        settings.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
        monkeypatch.setenv(tokens.MODULE, str(MODULE))
        self.pin(PIN)

    def pin(self, typed: str) -> None:
        """Have the holder's file of the PIN say this."""
        file = self.folder / "pin"
        file.touch(mode=0o600)
        file.write_text(f"{typed}\n")
        self._monkeypatch.setenv(tokens.PIN_FILE, str(file))

    def put_in(self, label: str) -> None:
        """Put a fresh token in."""
        pins = ("--so-pin", KEEPERS_PIN, "--pin", PIN)
        told("softhsm2-util", "--init-token", "--free", "--label", label, *pins)
        self.look_again()

    def make_key(self, label: str, key_id: str = "02", curve: str = "prime256v1") -> None:
        """Make a key on a token."""
        self.tool(label, "--keypairgen", "--key-type", f"EC:{curve}", "--id", key_id, "--label", label)

    def tool(self, label: str, *words: str) -> None:
        told("pkcs11-tool", "--module", str(MODULE), "--token-label", label, "--login", "--pin", PIN, *words)
        self.look_again()

    def look_again(self) -> None:
        pkcs11.unload(str(MODULE))


def told(*words: str) -> str:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout
