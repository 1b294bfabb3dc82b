"""What is placed of a publication, and what is met with a sentence before anything is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from base import errors, files
from network_topology import check
from publication import verified
from tests.werkplaats.operations.join.conftest import ORGANISATION, Published, packed, tree
from werkplaats import VERSION
from werkplaats.operations.coordinator import placing
from werkplaats.operations.home import networks, places
from werkplaats.operations.join import beginning, brought

ELSEWHERE = '{host: 192.0.2.1, host_key: "SHA256:' + "A" * 43 + '"}'


@contextlib.contextmanager
def begun(file: Path, home: places.Home, organisation: str = ORGANISATION) -> Iterator[beginning.Beginning]:
    with brought.opened(file) as found:
        yield beginning.read(found, home, organisation)


def place(file: Path, home: places.Home, told: Callable[[str], str | None] = str) -> list[str]:
    """As a walk does it; `told` is what somebody types of the root."""
    with begun(file, home) as one:
        root = None if one.confirmed else beginning.require_told(one, told(one.published.root) or "")
        return beginning.place(one, root, ORGANISATION)


def test_what_is_placed_is_the_network_as_it_was_published(
    handed_over: Published, home: places.Home, tmp_path: Path
) -> None:
    file = packed(handed_over.folder, tmp_path / "handed.tar")
    with begun(file, home) as one:
        assert not one.confirmed
        assert not beginning.placed(one)
    place(file, home)
    network = networks.find("proeftuin", home.networks.parent)
    assert verified.document(network.definition) == verified.document(handed_over.definition)
    found = check.network("proeftuin", home.networks, places.known(home))
    assert [one for one in found.violations if one.severity == "error"] == []
    assert found.questions == handed_over.questions != {}
    with begun(file, home) as one:
        assert one.confirmed
        assert beginning.placed(one)
        assert beginning.place(one, None, ORGANISATION) == []


def test_a_root_is_typed_as_it_is_read_out(handed_over: Published, home: places.Home) -> None:
    place(handed_over.folder, home, lambda root: f" {root.removeprefix('sha256:').upper()[:32]} {root[-32:]} ")
    assert (home.publications / "proeftuin").is_symlink()


@pytest.mark.parametrize("told", ["", "yes", "sha256:" + "0" * 64, "SHA256:" + "A" * 43])
def test_another_root_than_was_read_out_places_nothing_and_the_file_s_own_is_not_said(
    handed_over: Published, home: places.Home, tmp_path: Path, told: str
) -> None:
    with begun(handed_over.folder, home) as one:
        root = one.published.root
    with pytest.raises(errors.AcceptanceError, match="have it read to you again") as caught:
        place(handed_over.folder, home, lambda _: told)
    assert root not in str(caught.value)
    assert tree(home) == {}
    assert not (tmp_path / "state").exists()


def test_a_newer_one_takes_the_place_and_an_older_one_is_refused(
    published: Published, home: places.Home, tmp_path: Path
) -> None:
    older = packed(published.folder, tmp_path / "older.tar")
    place(older, home)
    (asked,) = (home.networks / "proeftuin" / "questions").iterdir()
    published.publish(questions=False, title="Proeftuin anders")
    told = place(published.folder, home)
    before = tree(home)
    assert not asked.exists(), "it was withdrawn"
    assert f"taken away, since it was withdrawn: {asked}" in told
    assert "Proeftuin anders" in before["networks/proeftuin/network.yml"].decode()
    with pytest.raises(errors.PublicationError, match="is of an older publication than was read before"):
        place(older, home)
    assert tree(home) == before


def test_a_definition_that_somebody_wrote_stays_where_it_says_the_same_and_stops_where_it_does_not(
    published: Published, home: places.Home
) -> None:
    own = home.networks / "proeftuin" / "network.yml"
    own.parent.mkdir(parents=True)
    text = (places.EXAMPLES / "proeftuin" / "network.yml").read_text() + "\n"  # and with comments
    text = text.replace("kind: regional", "kind: regional  # of the Achterhoek\npersonal_data: true")
    own.write_text(text)
    place(published.folder, home)
    assert own.read_text() == text
    published.publish(title="Proeftuin anders")
    before = tree(home)
    with pytest.raises(errors.RefusedError, match=r"network\.yml says something else than publication 2 of proeftuin"):
        place(published.folder, home)
    assert tree(home) == before


def _there(home: places.Home, network: str, organisation: str) -> None:
    path = home.inventories / network / "servers.yml"
    path.parent.mkdir(parents=True)
    path.write_text(f"{organisation}: {ELSEWHERE}\n")


def test_the_file_of_another_network_than_the_one_that_is_here_is_refused(
    handed_over: Published, home: places.Home
) -> None:
    _there(home, "gerda", ORGANISATION)
    before = tree(home)
    with (
        pytest.raises(
            errors.RefusedError, match="is of proeftuin, and huisartsen is in gerda here; take the file of that"
        ),
        begun(handed_over.folder, home),
    ):
        pass
    assert tree(home) == before


def test_an_organisation_that_is_not_in_it_is_told_who_is(handed_over: Published, home: places.Home) -> None:
    with (
        pytest.raises(
            errors.UsageError, match="has no organisation 'apotheek' by publication 1; it has: ggd, huisartsen"
        ),
        begun(handed_over.folder, home, "apotheek"),
    ):
        pass


def test_a_definition_that_this_suite_cannot_use_is_met_before_anything_is_written(
    published: Published, home: places.Home, tmp_path: Path
) -> None:
    """A newer suite may know what it says."""
    published.publish(region="nergens")
    with pytest.raises(errors.RefusedError) as caught:
        place(published.folder, home)
    assert caught.value.what.startswith(
        f"publication 2 of proeftuin is more than suite {VERSION} can use: network.yml: "
    )
    assert "there is no region 'nergens'" in caught.value.what
    assert ("warning" in str(caught.value), "coordinator" in caught.value.remedy) == (False, True)
    assert tree(home) == {}
    assert not (tmp_path / "state").exists()


def test_a_full_disk_is_met_before_anything_is_written(
    handed_over: Published, home: places.Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "_free", lambda _: 3 * 2**20)
    with pytest.raises(errors.RefusedError, match=r"has 3 MB free, and [67][0-9] MB are needed; make room"):
        place(handed_over.folder, home)
    assert tree(home) == {}
    assert not (tmp_path / "state").exists()


def test_a_folder_that_was_put_there_by_hand_is_left(handed_over: Published, home: places.Home) -> None:
    other = home.publications / "proeftuin" / "metadata"
    other.mkdir(parents=True)
    (other / "note").write_text("from the stick")
    before = tree(home)
    with pytest.raises(errors.PublicationError, match="put there by hand, with another publication; move it away"):
        place(handed_over.folder, home)
    assert tree(home) == before


@pytest.mark.parametrize(("owner", "stop"), [(files, "write_atomically"), (placing, "write")])
def test_a_run_that_is_cut_off_between_two_files_is_simply_run_again(
    handed_over: Published, home: places.Home, monkeypatch: pytest.MonkeyPatch, owner: object, stop: str
) -> None:

    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, stop, cut)
        with pytest.raises(KeyboardInterrupt):
            place(handed_over.folder, home)
    place(handed_over.folder, home)
    with begun(handed_over.folder, home) as one:
        assert beginning.placed(one)


def test_what_lies_there_already_still_waits_for_the_root_to_be_typed(
    handed_over: Published, home: places.Home, tmp_path: Path
) -> None:
    """Whoever copied it there, or whatever installed it, compared nothing for this operator."""
    place(handed_over.folder, home)
    (tmp_path / "state" / "werkplaats" / "proeftuin" / "publication.json").unlink()
    with begun(home.publications / "proeftuin", home) as one:
        assert not beginning.placed(one)
