"""Whose key opens which account, from where, and what is no key."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from plugins.filter import baseline

RANGE = ["192.0.2.0/24", "2001:db8::/32"]


def key(kind: str = "ssh-ed25519", *fields: bytes, comment: str = "jan@ggd.example", inner: str = "") -> str:
    """A line of a .pub file with these fields."""
    parts = [(inner or kind).encode(), *(fields or (b"k" * 32,))]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return " ".join([kind, base64.b64encode(blob).decode(), *([comment] if comment else [])])


def rsa(bits: int) -> str:
    return key("ssh-rsa", b"\1\0\1", b"\0" + (1 << (bits - 1)).to_bytes(bits // 8, "big"))


SOUND = [
    key(),
    key(comment=""),
    key(comment="J. de Vries (kantoor)".translate({40: None, 41: None})),
    key("ecdsa-sha2-nistp256", b"nistp256", b"p" * 65),
    key("sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"),
    key("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"p" * 65, b"ssh:"),
    rsa(3072),
]


def test_each_key_gets_one_command_and_one_range_and_nothing_else() -> None:
    given = {"steward": {"keys": SOUND, "from": RANGE}, "scientist": {"keys": [], "from": []}}
    [file] = baseline.people_files(given)
    assert file["path"] == "/etc/werkplaats/people/steward"
    assert file["mode"] == "0644"
    lines = file["content"].splitlines()
    wanted = 'restrict,from="192.0.2.0/24,2001:db8::/32",command="/usr/local/bin/station-account steward" '
    assert lines == [wanted + line for line in SOUND]


def test_nobody_given_is_nobody_who_can_log_in() -> None:
    assert baseline.people_files({}) == []
    assert baseline.people_files({"steward": {}, "scientist": {"keys": []}}) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "its type is none of"),
        (7, "not a text"),
        (key("ssh-dss"), "its type is none of"),
        (f'command="/bin/sh" {key()}', "its type is none of"),
        (f"cert-authority {key()}", "its type is none of"),
        (key("ssh-ed25519-cert-v01@openssh.com"), "its type is none of"),
        (f"# {key()}", "its type is none of"),
        (f" {key()}", "its type is none of"),
        (f"{key()}\n{key()}", "its comment"),
        (f"{key()}\n", "its comment"),
        (f"{key(comment='')}\n", "it is damaged"),
        (key(comment='" x'), "its comment"),
        (key(comment="x\tx"), "its comment"),
        (key(comment="x" * 101), "its comment"),
        (key(comment="ß"), "its comment"),
        ("ssh-ed25519", "it is not a key"),
        ("ssh-ed25519 ????", "it is damaged"),
        ("ssh-ed25519 AAAA", "it is damaged"),
        (key()[:40], "it is"),
        (key("ssh-ed25519", b"k" * 31), "it is not a key"),
        (key("ssh-ed25519", b"k" * 32, b"more"), "it is not a key"),
        (key("ssh-ed25519", inner="ssh-rsa"), "it is not a key"),
        (key("ecdsa-sha2-nistp256", b"nistp384", b"p" * 65), "it is not a key"),
        (rsa(2048), "less than 3072 bits"),
    ],
)
def test_a_line_that_is_no_key_or_more_than_a_key_is_refused(line: Any, said: str) -> None:
    given = {"steward": {"keys": [line], "from": RANGE}}
    [fault] = baseline.people_faults(given)
    assert said in fault
    assert fault.startswith("people: steward: key 1: ")
    with pytest.raises(AnsibleFilterError, match="people: steward"):
        baseline.people_files(given)


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ([], "give that range under `from`"),
        (None, "give that range under `from`"),
        (["0.0.0.0/0"], "is everybody"),
        (["::/0"], "is everybody"),
        (["192.0.2.1/24"], "is no range"),
        (["*"], "is no range"),
        (["!192.0.2.1"], "is no range"),
        (['fe80::%",command="/128'], "is no range"),
        ([3221225985], "is no range"),
        ("192.0.2.0/24", "are lists"),
    ],
)
def test_people_come_in_from_their_organisation_s_range_only(ranges: Any, said: str) -> None:
    faults = baseline.people_faults({"scientist": {"keys": [key()], "from": ranges}})
    assert any(said in fault for fault in faults)


@pytest.mark.parametrize("given", [[], {"beheer": {}}, {"steward": []}, {"steward": {"key": []}}, {"steward": "x"}])
def test_people_of_another_shape_are_a_sentence(given: Any) -> None:
    faults = baseline.people_faults(given)
    assert faults
    assert all(fault.startswith("people: ") for fault in faults)


@given(st.text(max_size=30), st.just("192.0.2.0/24") | st.text(max_size=30))
def test_no_comment_and_no_range_can_write_a_second_line_or_end_an_option(comment: str, text: str) -> None:
    given = {"steward": {"keys": [key(comment=comment)], "from": [text]}}
    if not baseline.people_faults(given):
        content = baseline.people_files(given)[0]["content"]
        assert len(content.splitlines()) == 1
        assert content.count('"') == 4
