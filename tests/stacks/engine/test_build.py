"""Which Go builds the engine, and what is said where none can."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.engine import build, install


def a_go(folder: Path, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    go = folder / "go"
    go.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    go.chmod(0o755)
    return go


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose only programs are in this folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    found = build._candidates

    def here() -> list[Path]:
        return [path for path in found() if path.is_relative_to(folder)]

    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(build, "_candidates", here)
    return folder


def test_without_go_the_sentence_says_what_to_install(only: Path) -> None:
    assert list(only.iterdir()) == []
    with pytest.raises(build.BuildError, match=r"no Go on this machine; install Go 1\.25\.11 or newer from go\.dev"):
        build.toolchain((1, 25, 11))


def test_a_go_that_cannot_fetch_a_newer_one_is_too_old(only: Path) -> None:
    a_go(only, "1.19.8")
    with pytest.raises(build.BuildError, match=r"Go 1\.19\.8, too old .* bookworm-backports"):
        build.toolchain((1, 25, 11))


def test_an_older_go_is_told_to_fetch_the_one_that_is_needed(only: Path) -> None:
    go = a_go(only, "1.24.4")
    assert build.toolchain((1, 25, 11))[0] == go
    assert build.toolchain((1, 25, 11))[1]["GOTOOLCHAIN"] == "go1.25.11"


def test_a_new_enough_go_fetches_nothing(only: Path) -> None:
    a_go(only, "1.26")
    assert build.toolchain((1, 25, 11))[1]["GOTOOLCHAIN"] == "local"


def test_settings_of_the_user_that_would_change_the_result_are_overruled(
    only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go(only, "1.26")
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOPROXY", "https://mirror.example")
    environment = build.toolchain((1, 25, 11))[1]
    assert environment["GOFLAGS"].startswith("-mod=readonly")
    assert environment["GOPROXY"] == "https://mirror.example"


def test_go_mod_says_which_go_is_needed() -> None:
    assert build.wanted(install.HERE / "go.mod") >= (1, 25)


def test_every_module_of_the_build_has_a_checksum() -> None:
    required = {
        tuple(line.split()[:2])
        for line in (install.HERE / "go.mod").read_text().splitlines()
        if line.startswith("\t") and " v" in line and "=>" not in line
    }
    known = {tuple(line.split()[:2]) for line in (install.HERE / "go.sum").read_text().splitlines()}
    replaced = {
        "github.com/atotto/clipboard",
        "github.com/hashicorp/terraform-plugin-sdk/v2",
        "github.com/olekukonko/tablewriter",
        "github.com/terraform-providers/terraform-provider-docker",
        "github.com/terraform-providers/terraform-provider-docker/shim",
    }
    without = {
        name
        for name, version in required
        if (name, version) not in known and (name, f"{version}/go.mod") not in known and name not in replaced
    }
    assert without == set()
