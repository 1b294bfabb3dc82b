"""A record shows where it was altered, and survives a machine that goes down while it is written."""

from __future__ import annotations

import json
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


def test_a_line_that_was_cut_off_while_it_was_written_is_taken_off(told: record.Record) -> None:
    whole = told.path.read_bytes()
    told.path.write_bytes(whole + lines(told)[-1][:40])
    assert record.read(told.path).head == told.head
    assert told.path.read_bytes() == whole


def test_what_others_wrote_comes_in_short_and_printable(told: record.Record) -> None:
    told.add("failed", step="start", why="\x1b[2J" + "x" * 5000)
    why = record.read(told.path).entries[-1].told["why"]
    assert "\x1b" not in why
    assert len(why) <= 300


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
