"""`werkplaats plan --steps`: from one definition to another, without a server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from base import errors
from network_topology import load
from werkplaats import cli

GERDA = Path(load.__file__).with_name("networks") / "gerda"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A coordinator's folder in which one computing party is another one than in the example."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(GERDA, tmp_path / "home" / "networks" / "gerda")
    written = tmp_path / "home" / "networks" / "gerda" / "network.yml"
    written.write_text(written.read_text().replace("[ggd-nog, gelre, sensire]", "[ggd-nog, slingeland, sensire]"))
    return tmp_path / "home"


def plan(home: Path, *words: str) -> int:
    return cli.main(["--home", str(home), "plan", "gerda", *words])


def test_a_change_of_several_publications_shows_them_and_writes_those_in_between(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(home, "--steps", "--from", str(GERDA / "network.yml"), "--write", str(home / "between")) == errors.DONE
    told = capsys.readouterr().out
    assert "1. coordinator: publish definition 1 of 3\n     werkplaats check gerda\n" in told
    assert "sessions: all questions (griep-hotspots, valrisico-leeftijd) wait" in told
    assert "definition 2 of 3:\n  Slingeland Ziekenhuis (slingeland) becomes a computing party" in told
    assert sorted(path.name for path in (home / "between").iterdir()) == ["gerda-1.yml", "gerda-2.yml"]
    written = load.read(home / "between" / "gerda-1.yml")
    assert written.sets == (("ggd-nog", "gelre", "sensire"), ("ggd-nog", "slingeland", "sensire"))
    shutil.copyfile(home / "between" / "gerda-1.yml", home / "networks" / "gerda" / "network.yml")
    assert cli.main(["--home", str(home), "check", "gerda"]) == errors.DONE


def test_where_sessions_stop_it_ends_otherwise_and_json_has_it_all(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--steps", "--at-once", "--json", "--from", str(GERDA / "network.yml"))
    assert plan(home, *words) == errors.FOUND
    told = json.loads(capsys.readouterr().out)
    assert [one["possible"] for one in told["steps"]] == [False, True, True, True]
    assert told["definitions"][0]["definition"]["computing"] == ["ggd-nog", "slingeland", "sensire"]


def test_where_nothing_is_published_it_goes_from_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(home, "--steps") == errors.DONE
    assert "werkplaats trust root found gerda" in capsys.readouterr().out


def test_a_file_of_another_network_and_options_without_steps_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = GERDA.parent / "proeftuin" / "network.yml"
    assert plan(home, "--steps", "--from", str(other)) == errors.WRONG_USE
    assert plan(home, "--at-once") == errors.WRONG_USE
    assert plan(home, "--steps", "--only", "gelre") == errors.WRONG_USE
    told = capsys.readouterr().err
    assert "defines proeftuin, not gerda; name a file of the same network" in told
    assert "add --steps" in told


@pytest.fixture
def federation(home: Path) -> Path:
    """A federation beside its members, in which one computing party is another one than in the example."""
    networks = home / "networks"
    for name in (FEDERATION, "salland-united", "twente-volledig"):
        shutil.copytree(GERDA.parent / name, networks / name)
    written = networks / FEDERATION / "network.yml"
    written.write_text(written.read_text().replace("twente-volledig/carintreggeland]", "twente-volledig/mediant]")
                       .replace("mst, carintreggeland,", "mst, mediant,"))  # fmt: skip
    return home


FEDERATION = "kansrijke-start-oost"


def test_a_federation_has_steps_too_and_its_members_say_yes_first(
    federation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = GERDA.parent / FEDERATION / "network.yml"
    between = federation / "between"
    words = ["--home", str(federation), "plan", FEDERATION, "--steps"]
    assert cli.main([*words, "--from", str(example), "--write", str(between)]) == errors.DONE
    told = capsys.readouterr().out
    assert "1. root holders of twente-volledig: consent that ggd-twente, mst," in told
    assert f"werkplaats trust root federate twente-volledig {FEDERATION} --root sha256:… --only ggd-twente" in told
    assert "2. coordinator, after 1: publish definition 1 of 3\n" in told
    assert sorted(path.name for path in between.iterdir()) == [f"{FEDERATION}-1.yml", f"{FEDERATION}-2.yml"]
    written = load.read_what_can_be(between / f"{FEDERATION}-1.yml").definition
    assert written
    assert written.computing == ("twente-volledig/ggd-twente", "salland-united/deventer-ziekenhuis",
                                 "twente-volledig/carintreggeland")  # fmt: skip
    shutil.copyfile(between / f"{FEDERATION}-1.yml", federation / "networks" / FEDERATION / "network.yml")
    assert cli.main(["--home", str(federation), "check", FEDERATION]) == errors.DONE
    assert cli.main([*words, "--json"]) == errors.DONE, "from nothing, since nothing is published"
    capsys.readouterr()


def test_what_is_no_definition_of_the_federation_is_refused(
    federation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--home", str(federation), "plan", FEDERATION, "--steps"]
    assert cli.main([*words, "--from", str(GERDA / "network.yml")]) == errors.WRONG_USE
    assert cli.main([*words, "--from", str(federation / "nothing.yml")]) == errors.WRONG_USE
    assert cli.main([*words, "--also", "ca"]) == errors.WRONG_USE
    told = capsys.readouterr().err
    assert f"does not define {FEDERATION}; name a file of the same federation" in told
    assert "name the file of a definition" in told
    assert "--also is about a regional network" in told


def test_a_region_that_leaves_is_to_be_defined_here_until_it_left(
    federation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = federation / "before.yml"
    text = (GERDA.parent / FEDERATION / "network.yml").read_text()
    other = "  proeftuin-west:\n    root: sha256:" + "0" * 64 + "\n    organisations: [ggd]\n    consent: 2026-09-07\n"
    before.write_text(text.replace("members:\n", f"members:\n{other}"))
    words = ["--home", str(federation), "plan", FEDERATION, "--steps", "--from", str(before)]
    assert cli.main(words) == errors.WRONG_USE
    assert "proeftuin-west, which leaves" in capsys.readouterr().err
    shutil.copytree(GERDA.parent / "proeftuin-west", federation / "networks" / "proeftuin-west")
    assert cli.main(words) == errors.DONE
    assert f"werkplaats trust root leave proeftuin-west {FEDERATION}" in capsys.readouterr().out
