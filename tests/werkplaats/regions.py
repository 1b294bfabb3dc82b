"""Two regions that publish, and who coordinates their federation: it runs `trust` as its users do."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest
import yaml

from base import canonical, errors
from network_topology import load
from publication import publication
from publication.federations import federated
from publication.whole import Consent
from tests.harness import coordinator as coordinators
from tests.publication.published import RELEASES
from werkplaats import cli
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import sealed

NAME, SALLAND, TWENTE = "kansrijke-start-oost", "salland-united", "twente-volledig"


class Regions:
    """Two regions, each with a coordinator, and their federation, of which two root holders have keys."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        made: Path | None = None,
    ) -> None:
        """In a folder, from nothing or as they lie in one that was `made` before: keys take a second to make."""
        self.folder, self.home = folder, folder / "home"
        self._monkeypatch, self._capsys = monkeypatch, capsys
        phrase = folder / "passphrase"
        monkeypatch.setenv("WERKPLAATS_PASSPHRASE_FILE", str(phrase))
        monkeypatch.setenv("WERKPLAATS_HOME", str(self.home))
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "elsewhere"))
        monkeypatch.setattr(sealed, "COST", sealed.QUICK)
        self.path = self.home / "networks" / NAME / "network.yml"
        self.holders = [str(folder / f"holder-{number}") for number in "12"]
        if made:
            shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)
        else:
            phrase.touch(mode=0o600)
            phrase.write_text("een lange zin die niemand raadt\n")
            for name in (NAME, SALLAND, TWENTE):
                shutil.copytree(coordinators.NETWORKS / name, self.home / "networks" / name)
            (self.home / "publications").mkdir()
        self.definition = yaml.safe_load(self.path.read_text())
        self.own = {
            name: coordinators.founded(folder, load.find(name, self.home / "networks")) for name in (SALLAND, TWENTE)
        }
        if not made:
            self._approved()
            (folder / "root").write_text(self._found())
        self.root = (folder / "root").read_text()

    def _approved(self) -> None:
        for name, own in self.own.items():
            for organisation in self.named(name):
                own.approve(organisation)
            self.publish(name)
            self.definition["members"][name]["root"] = publication.read(self.place(name), name).root
        self.write()

    def _found(self) -> str:
        for key in self.holders:
            self.trust("root key", key)
        self.trust("root found", *(word for key in self.holders for word in ("--root", f"{key}.pub")))
        self.sign()
        told = self.trust("publish")
        assert f"publication 1 is in {self.place(NAME)}" in told
        assert "certified are: none" in told
        found = re.search("its root is (sha256:[0-9a-f]{64})", told)
        assert found
        return found[1]

    def trust(self, what: str, *words: str, expect: int = errors.DONE) -> str:
        """Run a verb of `trust` on the federation, where its coordinator works; returns all that it said."""
        self._monkeypatch.setenv("XDG_STATE_HOME", str(self.folder / "coordinator"))
        code = cli.main(["trust", *what.split(), NAME, *words])
        told = self._capsys.readouterr()
        assert code == expect, (what, words, told)
        self._monkeypatch.setenv("XDG_STATE_HOME", str(self.folder / "elsewhere"))
        return told.out + told.err

    def sign(self) -> None:
        """Both root holders of the federation sign what waits."""
        for key in self.holders:
            self.trust("root sign", "--key", key, "--yes")

    def place(self, name: str) -> Path:
        return self.home / "publications" / name

    def named(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(self.definition["members"][name]["organisations"]))

    def write(self) -> None:
        """Write the definition of the federation."""
        self.path.write_text(yaml.safe_dump(self.definition))

    def publish(self, name: str) -> None:
        """A region publishes."""
        own = self.own[name]
        publishing.publish(self.place(name), own.definition, RELEASES, own.authority)

    def yes(self, name: str) -> None:
        """A region's root holders say yes to the federation, with those that it names."""
        self.consent(name, Consent(root=self.root, organisations=self.named(name)))

    def consent(self, name: str, said: Consent | None) -> None:
        """A region's root holders sign, and it publishes."""
        own = self.own[name]
        held = own.roles
        held.ask(dataclasses.replace(held.wanted(), federations={NAME: said} if said else {}), canonical.now())
        held.settle()
        self.publish(name)

    def read(self) -> federated.Federated:
        """What the federation publishes."""
        return federated.read(self.place(NAME), NAME)


@pytest.fixture(scope="session")
def made_regions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What was made once, for all tests of a run: each has a copy."""
    return {"in": tmp_path_factory.mktemp("regions")}


def _once(regions: Regions, made: dict[str, Path], what: str) -> Regions:
    if what not in made:
        made[what] = made["in"] / what
        shutil.copytree(regions.folder, made[what], symlinks=True)
    return regions


@pytest.fixture
def unfederated(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made_regions: dict[str, Path],
) -> Regions:
    return _once(Regions(tmp_path, monkeypatch, capsys, made_regions.get("apart")), made_regions, "apart")


@pytest.fixture
def regions(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made_regions: dict[str, Path],
) -> Regions:
    """Both said yes, and the federation published that."""
    if "together" in made_regions:
        return Regions(tmp_path, monkeypatch, capsys, made_regions["together"])
    found = Regions(tmp_path, monkeypatch, capsys, made_regions.get("apart"))
    for name in (SALLAND, TWENTE):
        found.yes(name)
    found.trust("publish")
    return _once(found, made_regions, "together")
