"""What apt says, and what is made of it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from on_server.packages import apt, look
from on_server.packages.error import PackageError

POLICY = """\
haproxy:
  Installed: 3.0.11-1+deb13u1
  Candidate: 3.0.12-1
  Version table:
     3.0.12-1 500
        500 http://deb.example/debian trixie/main amd64 Packages
     3.0.11-1+deb13u2 500
        500 http://security.example/debian-security trixie-security/main amd64 Packages
 *** 3.0.11-1+deb13u1 100
        100 /var/lib/dpkg/status
nano:
  Installed: 8.4-1
  Candidate: 8.5-1
  Version table:
     8.5-1 500
        500 http://deb.example/debian trixie/main amd64 Packages
 *** 8.4-1 500
        500 http://security.example/debian-security trixie-security/main amd64 Packages
        100 /var/lib/dpkg/status
libc6:i386:
  Installed: 2.41-12
  Candidate: 2.41-12
  Version table:
 *** 2.41-12 100
        100 /var/lib/dpkg/status
gone:
  Installed: 1
  Candidate: (none)
  Version table:
 *** 1 100
        100 /var/lib/dpkg/status
"""
THERE = {name: apt.Installed("ii", "1") for name in ("haproxy", "nano", "libc6:i386", "gone")}
MIRROR = "http://deb.example/debian"


def test_an_update_is_one_of_security_where_any_version_above_the_installed_is() -> None:
    """A point release comes after the fix and holds it: by the newest version alone it would be none."""
    found = apt.policies(POLICY, THERE)
    assert {name: (one.candidate, one.security) for name, one in found.items()} == {
        "haproxy": ("3.0.12-1", True),
        "nano": ("8.5-1", False),
    }
    assert found["nano"].sources == ((MIRROR, "trixie/main"),)


needs_dpkg = pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg is here to compare versions")


@needs_dpkg
@pytest.mark.parametrize(
    ("before", "since"),
    [
        ({}, "2026-03-04"),
        ({"2.0": "2026-01-02"}, "2026-01-02"),  # an earlier one that was not brought either
        ({"1.0": "2025-01-02"}, "2026-03-04"),  # what is installed by now
        ({"3.0": "2026-02-03"}, "2026-02-03"),
    ],
)
def test_days_are_counted_from_the_first_version_that_was_not_brought(before: Mapping[str, str], since: str) -> None:
    newer = {"haproxy": apt.Offered("3.0", True, ((MIRROR, "trixie/main"),))}
    there = {"haproxy": apt.Installed("ii", "1.0")}
    dated = {("deb.example_debian", "trixie"): "2026-03-04"}
    found = look.since(newer, there, {"haproxy": before}, dated, "2026-05-06")
    assert min(found["haproxy"].values()) == since
    assert look.since(newer, there, {}, {}, "2026-05-06") == {"haproxy": {"3.0": "2026-05-06"}}


def test_a_list_is_as_old_as_its_repository_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "LISTS", tmp_path)
    (tmp_path / "deb.example_debian-security_dists_trixie-security_InRelease").write_text(
        "Suite: stable-security\nDate: Wed, 04 Mar 2026 10:11:12 UTC\n"
    )
    (tmp_path / "nas_dists_trixie_Release").write_text("Date: some day\n")
    (tmp_path / "nas_dists_trixie_main_binary-amd64_Packages").write_text("Date: x\n")
    assert look.dates() == {("deb.example_debian-security", "trixie-security"): "2026-03-04"}
    source = ("http://deb.example/debian-security/", "trixie-security/main")
    assert look.listed(*source) in look.dates()


def test_what_somebody_was_in_the_middle_of_is_ended_only_where_it_is_ours() -> None:
    there = {"haproxy": apt.Installed("iU", "1"), "man-db": apt.Installed("it", "2")}
    apt.require_whole(there, ["haproxy"])
    with pytest.raises(PackageError, match=r"dpkg was interrupted in haproxy; `dpkg --configure -a`"):
        apt.require_whole(there, ["docker.io"])


def test_a_step_that_was_cut_off_is_told_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a package that it is in the middle of apt says nothing, and with fewer of them the step would be another."""
    monkeypatch.setattr(look, "FOLDER", tmp_path)
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / look.PLAN).write_text('{"after": {"docker.io": "2", "runc": "3"}}')
    newer = {"haproxy": apt.Offered("9", True, ())}
    there = {name: apt.Installed("ii", "1") for name in ("haproxy", "docker.io", "runc")}
    assert look.with_cut_off(newer, there) == newer
    whole = {"haproxy": "9", "docker.io": "2", "runc": "3"}
    half = look.with_cut_off(newer, there | {"docker.io": apt.Installed("iU", "2")})
    assert {name: one.candidate for name, one in half.items()} == whole
    (tmp_path / "engine" / look.RUNNING).write_text("{}")  # all is installed, and whether it comes up was not seen
    late = look.with_cut_off(newer, there | {"docker.io": apt.Installed("ii", "2"), "runc": apt.Installed("ii", "3")})
    assert {name: one.candidate for name, one in late.items()} == whole


@pytest.mark.parametrize("content", [b"as it was listed", b"another"])
def test_what_lies_where_apt_s_own_account_may_write_is_held_to_the_lists(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who took over what talks to the mirror has root install what it likes."""
    said = {"dpkg": "amd64\n", "apt-cache": f"SHA256: {hashlib.sha256(b'as it was listed').hexdigest()}\n"}
    owners = list[str]()
    monkeypatch.setattr(apt, "run", lambda words: said[words[0]])
    monkeypatch.setattr(apt, "_apt", lambda *_, folder, **__: (folder / "nano_1%3a2_amd64.deb").write_bytes(content))
    monkeypatch.setattr(shutil, "chown", lambda _, user: owners.append(user))
    monkeypatch.setattr(apt, "ARCHIVES", tmp_path / "archives")
    if content == b"another":
        with pytest.raises(PackageError, match="nano 1:2 is not the one in apt's lists"):
            apt.download("nano", "1:2", tmp_path)
    else:
        assert apt.download("nano", "1:2", tmp_path).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["nano_1%3a2_amd64.deb"] * (content != b"another")
    assert owners == ["_apt"]


def test_what_was_remembered_and_cannot_be_read_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "FOUND", tmp_path / "found.json")
    assert look.remembered() == {}
    for text in ("[]", "{", '{"day": 1}'):
        look.FOUND.write_text(text)
        assert look.remembered() == ({"day": 1} if "day" in text else {})
