"""Whatever a server answers: a sentence of ours, or findings that can be shown; no other exception, no hang."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import errors
from tests.harness.fuzzing import examples
from tests.publication import odd
from tests.werkplaats.operations.offered import offers
from werkplaats.operations.offered import answer, paper, table

SLOWEST = 5.0  # seconds
LINES = (
    *("", "\x00", "\x1b[2J", "Id=", "Id=a\nId=a", "allowusers", "allowusers " + "[" * 300, "denygroups *" * 300),
    *("Umask:\t0999", "Umask:\t0077", "MemTotal: " + "9" * 300 + " kB", "flags\t: ", "-:ALL EXCEPT:ALL", "-::", "+:a"),
    *('{"data-root": 3}', '{"userns-remap": []}', "[1]", "[" * 50_000, '{"ServerVersion": {}}'),
    *(
        '{"SecurityOptions": 3}',
        '{"DriverStatus": [[], [1], {"a": 1}]}',
        "a\tb\tc\td",
        "\t\t\t",
        "Inst",
        "Remv x",
        "E: ",
    ),
    *("x:\n  Installed: y\n", "1 2 3 4 / ro,noexec - x", "LISTEN 0 0 *:99999 *:*", "LISTEN 0 0 [::]:8443 [::]:*"),
    *("table a b\n\tchain c\n hook input policy drop", "tcp dport {" + " 1," * 20_000, "Include", "Match"),
    *("include=" + "*" * 2_000, "MaxSessions " + "9" * 5_000, "a=b" * 9_000, "=", "= =", "deb cdrom:"),
)


def shown(text: str) -> None:
    """Read it as an answer and say what follows, in words and for a program."""
    began = time.monotonic()
    try:
        facts = answer.read(text, 1.0, 2.0)
        found = paper.Examined(facts, offers.wanted(), table.judge(facts, offers.wanted()), offers.GELRE.firewall)
        json.dumps(paper.document(found), allow_nan=False).encode()
        for line in paper.lines(found):
            errors.printable(line).encode()
        assert all(one.seen.isprintable() for one in found.findings)
        table.stops(found.findings)
    except errors.RefusedError as error:
        str(error).encode()
    assert time.monotonic() - began < SLOWEST


@pytest.mark.fuzz
@examples(120)
@given(odd.mutated(offers.GOOD).flatmap(odd.texts))
def test_a_document_of_any_shape(document: bytes) -> None:
    shown(document.decode(errors="replace"))


@pytest.mark.fuzz
@examples(120)
@given(st.data())
def test_texts_of_any_kind_in_their_places(data: st.DataObject) -> None:
    document = offers.changed(of=data.draw(st.sampled_from([offers.GOOD, offers.HARDENED])))
    odd_texts = st.one_of(st.sampled_from([*LINES, *odd.HOSTILE]), st.text(max_size=40))
    for texts in (document["said"], document["files"]):
        for name in data.draw(st.lists(st.sampled_from(sorted(texts)), min_size=1, max_size=4)):
            line = data.draw(odd_texts)
            texts[name] = data.draw(st.sampled_from([line, f"{texts[name]}\n{line}", f"{line}\n{texts[name]}"]))
    shown(json.dumps(document))


@pytest.mark.parametrize("text", ["", "no", "[]", "{}", "[" * 100_000, '{"clock": NaN}', "null"])
def test_what_is_no_answer_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(errors.RefusedError) as refused:
        answer.read(text, 0, 0)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clock", 1e300),
        ("clock", -1),
        ("machine", "x" * 501),
        ("marks", ["a"] * 201),
        ("peers", {"a": 1}),
        ("login", 3),
    ],
)
def test_a_field_that_is_too_much_or_of_another_kind_refuses_the_whole(field: str, value: object) -> None:
    with pytest.raises(errors.RefusedError):
        answer.read(json.dumps(offers.GOOD | {field: value}), 0, 0)


def test_a_clock_is_only_said_to_differ_by_what_the_way_cannot_explain() -> None:
    moment = offers.GOOD["clock"]
    for asked, answered, differs in ((-2, 3, 0), (1, 3, -1), (-9, -7, 7)):
        facts = answer.read(json.dumps(offers.GOOD), moment + asked, moment + answered)
        assert facts.clock_difference == pytest.approx(differs)
