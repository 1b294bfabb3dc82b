"""What our drop-in says, whether sshd reads it, and what sshd reads once it lies there, while nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from on_server import drop_in


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("Include /etc/ssh/sshd_config.d/*.conf\n", ""),
        ("# theirs\n\ninclude sshd_config.d/*.conf\nMatch User x\n", ""),
        ("Include=/etc/ssh/sshd_config.d/*\n", ""),
        ("Match User x\nMaxSessions 2\nMatch all\nInclude /etc/ssh/sshd_config.d/*.conf\n", ""),
        (
            "Port 22\n#Include /etc/ssh/sshd_config.d/*.conf\n",
            "write as its first line `Include /etc/ssh/sshd_config.d/",
        ),
        ("Include /etc/ssh/sshd_config.d/5*.conf\n", "does not read /etc/ssh/sshd_config.d"),
        ("Match Address 192.0.2.0/24\nInclude /etc/ssh/sshd_config.d/*.conf\n", "below `Match Address 192.0.2.0/24`"),
        ("", "does not read"),
    ],
)
def test_whether_sshd_reads_our_settings_for_everybody_is_told(config: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "sshd_config"
    path.write_text(config)
    found = drop_in.unread(str(path))
    assert said in found
    assert bool(found) == bool(said)


def test_what_is_included_by_an_included_file_counts(tmp_path: Path) -> None:
    config, deeper = tmp_path / "sshd_config", tmp_path / "deeper"
    config.write_text(f"Include {deeper}\n")
    deeper.write_text("Include /etc/ssh/sshd_config.d/*.conf\n")
    assert drop_in.unread(str(config)) == ""
    config.write_text(f"Match User x\nInclude {deeper}\n")
    assert drop_in.unread(str(config)) != ""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """sshd's settings of an owner, with two drop-ins of the owner's."""
    for name in ("-first.conf", "00-hardening.conf"):
        (tmp_path / "d" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / name).touch()
    path = tmp_path / "sshd_config"
    path.write_text(f"Port 22\nInclude {tmp_path}/d/*.conf\nUsePAM yes\n")
    return path


def read(config: Path, said: str) -> list[str]:
    """The lines that sshd would read; what lies in memory is shown with its text."""
    ours = config.parent / "d" / "0-werkplaats.conf"
    with drop_in.in_force(said, str(config), str(ours)) as path:
        lines = Path(path).read_text().splitlines() if path else []
        memory = [word.strip('"') for line in lines for word in line.split() if "/proc/" in word]
        texts = [Path(one).read_text() for one in memory]
    assert not any(Path(one).exists() for one in (path, *memory) if one)
    assert texts == [said] * bool(said and path)
    return [line.replace(memory[0], "OURS") if memory else line for line in lines]


def test_it_is_read_where_its_name_sorts_and_lies_in_memory(config: Path) -> None:
    folder = config.parent / "d"
    wanted = ["Port 22", f'Include "{folder}/-first.conf" "OURS" "{folder}/00-hardening.conf"', "UsePAM yes"]
    assert read(config, "Match User x\n") == wanted
    (folder / "0-werkplaats.conf").write_text("of an earlier version")
    assert read(config, "Match User x\n") == wanted


def test_without_ours_the_owner_s_are_read_as_if_ours_had_never_been(config: Path) -> None:
    folder = config.parent / "d"
    (folder / "0-werkplaats.conf").write_text("of an earlier version")
    wanted = ["Port 22", f'Include "{folder}/-first.conf" "{folder}/00-hardening.conf"', "UsePAM yes"]
    assert read(config, "") == wanted


def test_where_another_file_reads_the_folder_it_cannot_be_told(config: Path) -> None:
    deeper = config.parent / "deeper"
    config.rename(deeper)
    config.write_text(f"Include {deeper}\n")
    assert read(config, "x") == []
    assert read(config.parent / "none", "x") == []


def test_what_sshd_must_say_of_people_is_what_the_drop_in_says() -> None:
    said = drop_in.text("beheer").splitlines()
    for account in drop_in.PEOPLE:
        for setting, value in drop_in.wanted(account).items():
            assert any(line.split() == [*line.split()[:1], *value.split()] for line in said
                       if line.split()[:1] and line.split()[0].lower() == setting), setting  # fmt: skip


@pytest.mark.parametrize(
    ("login", "pattern"),
    [("beheer", "beheer"), ("j.jansen@zorg.example", "j.jansen?zorg.example"), ("Z\\j s", "Z?j?s")],
)
def test_a_login_of_a_directory_is_a_pattern_that_sshd_reads_as_that_login(login: str, pattern: str) -> None:
    assert f"Match User {pattern}\n    MaxSessions 64\n" in drop_in.text(login)
