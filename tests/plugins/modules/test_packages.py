"""What dpkg says of packages."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("text", ["no JSON", "[]", "[" * 100_000], ids=lambda text: text[:16])
def test_an_owner_s_file_that_is_no_object_is_told_as_unreadable(tmp_path: Path, text: str) -> None:
    (path := tmp_path / "daemon.json").write_text(text)
    assert set(server_facts.json_file(path)) == {"unreadable"}
