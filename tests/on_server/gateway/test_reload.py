"""A reload that was loaded, and could not end what is gone: the next one still knows what to end."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from on_server.gateway import generations, loaded, master, places, reload
from tests.docs import documents
from tests.harness import pki

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to the gateway's account")


def generation(paths: places.Paths, name: str, party: pki.Party) -> Path:
    """A generation that shows this certificate, and lets in n.drie under a serial number that is its name."""
    folder = paths.gateway / "generations" / name
    for file, content in {
        "haproxy.cfg": "",
        "digest": name,
        "networks/n/station.pem": party.pem,
        "compiled/networks/n/peers/n.drie/serial": name,
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content)
    return folder


def test_the_agent_finds_another_file_only_where_it_is_told_another_thing(tmp_path: Path) -> None:
    """It reads and checks all that was accepted anew when a file is another, which a revocation need not wait for."""
    told = tmp_path / "host.json"
    loaded._tell(told, {"gateway_uid": 1})
    first = told.stat()
    loaded._tell(told, {"gateway_uid": 1})
    assert (told.stat().st_ino, told.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    loaded._tell(told, {"gateway_uid": 2})
    assert json.loads(told.read_text()) == {"gateway_uid": 2}


def test_after_a_reload_that_ended_nothing_the_agent_is_told_and_the_next_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stamped all the same, the next would have forgotten the serial numbers by which a revoked peer's runs are found.

    And skipped as a whole, the agent went on to tell peers of a gateway certificate that was not shown any more.
    """
    paths, authority = places.Paths(tmp_path), pki.Authority("n")
    for folder in (paths.run, paths.networks / "n"):
        folder.mkdir(parents=True)
    parties = {name * 16: pki.Party(authority, "een", tmp_path) for name in "ab"}
    first, second = (paths.gateway / "generations" / name for name in parties)
    monkeypatch.setattr(places, "USER", "root")
    monkeypatch.setattr(reload, "_process", lambda: Path("/proc/self"))
    monkeypatch.setattr(reload, "_foreign", lambda _: False)
    monkeypatch.setattr(master, "reload", lambda: None)
    monkeypatch.setattr(loaded, "revoked", lambda one: {("n", "a" * 16)} if one == second else set())
    asked: list[tuple[bool, bool]] = []

    def end(gone: Callable[[str], bool], wait: bool, earlier_only: bool) -> int:
        assert earlier_only, "whoever calls again and again would keep it from ending"
        asked.append((gone("n.drie"), wait))
        if len(asked) == 2:
            raise master.MasterError("sessions with n.drie do not end")
        return 0

    monkeypatch.setattr(loaded, "_peers", lambda _: {"n.drie"})
    monkeypatch.setattr(master, "end", end)
    told = []
    for made, fails in ((first, False), (second, True), (second, False)):
        generation(paths, made.name, parties[made.name])
        monkeypatch.setattr(generations, "prepare", lambda _, made=made: (None, made, []))
        if fails:
            with pytest.raises(master.MasterError):
                reload.reload(paths)
            assert paths.stamp() == "a" * 16
            assert first.exists()
            assert json.loads(paths.serials.read_text()) == {"n.drie": ["a" * 16, "b" * 16]}
        else:
            reload.reload(paths)
            assert paths.stamp() == made.name
        told.append(json.loads((paths.networks / "n" / "gateway.json").read_text())["certificate"])
    assert asked == [(False, False), (True, True), (True, True)]
    assert told[0] != told[1] == told[2]
    assert not first.exists()
    assert json.loads(paths.serials.read_text()) == {"n.drie": ["b" * 16]}


def test_what_operators_read_to_the_coordinator_before_a_ca_is_dropped_is_what_haproxy_reads(tmp_path: Path) -> None:
    text = (documents.ROOT / "docs" / "coordinators.md").read_text()
    (line,) = (line.strip() for line in text.splitlines() if line.strip().startswith("openssl x509"))
    paths = places.Paths(tmp_path)
    for name in ("CA-1", "CA-2"):
        made = generation(paths, name, pki.Party(pki.Authority("n", int(name[-1])), "een", tmp_path))
        paths.loaded.unlink(missing_ok=True)
        paths.loaded.symlink_to(made)
        command = [word.replace("gerda", "n") for word in shlex.split(line)]
        command[-1] = f"{tmp_path}{command[-1]}"
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert name in told
        assert "PRIVATE" not in told
