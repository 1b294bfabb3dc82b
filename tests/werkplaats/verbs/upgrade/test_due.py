"""`werkplaats upgrade due`: a real publication, accepted on servers in memory; nothing is moved, only what would be."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import canonical, errors
from publication import acceptance, publication
from publication.following import applied
from tests.werkplaats.operations.upgrade import published
from tests.werkplaats.operations.upgrade.published import OLD, PATCH, Region
from tests.werkplaats.operations.upgrade.test_state import upgrade as an_upgrade
from werkplaats.operations.home import vault
from werkplaats.operations.look import others
from werkplaats.operations.reach import remote, windows
from werkplaats.operations.upgrade import begin, behind, preflight, standing, state
from werkplaats.operations.upgrade.failure import Code, Failure
from werkplaats.verbs import named, upgrade
from werkplaats.verbs.upgrade import working

NOW = canonical.now()
PARTS = ("agent", "computer")
ORGANISATIONS = ("ggd", "ziekenhuis", "huisartsen")
"""Of whom the first two have a rule."""


class Desk:
    """One operator's: servers that all accepted release 1.0.0 and run it, of whom nobody types a yes."""

    def __init__(self, region: Region, folder: Path) -> None:
        self.region = region
        self.texts = dict.fromkeys(ORGANISATIONS, applied.text(region.accepted))
        self.away: dict[str, str] = {}
        self.planned: list[begin.Options] = []
        self.closes: dict[str, datetime.datetime] = {}
        self.connected = 0
        self.fails: dict[str, Failure] = {}
        self.clocks: dict[str, str] = {}
        self.room: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.dies = False
        self.no_image: list[Failure] = []
        self.image = OLD.image_id
        self.network = SimpleNamespace(
            name="proeftuin",
            publication=region.folder,
            trusted=folder / "trusted.json",
            inventory=folder,
            home=SimpleNamespace(releases=folder / "releases"),
            vault=vault.Vault("proeftuin", folder / "vault"),
            made_here=False,
            remotes=self.remotes,
            servers=[],
        )
        publication.read_on(region.folder, "proeftuin", self.network.trusted, root=region.published.root)
        self.store = state.Store(self.network.vault)
        self.servers = ORGANISATIONS

    def rules(self, **said: windows.Rule) -> None:
        """Have the inventory say so."""
        rows = [SimpleNamespace(organisation=one, upgrades=said.get(one)) for one in ORGANISATIONS]
        self.network.servers = rows

    @contextlib.contextmanager
    def remotes(self) -> Iterator[Any]:
        self.connected += 1
        yield self

    def probe(self) -> dict[str, str]:
        return self.away

    def ask(self, organisation: str, *_: str) -> remote.Done:
        keys = self.region.keys[organisation].as_read(organisation)
        return remote.Done(self.texts[organisation] + keys)

    def ask_all(self, organisations: Iterable[str], *command: str) -> dict[str, remote.Done]:
        return {one: remote.Done(self._said(one, command)) for one in organisations}

    def _said(self, organisation: str, command: Sequence[str]) -> str:
        image = self.images.get(organisation, self.image)
        rows = ({"id": part, "name": f"/station-{part}", "state": "running", "image": image} for part in PARTS)
        by_word = {
            "inspect": "\n".join(map(json.dumps, rows)),
            "+%s": self.clocks.get(organisation, f"{time.time():.0f}"),
            "status": '{"computer": true, "networks": {}}',
        }
        if command == ("sh", "-c", preflight._DISK):
            return self.room.get(organisation, "9" * 12)
        return by_word.get(command[1], "")

    def replace(self, organisation: str, _: str, __: str | None, text: str, ___: str) -> None:
        if self.dies:
            raise KeyboardInterrupt
        self.texts[organisation] = text

    def plan(self, *given: Any) -> begin.Planned:
        options = given[3]
        self.planned.append(options)
        waves = tuple((one,) for one in options.only)
        stations = {one: state.Station() for one in options.only}
        fails = [one for name, one in self.fails.items() if not name or name in options.only]
        return begin.Planned(an_upgrade(to=PATCH, waves=waves, stations=stations), [1.0] * len(waves), fails)

    def work(self, *given: Any) -> state.Upgrade:
        *_, made, self.closes = given
        return self.store.save(made.now(state.Phase.DONE))

    @property
    def accepted(self) -> dict[str, str]:
        """Organisation → the release that its server has as accepted."""
        found = {one: acceptance.load(json.loads(text)) for one, text in self.texts.items()}
        return {one: doc.definition.release for one, doc in found.items() if doc}

    def run(self, *words: str, step: str = "due") -> int:
        parser = argparse.ArgumentParser()
        upgrade.arguments(parser)
        return upgrade.run(parser.parse_args([step, "proeftuin", *words]))


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """Made once; each desk has a copy."""
    return Region.founded(tmp_path_factory.mktemp("region"))


@pytest.fixture
def desk(region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(region.copied(tmp_path), tmp_path)
    monkeypatch.setattr(named, "find", lambda _: made.network)
    monkeypatch.setattr(begin, "plan", made.plan)
    monkeypatch.setattr(working, "work", made.work)
    monkeypatch.setattr(preflight, "image_of", lambda _: (None, made.no_image))
    made.region.publish()
    made.rules(ggd=rule(made), ziekenhuis=rule(made))
    return made


def rule(desk: Desk, begins: float = -1, hours: float = 3, **update: object) -> windows.Rule:
    """One whose window begins so many hours from now, signed by those who sign here."""
    first, last = (NOW + datetime.timedelta(hours=one) for one in (begins, begins + hours))
    signers = sorted(desk.region.published.released_by)
    said = {"zone": "UTC", "signed_by": signers, "days": windows.DAYS, "between": f"{first:%H:%M}-{last:%H:%M}"}
    return published.rule(**{**said, **update})


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_in_a_window_it_is_accepted_and_moved_with_nobody_typing_yes_and_that_is_written_down(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.run("--json") == errors.DONE
    assert desk.accepted == {"ggd": "1.0.1", "ziekenhuis": "1.0.1", "huisartsen": "1.0.0"}, "of one nothing was said"
    assert [one.only for one in desk.planned] == [["ggd", "ziekenhuis"]]
    assert desk.closes == dict.fromkeys(["ggd", "ziekenhuis"], rule(desk).closes(NOW))
    found = told(capsys)
    assert found["accepted"] == ["ggd", "ziekenhuis"]
    assert found["upgrade"]["phase"] == "done"
    assert {one["verdict"] for one in found["beforehand"].values()} == {"moves"}
    lines = standing.said(desk.network.vault)
    assert [(one["state"], one["organisation"], one["release"], one["publication"]) for one in lines] == [
        (state, organisation, "1.0.1", 2) for state in ("will", "done") for organisation in ("ggd", "ziekenhuis")
    ]
    assert lines[0]["rule"] == rule(desk).model_dump(mode="json")
    assert lines[0]["signed_by"] == sorted(desk.region.published.released_by)
    assert lines[0]["digest"] == json.loads(desk.texts["ggd"])["digest"]
    assert desk.run() == errors.DONE
    assert len(standing.said(desk.network.vault)) == 4, "what was accepted is accepted once"


def test_no_yes_is_lost_by_a_kill_that_comes_after_it(desk: Desk) -> None:
    desk.dies = True
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    lines = standing.said(desk.network.vault)
    assert [(one["state"], one["organisation"]) for one in lines] == [("will", "ggd"), ("will", "ziekenhuis")]
    assert (
        lines[0]["digest"]
        == acceptance.accept(publication.last(desk.network.publication, "proeftuin", desk.network.trusted)).digest
    )


def test_outside_of_windows_no_server_is_asked_and_the_next_one_is_said(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.rules(ggd=rule(desk, begins=2))
    assert desk.run() == errors.DONE
    said = capsys.readouterr().out
    assert said.startswith("beforehand: ggd: patch releases, signed by sha256:")
    assert "; next on " in said
    assert said.endswith("; its station moves in that window\n")
    assert (desk.connected, desk.planned, {*desk.accepted.values()}) == (0, [], {"1.0.0"})


def test_only_those_move_whose_own_window_is_open(desk: Desk) -> None:
    desk.rules(ggd=rule(desk, begins=2), ziekenhuis=rule(desk), huisartsen=rule(desk, begins=3))
    assert desk.run() == errors.DONE
    assert desk.accepted == {"ggd": "1.0.0", "ziekenhuis": "1.0.1", "huisartsen": "1.0.0"}
    assert [one.only for one in desk.planned] == [["ziekenhuis"]]


def test_what_waits_for_a_person_is_said_and_the_others_move(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.rules(ggd=rule(desk, signed_by=[published.SIGNERS[0]]), ziekenhuis=rule(desk))
    assert desk.run() == errors.REFUSED
    said = capsys.readouterr().out
    assert "; this waits for a person:\n" in said
    assert f"  {published.SIGNERS[0]} has not signed for the releases as they are published now\n" in said
    assert desk.accepted == {"ggd": "1.0.0", "ziekenhuis": "1.0.1", "huisartsen": "1.0.0"}


def test_a_server_that_does_not_answer_is_said_and_holds_up_no_other(desk: Desk) -> None:
    desk.away = {"ggd": "ggd: no route to host"}
    assert desk.run() == errors.REFUSED
    assert [one.only for one in desk.planned] == [["ziekenhuis"]]


def test_what_is_in_the_way_of_all_is_said_and_nothing_moves(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.fails = {"": Failure.of(Code.HEALTH, "", "no session works: why")}
    assert desk.run("--json") == errors.REFUSED
    found = told(capsys)
    assert [one["code"] for one in found["failures"]] == ["health"]
    assert found["upgrade"] is None
    assert desk.store.load() is None


def test_what_is_in_the_way_of_one_is_seen_before_the_yes_and_holds_up_no_other(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was accepted first, and then nobody moved."""
    desk.room = {"ggd": "1000"}
    assert desk.run("--json") == errors.REFUSED
    found = told(capsys)
    assert [(one["code"], one["organisation"]) for one in found["failures"]] == [("space", "ggd")]
    assert desk.accepted == {"ggd": "1.0.0", "ziekenhuis": "1.0.1", "huisartsen": "1.0.0"}
    assert [one.only for one in desk.planned] == [["ziekenhuis"]]
    assert found["upgrade"]["phase"] == "done"


def test_what_is_found_of_one_after_the_yes_holds_up_no_other_either(desk: Desk) -> None:
    desk.fails = {"ggd": Failure.of(Code.NOT_ACCEPTED, "ggd", "why")}
    assert desk.run() == errors.REFUSED
    assert [one.only for one in desk.planned] == [["ggd", "ziekenhuis"], ["ziekenhuis"]]
    assert desk.store.load() is not None


def test_a_server_of_which_nothing_can_be_read_holds_up_the_yes_of_no_other(desk: Desk) -> None:
    desk.texts["ggd"] = desk.texts["ggd"].replace("1.0.0", "1.0.7")
    assert desk.run() == errors.REFUSED
    assert json.loads(desk.texts["ziekenhuis"])["definition"]["release"] == "1.0.1"
    assert [one.only for one in desk.planned] == [["ziekenhuis"]]


def test_a_server_whose_clock_is_off_waits_for_a_person_and_the_others_move(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.clocks = {"ggd": f"{time.time() + 90:.0f}"}
    assert desk.run("--json") == errors.REFUSED
    (why,) = told(capsys)["beforehand"]["ggd"]["why"]
    assert re.fullmatch(r"its clock is (89|90) s ahead", why)
    assert desk.accepted == {"ggd": "1.0.0", "ziekenhuis": "1.0.1", "huisartsen": "1.0.0"}


def test_nothing_is_done_by_a_window_that_only_a_wrong_clock_of_this_machine_shows(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three servers that answer two say that it is another hour; one of them has no rule."""
    desk.clocks = {one: f"{time.time() - 7200:.0f}" for one in ("ggd", "huisartsen")}
    assert desk.run("--json") == errors.REFUSED
    found = told(capsys)["beforehand"]
    why = ["the clock of this machine differs from those of 2 of 3 servers: set it right first"]
    assert {one: row["why"] for one, row in found.items()} == dict.fromkeys(["ggd", "ziekenhuis"], why)
    assert {*desk.accepted.values()} == {"1.0.0"}
    assert desk.planned == []


def test_those_that_run_another_release_move_after_those_of_the_earliest(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """An upgrade comes from one release: it was refused for all of them."""
    assert desk.run() == errors.DONE
    desk.images = {"ziekenhuis": PATCH.image_id}
    desk.region.publish(published.of("1.0.2", "7", may_upgrade_from=("1.0.0", "1.0.1")), earlier=PATCH)
    capsys.readouterr()
    assert desk.run("--json") == errors.REFUSED
    assert desk.accepted == {"ggd": "1.0.2", "ziekenhuis": "1.0.1", "huisartsen": "1.0.0"}
    assert desk.planned[-1].only == ["ggd"]
    assert told(capsys)["left_out"] == {
        "ziekenhuis": "its station runs 1.0.1, and those of an earlier release move first: run it again"
    }
    desk.images["ggd"] = "sha256:" + "7" * 64
    assert desk.run() == errors.DONE
    assert desk.planned[-1].only == ["ziekenhuis"]


def test_an_image_is_called_as_it_was_when_somebody_said_yes_to_it(desk: Desk) -> None:
    """Described anew as a later release by whoever publishes, it made of a large step a small one."""
    other = OLD.model_copy(update={"release": "1.0.5"})
    to = published.of("1.0.6", "7", may_upgrade_from=("1.0.0", "1.0.5"))
    desk.region.publish(to, earlier=other)
    assert desk.run("--dry-run") == errors.REFUSED
    found = standing.look(desk.network, desk, standing.rules(desk.network), canonical.now())  # type: ignore[arg-type]
    assert found.runs["ggd"].release == "1.0.0"


def test_nothing_is_accepted_of_which_the_image_is_not_here(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.no_image = [Failure.of(Code.IMAGE, "", "the image of release 1.0.1 is not on this machine")]
    assert desk.run() == errors.REFUSED
    assert (
        "refused: the image of release 1.0.1 is not on this machine (image); build it with" in capsys.readouterr().out
    )
    assert (desk.planned, {*desk.accepted.values()}) == ([], {"1.0.0"})


def test_to_look_changes_nothing_and_looks_at_those_whose_window_is_shut_too(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.rules(ggd=rule(desk), ziekenhuis=rule(desk, begins=2))
    assert desk.run("--dry-run", "--json") == errors.DONE
    assert {one: row["verdict"] for one, row in told(capsys)["beforehand"].items()} == {
        "ggd": "moves",
        "ziekenhuis": "closed",
    }
    assert (desk.planned, {*desk.accepted.values()}) == ([], {"1.0.0"})
    assert standing.said(desk.network.vault) == []


@pytest.mark.parametrize("code", [Code.CANARY, Code.WINDOW])
def test_one_that_is_paused_goes_on_only_where_the_end_of_a_window_paused_it(
    desk: Desk, code: Code, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = Failure.of(code, "ggd", "why")
    desk.store.save(an_upgrade(to=PATCH, phase=state.Phase.PAUSED, failure=failure))
    goes_on = code is Code.WINDOW
    assert desk.run() == (errors.DONE if goes_on else errors.REFUSED)
    assert bool(desk.planned) is goes_on
    assert {*desk.accepted.values()} == ({"1.0.1", "1.0.0"} if goes_on else {"1.0.0"})
    said = capsys.readouterr().out
    assert ("something else than the end of a window stopped it (canary)" in said) is not goes_on


def test_a_station_that_is_there_is_left_as_it_is(desk: Desk) -> None:
    desk.image = PATCH.image_id
    assert desk.run() == errors.DONE
    assert desk.planned == []


def test_while_another_run_works_it_is_refused(desk: Desk) -> None:
    with desk.network.vault.lock("upgrade start"), pytest.raises(errors.LockedError, match=r"\(upgrade start\)"):
        desk.run()
    assert {*desk.accepted.values()} == {"1.0.0"}


def test_where_nothing_was_said_beforehand_it_is_said_where_to_write_it(desk: Desk) -> None:
    desk.rules()
    with pytest.raises(errors.UsageError, match=r"servers\.yml has `upgrades` at no server.*; write it there"):
        desk.run()


def test_a_window_that_closes_while_servers_answer_is_shut(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    look = standing.look

    def slowly(*given: Any, **how: Any) -> standing.Found:
        found = look(*given, **how)
        monkeypatch.setattr(canonical, "now", lambda: NOW + datetime.timedelta(hours=4))
        return found

    monkeypatch.setattr(standing, "look", slowly)
    desk.run()
    assert {*desk.accepted.values()} == {"1.0.0"}
    assert desk.planned == []


def test_status_says_what_was_said_beforehand_when_and_what_it_comes_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(others, "look", lambda *_: {})
    monkeypatch.setattr(behind, "runs", lambda *_: [])
    desk.rules(ggd=rule(desk, begins=2), ziekenhuis=rule(desk, signed_by=[published.SIGNERS[0]]))
    assert desk.run(step="status") == errors.DONE
    said = capsys.readouterr().out
    later = rule(desk, begins=2)
    assert f"beforehand: ggd: {later.words}; next on {later.there(later.opens(NOW)):%A %Y-%m-%d %H:%M} UTC; " in said
    assert "; open until " in said
    assert f"  {published.SIGNERS[0]} has not signed for the releases as they are published now\n" in said
    assert desk.run("--json", step="status") == errors.DONE
    found = told(capsys)["beforehand"]
    assert found["ggd"]["opens"] == canonical.stamp(later.opens(NOW))
    assert (found["ziekenhuis"]["verdict"], found["ziekenhuis"]["open"]) == ("person", True)
    assert {*desk.accepted.values()} == {"1.0.0"}
