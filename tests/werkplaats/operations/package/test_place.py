"""What an archive brought, where the suite looks for it; and what apt is told of packages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from base import canonical, errors, values
from publication import publication
from stacks.engine import carried
from station_image.builder import images, making, packages
from tests.werkplaats.operations.package import archives
from tests.werkplaats.operations.package.archives import Made
from tests.werkplaats.verbs.trust.people import DAY, NETWORK, People, people
from werkplaats.operations.home import places
from werkplaats.operations.join import beginning, brought
from werkplaats.operations.package import debs, install, place

__all__ = ["people"]


@pytest.fixture
def made(people: People, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(people, monkeypatch)


def copied(made: Made, to: Path) -> Path:
    archive = install.Archive(made.archive)
    for name in archive.files:
        archive.copy(name, to)
    return to


def test_it_lies_where_the_suite_looks_and_what_people_have_stays(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.make()
    work, home, kept = copied(made, tmp_path / "work"), tmp_path / "own", tmp_path / "placed.json"
    engines = list[Path]()
    monkeypatch.setattr(carried, "bring", engines.append)
    monkeypatch.setattr(images, "BUILD", tmp_path / "suite" / "build")
    with pytest.raises(errors.AcceptanceError, match="of another root than sha256:0, which was told"):
        list(place.place(work, NETWORK, "sha256:0", home, kept))
    assert (engines, home.exists(), images.BUILD.exists()) == ([], False, False)
    told = list(place.place(work, NETWORK, made.root, home, kept))
    assert engines == [work / "engine" / "3.0.0.tar.bz2"]
    assert images.built(f"sha256:{'5' * 64}", images.BUILD) is not None
    assert publication.read(home / "publications" / NETWORK, NETWORK).root == made.root
    assert (home / "networks" / NETWORK / "network.yml").read_bytes() == (
        made.people.home / "networks" / NETWORK / "network.yml"
    ).read_bytes()
    assert f"publication 1 is in {home / 'publications' / NETWORK}" in told
    (home / "networks" / NETWORK / "network.yml").write_text("mine\n")
    told = list(place.place(work, NETWORK, made.root, home, kept))
    assert f"{home / 'publications' / NETWORK} is left as it is: publication 1" in told
    assert f"{home / 'networks' / NETWORK / 'network.yml'} is left as it is: the archive has another one" in told
    assert (home / "networks" / NETWORK / "network.yml").read_text() == "mine\n"


def test_a_file_that_an_archive_placed_goes_with_the_next_one_unless_somebody_changed_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who reaches nothing has the definition of the first archive for ever."""
    made.make()
    work, home, kept = copied(made, tmp_path / "work"), tmp_path / "own", tmp_path / "placed.json"
    monkeypatch.setattr(carried, "bring", lambda _: "a cache")
    monkeypatch.setattr(images, "BUILD", tmp_path / "suite" / "build")
    own = home / "networks" / NETWORK
    list(place.place(work, NETWORK, made.root, home, kept))
    archive = work / "network" / "definition"
    (asked,) = (archive / "questions").iterdir()
    withdrawn = asked.read_bytes()
    asked.unlink()
    (archive / "network.yml").write_text("newer\n")
    told = list(place.place(work, NETWORK, made.root, home, kept))
    assert f"{own / 'network.yml'} is placed" in told
    assert f"{own / 'questions' / asked.name} is taken away: the archive has it no more" in told
    assert ((own / "network.yml").read_text(), list((own / "questions").iterdir())) == ("newer\n", [])
    (own / "network.yml").write_text("newer  # and mine\n")
    (own / "questions" / asked.name).write_bytes(withdrawn)
    (archive / "network.yml").write_text("newest\n")
    told = list(place.place(work, NETWORK, made.root, home, kept))
    assert f"{own / 'network.yml'} is left as it is: the archive has another one" in told
    assert (own / "network.yml").read_text() == "newer  # and mine\n"
    assert (own / "questions" / asked.name).exists(), "no archive placed that one"


def test_a_walk_goes_on_from_what_an_archive_placed(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wants the root once more: who installed may be another than who joins."""
    made.make()
    work, home = copied(made, tmp_path / "work"), places.home(tmp_path / "own")
    monkeypatch.setattr(carried, "bring", lambda _: "a cache")
    monkeypatch.setattr(images, "BUILD", tmp_path / "suite" / "build")
    list(place.place(work, NETWORK, made.root, home.networks.parent, tmp_path / "placed.json"))
    made.people.at("server")
    for file in (home.publications / NETWORK, made.archive):
        with brought.opened(file) as found:
            begun = beginning.read(found, home, "huisartsen")
            assert begun.confirmed == (file == made.archive)
            told = beginning.require_told(begun, made.root)
            assert beginning.place(begun, None if begun.confirmed else told, "huisartsen") == []


def another_archive(folder: Path) -> None:
    (folder / making.ARCHIVE).write_bytes(b"another")
    release = {
        **values.mapping((folder / making.RELEASE).read_bytes()),
        "archive": making.digest(folder / making.ARCHIVE),
    }
    (folder / making.RELEASE).write_bytes(canonical.pretty(release))


def another_id(folder: Path) -> None:
    text = (folder / making.RELEASE).read_text()
    (folder / making.RELEASE).write_text(text.replace(64 * "5", 64 * "6"))


WRONG_IMAGES = {
    "another image under the same id": (another_archive, f"was changed after it was built: it is .*{64 * '.'}"),
    "another id": (another_id, f"image is image sha256:{64 * '6'}, and publication 1 names sha256:{64 * '5'}"),
    "a part of it": (lambda folder: (folder / making.SBOM).unlink(), "image is no whole image of a station"),
}


@pytest.mark.parametrize(("change", "said"), WRONG_IMAGES.values(), ids=WRONG_IMAGES)
def test_an_image_of_another_release_than_the_published_one_is_refused_and_nothing_is_placed(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], said: str
) -> None:
    """One that is as it says of itself, under the id of the release: whoever signs the archive swapped it."""
    made.make()
    work, home, kept = copied(made, tmp_path / "work"), tmp_path / "own", tmp_path / "placed.json"
    change(work / "image")
    engines = list[Path]()
    monkeypatch.setattr(carried, "bring", engines.append)
    monkeypatch.setattr(images, "BUILD", tmp_path / "suite" / "build")
    with pytest.raises(
        errors.RefusedError, match=f"this is not the image of release dev: .*{said}.*; have the archive "
    ):
        list(place.place(work, NETWORK, made.root, home, kept))
    assert (engines, home.exists(), images.BUILD.exists(), kept.exists()) == ([], False, False, False)


def test_a_newer_publication_takes_the_place_of_an_older_one_and_never_the_other_way(
    made: Made, tmp_path: Path
) -> None:
    folder, older = tmp_path / "publications" / NETWORK, tmp_path / "older"
    shutil.copytree(made.people.place, older)
    made.people.approve("ggd")
    made.people.run("publish", NETWORK)
    for newest, number in ((older, 1), (made.people.place.resolve(), 2), (older, 2)):
        found = publication.read(newest, NETWORK)
        place._published(found, newest, folder)
        assert publication.read(folder, NETWORK).number == number


def test_a_newer_one_takes_the_place_of_one_that_is_good_no_more(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing but archives comes, the one before has mostly ended by then."""
    folder, older, before = tmp_path / "publications" / NETWORK, tmp_path / "older", canonical.now() - 40 * DAY
    with monkeypatch.context() as patch:
        patch.setattr(canonical, "now", lambda: before)
        people.published()
        shutil.copytree(people.place, older)
        place._published(publication.read(older, NETWORK, moment=before), older, folder)
    with pytest.raises(errors.ExpiredError):
        publication.read(folder, NETWORK)
    people.run("publish", NETWORK)
    newest = people.place.resolve()
    told = place._published(publication.read(newest, NETWORK), newest, folder)
    assert (told, publication.read(folder, NETWORK).number) == (f"publication 2 is in {folder}", 2)


def test_an_image_that_was_changed_is_not_placed(tmp_path: Path) -> None:
    archives.image(tmp_path / "images")
    folder = tmp_path / "images" / ("5" * 64)
    (folder / "image.tar").write_bytes(b"another")
    with pytest.raises(images.ImageError, match="was changed after it was built"):
        images.bring(folder, tmp_path / "build")
    assert not (tmp_path / "build").exists()


def test_of_the_mirrors_records_each_package_is_one_that_lies_beside() -> None:
    record = (
        "Package: passwd\nVersion: 1:4.17.4-2\nDepends: libc6\nFilename: pool/main/s/shadow/passwd_4.17.4-2_amd64.deb\n"
        f"SHA256: {'a' * 64}\nDescription: change and\n administer Filename: x"
    )
    records = debs.read(f"{record}\n\n{record}\n\n")
    assert list(records) == [packages.Package("deb", "passwd", "1:4.17.4-2", "a" * 64, "passwd_4.17.4-2_amd64.deb")]
    text = debs.index(records).decode()
    assert text == record.replace("pool/main/s/shadow/", "./") + "\n\n"
