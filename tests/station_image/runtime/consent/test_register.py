"""The register: what was written cannot be edited, removed or added to unseen, and a crash loses nothing."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.consent import register
from station_image.runtime.consent.daily import Daily
from station_image.runtime.consent.register import Register, RegisterError

KEY = StatementKey(Ed25519PrivateKey.generate())


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    register, state = tmp_path / "register", tmp_path / "state"
    register.mkdir()
    state.mkdir()
    return register, state


def opened(folders: tuple[Path, Path]) -> Register:
    return Register(*folders, KEY)


def filled(folders: tuple[Path, Path], entries: int = 3) -> Register:
    found = opened(folders)
    for number in range(entries):
        found.add("answer", session=str(number))
    return found


def lines(folders: tuple[Path, Path]) -> list[str]:
    return (folders[0] / "register.jsonl").read_text().splitlines()


def write(folders: tuple[Path, Path], content: list[str]) -> None:
    (folders[0] / "register.jsonl").write_text("".join(line + "\n" for line in content))


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes, as on a disk that is full: half a line is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_entries_follow_each_other_over_a_restart(folders: tuple[Path, Path]) -> None:
    filled(folders)
    again = opened(folders)
    again.add("run", session="x")
    again.verify()
    assert [entry["number"] for entry in again.last(2)] == [3, 4]
    assert again.head == {"entries": 4, "digest": again.last(1)[0]["digest"]}


@pytest.mark.parametrize("line", ["", "{", "[]", "{}"])
def test_a_damaged_head_stops_questions_and_not_the_agent(folders: tuple[Path, Path], line: str) -> None:
    filled(folders)
    head = folders[1] / "register.json"
    head.write_text(json.dumps({**json.loads(head.read_text()), "entries": 4, "line": line}))
    assert "register.json cannot be read" in opened(folders).problem


def edited(content: list[str]) -> list[str]:
    return [content[0], content[1].replace('"1"', '"9"'), content[2]]


def re_chained(content: list[str]) -> list[str]:
    """Edited by somebody who also computes the digests anew, but has not the statement key."""
    from station_image.runtime.accepted import statement

    before, found = "0" * 64, []
    for number, line in enumerate(content, 1):
        entry = {k: v for k, v in json.loads(line).items() if k not in ("digest", "signature")}
        entry |= {"before": before, "session": "9" if number == 2 else entry["session"]}
        before = statement.digest(entry)
        found.append(json.dumps({**entry, "digest": before, "signature": json.loads(line)["signature"]}))
    return found


@pytest.mark.parametrize(
    "change",
    [
        edited,
        re_chained,
        lambda content: content[:-2],
        lambda content: content[1:],
        lambda _: [],
        lambda content: [content[0], content[2]],
        lambda content: [*content, content[-1]],
        lambda content: [content[0], "not json", content[2]],
    ],
    ids=["edited", "edited and chained anew", "cut off", "beginning gone", "emptied", "line gone", "twice", "broken"],
)
def test_a_register_that_was_changed_afterwards_is_found(folders: tuple[Path, Path], change: object) -> None:
    running = filled(folders)
    write(folders, change(lines(folders)))  # type: ignore[operator]
    with pytest.raises(RegisterError):
        running.verify()
    restarted = opened(folders)
    with pytest.raises(RegisterError):
        restarted.verify()


def test_a_register_remembers_the_furthest_head_of_every_other_under_its_key(folders: tuple[Path, Path]) -> None:
    mine = opened(folders)
    for entries, key in ((3, "k"), (5, "k"), (4, "k"), (9, "another")):
        head = {"entries": entries, "digest": f"d{entries}", "key": key}
        mine.add("run", registers={"n.b": head, "n.c": head | {"entries": 1}})
    assert mine.heard({"n.b": "k"}) == {"n.b": {"entries": 5, "digest": "d5"}}
    assert mine.heard({"n.b": "new"}) == {}


def test_a_register_tells_the_digest_of_any_entry_and_nothing_once_it_is_unsound(folders: tuple[Path, Path]) -> None:
    mine = filled(folders)
    assert mine.digest_at(3) == mine.head["digest"]
    assert mine.digest_at(2) == json.loads(lines(folders)[1])["digest"]
    assert [mine.digest_at(number) for number in (0, 4, None, "2")] == [""] * 4
    write(folders, edited(lines(folders)))
    assert opened(folders).digest_at(1) == ""


def test_an_entry_that_a_crash_kept_out_is_completed_at_the_next_start(folders: tuple[Path, Path]) -> None:
    filled(folders)
    whole = lines(folders)
    write(folders, whole[:-1])  # the head counted it, the line was not yet appended
    again = opened(folders)
    assert again.problem == ""
    again.verify()
    assert lines(folders) == whole


def test_while_the_station_runs_no_missing_entry_is_taken_for_a_crash(folders: tuple[Path, Path]) -> None:
    running = filled(folders)
    write(folders, lines(folders)[:-1])
    with pytest.raises(RegisterError, match="2 entries where 3 were written"):
        running.verify()


def test_what_is_asked_while_a_station_runs_is_answered_without_reading_the_file_again(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: whoever proposes had the whole register read, in the loop that serves everybody."""
    before = filled(folders, 30)
    head = {"entries": 5, "digest": "d5", "key": "k"}
    before.add("run", registers={"n.b": head})
    for mine in (before, opened(folders)):
        want = [json.loads(line)["digest"] for line in lines(folders)]
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", None)
            assert [mine.digest_at(number) for number in range(1, 32)] == want
            assert mine.heard({"n.b": "k"}) == {"n.b": {"entries": 5, "digest": "d5"}}


def test_who_looks_at_a_register_while_entries_are_added_finds_it_sound(folders: tuple[Path, Path]) -> None:
    """A steward's `station register` said NOT SOUND of a register that the agent was adding to."""
    kept = filled(folders, 100)
    stop = threading.Event()

    def look() -> int:
        looks = 0
        while not stop.is_set() or not looks:
            kept.verify()
            assert len(kept.last(5)) >= 5
            looks += 1
        return looks

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for number in range(300):
            kept.add("answer", session=str(number))
        stop.set()
        assert looking.result() > 1


def test_half_an_entry_that_lies_there_is_found_at_every_length(folders: tuple[Path, Path]) -> None:
    kept = filled(folders)
    path = folders[0] / "register.jsonl"
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(RegisterError):
            kept.verify()


def torn(folders: tuple[Path, Path]) -> tuple[Path, bytes, int]:
    """The file, its content, and where its last line begins."""
    path = folders[0] / "register.jsonl"
    whole = path.read_bytes()
    return path, whole, whole.rindex(b"\n", 0, -1) + 1


def test_half_an_entry_that_a_crash_left_is_completed_at_the_next_start(folders: tuple[Path, Path]) -> None:
    """A power cut in the middle of a line made a register unsound for ever, with the whole line in `state/`."""
    filled(folders)
    path, whole, start = torn(folders)
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        again = opened(folders)
        assert again.problem == "", length
        again.verify()
        assert path.read_bytes() == whole
        assert again.mended == 0
        assert again.digest_at(3) == again.head["digest"]


@pytest.mark.parametrize("start_again", [0, 3])
def test_what_lies_behind_the_last_entry_and_is_none_is_cut_off_and_said(
    folders: tuple[Path, Path], start_again: int
) -> None:
    """Pages that a power cut left empty, and what somebody wrote there who wants questions to stop for ever."""
    filled(folders, start_again)
    path = folders[0] / "register.jsonl"
    whole = path.read_bytes() if start_again else b""
    path.write_bytes(whole + b"\0" * 100)
    again = opened(folders)
    again.verify()
    [said] = again.last(1)
    assert (said["number"], said["kind"], said["entry"], said["cut"]) == (
        start_again + 1,
        "mended",
        start_again + 1,
        100,
    )
    assert not said["completed"]
    assert path.read_bytes().startswith(whole)
    assert again.mended == opened(folders).mended == start_again + 1


def test_of_a_last_entry_that_is_half_another_s_the_rest_is_cut_off_and_said(folders: tuple[Path, Path]) -> None:
    """Somebody who may write in the folder, and not in `state/`, has nothing cut that the head counts, and it shows."""
    filled(folders)
    path, whole, start = torn(folders)
    path.write_bytes(whole[: start + 10] + b"\0" * 50)
    again = opened(folders)
    again.verify()
    assert path.read_bytes().startswith(whole)
    [said] = again.last(1)
    assert (said["kind"], said["entry"], said["cut"], said["completed"]) == ("mended", 3, 50, True)


def test_half_an_entry_where_the_one_before_is_gone_too_is_no_crash(folders: tuple[Path, Path]) -> None:
    """What it gained: entries were gone, and the station began anew with what was left."""
    filled(folders, 4)
    path, whole, start = torn(folders)
    before = whole.rindex(b"\n", 0, start - 1) + 1
    for left in (whole[: before + 9], whole[:before] + whole[start:-1], b"", b"{", whole[: start - 1]):
        path.write_bytes(left)
        again = opened(folders)
        with pytest.raises(RegisterError):
            again.verify()
        assert path.read_bytes() == left


def test_a_full_disk_stops_questions_until_there_is_room_and_the_station_starts_anew(
    folders: tuple[Path, Path],
) -> None:
    """The half line that a full disk leaves was NOT SOUND for ever; at the next start the agent itself did not come."""
    mine = filled(folders)
    path, whole, _ = torn(folders)
    with largest_file(len(whole) + 40):
        mine.add("run", session="x" * 100)
        assert "cannot be written (File too large)" in mine.problem
        assert len(path.read_bytes()) == len(whole) + 40
        again = opened(folders)
        assert "cannot be written (File too large)" in again.problem
    mended = opened(folders)
    mended.verify()
    assert mended.problem == ""
    assert [(entry["kind"], entry.get("session")) for entry in mended.last(1)] == [("run", "x" * 100)]
    assert path.read_bytes().startswith(whole)
    mended.add("run", session="y")
    opened(folders).verify()


def test_the_last_entries_are_read_from_the_end(folders: tuple[Path, Path]) -> None:
    mine = filled(folders, 40)
    assert [entry["number"] for entry in mine.last(3)] == [38, 39, 40]
    assert [entry["number"] for entry in mine.last(100)] == list(range(1, 41))
    content = lines(folders)
    write(folders, ["x" * len(content[0]), *content[1:]])  # nobody looks at the first for the last
    assert [entry["number"] for entry in mine.last(2)] == [39, 40]
    with pytest.raises(RegisterError, match="line 1 is not as it was written"):
        mine.verify()


def test_a_line_that_is_nested_too_deep_is_not_as_it_was_written(folders: tuple[Path, Path]) -> None:
    mine = filled(folders, 2)
    write(folders, ["[" * 100_000, *lines(folders)[1:]])
    with pytest.raises(RegisterError, match="line 1 is not as it was written"):
        mine.verify()


def test_what_a_day_has_too_much_of_is_counted_and_entered_when_it_is_over(folders: tuple[Path, Path]) -> None:
    now = [1_800_000_000.0]
    mine = Register(*folders, KEY, Daily(lambda: now[0]))
    for number in range(60):
        mine.add_refused("n.z", "griep", f"field-{number % 30}: not as agreed", session=str(number))
        mine.add_asked("run", "n.y", True, session=str(number))
    refused = [entry for entry in mine.last(1000) if entry["kind"] == "answer"]
    assert [entry["reason"] for entry in refused] == [f"field-{number}: not as agreed" for number in range(20)]
    assert sum(mine.counted.values()) == 40
    now[0] += 24 * 3600
    mine.add_refused("n.z", "griep", "field-1: not as agreed", session="x")
    assert [entry["kind"] for entry in mine.last(2)] == ["counted", "answer"]
    counted = mine.last(2)[0]
    assert (counted["day"], counted["counted"]["refused n.z griep"]) == ("2027-01-15", 20)
    assert sum(counted["counted"].values()) == 40
    mine.verify()
    assert opened(folders).problem == ""


def test_what_is_proposed_again_and_again_is_bounded_for_each_and_for_acceptance_in_all(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "MOST_ASKED", 2)
    mine = opened(folders)
    for asker in ("n.x", "n.y"):
        for _ in range(3):
            mine.add_asked("answer", asker, False, proposer=asker)
            mine.add_asked("answer", asker, True, proposer=asker)
    assert mine.head["entries"] == 6
    for _ in range(5):
        mine.add_asked("run", "n.x", False, session="what was carried out with data is all there")
    assert mine.head["entries"] == 11
    assert mine.counted == {"answer n.x": 1, "answer n.y": 1, "answer (acceptance)": 4}


def test_refusals_of_a_made_up_kind_do_not_keep_one_of_a_delivered_question_out_of_the_register(
    folders: tuple[Path, Path],
) -> None:
    """Otherwise a member names made-up stations in twenty proposals of acceptance, and then tries a question unseen.

    Each name was a kind of its own; of what came after them the steward saw only how many they were.
    """
    mine = opened(folders)
    for number in range(40):
        mine.add_refused("n.z", "acceptance", f"n.made-up{number} is not in the definition that this station accepted")
    mine.add_refused("n.z", "griep", "minimum_cell: not as in the question that was delivered to this station")
    assert mine.last(1)[0]["reason"].startswith("minimum_cell: ")
    for number in range(40):
        mine.add_refused("n.z", "griep", f"field-{number}: not as agreed")
    assert mine.head["entries"] == 2 * register.MOST_REFUSALS
    assert sum(mine.counted.values()) == 41


def test_a_head_whose_line_is_another_entry_is_not_taken_up(folders: tuple[Path, Path]) -> None:
    """Who may write in `state/` alone has no entry of its own appended."""
    opened(folders).add("run", outcome="done")
    write(folders, lines(folders)[:-1])
    path = folders[1] / "register.json"
    head = json.loads(path.read_text())
    path.write_text(
        json.dumps(head | {"line": head["line"].replace("done", "gone").replace('"digest":"', '"digest":"0')})
    )
    assert "register.json has another entry than it counts" in opened(folders).problem
    path.write_text(json.dumps(head | {"entries": 1e400}))
    assert "register.json cannot be read" in opened(folders).problem


def test_a_register_that_is_a_link_or_a_pipe_stops_questions_and_destroys_nothing(folders: tuple[Path, Path]) -> None:
    (other := folders[1] / "other").write_text("the station's own\n")
    path = folders[0] / "register.jsonl"
    path.unlink(missing_ok=True)
    path.symlink_to(other)
    assert "cannot be read" in opened(folders).problem
    assert other.read_text() == "the station's own\n"
    path.unlink()
    os.mkfifo(path)
    assert "cannot be read" in opened(folders).problem


def test_a_station_with_a_new_statement_key_goes_on_with_its_register(folders: tuple[Path, Path]) -> None:
    """It had left, or its key was stolen: what it entered before is signed by the key of then."""
    filled(folders)
    new = StatementKey(Ed25519PrivateKey.generate())
    for _ in range(2):
        again = Register(*folders, new)
        again.add("answer", session="new")
        again.verify()
    content = lines(folders)
    forged = json.loads(content[-1])
    inner = {name: value for name, value in forged.items() if name not in ("digest", "signature")}
    content[-1] = json.dumps({**forged, "signature": KEY.sign(register.ENTRY, inner)})
    write(folders, content)
    with pytest.raises(register.RegisterError, match="entry 5 is not signed by this station"):
        Register(*folders, new).verify()
