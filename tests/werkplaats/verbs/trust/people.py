"""A coordinator and holders of root and releases, each with key files of their own, who run `trust`."""

from __future__ import annotations

import datetime
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import canonical, errors
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

    def __init__(
        self, folder: Path, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """In a folder; what all begin with is `made` once, and copied."""
        self.folder, self.home, self._capsys = folder, folder / "home", capsys
        self._made = made
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
        self._at = workstation
        self._monkeypatch.setenv("XDG_STATE_HOME", str(self.folder / workstation))

    def with_image(self, document: Any) -> None:
        self._image = document
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
        """The holders' keys, of a network that is founded."""
        return self._once(self._found)

    def _once(self, make: Callable[[], object]) -> tuple[list[str], list[str]]:
        """Have it made, or copy what came of it where all was as it is here; returns the holders' keys."""
        today = canonical.now().date()  # some turn the clock back
        seen = hashlib.sha256(repr((make.__name__, self._at, self._image, today)).encode())
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            seen.update(f"{path.relative_to(self.folder)}\0".encode() + path.read_bytes())
        made = self._made / seen.hexdigest()
        if made.exists():
            shutil.copytree(made, self.folder, symlinks=True, dirs_exist_ok=True)
        else:
            make()
            shutil.copytree(self.folder, made, symlinks=True)
        root, releases = ([str(self.folder / f"{kind}-{name}") for name in "abc"] for kind in ("root", "release"))
        return root, releases

    def _found(self) -> None:
        root, releases = ([self.key(kind, name) for name in "abc"] for kind in ("root", "release"))
        named = [
            word
            for kind, keys in (("--root", root), ("--release", releases))
            for key in keys
            for word in (kind, f"{key}.pub")
        ]
        self.run("root", "found", NETWORK, *named)

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
        return self._once(self._published)

    def _published(self) -> None:
        root, releases = self.found()
        self.sign("root", *root[:2])
        self.run("publish", NETWORK, expect=errors.REFUSED)
        self.sign("release", *releases[1:])
        self.run("publish", NETWORK)


@pytest.fixture
def people(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> People:
    return People(tmp_path, tmp_path_factory.getbasetemp() / "people", monkeypatch, capsys)
