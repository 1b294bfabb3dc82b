"""What dpkg says of packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from on_server import discs
from plugins.modules import debian_packages, server_facts


def test_of_dpkg_s_rows_those_count_that_are_installed_and_those_that_are_held() -> None:
    rows = "ii |haproxy|3.0\nhi |runc|1.1\nrc |docker.io|26\nhn |containerd|\nii |nano|8\nnonsense\n"
    found = server_facts.packages(rows, ["haproxy", "runc", "docker.io", "containerd"])
    assert found == {"haproxy": "3.0", "runc": "1.1"}
    assert server_facts.held(rows) == ["runc", "containerd"]


def test_a_package_counts_as_installed_when_dpkg_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dpkg-query"
    program.write_text("#!/bin/sh\nprintf 'ii |haproxy\\nhi |runc\\nrc |docker.io\\n'; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert debian_packages.states(["haproxy", "runc", "docker.io", "nowhere"]) == {"haproxy": "ii", "runc": "hi"}


LIST = """\
# deb cdrom:[Debian GNU/Linux 13.0.0 _Trixie_]/ trixie main
deb cdrom:[Debian GNU/Linux 13.0.0 _Trixie_ - Official amd64 DVD]/ trixie contrib main
deb [trusted=yes] cdrom:[Other]/ trixie main
deb https://deb.example/debian trixie main # not cdrom:
"""


def test_a_disc_is_no_source_and_all_others_are(tmp_path: Path) -> None:
    sources = tmp_path / "sources.list"
    sources.write_text(LIST)
    with discs.without_discs(sources) as kept:
        assert [line[:20] for line in kept.read_text().splitlines()] == ["# deb cdrom:[Debian ", "deb https://deb.exam"]
        assert kept != sources
    assert sources.read_text() == LIST
    sources.write_text("deb https://deb.example/debian trixie main\n")
    for path in (sources, tmp_path / "none"):
        with discs.without_discs(path) as kept:
            assert kept == path


def test_what_one_source_does_not_tell_stops_nothing_and_is_said_where_the_packages_do_not_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, asked = tmp_path / "apt-get", tmp_path / "asked"
    failing = "echo E: vendor is away >&2; exit 100"
    program.write_text(f'#!/bin/sh\necho "$*" >> {asked}\ncase "$*" in *update) {failing};; *) ;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(debian_packages, "POLICY", tmp_path / "policy")
    debian_packages.install(["haproxy"])
    assert "install --no-install-recommends" in asked.read_text()
    program.write_text(f'#!/bin/sh\ncase "$*" in *update) {failing};; *) echo E: no haproxy >&2; exit 100;; esac\n')
    with pytest.raises(RuntimeError, match=r"no haproxy.*before that, .*vendor is away"):
        debian_packages.install(["haproxy"])
    assert not (tmp_path / "policy").exists()
