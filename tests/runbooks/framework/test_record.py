"""A record shows where it was altered, and survives a machine that goes down while it is written."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path

import pytest

from base import errors
from runbooks.framework import record, report


@pytest.fixture
def told(tmp_path: Path) -> record.Record:
    found = record.begin(tmp_path / "incidents", "toets", "gateway-down", "ggd")
    found.add("runs", reason="no session worked", who="a on b", evidence=["it is failed"])
    found.add("begins", step="start", words="start the gateway", kept={"was": "failed"})
    found.add("done", step="start")
    return found


def test_it_is_read_as_it_was_written(told: record.Record) -> None:
    again = record.read(told.path)
    assert again.entries == told.entries
    assert again.head == told.head
    assert again.is_open
    again.add(record.ENDED, outcome="healed")
    assert not record.read(told.path).is_open
    assert told.path.stat().st_mode & 0o777 == 0o600


def lines(told: record.Record) -> list[bytes]:
    return told.path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("number", range(3))
def test_a_line_that_is_changed_is_named(told: record.Record, number: int) -> None:
    found = lines(told)
    found[number] = found[number].replace(b'"at":"2', b'"at":"3')
    told.path.write_bytes(b"".join(found))
    with pytest.raises(record.AlteredError, match=f":{min(number + 2, 4)}:"):
        record.read(told.path)


def test_a_line_that_is_taken_out_put_in_or_moved_is_named(told: record.Record) -> None:
    whole = lines(told)
    for altered in ([whole[0], *whole[2:]], [*whole[:2], whole[1], *whole[2:]], [whole[1], whole[0], *whole[2:]]):
        told.path.write_bytes(b"".join(altered))
        with pytest.raises(record.AlteredError):
            record.read(told.path)


def test_the_same_said_in_other_bytes_is_another_line(told: record.Record) -> None:
    found = lines(told)
    found[-1] = json.dumps(json.loads(found[-1])).encode() + b"\n"
    told.path.write_bytes(b"".join(found))
    with pytest.raises(record.AlteredError):
        record.read(told.path)


def test_a_line_that_was_cut_off_is_left_by_who_looks_and_taken_off_by_who_goes_on(told: record.Record) -> None:
    """It may be another run that writes it at this moment."""
    whole = told.path.read_bytes()
    torn = whole + lines(told)[-1][:40]
    told.path.write_bytes(torn)
    again = record.read(told.path)
    assert again.head == told.head
    assert record.every(told.path.parent)[0].entries == told.entries
    assert told.path.read_bytes() == torn
    again.add("done", step="more")
    assert told.path.read_bytes().startswith(whole)
    assert record.read(told.path).entries == again.entries


def test_a_line_for_which_there_is_no_room_is_not_there_at_all(told: record.Record) -> None:
    """The system writes what fits, and says so: no error of its own tells of the rest."""
    before = told.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 40, hard))
    try:
        with pytest.raises(errors.UnmetError, match="make room"):
            told.add("begins", step="next", words="do more", kept={})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.path.read_bytes() == before
    told.add("done", step="next")
    assert record.read(told.path).entries == told.entries


def test_a_record_that_was_altered_is_in_the_way_of_no_other_incident(told: record.Record) -> None:
    folder = told.path.parent
    other = record.begin(folder, "toets", "disk-full", "thuiszorg")
    told.path.write_bytes(told.path.read_bytes().replace(b"no session", b"a session "))
    going_on = record.unfinished(folder, "disk-full", "thuiszorg")
    assert going_on
    assert going_on.id == other.id
    assert record.latest(folder, "disk-full", "thuiszorg")
    assert [one.id for one in record.every(folder)] == [other.id]
    (wrong,) = record.altered(folder)
    assert str(told.path) in str(wrong)
    with pytest.raises(record.AlteredError):
        record.unfinished(folder, "gateway-down", "ggd")


def test_what_others_wrote_comes_in_short_and_printable(told: record.Record) -> None:
    told.add("failed", step="start", why="\x1b[2J" + "x" * 5000)
    why = record.read(told.path).entries[-1].told["why"]
    assert "\x1b" not in why
    assert len(why) <= 300


def test_what_somebody_said_yes_to_and_why_stands_there_whole(told: record.Record) -> None:
    question, reason = ("It " + "is " * 300 + "so?", "since " * 160 + "known")
    told.add("decides", step="start", question=question, yes=True)
    told.add("runs", reason=reason)
    assert [one.told.get("question", one.told.get("reason")) for one in told.entries[-2:]] == [question, reason]


def test_one_that_goes_on_is_found_by_incident_and_subject(told: record.Record) -> None:
    folder = told.path.parent
    found = record.unfinished(folder, "gateway-down", "ggd")
    assert found
    assert found.id == told.id
    assert record.unfinished(folder, "gateway-down", "other") is None
    told.add(record.ENDED, outcome="healed")
    assert record.unfinished(folder, "gateway-down", "ggd") is None
    assert record.begin(folder, "toets", "gateway-down", "ggd").path != told.path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    return made


def test_a_signature_counts_for_that_record_as_it_was_and_no_other(told: record.Record, key: Path) -> None:
    assert report.signed(told) == ""
    report.sign(told, key)
    assert "SHA256:" in report.signed(told)
    assert "SHA256:" in report.markdown(told, report.signed(told))
    told.add("done", step="more")
    with pytest.raises(errors.RefusedError, match="another record"):
        report.signed(record.read(told.path))


def test_whose_key_signed_is_known_only_by_a_file_of_allowed_signers(
    told: record.Record, key: Path, tmp_path: Path
) -> None:
    """Anybody can make a key and sign with it."""
    allowed = tmp_path / "allowed"
    public = key.with_suffix(".pub").read_text()
    allowed.write_text(f"a@ggd.example {public}")
    with pytest.raises(errors.RefusedError, match="is not signed"):
        report.signed(told, allowed)
    report.sign(told, key)
    assert "Whose key that is was not looked at" in report.signed(told)
    assert "a@ggd.example" in report.signed(told, allowed)
    assert "not looked at" not in report.signed(told, allowed)
    for others in ("", f'a@ggd.example namespaces="git" {public}', f"a@ggd.example {OTHERS}\n"):
        allowed.write_text(others)
        with pytest.raises(errors.RefusedError):
            report.signed(told, allowed)
    allowed.write_text(f"a@ggd.example {public}")
    told.add("done", step="more")
    with pytest.raises(errors.RefusedError, match="another record"):
        report.signed(told, allowed)


OTHERS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0xkOQYhm4K7mO2Zz7Uhbd7Y2a5v0bn0UqkW8u7e6oN"


def test_a_record_that_is_written_all_anew_does_not_fit_the_signature(told: record.Record, key: Path) -> None:
    report.sign(told, key)
    told.path.unlink()
    forged = record.Record(told.path)
    for one in told.entries:
        forged.add(one.kind, **{**one.told, **({"reason": "another"} if one.kind == "runs" else {})})
    assert record.read(told.path).entries
    with pytest.raises(errors.RefusedError):
        report.signed(forged)


def test_every_kind_of_line_has_words_and_nothing_in_it_is_markdown(told: record.Record) -> None:
    told.add("failed", step="start", why="<script> [x](y) `z` | # *")
    text = report.markdown(told, "")
    assert "\\<script\\>" in text
    assert "Not signed" in text
    assert told.head in text
    for kind, form in report.SENTENCES.items():
        entry = record.Entry(1, "now", kind, {}, "", "")
        assert report.sentence(entry), form


def test_without_what_writes_pdf_it_is_said_how_to_have_it(
    told: record.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fpdf", None)
    with pytest.raises(errors.UsageError, match="make pdf"):
        report.pdf(told, "")
