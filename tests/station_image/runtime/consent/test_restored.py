"""A backup that was put back: it counts as going back also where nobody else can show that something is gone.

What gives it away otherwise is a head that others hold. They hear one when a session begins: what a station opened,
or its steward took back, after that is in no head that anybody has.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import pytest

from station_image.runtime.base import contract, files
from station_image.runtime.consent import allowances
from tests.station_image.runtime import questions
from tests.station_image.runtime.session.test_wayback import Parties, Party

RESTORED = "this station was restored on "
SAYS_SO = "register: " + RESTORED


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


def restore(station: Party, copy: Path, mark: str | None = None) -> None:
    """What a restore leaves: the files of the copy, and what says that they are one."""
    content = json.dumps({"backup": secrets.token_hex(32), "at": time.time()}) if mark is None else mark
    (copy / contract.RESTORED).write_text(content)
    station.put_back(copy)
    (copy / contract.RESTORED).unlink()


def in_the_middle_of_a_session(parties: Parties) -> Path:
    """A copy of n.b of when it had answered, and opened nothing yet: all others hold its head as it is there."""
    station, taken = parties["n.b"], list[Path]()
    remember = station.own.opened.add

    def add(*words: object) -> None:
        taken.append(station.copy())
        remember(*words)  # type: ignore[arg-type]

    station.own.opened.add = add  # type: ignore[assignment]
    parties.session()
    return taken[0]


def test_a_result_that_was_opened_after_the_copy_is_not_forgotten_where_no_head_tells_of_it(parties: Parties) -> None:
    """What the attack gains: n.b alone allows the question monthly; put back to the middle of the session that
    opened it, it is asked again. Seen to succeed without what a restore leaves.
    """
    copy = in_the_middle_of_a_session(parties)
    station = parties["n.b"]
    station.put_back(copy)
    station.look()
    assert station.refuses(parties.plan()) == "", "nobody can show it anything: the attack is one"
    restore(station, copy)
    station.look()
    assert station.refuses(parties.plan()).startswith(SAYS_SO)
    parties.way_back("n.b")
    assert station.refuses(parties.plan()) == "at_most: griep may run monthly at most and ran before"


def test_what_the_steward_took_back_after_the_copy_stays_taken_back_though_nobody_asked_since(parties: Parties) -> None:
    station, folder = parties["n.b"], parties["n.b"].own.folders.allowances
    copy = station.copy()
    (given,) = folder.glob("*.json")
    given.unlink()
    station.own.register.add("allowances", allowed={})
    restore(station, copy)
    station.look()
    assert station.refuses(parties.plan()).startswith(SAYS_SO)
    station.says()
    station.look()
    for other in ("n.a", "n.c"):
        parties[other].agrees("n.b")
    station.look()
    document = parties["n.b"].own.network.questions[questions.NAME]
    since = station.own.register.index.moment
    standing = allowances.Allowances(folder).standing("n", document, time.time(), since)
    assert "given before this station went back" in standing.problem


def test_it_holds_until_the_steward_said_it_whatever_is_started_anew(parties: Parties) -> None:
    station = parties["n.b"]
    restore(station, station.copy())
    for _ in range(3):
        station.start()
        assert station.refuses(parties.plan()).startswith(SAYS_SO)
    assert [entry["kind"] for entry in station.own.register.last(9)] == ["lost"]
    assert not (station.folder / contract.RESTORED).exists()


def test_an_agent_that_is_killed_before_it_removed_the_mark_enters_it_again_and_one_consent_is_enough(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = parties["n.b"]
    monkeypatch.setattr(files, "sync_folder", lambda _: None)
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        restore(station, station.copy())
        parties.way_back("n.b")
        station.start()
    assert (station.folder / contract.RESTORED).exists()
    station.start()
    assert not (station.folder / contract.RESTORED).exists()
    assert station.refuses(parties.plan()) == ""
    assert [entry["kind"] for entry in station.own.register.last(9)].count("lost") == 1


@pytest.mark.parametrize(
    "mark",
    [
        *("", "{}", "[]", '{"at": 1e999}', '{"at": "gisteren"}', '{"at": 99999999999}', '{"at": -2}'),
        *('{"at": -1e300}', '{"backup": 3, "at": 1}', '{"backup": "d", "at": 1}', '{"backup": [], "at": 1}'),
    ],
)
def test_a_mark_that_says_nothing_or_another_time_is_one_all_the_same(parties: Parties, mark: str) -> None:
    station = parties["n.b"]
    restore(station, station.copy(), mark)
    assert station.refuses(parties.plan()).startswith(SAYS_SO)
    parties.way_back("n.b")
    assert station.refuses(parties.plan()) == ""
    assert station.own.register.index.moment <= time.time()


def test_the_yes_to_one_restore_is_none_to_the_next_from_the_same_copy(parties: Parties) -> None:
    """What the attack gains: whoever was agreed with once forgets as often as it likes, from one old copy."""
    station = parties["n.b"]
    copy = station.copy()
    restore(station, copy)
    parties.way_back("n.b")
    before = station.own.register.index.back
    assert before is not None
    assert station.refuses(parties.plan()) == ""
    restore(station, copy)
    station.look()
    assert station.refuses(parties.plan()).startswith(SAYS_SO)
    time.sleep(max(0.0, before["moment"] + 1 - time.time()))  # a statement of the same second would be the same one
    station.says()
    station.allows()
    station.look()
    assert "the stewards of n.a, n.c have not agreed yet" in station.refuses(parties.plan())
    assert parties["n.a"].own.register.index.times("n.b") == 1
    for other in ("n.a", "n.c"):
        parties[other].agrees("n.b")
    station.look()
    assert station.refuses(parties.plan()) == ""


def test_a_restore_is_one_though_the_clock_there_is_behind_the_last_going_back(parties: Parties) -> None:
    """What the attack gains: a fresh server's clock is a year behind, and what its mark says was said long ago."""
    station = parties["n.b"]
    restore(station, station.copy())
    parties.way_back("n.b")
    copy = in_the_middle_of_a_session(parties)
    year_before = station.own.register.index.moment - 86_400 * 365
    restore(station, copy, json.dumps({"backup": "e" * 64, "at": year_before}))
    station.look()
    assert station.refuses(parties.plan()).startswith(SAYS_SO)


def test_each_backup_is_entered_once_and_another_one_again(parties: Parties) -> None:
    station = parties["n.b"]
    for digest in ("d" * 64, "e" * 64):
        for _ in range(3):  # a mark that comes back, with nothing that the register forgot
            (station.folder / contract.RESTORED).write_text(json.dumps({"backup": digest, "at": time.time()}))
            station.start()
            assert not (station.folder / contract.RESTORED).exists()
    lost = [entry["backup"] for entry in station.own.register.last(9) if entry["kind"] == "lost"]
    assert lost == ["d" * 64, "e" * 64]


def test_in_a_register_that_is_not_sound_the_steward_says_it_once(parties: Parties) -> None:
    station = parties["n.b"]
    parties.session()
    copy = station.copy()
    with (copy / "register" / "register.jsonl").open("r+b") as register:
        register.truncate(40)
    restore(station, copy)
    assert station.own.register.problem
    assert (station.folder / contract.RESTORED).exists()
    station.says()
    station.allows()
    station.start()
    assert not (station.folder / contract.RESTORED).exists()
    assert [entry["kind"] for entry in station.own.register.last(9)] == ["lost", "went-back"]
    assert "have not agreed yet" in station.refuses(parties.plan())


def test_a_head_that_is_shown_afterwards_tells_more_and_stops_it_too(parties: Parties) -> None:
    station = parties["n.b"]
    copy = station.copy()
    parties.session()
    restore(station, copy)
    station.look()
    lost = station.own.register.index.lost
    assert lost is not None
    assert lost["entries"] == 1
    assert "is not there any more" in station.refuses(parties.plan())


def test_what_is_entered_is_signed_and_bound_to_what_was_before(parties: Parties) -> None:
    parties.session()
    restore(parties["n.b"], parties["n.b"].copy())
    parties["n.b"].own.register.verify()
    assert parties["n.b"].own.register.head["entries"] == 3
