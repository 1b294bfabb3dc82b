"""`werkplaats join`: each mistake is met by a sentence and what to do, and nothing was changed."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from base import errors
from tests.werkplaats.operations.join.conftest import ORGANISATION, Published, tree
from tests.werkplaats.verbs.join.conftest import Typed
from werkplaats import cli
from werkplaats.operations.home import gate, places
from werkplaats.operations.join import beforehand
from werkplaats.operations.reach import remote
from werkplaats.verbs.join import walk as walks

KEY = "SHA256:" + "A" * 43
HOST = ("--host", "192.0.2.1", "--host-key", KEY)


def join(home: places.Home, file: Path, *words: str, organisation: str = ORGANISATION) -> int:
    return cli.main(["--home", str(home.networks.parent), "join", str(file), "--organisation", organisation, *words])


MISTAKES: dict[str, tuple[tuple[str, ...], str, int, str]] = {
    "no terminal to type the root on": ((), "", errors.REFUSED, "there is no terminal to type the fingerprint"),
    "another root": (("--root", "sha256:" + "0" * 64), "", errors.REFUSED, "is not the root of .*have it read to you"),
    "no fingerprint": (
        ("--root", "yes"),
        "",
        errors.REFUSED,
        "is no fingerprint of a root: that is 64 digits.*have it read",
    ),
    "json without paper": (("--json",), "", errors.WRONG_USE, "--json is for --paper; leave it out"),
    "no host key": (HOST[:2], "", errors.WRONG_USE, "the host key of that server is not; on the console"),
    "a host key of another kind": (
        (*HOST[:2], "--host-key", "MD5:00:11"),
        "",
        errors.WRONG_USE,
        "MD5:00:11 is no fingerprint of a host key",
    ),
    "a login as host": (("--host", "beheer@192.0.2.1", *HOST[2:]), "", errors.WRONG_USE, "is no name or address"),
    "a host key alone": (HOST[2:], "", errors.WRONG_USE, "where the server is is not said; add --host"),
    "here with a login": (("--here", "--user", "x"), "", errors.WRONG_USE, "--user is about another machine"),
    "another way than the inventory": (
        HOST,
        f'{ORGANISATION}: {{host: 192.0.2.9, host_key: "{KEY}"}}\n',
        errors.REFUSED,
        "says that huisartsen is reached at 192.0.2.9; leave --here or --host out",
    ),
    "another login than the inventory": (
        (*HOST, "--user", "jansen"),
        f'{ORGANISATION}: {{host: 192.0.2.1, host_key: "{KEY}"}}\n',
        errors.REFUSED,
        "says that your login on the server of huisartsen is beheer; leave --user out where that is right",
    ),
    "here, and it is somebody else's": (
        ("--here",),
        "ggd: {here: true}\n",
        errors.REFUSED,
        "says that this machine is the server of ggd; name that organisation",
    ),
}


@pytest.mark.parametrize(("words", "inventory", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_met_with_what_to_do_and_nothing_is_changed(
    handed_over: Published,
    home: places.Home,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    inventory: str,
    code: int,
    said: str,
) -> None:
    if inventory:
        path = home.inventories / "proeftuin" / "servers.yml"
        path.parent.mkdir(parents=True)
        path.write_text(inventory)
    before = tree(home)
    assert join(home, handed_over.folder, *words) == code
    told = capsys.readouterr().err
    assert re.search(said, told), told
    assert tree(home) == before
    assert not (tmp_path / "state" / "werkplaats" / "proeftuin" / "publication.json").exists()


def test_an_altered_file_is_refused(
    handed_over: Published, home: places.Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(handed_over.folder.resolve(), altered)
    (newest,) = altered.glob("metadata/*.network.json")
    newest.write_bytes(newest.read_bytes().replace(b"x-published", b"x-publishes"))
    assert join(home, altered) == errors.REFUSED
    assert f"{newest} is not the file that was published" in capsys.readouterr().err
    assert tree(home) == {}


def test_without_a_folder_of_one_s_own_nothing_is_placed_among_the_examples(
    handed_over: Published, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(places.HOME_VARIABLE, raising=False)
    assert cli.main(["join", str(handed_over.folder), "--organisation", ORGANISATION]) == errors.WRONG_USE
    assert "needs a folder of your own, and none is named; mkdir -p ~/datawerkplaats" in capsys.readouterr().err


def test_the_paper_tells_all_of_it_beforehand_and_changes_nothing(
    handed_over: Published, home: places.Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert join(home, handed_over.folder, "--paper") == errors.DONE
    text = capsys.readouterr().out
    for part in (
        "Huisartsengroep Proeftuin (huisartsen) joins proeftuin",
        "not compared yet",
        "minutes of people in all",
        "the server was not examined: how it is reached is not said",
        "out TCP 8443 to mesh.ggd.example",
        "in TCP 22",
        "who decides what:",
        "what never leaves your server:",
        "Every input is split into secret shares over 3 computing parties",
    ):
        assert part in text
    assert all(len(line) <= 96 for line in text.splitlines())
    assert all(f"\n  {name} " in text for name, _ in beforehand.DECIDES)
    assert join(home, handed_over.folder, "--paper", "--json") == errors.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["organisation"], told["root_confirmed"], told["examined"]) == (ORGANISATION, False, None)
    assert {row["port"] for row in told["firewall"]} == {22, 123, 443, 8443}
    assert [step["name"] for step in told["steps"]][:2] == ["publication", "server"]
    assert tree(home) == {}
    assert not (tmp_path / "state").exists()


def test_the_paper_goes_by_the_root_and_the_way_to_the_server_that_are_said(
    handed_over: Published, home: places.Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where servers.yml has another server of the same operator already."""
    path = home.inventories / "proeftuin" / "servers.yml"
    path.parent.mkdir(parents=True)
    path.write_text(f'ggd: {{host: 192.0.2.9, host_key: "{KEY}"}}\n')
    monkeypatch.setattr(remote.Remotes, "probe", lambda self: dict.fromkeys(self.servers, "no route to host"))
    root = handed_over.publish().root
    assert join(home, handed_over.folder, "--paper", *HOST, "--root", root) == errors.HALF_WAY
    text = capsys.readouterr().out
    assert "as it was read out to you" in text
    assert "the server was not examined: no route to host" in text


def test_another_root_than_that_of_the_network_is_met_also_once_one_was_typed(
    handed_over: Published, home: places.Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert join(home, handed_over.folder, "--root", handed_over.publish().root) == errors.REFUSED
    capsys.readouterr()
    assert join(home, handed_over.folder, "--root", f"sha256:{'0' * 64}") == errors.REFUSED
    told = capsys.readouterr()
    assert ("is not the root of" in told.err, "now" in told.out) == (True, False)


def test_a_walk_that_is_cut_off_has_used_this_suite_too(
    handed_over: Published, home: places.Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it did until then was done by this one."""

    def cut(*_: object) -> int:
        raise KeyboardInterrupt

    assert join(home, handed_over.folder, "--root", handed_over.publish().root) == errors.REFUSED
    note = tmp_path / "state" / "werkplaats" / "proeftuin" / gate.NOTE
    note.unlink()
    monkeypatch.setattr(walks, "go", cut)
    assert join(home, handed_over.folder) == errors.HALF_WAY
    assert note.exists()


def test_who_leaves_a_question_by_ctrl_d_has_changed_nothing(
    handed_over: Published, home: places.Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed())
    assert join(home, handed_over.folder) == errors.REFUSED
    assert "nothing was typed, so nothing was changed; run it again" in capsys.readouterr().err
    assert tree(home) == {}


def test_the_first_run_places_what_the_root_was_read_out_for_and_asks_where_the_server_is(
    handed_over: Published, home: places.Home, capsys: pytest.CaptureFixture[str]
) -> None:
    root = handed_over.publish().root
    assert join(home, handed_over.folder, "--root", root) == errors.REFUSED
    said = capsys.readouterr().out
    assert "note: as the definition has it GGD Proeftuin operates this server: you act for GGD Proeftuin" in said
    assert "now    server" in said
    assert "ssh-keygen -lf" in said
    assert "then   examine, prepare, request, certificate, accept, up, verify, people" in said
    assert "networks/proeftuin/network.yml" in tree(home)
    assert join(home, handed_over.folder) == errors.REFUSED
    assert "done   publication" in capsys.readouterr().out
