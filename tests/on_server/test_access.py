"""Who is kept out by what sshd and PAM would say, told before the accounts are there; servers judge it in `guests/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from on_server import access

FROM = "192.0.2.1"


@pytest.mark.parametrize(
    ("table", "refusing"),
    [
        ("+:root beheer:ALL\n-:ALL:ALL\n", "-:ALL:ALL"),
        ("+ : (station-control) : 192.0.2.0/24\n- : ALL : ALL\n", ""),
        ("+:steward:192.0.2.\n-:ALL:ALL\n", ""),
        ("+:steward:198.51.100.0/24\n-:ALL:ALL\n", "-:ALL:ALL"),
        ("-:ALL EXCEPT root (admins):ALL\n", "-:ALL EXCEPT root (admins):ALL"),
        ("-:ALL EXCEPT (station-control):ALL\n", ""),
        ("-:ALL:ALL EXCEPT 192.0.2.0/24\n", ""),
        ("# -:ALL:ALL\n-:root:ALL\n", ""),
    ],
)
def test_the_table_of_pam_is_read_by_its_first_line_that_fits(table: str, refusing: str, tmp_path: Path) -> None:
    path = tmp_path / "access.conf"
    path.write_text(table)
    assert access._refusing(path, "steward", FROM, ["steward", "station-control"]) == refusing


def test_the_tables_of_a_service_are_found_through_what_it_includes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PAM", tmp_path)
    (tmp_path / "sshd").write_text("auth required pam_access.so\naccount required pam_nologin.so\n@include common\n")
    (tmp_path / "common").write_text("account [default=ignore] pam_access.so accessfile=/etc/x.conf\n")
    assert list(access._tables("sshd")) == [Path("/etc/x.conf")]
    (tmp_path / "common").write_text("# account required pam_access.so\n-account required pam_access.so\n")
    assert list(access._tables("sshd")) == [Path("/etc/security/access.conf")]


@pytest.mark.parametrize(
    ("entry", "fits"),
    [("steward", True), ("st*", True), ("steward@192.0.2.0/24", True), ("steward@192.0.2.*", True), ("root", False),
     ("steward@198.51.100.0/24", False), ("?@*", False)],
)  # fmt: skip
def test_an_entry_of_sshd_about_users_is_a_pattern_with_or_without_a_place(entry: str, fits: bool) -> None:
    assert access._is(entry, "steward", FROM) is fits


def test_who_has_a_key_is_read_from_where_sshd_reads_it(tmp_path: Path) -> None:
    line = 'restrict,from="192.0.2.0/24,2001:db8::/32",command="station-account steward" ssh-ed25519 AAAA x\n'
    (tmp_path / "steward").write_text(line * 2)
    assert access.placed(tmp_path) == {"steward": ["192.0.2.0/24", "2001:db8::/32"]}
