"""A network that was published, and the empty folder of an operator who joins it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from network_topology import load, model
from publication import verified
from tests.harness import coordinator as harness
from tests.harness.coordinator import NETWORKS
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import networks, places

ORGANISATION = "huisartsen"


class Published:
    """What a coordinator publishes, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "handed-over"
        definition = load.find("proeftuin", NETWORKS)
        self.coordinator = harness.founded(folder / "coordinator", definition)
        self.questions = networks.find("proeftuin", NETWORKS.parent).questions

    @property
    def definition(self) -> model.Definition:
        return self.coordinator.definition

    def publish(self, *, questions: bool = True, **changed: object) -> verified.Verified:
        """Publish the definition, with some of it changed."""
        definition = self.definition.model_copy(update=changed)
        asked = self.questions if questions else {}
        return publishing.publish(self.folder, definition, RELEASES, self.coordinator.authority, asked=asked)


def packed(folder: Path, to: Path, above: str = "") -> Path:
    """The publication in one tar file."""
    with tarfile.open(to, "w") as archive:
        archive.add(folder.resolve(), arcname=above or ".")
    return to


def entry(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    """Something in a tar file, with a header of our own making."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def tree(home: places.Home) -> dict[str, bytes]:
    """What lies in a home."""
    folder = home.networks.parent
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """One publication for all who only read it."""
    found = Published(tmp_path_factory.mktemp("handed"))
    found.publish()
    return found


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """One for who goes on publishing."""
    found = Published(tmp_path)
    found.publish()
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> places.Home:
    """Nothing of any network is in it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return places.home(tmp_path / "home")
