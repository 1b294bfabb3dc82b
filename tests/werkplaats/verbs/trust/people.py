"""A coordinator and holders of root and releases, each with key files of their own, who run `trust`."""

from __future__ import annotations

import datetime
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import errors
from network_topology import load
from publication.following import requests
from station_image.builder import images
from tests.harness.coordinator import Keys, make_keys
from tests.publication.published import RELEASES
from werkplaats import cli
from werkplaats.operations.coordinator import approval, ledger
from werkplaats.operations.home import sealed

NETWORK = "proeftuin"
DAY = datetime.timedelta(days=1)
EXAMPLES = Path(load.__file__).parent / "networks"


class People:
    """A coordinator, three root holders and three release holders, who share the coordinator's inventory."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.home, self._capsys = folder, folder / "home", capsys
        self._monkeypatch = monkeypatch
        (self.home / "publications").mkdir(parents=True)
        shutil.copytree(EXAMPLES / NETWORK, self.home / "networks" / NETWORK)
        (self.home / "inventories" / NETWORK).mkdir(parents=True)
        monkeypatch.setenv("WERKPLAATS_HOME", str(self.home))
        phrase = folder / "passphrase"
        phrase.touch(mode=0o600)
        phrase.write_text("een lange zin die niemand raadt\n")
        monkeypatch.setenv("WERKPLAATS_PASSPHRASE_FILE", str(phrase))
        monkeypatch.setattr(sealed, "COST", sealed.QUICK)
        self.at("coordinator")
        self.with_image(RELEASES["dev"])

    @property
    def place(self) -> Path:
        return self.home / "publications" / NETWORK

    def at(self, workstation: str) -> None:
        """From now on on this workstation, which has a vault of its own."""
        self._monkeypatch.setenv("XDG_STATE_HOME", str(self.folder / workstation))

    def with_image(self, document: Any) -> None:
        self._monkeypatch.setattr(images, "current", lambda: document and SimpleNamespace(release=document))

    def run(self, *words: str, expect: int = errors.DONE) -> str:
        code = cli.main([*([] if words[0] in ("release", "package") else ["trust"]), *words])
        told = self._capsys.readouterr()
        assert code == expect, (words, told)
        return told.out + told.err

    def key(self, kind: str, name: str) -> str:
        """Make a holder's key; returns the file."""
        file = self.folder / f"{kind}-{name}"
        assert re.search(r"sha256:[0-9a-f]{64}", self.run(kind, "key", NETWORK, str(file)))
        return str(file)

    def found(self) -> tuple[list[str], list[str]]:
        root, releases = ([self.key(kind, name) for name in "abc"] for kind in ("root", "release"))
        named = [
            word
            for kind, keys in (("--root", root), ("--release", releases))
            for key in keys
            for word in (kind, f"{key}.pub")
        ]
        self.run("root", "found", NETWORK, *named)
        return root, releases

    def sign(self, kind: str, *keys: str) -> str:
        return "".join(self.run(kind, "sign", NETWORK, "--key", key, "--yes") for key in keys)

    def approve(self, organisation: str) -> Keys:
        """An organisation asks with new keys, and reads the fingerprint of them to the coordinator."""
        keys = make_keys()
        signed = keys.statement_of(NETWORK, organisation)
        asked = requests.request(NETWORK, organisation, keys.request_pem, keys.statement_key, signed)
        approval.receive(self.records, asked)
        self.run("approve", NETWORK, organisation, "--fingerprint", asked.fingerprint)
        return keys

    @property
    def records(self) -> ledger.Records:
        return ledger.Records(self.home / "inventories" / NETWORK)

    def published(self) -> tuple[list[str], list[str]]:
        """A network that is founded and published."""
        root, releases = self.found()
        self.sign("root", *root[:2])
        self.run("publish", NETWORK, expect=errors.REFUSED)
        self.sign("release", *releases[1:])
        self.run("publish", NETWORK)
        return root, releases


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> People:
    return People(tmp_path, monkeypatch, capsys)
