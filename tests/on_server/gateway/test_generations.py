"""What HAProxy is asked to judge before it is loaded, and what it judged already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from on_server.gateway import files, generations, places

FOLDER = "networks/n"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The configurations that HAProxy was asked about."""
    found: list[str] = []
    monkeypatch.setattr(places, "USER", "root")
    monkeypatch.setattr(generations, "_judge", lambda new: found.append((new / "haproxy.cfg").read_text()))
    return found


@pytest.fixture
def inputs() -> files.Inputs:
    names = ("certificate.pem", "ca.pem", "crl.pem", "statement.json", "inbound.cfg", "peers/een/to.cfg")
    return files.Inputs(
        {"base.cfg": b"global\n", **{f"{FOLDER}/{name}": b"as it was\n" for name in names}}, frozenset(), b"key\n"
    )


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"compiled": {f"{FOLDER}/crl.pem": b"another\n"}}, False),
        ({"compiled": {f"{FOLDER}/ca.pem": b"another\n"}}, True),
        ({"compiled": {f"{FOLDER}/crl.pem": b"another\n", f"{FOLDER}/peers/een/to.cfg": b"another\n"}}, True),
        ({"compiled": {f"{FOLDER}/crl.pem": b"another\n", f"{FOLDER}/peers/twee/to.cfg": b"one more\n"}}, True),
        (
            {
                "compiled": {
                    "networks/m/crl.pem": b"of one more\n",
                    "networks/m/certificate.pem": b"",
                    "networks/m/ca.pem": b"",
                }
            },
            True,
        ),
        ({"cuts": frozenset({"een"})}, True),
        ({"key": b"another\n"}, True),
    ],
    ids=[
        "a list",
        "an authority",
        "a list and a peer",
        "a list and one more peer",
        "one more network",
        "a cut",
        "a key",
    ],
)
def test_haproxy_judges_all_but_a_list_that_openssl_has_read(
    inputs: files.Inputs, judged: list[str], tmp_path: Path, change: dict[str, Any], again: bool
) -> None:
    paths = places.Paths(tmp_path)
    generations.point(paths, generations.write_generation(paths, inputs))
    assert len(judged) == 1, "of the first nothing is known"
    changed = change | {"compiled": {**inputs.compiled, **change.get("compiled", {})}}
    made = generations.write_generation(paths, inputs._replace(**changed))
    assert made != paths.loaded.resolve()
    assert (len(judged) == 2) == again


@pytest.mark.skipif(os.getuid() != 0, reason="only root starts HAProxy as another account")
@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("exit 0", ""),
        (
            "echo fine >&2; echo [ALERT] line 3 >&2; echo fine >&2; echo [ALERT] line 7 >&2; exit 1",
            "[ALERT] line 3 [ALERT] line 7",
        ),
        ("echo this one is broken >&2; exit 1", "this one is broken"),
        ("exit 3", "it ends with 3"),
    ],
)
def test_what_a_haproxy_says_of_a_configuration_is_told(
    program: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the one that runs, and of one that is to take its place."""
    monkeypatch.setattr(places, "USER", "root")
    haproxy = tmp_path / "haproxy"
    haproxy.write_text(f"#!/bin/sh\n{program}\n")
    haproxy.chmod(0o755)
    said = generations.refusal(tmp_path / "haproxy.cfg", str(haproxy))
    assert said.endswith(why)
    assert bool(said) == bool(why)
    assert "No such file" in generations.refusal(tmp_path / "haproxy.cfg", str(tmp_path / "none"))
